"""How many answers are right, estimated without labels: from how sure the model is of them. Pure.

What was evaluated is moved by as much as the model is less sure of its answers than it was of those on the held-out
rows. A model that is wrong and sure of it is not seen so. Therefore the estimate is only shown: no check judges it, and
no action can name it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlwright.bundle.bin_names import ranges
from mlwright.plan.drift import ServedSeen
from mlwright.plan.drift_counts import Counts, Reference
from mlwright.planners.drift_windows import Window

PROBABILITIES: Final = "output:probabilities"
CLASSES: Final = "output:label"
_BINARY: Final = 2
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Estimate:
    """What share of the answers of the newest window may be right.

    Attributes:
        served: What answered.
        share: The estimate, 0 to 1.
        rows: Answers that it rests on.
        strange: Whether what is asked has drifted: nobody knows how sure the model may be of such rows.
    """

    served: ServedSeen
    share: float
    rows: int
    strange: bool = False

    @property
    def sentence(self) -> str:
        """What it is, and what it is not."""
        held = f"{100 * (self.served.accuracy or 0):.1f} % of {self.served.held_out:,} held-out rows were"
        by = f"estimated without labels, by how sure {self.served.version} is of {self.rows:,} answers"
        doubt = "what is asked has drifted, so it may be surer than it is right"
        unseen = doubt if self.strange else "errors that it is sure of are not seen"
        return f"{100 * self.share:.1f} % of the answers may be right, {held}; {by}: {unseen}"

    @property
    def shown(self) -> dict[str, Any]:
        """What the status tells."""
        return {
            "metric": "accuracy",
            "estimated": round(self.share, 4),
            "evaluated": self.served.accuracy,
            "rows": self.rows,
            "sentence": self.sentence,
        }


def estimated(
    served: ServedSeen, reference: Reference | None, newest: Window | None, least: int, *, strange: bool = False
) -> Estimate | None:
    """Return the estimate for the newest window; None where it rests on nothing.

    Worked example: 90 % of the held-out rows were answered rightly, with 88 % certainty in the mean; the certainty of
    the newest window is 80 % in the mean -> 82 % may be right.

    Args:
        served: What answered, and how well it was evaluated.
        reference: What was learned, with the names of bins; None before that is known.
        newest: The newest window; None before the first one is over.
        least: Answers below which nothing is said.
        strange: Whether what is asked has drifted.
    """
    if served.accuracy is None or reference is None or newest is None:
        return None
    bins = ranges(reference.names.get(PROBABILITIES, ()))
    certainties = _certainties(bins, binary=len(reference.surfaces.get(CLASSES, {})) == _BINARY)
    usual = _mean(reference.surfaces.get(PROBABILITIES, {}), certainties)
    now = _mean(newest.counts.get(PROBABILITIES, {}), certainties)
    if usual is None or now is None or now.rows < least:
        return None
    share = served.accuracy + now.certainty - usual.certainty
    return Estimate(served, min(1.0, max(0.0, share)), now.rows, strange)


@dataclass(frozen=True, slots=True)
class _Mean:
    certainty: float
    rows: int


def _mean(counts: Counts, certainties: Mapping[str, float]) -> _Mean | None:
    """Return how sure the model is of its answers in the mean; None where a bin is not known, or there are no rows."""
    own = {slot: rows for slot, rows in counts.items() if rows}
    if not own or not own.keys() <= certainties.keys():
        return None
    rows = sum(own.values())
    return _Mean(sum(count * certainties[slot] for slot, count in own.items()) / rows, rows)


def _certainties(bins: Sequence[tuple[float, float]], *, binary: bool) -> dict[str, float]:
    """Return how sure the model is of the answers in each slot.

    Bins hold the largest probability, or that of the positive class where there are two: the other one may be larger.
    """
    if not bins:
        return {}
    outside = {"below": (bins[0][0],) * 2, "above": (bins[-1][1],) * 2}
    slots = {**{str(place): one for place, one in enumerate(bins)}, **outside}
    return {slot: _larger(low, high) if binary else (low + high) / 2 for slot, (low, high) in slots.items()}


def _larger(low: float, high: float) -> float:
    """Return the mean of the larger one of p and 1 - p, for p evenly between two limits.

    >>> _larger(0.5, 1.0), _larger(0.4, 0.6), _larger(0.1, 0.1)
    (0.75, 0.55, 0.9)
    """
    if high <= _HALF or low >= _HALF:
        middle = (low + high) / 2
        return max(middle, 1 - middle)
    below, above = _HALF - low, high - _HALF
    return (below * (1 - (low + _HALF) / 2) + above * (high + _HALF) / 2) / (below + above)
