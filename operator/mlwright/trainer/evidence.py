"""What the gates are judged by beside the metrics. Nothing is judged here: the operator does, and says why."""

from collections.abc import Mapping
from typing import Any

from mlwright.trainer.answers import Answers
from mlwright.trainer.gate_settings import Gate
from mlwright.trainer.slices import divide, measure


def gather(gates: tuple[Gate, ...], answers: Answers, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Measure what each gate asks for.

    Args:
        gates: The gates.
        answers: The model's answers on the held-out rows, beside the truth.
        columns: The columns by which gates divide these rows.

    Returns:
        The figures by the gate's name.
    """
    divisions = {name: divide(column) for name, column in columns.items()}
    return {gate.name: measure(gate, answers, divisions[gate.column]) for gate in gates}
