"""All that the newest windows say, by what checks ask for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlwright.plan.drift import MonitorSeen, ServedSeen
from mlwright.plan.drift_counts import Block, Reference
from mlwright.planners.drift_estimate import Estimate, estimated
from mlwright.planners.drift_quality import Flaw, flaws
from mlwright.planners.drift_sudden import sudden
from mlwright.planners.drift_truth import Truth, truth
from mlwright.planners.drift_usual import Fast
from mlwright.planners.drift_verdicts import OF_DISTRIBUTIONS, Finding, Found, findings
from mlwright.planners.drift_windows import Window
from mlwright.stats.drift import State


@dataclass(frozen=True, slots=True)
class Judged:
    """What the windows say.

    Attributes:
        drift: Of distributions; None where no check asks for it.
        sudden: Of the newest minutes of them; None where nobody asks for these.
        quality: Of broken values; None where no check asks for it.
        truth: Of late labels; None where no check asks for it.
        estimate: How many answers may be right, whatever labels say; None where it cannot be told.
    """

    drift: tuple[Finding, ...] | None = None
    sudden: tuple[Finding, ...] | None = None
    quality: tuple[Flaw, ...] | None = None
    truth: Truth | None = None
    estimate: Estimate | None = None

    @property
    def found(self) -> tuple[Found, ...]:
        """All that actions may follow from; an estimate is none of it, nor minutes that say nothing."""
        minutes = (
            one for one in self.sudden or () if one.votes.lasting or one.shift.state is not State.NOT_ENOUGH_DATA
        )
        return (*(self.drift or ()), *minutes, *((self.truth,) if self.truth else ()), *(self.quality or ()))

    @property
    def broken(self) -> str:
        """Why a model must not learn from what is asked now, and the way out; empty where it may."""
        flaw = next((one for one in self.quality or () if one.broken), None)
        return f"{flaw.sentence}; {flaw.remedy}" if flaw else ""


def judge(
    seen: MonitorSeen,
    served: ServedSeen,
    reference: Reference | None,
    blocks: Sequence[Block],
    newest: Sequence[Window],
    fast: Fast | None = None,
) -> Judged:
    """Return what the windows say, as far as checks ask for it.

    Args:
        seen: The monitor.
        served: What is watched.
        reference: What it learned; None before that is recorded.
        blocks: What was counted of it, by their ends.
        newest: The windows of the blocks, the newest last.
        fast: The newest minutes, and what is usual; None where they are not looked at.
    """
    types = {check.type for check in seen.spec.checks}
    surfaces = reference.surfaces if reference else {}
    known = newest if reference else ()
    last = newest[-1] if newest else None
    drift = findings(seen.spec, reference, known, seen.status) if types & OF_DISTRIBUTIONS else None
    minutes = sudden(seen.spec, surfaces, fast, seen.status, drift or ()) if fast and types & OF_DISTRIBUTIONS else None
    strange = any(one.lasting and one.surface.startswith("feature:") for one in (*(drift or ()), *(minutes or ())))
    return Judged(
        drift,
        minutes,
        flaws(seen.spec, surfaces, known, seen.status) if "Quality" in types else None,
        truth(seen.spec, served, blocks, last),
        estimated(served, reference, last, seen.spec.min_samples, strange=strange),
    )
