"""How much features vary from day to day, learnt from spans that lie a day apart as they are counted. Pure.

A user who sends fifty rows is not fifty users. Where few of them send most rows, counts vary more than those of
independent rows, and what chance alone does would be called drift. So nothing is called so before it is known how much
they vary; what returns every day cancels out of the differences, and the correction is that of `mlwright.stats.wobble`.

Invariants: a pair of spans is added once, with the record of its later one; a feature that is suspected learns nothing
from what may be its drift; after a week nothing more is learnt, so that slow drift does not become usual.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Final

from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.drift import Block, Counts, Reference, Surfaces, Variation, Varied
from mlwright.planners.drift_verdicts import Finding
from mlwright.planners.drift_windows import DAY, spans_of_a_day
from mlwright.stats.wobble import learned, still

WEEK: Final = 7
"""Days of pairs that are learnt."""


def varied(
    spec: DriftMonitorSpec, block: Block, before: Sequence[Block], reference: Reference, found: Iterable[Finding]
) -> Varied | None:
    """Return what is known of the variation with one more span; None where it teaches nothing.

    Args:
        spec: What is watched.
        block: The span that is recorded now.
        before: Those that are recorded already.
        reference: What was learned, and how it varied so far.
        found: What the windows say so far.
    """
    spans = spans_of_a_day(spec)
    earlier = next((one for one in before if spans and one.until == block.until - DAY), None)
    if earlier is None or block.until <= reference.varied_until:
        return None
    suspects = suspected(found)
    known = {
        name: _learned(counts, reference.variation.get(name), earlier, block, name)
        if name not in suspects and _pairs(reference.variation, name) < WEEK * spans
        else reference.variation.get(name)
        for name, counts in reference.surfaces.items()
    }
    told = {name: one for name, one in known.items() if one is not None}
    return Varied(block.revision, block.until, told) if told != dict(reference.variation) else None


def suspected(found: Iterable[Finding]) -> Collection[str]:
    """Return what was too far away in one of the newest windows, once it is known how much it varies."""
    return {one.surface for one in found if one.known and (one.votes.lasting or one.votes.over)}


def _pairs(variation: Mapping[str, Variation], name: str) -> int:
    return variation[name].wobble.pairs if name in variation else 0


def _learned(counts: Counts, known: Variation | None, earlier: Block, later: Block, name: str) -> Variation:
    slots = known.slots if known else tuple(sorted(counts))
    wobble = known.wobble if known else still(len(slots))
    return Variation(slots, learned(wobble, _row(earlier.counts, name, slots), _row(later.counts, name, slots)))


def _row(surfaces: Surfaces, name: str, slots: Sequence[str]) -> list[int]:
    return [*map(surfaces.get(name, {}).get, slots, repeat(0))]
