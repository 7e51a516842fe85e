"""What is usual at each hour of working days and weekends, learnt from a version's first healthy days; its spans. Pure.

A window of ten minutes cannot be held against the training: night and day differ, and drift that is there every day
would hide what breaks suddenly. So it is held against the same hour of other days, which is learnt once and then stays
as it is: what would follow the newest days would forget a break within days. Working days and weekends are learnt
apart: where they differ, an hour of both would be like neither, and pairs of them would call the difference chance.

Invariants: an hour is learnt once, with the record of its last span; a feature that is suspected learns nothing from
what may be its drift; when `baseline` is learnt nothing more is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import add
from typing import Final

from mlwright.api.drift import DriftMonitorSpec, FastWindow
from mlwright.api.fields import parse_duration
from mlwright.plan.drift_counts import Block, Counts, Hours, Reference, Surfaces, Usual
from mlwright.planners.drift_windows import DAY
from mlwright.stats.wobble import learned, still

HOUR: Final = 3600
_OF_A_DAY: Final = 24
_OF_A_WEEK: Final = 7
_THURSDAY: Final = 3
"""Of the days of a week from Monday, 0, on: that of the first day of 1970."""
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Fast:
    """The newest minutes of a revision, and what is usual.

    Attributes:
        settings: Of the windows.
        blocks: The spans on which something rests, by their ends.
        usual: What is usual; None before the first hour was learnt.
    """

    settings: FastWindow
    blocks: tuple[Block, ...] = ()
    usual: Usual | None = None

    @property
    def needed(self) -> int:
        """Hours that are to be learnt."""
        return int(parse_duration(self.settings.baseline).total_seconds()) // HOUR

    def learned(self, reference: Surfaces) -> int:
        """Return the hours that are learnt of every distribution."""
        known = self.usual.hours if self.usual else {}
        return min((known[name].learned if name in known else 0 for name in reference), default=0)


def length(settings: FastWindow) -> int:
    """Return the seconds of a span."""
    return int(parse_duration(settings.length).total_seconds())


def spans_kept(settings: FastWindow, *, learning: bool, windows: int) -> int:
    """Return how many spans something rests on.

    Worked example: five windows of 10m are judged -> 5; while it is learnt what is usual, those of a day and an hour
    more are needed -> 151.

    Args:
        settings: Of the windows.
        learning: Whether it is still learnt what is usual.
        windows: How many are judged.
    """
    return max(windows, (DAY + HOUR) // length(settings) + 1 if learning else 0)


def hour_of(block: Block) -> int:
    """Return the hour (UTC) in which a span lies: 0 to 23 of working days, 24 to 47 of Saturdays and Sundays.

    Worked example: half past nine on a Monday -> 9, and on a Sunday -> 33.
    """
    return block.since // HOUR % _OF_A_DAY + (_OF_A_DAY if _is_weekend(block) else 0)


def _is_weekend(block: Block) -> bool:
    return (block.since // DAY + _THURSDAY) % _OF_A_WEEK >= _SATURDAY


def teaches(fast: Fast, block: Block, reference: Reference) -> bool:
    """Tell whether the hour that a span ends is to be learnt.

    Args:
        fast: What is known.
        block: The span that is recorded now.
        reference: What was learned by the version.
    """
    is_new = fast.usual is None or block.until > fast.usual.until
    return block.until % HOUR == 0 and is_new and fast.learned(reference.surfaces) < fast.needed


def with_hour(fast: Fast, block: Block, reference: Reference, suspects: Collection[str]) -> Usual:
    """Return what is usual with the hour that a span ends; one in which nobody asked teaches nothing.

    Args:
        fast: What is known.
        block: The span that is recorded now.
        reference: What was learned by the version.
        suspects: What may have drifted, by what the slow windows say.
    """
    hours = dict(fast.usual.hours) if fast.usual else {}
    spans = [*(one for one in fast.blocks if one.since >= block.until - HOUR), block]
    pairs = list(_pairs(fast.blocks, spans))
    for name, counts in reference.surfaces.items():
        known = hours.get(name) or _nothing(counts)
        is_asked = any(sum(span.counts.get(name, {}).values()) for span in spans)
        if is_asked and name not in suspects and known.learned < fast.needed:
            hours[name] = _learned(known, name, spans, pairs)
    return Usual(block.revision, block.until, length(fast.settings), hours)


def _pairs(before: Sequence[Block], spans: Sequence[Block]) -> Iterator[tuple[Block, Block]]:
    """Yield each span with the one a day earlier, where that is recorded and of the same kind of days."""
    known = {one.until: one for one in before}
    found = ((known[span.until - DAY], span) for span in spans if span.until - DAY in known)
    return (pair for pair in found if _is_weekend(pair[0]) == _is_weekend(pair[1]))


def _nothing(counts: Counts) -> Hours:
    slots = tuple(sorted(counts))
    return Hours(slots, 0, {}, still(len(slots)))


def _learned(known: Hours, name: str, spans: Sequence[Block], pairs: Sequence[tuple[Block, Block]]) -> Hours:
    wobble, hour = known.wobble, hour_of(spans[-1])
    for earlier, later in pairs:
        wobble = learned(wobble, rows(earlier.counts, name, known.slots), rows(later.counts, name, known.slots))
    total: Sequence[int] = known.counts.get(hour, (0,) * len(known.slots))
    for span in spans:
        total = [*map(add, total, rows(span.counts, name, known.slots))]
    return Hours(known.slots, known.learned + 1, {**known.counts, hour: tuple(total)}, wobble)


def rows(surfaces: Surfaces, name: str, slots: Sequence[str]) -> list[int]:
    """Return the rows of each slot of a distribution."""
    counts: Mapping[str, int] = surfaces.get(name, {})
    return [*map(counts.get, slots, repeat(0))]


def newest_usual(spec: DriftMonitorSpec, revision: str, usuals: Iterable[Usual]) -> Usual | None:
    """Return what is usual of a revision, by spans as they are asked for now; None where nothing was learnt.

    Args:
        spec: What is watched.
        revision: Of what is served.
        usuals: What was recorded, the newest last; of all revisions.
    """
    settings = fast_of(spec)
    asked = length(settings) if settings else 0
    found = [one for one in usuals if (one.revision, one.length) == (revision, asked)]
    return found[-1] if found else None


def fast_of(spec: DriftMonitorSpec) -> FastWindow | None:
    """Return the settings of the newest minutes; None where they are not looked at."""
    return spec.windows.fast if spec.target.live is not None else None
