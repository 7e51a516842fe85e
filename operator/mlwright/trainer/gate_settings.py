"""What the gates of a pipeline ask the trainer to measure beside the metrics. The operator judges what it is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mlwright.bundle.documents import Document

FIELD: Final = "spec.evaluation.gates"
TOLERANCE: Final = 0.01
"""How much worse than the champion is still as good, where the gate does not say: for scores between 0 and 1."""


@dataclass(frozen=True, slots=True)
class SlicesGate:
    """A metric for each value of a column; `low` and `high` are the bounds, where there are any."""

    name: str
    metric: str
    column: str
    low: float | None
    high: float | None
    min_rows: int


@dataclass(frozen=True, slots=True)
class FairnessGate:
    """How differently the groups of a column are treated."""

    name: str
    metric: str
    column: str
    min_rows: int


@dataclass(frozen=True, slots=True)
class CostGate:
    """How long an answer takes, and how large the bundle is."""

    name: str


@dataclass(frozen=True, slots=True)
class ChampionGate:
    """No worse than the champion by more than the margin, in units of the metric."""

    name: str
    metric: str
    margin: float


Gate = SlicesGate | FairnessGate | CostGate | ChampionGate
Dividing = SlicesGate | FairnessGate
"""Gates that divide the held-out rows by a column."""


def field_of(gate: Dividing, name: str) -> str:
    """Path of a gate's setting in the pipeline, such as `spec.evaluation.gates[every-region].slices.column`."""
    return f"{FIELD}[{gate.name}].{_MEMBERS[type(gate)]}.{name}"


def read_gates(evaluation: Document) -> tuple[Gate, ...]:
    """The gates for which something beside the metrics is measured; all others are the operator's alone."""
    if not evaluation.has("gates"):
        return ()
    gates = evaluation.children("gates")
    return tuple(_READERS[gate.text("type")](gate) for gate in gates if gate.text("type") in _READERS)


def columns_of(gates: tuple[Gate, ...]) -> dict[str, Dividing]:
    """The columns by which the held-out rows are divided, each with the first gate that names it."""
    return {gate.column: gate for gate in reversed(gates) if isinstance(gate, Dividing)}


def metrics_named(gates: tuple[Gate, ...]) -> tuple[str, ...]:
    """The metrics that gates name for parts of the rows."""
    return tuple(gate.metric for gate in gates if isinstance(gate, SlicesGate | ChampionGate))


def _slices(gate: Document) -> SlicesGate:
    settings = gate.child("slices")
    return SlicesGate(
        name=gate.text("name"),
        metric=settings.text("metric"),
        column=settings.text("column"),
        low=_number(settings, "min"),
        high=_number(settings, "max"),
        min_rows=settings.integer("minRows"),
    )


def _fairness(gate: Document) -> FairnessGate:
    settings = gate.child("fairness")
    return FairnessGate(
        name=gate.text("name"),
        metric=settings.text("metric"),
        column=settings.text("column"),
        min_rows=settings.integer("minRows"),
    )


def _cost(gate: Document) -> CostGate:
    return CostGate(gate.text("name"))


def _champion(gate: Document) -> ChampionGate:
    settings = gate.child("champion")
    margin = settings.number("tolerance") if settings.has("tolerance") else TOLERANCE
    return ChampionGate(gate.text("name"), settings.text("metric"), margin)


def _number(document: Document, key: str) -> float | None:
    return document.number(key) if document.has(key) else None


_MEMBERS: Final[Mapping[type, str]] = MappingProxyType({SlicesGate: "slices", FairnessGate: "fairness"})
_READERS: Final[Mapping[str, Callable[[Document], Gate]]] = MappingProxyType(
    {"Slices": _slices, "Fairness": _fairness, "Cost": _cost, "Champion": _champion}
)
