"""What a Prometheus would hold: each side answers evenly, and versions that are worse fail more often.

Of an experiment everything is counted at once, so that what is recorded does not depend on what else happened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from mlwright.plan.analysis import Counted
from mlwright.plan.drift_counts import Tallied, Wanted
from mlwright.plan.experiments import Sums, Survey, Surveyed
from mlwright.plan.measuring import Measure, Measured
from mlwright.plan.resources import Body, Key
from mlwright.planners.drift_counts import LABELS
from mlwright.stats.guard import BINOMIAL, Noise
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look

LOOKS: Final = 3
"""Of each phase, however long it lasted: what is recorded does not depend on what else happened meanwhile."""
PAST: Final = (100_000.0, 1000.0)
REWARDS: Final = 5000.0
"""Of each side of an experiment."""


@dataclass(slots=True)
class Meter:
    """What is to be counted, by object."""

    wanted: dict[Key, Measure | Survey] = field(default_factory=dict)

    def want(self, owner: Key, measure: Measure | Survey | None) -> None:
        """Let something be counted from now on; None: nothing."""
        self.wanted.pop(owner, None)
        if measure is not None:
            self.wanted[owner] = measure

    def measured(self, owner: Key, revisions: Mapping[str, Body], worse: set[str]) -> Measured | Surveyed | None:
        """Return what was counted; of a worse version four percent are bad, of any other less than one."""
        measure = self.wanted.get(owner)
        if measure is None:
            return None
        if isinstance(measure, Survey):
            return _surveyed(measure, revisions, worse)
        bad = 120.0 if _version(measure.candidate.revision, revisions) in worse else 20.0
        counts = Counts(3000.0, bad) if measure.bake else Counts(3000.0, bad, 27_000.0, 260.0)
        looks = tuple(Look(phase.step, 15.0 * (n + 1), counts) for phase in measure.phases for n in range(LOOKS))
        readings = {check.name: Counted(looks) for check in measure.checks}
        pasts = dict.fromkeys(readings, PAST) if measure.bake else {}
        return Measured(measure, readings, Noise(BINOMIAL, "one by one"), pasts)


LEARNED: Final = {"feature:hour": {"0": 5000, "1": 5000, "missing": 0}, "output:label": {"0": 8000, "1": 2000}}
"""What every version learned from."""
SURE: Final = {"output:probabilities": {"0": 1000, "1": 1000}}
"""How sure it was of the held-out rows."""
BINS: Final = {"output:probabilities": ("0.5 to 0.7", "0.7 to 0.9")}


@dataclass(slots=True)
class Rows:
    """How the rows of a monitor's spans fall into bins.

    Attributes:
        wanted: What is to be counted.
        rows: Rows of a span of time.
        learned: Whether the pods tell the distributions of the training.
        broken: Share of the rows that come without their hour.
        unsure: Share of the answers that the model is less sure of; None where it does not tell.
        labels: Answers of a span that are labelled, the right and the wrong ones.
        trouble: Why nothing can be counted.
    """

    wanted: dict[Key, Wanted] = field(default_factory=dict)
    rows: int = 2000
    learned: bool = True
    broken: float = 0.0
    unsure: float | None = None
    labels: tuple[int, int] = (0, 0)
    trouble: str = ""

    def want(self, owner: Key, wanted: Wanted | None) -> None:
        """Let rows be counted from now on; None: none."""
        self.wanted.pop(owner, None)
        if wanted is not None:
            self.wanted[owner] = wanted

    def tallied(self, owner: Key, now: float, moved: float, strange: Collection[str]) -> Tallied | None:
        """Return the rows of a span once it is over: moved from some moment on, answered oddly by some revisions."""
        wanted = self.wanted.get(owner)
        if wanted is None or now < wanted.until + 10:
            return None
        if self.trouble or not self.learned:
            return Tallied(wanted, trouble=self.trouble)
        now_moved = wanted.since >= moved
        learned = self._counts(moved=True) if now_moved else LEARNED  # who trains again learns what is asked by then
        counts = self._counts(moved=now_moved)
        if wanted.revision in strange:
            counts["output:label"] = {"0": self.rows // 2, "1": self.rows // 2}
        if wanted.labels:
            counts[LABELS] = dict(zip(("true", "false"), self.labels, strict=True))
        if self.unsure is not None:
            less = round(self.unsure * self.rows)
            counts["output:probabilities"] = {"0": less, "1": self.rows - less}
            learned = {**learned, **SURE}
        return Tallied(wanted, {} if wanted.known else learned, counts, names=BINS)

    def _counts(self, *, moved: bool) -> dict[str, dict[str, int]]:
        gone = round(self.broken * self.rows)
        there = self.rows - gone
        late = 9 * there // 10 if moved else there // 2
        label = {"0": 4 * self.rows // 5, "1": self.rows // 5}
        return {"feature:hour": {"0": there - late, "1": late, "missing": gone}, "output:label": label}


def _surveyed(survey: Survey, revisions: Mapping[str, Body], worse: set[str]) -> Surveyed:
    """Return what an experiment brought: later versions more, and worse ones next to nothing."""
    found = {}
    for place, name in enumerate(sorted(_version(side.revision, revisions) for side in survey.sides)):
        revision = next(side.revision for side in survey.sides if _version(side.revision, revisions) == name)
        total = REWARDS * (0.01 if name in worse else 0.1 + 0.05 * place)
        found[revision] = Sums(REWARDS, REWARDS, total, total)
    return Surveyed(survey, survey.since + 15, found)


def _version(revision: str, revisions: Mapping[str, Body]) -> str:
    found = (str(body["data"]["version"]) for name, body in revisions.items() if name.endswith(f"-{revision}"))
    return next(found, "")
