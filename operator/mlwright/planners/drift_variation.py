"""How much features vary from day to day, learnt from spans that lie a day apart as they are counted. Pure.

A user who sends fifty rows is not fifty users. Where few of them send most rows, counts vary more than those of
independent rows, and what chance alone does would be called drift. So nothing is called so before it is known how much
they vary; what returns every day cancels out of the differences, and the correction is that of `mlwright.stats.wobble`.

Invariants: a pair of spans is added once, with the record of its later one; a feature that is suspected learns nothing
from what may be its drift; after a week nothing more is learnt, so that slow drift does not become usual.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import repeat
from typing import Final

from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.drift_counts import Block, Counts, Reference, Surfaces, Variation, Varied
from mlwright.planners.drift_windows import DAY, spans_of_a_day
from mlwright.stats.wobble import learned, still

WEEK: Final = 7
"""Days of pairs that are learnt."""


def teaches(spec: DriftMonitorSpec, block: Block, before: Sequence[Block], reference: Reference) -> bool:
    """Tell whether a span teaches something of any feature that is not suspected.

    Args:
        spec: What is watched.
        block: The span that is recorded now.
        before: Those that are recorded already.
        reference: What was learned, and how it varied so far.
    """
    is_new = block.until > reference.varied_until and _day_before(spec, block, before) is not None
    return is_new and any(_learns(spec, reference, name) for name in reference.surfaces)


def varied(
    spec: DriftMonitorSpec, block: Block, before: Sequence[Block], reference: Reference, suspects: Collection[str]
) -> Varied | None:
    """Return what is known of the variation with one more span; None where it teaches nothing.

    Args:
        spec: What is watched.
        block: The span that is recorded now.
        before: Those that are recorded already.
        reference: What was learned, and how it varied so far.
        suspects: What may have drifted, by what the windows say so far.
    """
    earlier = _day_before(spec, block, before)
    if earlier is None or block.until <= reference.varied_until:
        return None
    known = {
        name: _learned(counts, reference.variation.get(name), earlier, block, name)
        if name not in suspects and _learns(spec, reference, name)
        else reference.variation.get(name)
        for name, counts in reference.surfaces.items()
    }
    told = {name: one for name, one in known.items() if one is not None}
    return Varied(block.revision, block.until, told) if told != dict(reference.variation) else None


def _day_before(spec: DriftMonitorSpec, block: Block, before: Sequence[Block]) -> Block | None:
    """Return the span a day earlier; None where there is none, or nothing is to be learnt."""
    return next((one for one in before if spans_of_a_day(spec) and one.until == block.until - DAY), None)


def _learns(spec: DriftMonitorSpec, reference: Reference, name: str) -> bool:
    """Tell whether less than a week is known of a feature."""
    known = reference.variation.get(name)
    return known is None or known.wobble.pairs < WEEK * spans_of_a_day(spec)


def _learned(counts: Counts, known: Variation | None, earlier: Block, later: Block, name: str) -> Variation:
    slots = known.slots if known else tuple(sorted(counts))
    wobble = known.wobble if known else still(len(slots))
    return Variation(slots, learned(wobble, _row(earlier.counts, name, slots), _row(later.counts, name, slots)))


def _row(surfaces: Surfaces, name: str, slots: Sequence[str]) -> list[int]:
    return [*map(surfaces.get(name, {}).get, slots, repeat(0))]
