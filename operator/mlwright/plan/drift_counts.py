"""What was counted of rows and answers, and what was learnt from it: the values that drift is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlwright.stats.wobble import Wobble

Counts = Mapping[str, int]
"""Rows by the slot of a distribution: a bin, or below, above, missing, unseen."""
Surfaces = Mapping[str, Counts]
"""Counts by what they are of: `feature:age`, `output:label`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows that are to be counted: those of one revision in one span of time."""

    namespace: str
    deployment: str
    revision: str
    since: float
    """Seconds since 1970."""
    until: float
    born: tuple[tuple[str, float], ...] = ()
    """When each pod that is known was created: what it counted before its first scrape counts."""
    known: tuple[str, ...] = ()
    """What distributions there are, if that is known; they are asked for otherwise."""
    labels: bool = False
    """Whether labels that came late are counted as well."""

    @property
    def span(self) -> tuple[str, float, float]:
        """What the counts are of."""
        return self.revision, self.since, self.until


@dataclass(frozen=True, slots=True)
class Tallied:
    """What came of counting.

    Attributes:
        wanted: What was to be counted.
        reference: What the profile of the revision holds; empty where Prometheus has none.
        counts: What was counted.
        trouble: Why nothing could be counted; empty when it could.
        names: What the numbered bins of the reference hold, in words, as far as pods tell it.
    """

    wanted: Wanted
    reference: Surfaces = field(default_factory=dict)
    counts: Surfaces = field(default_factory=dict)
    trouble: str = ""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bet:
    """What is known of late labels after a span of time: the bet that the accuracy is at least a floor.

    Attributes:
        least: The floor.
        since: When the first span of the bet began, seconds since 1970.
        right: Labelled answers since then that were right.
        labelled: Labelled answers since then.
        degraded: Whether the accuracy is held to be below the floor.
    """

    least: float
    since: int = 0
    right: int = 0
    labelled: int = 0
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one span of time, as they were recorded."""

    revision: str
    since: int
    until: int
    counts: Surfaces
    object: str = ""
    uid: str = ""
    bet: Bet | None = None
    """With these rows; None where no check asks for labels."""
    data: str = ""
    """Of stored rows: what changes when they do; empty for those of requests."""
    token: str = ""
    """Of stored rows: which slot or request they were counted for."""


@dataclass(frozen=True, slots=True)
class Variation:
    """How a distribution varies from day to day, by pairs of its slots in this order."""

    slots: tuple[str, ...]
    wobble: Wobble


@dataclass(frozen=True, slots=True)
class Varied:
    """How distributions of a revision vary, as it was recorded with the span of time that ended then."""

    revision: str
    until: int
    variation: Mapping[str, Variation]
    object: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """What is usual of a distribution at each hour of working days, and of weekends.

    Attributes:
        slots: Its slots.
        learned: Hours that were learnt.
        counts: For each hour that was (UTC; 0 to 23 of working days, 24 to 47 of weekends), the rows of each slot.
        wobble: How spans that lie a day apart differ.
    """

    slots: tuple[str, ...]
    learned: int
    counts: Mapping[int, tuple[int, ...]]
    wobble: Wobble


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual of the distributions of a revision, as it was recorded with the hour that ended then."""

    revision: str
    until: int
    length: int
    """Seconds of the spans that it was learnt from; how much those of another length differ is another matter."""
    hours: Mapping[str, Hours]
    object: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """The distributions that a revision is compared with, as they were recorded."""

    revision: str
    surfaces: Surfaces
    object: str = ""
    uid: str = ""
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the numbered bins hold, in words, of those of which it is known."""
    variation: Mapping[str, Variation] = field(default_factory=dict)
    """How they vary from day to day, as far as that is known."""
    varied_until: int = 0
    """With which spans: those that ended by then."""
