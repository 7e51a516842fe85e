"""What late labels say: whether answers are worse than the evaluation lets expect. Pure.

The bet of `mlwright.stats.labels` goes on from record to record: each span of time keeps what is known after it, so
nothing rests on records that were removed. Another floor begins it anew, with the spans that are still there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlwright.api.conditions import State, Verdict, written
from mlwright.api.drift import DriftMonitorSpec, Performance
from mlwright.api.reasons import Reason
from mlwright.plan.drift import ServedSeen
from mlwright.plan.drift_counts import Bet, Block
from mlwright.planners.drift_counts import LABELS
from mlwright.planners.drift_windows import Window
from mlwright.stats.labels import Labels, floor, watched

_WORDS: Final = {
    Reason.LESS_ACCURATE: "Degraded",
    Reason.STEADY: "Steady",
    Reason.NOT_ENOUGH_DATA: "NotEnoughData",
    Reason.NO_LABELS: "NoData",
    Reason.NO_REFERENCE: "NoReference",
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of the labels.

    Attributes:
        check: Name of the check that judges them.
        served: What answered.
        bet: What the proof rests on.
        right: Labelled answers of the newest window that were right.
        labelled: Labelled answers of the newest window.
        needed: Labels of a window below which nothing is said but proof.
        independent: Whether a person knows that rows are independent of one another.
    """

    check: str
    served: ServedSeen
    bet: Bet
    right: int
    labelled: int
    needed: int
    independent: bool

    part = "performance"
    what = "answers worse than it was evaluated"

    @property
    def lasting(self) -> bool:
        """Whether answers are proven to be worse than allowed."""
        return self.bet.degraded

    @property
    def known(self) -> bool:
        """Whether labels are independent of one another: how much those of few users vary is not learnt."""
        return self.independent

    @property
    def sentence(self) -> str:
        """What the proof is, in words."""
        known, since = self.bet, written(self.bet.since)
        seen = f"of {known.labelled:,} answers that were labelled since {since} {_percent(known.right, known.labelled)}"
        return f"{seen} were right; {self._beside}"

    @property
    def _beside(self) -> str:
        held = f"{100 * (self.served.accuracy or 0):.1f} % of {self.served.held_out:,} held-out rows were"
        return f"{held}, and {100 * self.bet.least:.1f} % is the least that is allowed"

    @property
    def verdict(self) -> Verdict:
        """The condition."""
        version = self.served.version
        if self.bet.least <= 0:
            return _told("Unknown", Reason.NO_REFERENCE, _unevaluated(self.served))
        if self.lasting:
            return _told("True", Reason.LESS_ACCURATE, f"{version} {self.what}: {self.sentence}")
        if not self.labelled:
            return _told("Unknown", Reason.NO_LABELS, _unlabelled(self.served))
        if self.labelled < self.needed:
            few = f"{self.labelled:,} answers of {version} were labelled in the newest window"
            return _told("Unknown", Reason.NOT_ENOUGH_DATA, f"{few}, {self.needed:,} are needed to tell")
        seen = f"of {self.labelled:,} that were labelled in the newest window {_percent(self.right, self.labelled)}"
        sentence = f"{version} is not proven to answer worse than allowed: {seen} were right; {self._beside}"
        return _told("False", Reason.STEADY, sentence)

    @property
    def evidence(self) -> dict[str, Any]:
        """What a Decision keeps of it."""
        known = self.bet
        return {
            "check": self.check,
            "name": "accuracy",
            "evaluated": self.served.accuracy,
            "heldOut": self.served.held_out,
            "least": round(known.least, 4),
            "since": written(known.since),
            "labelled": known.labelled,
            "right": known.right,
        }

    @property
    def shown(self) -> dict[str, Any]:
        """What the status tells."""
        known = self.bet
        figures = {
            "evaluated": self.served.accuracy,
            "least": round(known.least, 4) if known.least > 0 else None,
            "observed": round(self.right / self.labelled, 4) if self.labelled else None,
            "since": written(known.since) if known.labelled else None,
        }
        return {
            "check": self.check,
            "metric": "accuracy",
            "verdict": _WORDS[self.verdict.reason],
            "labels": self.labelled,
            "weighed": known.labelled,
            "right": known.right,
            **{name: value for name, value in figures.items() if value is not None},
        }


def truth(spec: DriftMonitorSpec, served: ServedSeen, blocks: Sequence[Block], newest: Window | None) -> Truth | None:
    """Return what late labels say; None where no check asks.

    Args:
        spec: What is watched.
        served: What answered.
        blocks: What was counted of it, by their ends.
        newest: The newest window; None before the first one is over.
    """
    check = next((one for one in spec.checks if one.type == "Performance"), None)
    if check is None:
        return None
    counts = newest.counts.get(LABELS, {}) if newest else {}
    right = counts.get("true", 0)
    return Truth(
        check=check.name,
        served=served,
        bet=bet_of(blocks, least(spec, served)),
        right=right,
        labelled=right + counts.get("false", 0),
        needed=spec.min_samples,
        independent=spec.independent_rows,
    )


def least(spec: DriftMonitorSpec, served: ServedSeen) -> float:
    """Return the accuracy below which a version counts as worse; 0 where nothing is known or asked."""
    check = next((one for one in spec.checks if one.type == "Performance"), None)
    if check is None or served.accuracy is None:
        return 0.0
    settings = check.performance or Performance()
    return floor(round(served.accuracy * served.held_out), served.held_out, settings.max_drop)


def bet_of(blocks: Sequence[Block], floor_: float) -> Bet:
    """Return what is known after some spans: from the newest record of a bet about this floor on.

    Args:
        blocks: What was counted, by their ends.
        floor_: The least accuracy.
    """
    bet = Bet(floor_)
    for block in blocks:
        kept = block.bet
        bet = kept if kept and math.isclose(kept.least, floor_, abs_tol=1e-9) else after(bet, block)
    return bet


def after(bet: Bet, block: Block) -> Bet:
    """Return what is known with the labels of one more span."""
    counts: Mapping[str, int] = block.counts.get(LABELS, {})
    right = counts.get("true", 0)
    known = Labels(bet.right, bet.labelled, bet.degraded)
    now = watched(known, right, right + counts.get("false", 0), least=bet.least)
    since = (bet.since or block.since) if now.labelled else 0
    return Bet(bet.least, since, now.correct, now.labelled, now.degraded)


def _told(status: State, reason: Reason, sentence: str) -> Verdict:
    return Verdict("PerformanceDegraded", status, reason, sentence)


def _unevaluated(served: ServedSeen) -> str:
    if served.accuracy is None:
        why = "add accuracy to spec.evaluation.metrics of its pipeline and train again"
        return f"{served.version} was not evaluated by its accuracy: there is nothing to hold its labels against; {why}"
    rows = f"{served.held_out:,} held-out rows"
    return f"{served.version} had an accuracy of {100 * served.accuracy:.1f} % on {rows}, which proves too little"


def _unlabelled(served: ServedSeen) -> str:
    if served.label:
        what = f"no stored row of the newest window has a value in column {served.label}"
        return f"{what}: nobody knows how many answers of {served.version} would be right"
    way = "send labels with the ids of its answers" if served.feedback else "switch on spec.feedback of the deployment"
    return f"no answer of {served.version} was labelled in the newest window: nobody knows how many are right; {way}"


def _percent(right: int, labelled: int) -> str:
    return f"{100 * right / max(1, labelled):.1f} %"
