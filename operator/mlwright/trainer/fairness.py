"""How differently a classifier treats groups: the figures of fairlearn, and between which groups they lie."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from mlwright.bundle.manifest import Label
from mlwright.trainer.errors import UserError
from mlwright.trainer.gate_settings import FairnessGate, Gate, field_of
from mlwright.trainer.scores import Judged, Mask, Numbers, Places
from mlwright.trainer.slices import Division

_CLASSES: Final = 2
"""These figures compare a favoured answer with the other one; more classes have none."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of a group's rows that are called positive: of all, or of those that truly are (not) positive."""

    of: Callable[[Places], Mask]


_SELECTED: Final = Rate(lambda truth: np.ones(len(truth), dtype=np.bool_))
_TRUE: Final = Rate(lambda truth: np.asarray(truth == 1))
_FALSE: Final = Rate(lambda truth: np.asarray(truth == 0))
_RATES: Final[Mapping[str, tuple[Rate, ...]]] = MappingProxyType(
    {
        "demographic_parity_difference": (_SELECTED,),
        "equal_opportunity_difference": (_TRUE,),
        "equalized_odds_difference": (_TRUE, _FALSE),
    }
)
"""The rates whose largest difference between two groups each metric is."""


def check_labelled(gates: tuple[Gate, ...], target: str | None) -> None:
    """Check that the rows have a target where a gate is about fairness.

    Raises:
        UserError: They have none.
    """
    for gate in gates:
        if isinstance(gate, FairnessGate) and target is None:
            raise UserError(
                field_of(gate, "metric"),
                f"{gate.metric} compares answers with labels, and dataset.target names no column of them",
                "name the column, or use a gate of type Slices with the metric anomaly_rate",
            )


def check_classes(gates: tuple[Gate, ...], target: str | None, classes: tuple[Label, ...]) -> None:
    """Check that the target has two classes where a gate is about fairness.

    Raises:
        UserError: It has more.
    """
    for gate in gates:
        if isinstance(gate, FairnessGate) and len(classes) > _CLASSES:
            raise UserError(
                field_of(gate, "metric"),
                f"{gate.metric} compares two classes, and column {target!r} has {len(classes):,}",
                "use a gate of type Slices, or a target of two classes",
            )


def measure(gate: FairnessGate, judged: Judged, division: Division) -> dict[str, Any]:
    """The figure that the gate is judged by, over the groups in which it is defined.

    Returns:
        `groups`, `small`, `smallRows` and `undefined` are counts; `value` with `from` and `to`, the groups that differ
        most, is absent where fewer than two groups are left.
    """
    sizes = division.sizes()
    enough = np.flatnonzero(sizes >= gate.min_rows)
    defined = np.array([place for place in enough if _is_defined(gate.metric, judged, division.places == place)], int)
    small = sizes[(sizes > 0) & (sizes < gate.min_rows)]
    found: dict[str, Any] = {
        "groups": len(defined),
        "small": len(small),
        "smallRows": int(small.sum()),
        "undefined": len(enough) - len(defined),
    }
    if len(defined) >= 2:  # noqa: PLR2004 - one group differs from nobody
        rows = np.isin(division.places, defined)
        low, high = _extremes(gate.metric, judged, division.places, defined)
        found["value"] = _difference(gate.metric, judged.truth[rows], judged.called[rows], division.places[rows])
        found |= {"from": division.labels[low], "to": division.labels[high]}
    return found


def _difference(metric: str, truth: Places, called: Places, groups: Places) -> float:
    from fairlearn import metrics  # noqa: PLC0415 - brings pandas, and few pipelines need it

    return float(getattr(metrics, metric)(truth, called, sensitive_features=groups))


def _is_defined(metric: str, judged: Judged, group: Mask) -> bool:
    truth = judged.truth[group]
    return all(bool(rate.of(truth).any()) for rate in _RATES[metric])


def _extremes(metric: str, judged: Judged, places: Places, groups: Places) -> tuple[int, int]:
    """The groups of the lowest and of the highest rate, of that rate which differs most."""
    table = [_group_rates(rate, judged, places, groups) for rate in _RATES[metric]]
    widest = max(table, key=lambda rates: float(np.ptp(rates)))
    return int(groups[widest.argmin()]), int(groups[widest.argmax()])


def _group_rates(rate: Rate, judged: Judged, places: Places, groups: Places) -> Numbers:
    counted = rate.of(judged.truth)
    return np.array([float(np.mean(judged.called[counted & (places == group)] == 1)) for group in groups])
