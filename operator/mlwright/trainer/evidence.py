"""What the gates are judged by beside the metrics. Nothing is judged here: the operator does, and says why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.bundle.manifest import Core
from mlwright.bundle.models import Model
from mlwright.trainer import fairness, latency, slices
from mlwright.trainer.answers import Answers, labelled, value
from mlwright.trainer.comparison import Pair, compare
from mlwright.trainer.gate_settings import ChampionGate, CostGate, FairnessGate, Gate, SlicesGate
from mlwright.trainer.opponent import NoAnswerError
from mlwright.trainer.scores import Judged, Places, UndefinedError
from mlwright.trainer.slices import divide
from mlwright.trainer.tables import Side


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as the server would load it; `bytes` is the size of its files."""

    model: Model
    core: Core
    bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to measure: the bundle, the rows held out, its answers to them, and what divides them.

    `champion` are the champion's answers to the same rows, or why there are none; None without a champion.
    """

    bundle: Bundle
    held_out: Side
    answers: Answers
    columns: Mapping[str, Any]
    champion: Answers | NoAnswerError | None
    seed: int
    groups: Places | None = None
    """Places of the groups of the rows held out, where the dataset names a column of them."""


def gather(gates: tuple[Gate, ...], found: Found) -> dict[str, dict[str, Any]]:
    """Measure what each gate asks for.

    Returns:
        The figures by the gate's name.
    """
    return {gate.name: _measure(gate, found) for gate in gates}


def sliced(gates: tuple[Gate, ...], found: Found) -> dict[str, list[slices.Slice]]:
    """Every slice that could be judged, by the gate's name."""
    return {
        gate.name: slices.each(gate, found.answers, divide(found.columns[gate.column]))
        for gate in gates
        if isinstance(gate, SlicesGate)
    }


def _measure(gate: Gate, found: Found) -> dict[str, Any]:
    match gate:
        case SlicesGate():
            return slices.measure(gate, found.answers, divide(found.columns[gate.column]))
        case FairnessGate():
            division = divide(found.columns[gate.column])
            answers = labelled(found.answers)
            return fairness.measure(gate, answers, division) if isinstance(answers, Judged) else {}
        case CostGate():
            return latency.measure(found.bundle.model, found.held_out) | {"megabytes": found.bundle.bytes / 1e6}
        case ChampionGate():
            return _compare(gate, found)


def _compare(gate: ChampionGate, found: Found) -> dict[str, Any]:
    if found.champion is None:
        return {}
    if isinstance(found.champion, NoAnswerError):
        return {"problem": str(found.champion)}
    try:
        for answers in (found.answers, found.champion):
            value(answers, gate.metric)  # of a detector more is undefined than of a classifier
        pair = Pair(labelled(found.answers), labelled(found.champion), found.groups)
        return compare(pair, gate.metric, gate.margin, found.seed)
    except UndefinedError as problem:
        return {"problem": str(problem)}
