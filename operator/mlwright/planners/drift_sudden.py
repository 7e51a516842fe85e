"""What the newest minutes say of each feature, beside what is usual at their hour, and whether that lasts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlwright.api.drift import Check, DriftMonitorSpec
from mlwright.plan.drift_counts import Block, Hours, Surfaces
from mlwright.planners.drift_usual import Fast, hour_of, rows
from mlwright.planners.drift_verdicts import (
    Drifted,
    Finding,
    added,
    checks_of,
    lasting_of,
    placed,
    rule_of,
    said,
    settings_of,
    told_drifted,
    watched,
)
from mlwright.stats.drift import Counted, Shift, State, judge, overs
from mlwright.stats.persistence import Votes
from mlwright.stats.wobble import FEWEST_PAIRS


def sudden(
    spec: DriftMonitorSpec,
    reference: Surfaces,
    fast: Fast,
    status: Mapping[str, Any],
    slow: Iterable[Finding] = (),
) -> tuple[Finding, ...]:
    """Return what the newest minutes say, the feature that is farthest away first.

    A feature of which it is not learnt yet what is usual has too few rows, whatever was counted.

    Args:
        spec: What is watched.
        reference: What the version learned: the distributions that are judged.
        fast: What was counted, and what is usual.
        status: What was told before: what had drifted does so until it is over.
        slow: What the long windows say.
    """
    if not fast.blocks:
        return ()
    before = told_drifted((status.get("fast") or {}).get("features"))
    denied = {(one.check, one.surface) for one in slow if _denies(one)}
    found = (one for check in checks_of(spec) for one in _of_check(spec, check, reference, fast, before))
    return tuple(sorted((_released(one) if (one.check, one.surface) in denied else one for one in found), key=placed))


def _denies(slow: Finding) -> bool:
    """Tell whether the long windows say that a feature is not too far away."""
    return slow.shift.state is not State.NOT_ENOUGH_DATA and not (slow.votes.over or slow.votes.lasting)


def _released(one: Finding) -> Finding:
    """Return what has not drifted any more where no kept minutes are over: at night there may be none that deny it."""
    return one if one.votes.over else replace(one, votes=one.votes._replace(lasting=False))


def _of_check(
    spec: DriftMonitorSpec, check: Check, reference: Surfaces, fast: Fast, before: Drifted
) -> Iterator[Finding]:
    settings, rule, lasting = settings_of(check), rule_of(spec, check), lasting_of(check)
    own = list(watched(spec, check, reference))
    *earlier, newest = (_counted(spec, own, fast, block) for block in fast.blocks[-settings.persistence.of :])
    votes = [Votes(lasting=(check.name, feature.name) in before) for feature in newest]
    for window in earlier:
        votes = added(votes, lasting, overs(window, rule))
    shifts = judge(newest, rule)
    for surface, shift, last in zip(own, shifts, added(votes, lasting, map(said, shifts)), strict=True):
        hours = fast.usual.hours.get(surface) if fast.usual else None
        pairs = hours.wobble.pairs if hours else 0
        known = spec.independent_rows or pairs >= FEWEST_PAIRS
        missing = max(0, fast.needed - (hours.learned if hours else 0))
        yield Finding(
            check.name,
            surface,
            _worded(spec, fast, shift, missing),
            last,
            settings,
            known=known,
            awaited=0 if known else FEWEST_PAIRS - pairs,
            minutes=fast.settings.length,
        )


def _worded(spec: DriftMonitorSpec, fast: Fast, shift: Shift, missing: int) -> Shift:
    """Return why there is no verdict in words that stay: figures that move every ten minutes are no news."""
    length = fast.settings.length
    if missing:
        why = f"{fast.needed - missing} of {fast.needed} hours of what is usual are learnt"
    elif shift.state is not State.NOT_ENOUGH_DATA:
        return shift
    elif shift.rows < spec.min_samples:
        why = f"fewer than {spec.min_samples} rows came in {length}"
    else:
        why = f"the rows of {length}, or those of this hour of the baseline, are too few to tell"
    return replace(shift, sentence=f"{shift.name}: {why}")


def _counted(spec: DriftMonitorSpec, names: Sequence[str], fast: Fast, block: Block) -> list[Counted]:
    """Return the rows of a span beside those that are usual at its hour; none are before all of it is learnt."""
    found = []
    for surface in names:
        hours = fast.usual.hours.get(surface) if fast.usual else None
        known = hours if hours and hours.learned >= fast.needed else None
        found.append(_beside(spec, surface, known, block))
    return found


def _beside(spec: DriftMonitorSpec, surface: str, hours: Hours | None, block: Block) -> Counted:
    name = surface.partition(":")[2]
    if hours is None:
        counts = block.counts.get(surface, {})
        return Counted(name, [0] * len(counts), [*counts.values()])
    usual = hours.counts.get(hour_of(block), (0,) * len(hours.slots))
    wobble = None if spec.independent_rows else hours.wobble
    return Counted(name, usual, rows(block.counts, surface, hours.slots), wobble, learnt=True)
