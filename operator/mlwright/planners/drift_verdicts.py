"""What the windows say of each feature and output: how far it is from the training, and whether that lasts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final, Protocol

from mlwright.api.conditions import written
from mlwright.api.drift import Check, Drift, DriftMonitorSpec, Quality
from mlwright.api.drift import Persistence as Lasting
from mlwright.plan.drift_counts import Counts, Reference, Surfaces, Variation
from mlwright.planners.drift_windows import Window, spans_of_a_day
from mlwright.stats.drift import Counted, Rule, Shift, State, judge, overs_of
from mlwright.stats.persistence import Persistence, Votes, voted
from mlwright.stats.wobble import FEWEST_PAIRS, Wobble

OF_DISTRIBUTIONS: Final = frozenset({"DataDrift", "PredictionDrift"})
"""Types of checks that compare distributions."""
SUDDEN: Final = "sudden"
"""Where a Decision keeps what the newest minutes found."""
Drifted = set[tuple[Any, Any]]
"""Check and name of what had drifted before."""
_SURFACE: Final = {"DataDrift": "feature", "PredictionDrift": "output", "Quality": "feature"}


class Found(Protocol):
    """What actions rest on: drift, or lost accuracy."""

    @property
    def check(self) -> str:
        """Name of the check that found it."""
        ...

    @property
    def what(self) -> str:
        """What happened, in words that follow the name of the version."""
        ...

    @property
    def part(self) -> str:
        """Where a Decision keeps it among its evidence."""
        ...

    @property
    def lasting(self) -> bool:
        """Whether it lasts, and so counts."""
        ...

    @property
    def known(self) -> bool:
        """Whether it is known how much rows vary, so that chance alone is not taken for it."""
        ...

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        ...

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What a Decision keeps of it."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one feature or output.

    Attributes:
        check: Name of the check that judges it.
        surface: What its rows are recorded as, such as feature:age.
        shift: What the newest window says.
        votes: What the newest windows said.
        settings: Of the check.
        known: Whether it is known how much its rows vary: they are independent, or it was learnt.
        awaited: Pairs of spans a day apart that are needed to know it; 0 where it is known, or cannot be.
        minutes: Length of the windows, where they are held against what is usual at their hour; empty for the training.
    """

    check: str
    surface: str
    shift: Shift
    votes: Votes
    settings: Drift
    known: bool = True
    awaited: int = 0
    minutes: str = ""

    what = "has drifted"

    @property
    def part(self) -> str:
        """Where a Decision keeps it among its evidence."""
        return SUDDEN if self.minutes else "features"

    @property
    def name(self) -> str:
        """Its own name."""
        return self.surface.partition(":")[2]

    @property
    def lasting(self) -> bool:
        """Whether it is farther away than allowed, and that lasts; not before it is known what chance does."""
        return self.votes.lasting and not self.awaited

    @property
    def verdict(self) -> str:
        """The word of the status."""
        if self.lasting:
            return "Drifted"
        return State.INCONCLUSIVE if self.shift.state is State.OVER else self.shift.state

    @property
    def sentence(self) -> str:
        """How far it is away, in words.

        Such as `age: 0.17 [0.13, 0.21] > 0.1 in 3 of the last 5 windows; 15 % of the rows moved`.
        """
        shift, windows = self.shift, windows_of(self.votes)
        allowed = f"{self.settings.max_distance:g}"
        if self.minutes:
            windows, allowed = f"{windows} of {self.minutes}", f"{allowed} from what is usual at this hour"
        if not self.votes.over:
            return f"{self.name} was farther away than {allowed}, and not all of the last {windows} deny it"
        far = f"{self.name}: {shift.estimate:.2g} [{shift.low:.2g}, {shift.high:.2g}]"
        moved = f"{100 * shift.moved:.0f} % of the rows moved"
        if shift.state is not State.OVER:
            return f"{far}, and was > {allowed} in {self.votes.over} of the last {windows}; {moved}"
        return f"{far} > {allowed} in {self.votes.over} of the last {windows}; {moved}"

    @property
    def evidence(self) -> dict[str, Any]:
        """What a Decision keeps of it."""
        shift = self.shift
        return {
            "check": self.check,
            "name": self.name,
            "rows": shift.rows,
            "distance": round(shift.estimate, 4),
            "lower": round(shift.low, 4),
            "upper": round(shift.high, 4),
            "allowed": self.settings.max_distance,
            "moved": round(shift.moved, 4),
            "over": self.votes.over,
            "windows": len(self.votes.last),
        }


def windows_of(votes: Votes) -> str:
    """Return how many windows there were, in words."""
    return "1 window" if len(votes.last) == 1 else f"{len(votes.last)} windows"


def longest(spec: DriftMonitorSpec) -> int:
    """Return on how many of the newest windows something rests."""
    return max(_persistence(check).of for check in spec.checks)


def _persistence(check: Check) -> Lasting:
    if check.type == "Performance":
        return Lasting(required=1, of=1)  # its proof is recorded, and needs no windows of the past
    return (check.quality or Quality()).persistence if check.type == "Quality" else settings_of(check).persistence


def settings_of(check: Check) -> Drift:
    """Return the settings of a check that compares distributions."""
    return check.data_drift or check.prediction_drift or Drift()


def findings(
    spec: DriftMonitorSpec, reference: Reference | None, windows: Sequence[Window], status: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """Return what the windows say, the feature that is farthest away first.

    Args:
        spec: What is watched.
        reference: What was learned, and how it varies; None before that is known, and nothing is judged.
        windows: What was counted, the newest last.
        status: What was told before: what had drifted does so until it is over.
    """
    before = told_drifted(status.get("features"))
    if reference is None:
        return ()
    found = (one for check in checks_of(spec) for one in _of_check(spec, check, reference, windows, before))
    return tuple(sorted(found, key=placed))


def suspected(
    spec: DriftMonitorSpec, reference: Reference, windows: Sequence[Window], status: Mapping[str, Any]
) -> frozenset[str]:
    """Return what was too far away in one of the windows, or had drifted, once it is known how much it varies.

    It says the same of each as `findings` do, without how far away it is.

    Args:
        spec: What is watched.
        reference: What was learned, and how it varies.
        windows: What was counted, the newest last.
        status: What was told before.
    """
    before = told_drifted(status.get("features"))
    return frozenset(name for check in checks_of(spec) for name in _suspects(spec, check, reference, windows, before))


def told_suspects(
    spec: DriftMonitorSpec, reference: Reference, until: int, status: Mapping[str, Any]
) -> frozenset[str] | None:
    """Return what `suspected` says, from what was told of the same windows; None where that says too little.

    The next span is counted after its windows were judged and told: to judge them once more would say the same.

    Args:
        spec: What is watched.
        reference: What was learned, and how it varies.
        until: When the newest window ended, seconds since 1970.
        status: What was told before.
    """
    window = status.get("window") or {}
    if (status.get("revision"), window.get("until")) != (reference.revision, written(until)):
        return None
    told = {(one.get("check"), one.get("name")): one for one in status.get("features") or ()}
    asked = [(check, name) for check in checks_of(spec) for name in watched(spec, check, reference.surfaces)]
    found = [(name, told.get((check.name, name.partition(":")[2]))) for check, name in asked]
    if any(one is None for _, one in found):
        return None
    far = {name for name, one in found if one and (one.get("over") or one.get("verdict") == "Drifted")}
    return frozenset(name for name in far if _is_learnt(spec, reference, name))


def _is_learnt(spec: DriftMonitorSpec, reference: Reference, name: str) -> bool:
    known = reference.variation.get(name)
    return _known(spec, known.wobble if known else None)[0]


def _suspects(
    spec: DriftMonitorSpec, check: Check, reference: Reference, windows: Sequence[Window], before: Drifted
) -> Iterator[str]:
    asked = _asked(spec, check, reference, windows)
    votes = _votes(check, asked.windows, asked, before)
    for surface, feature, vote in zip(asked.own, asked.windows[-1], votes, strict=False):
        if (vote.lasting or vote.over) and _known(spec, feature.wobble)[0]:
            yield surface


def told_drifted(features: Iterable[Mapping[str, Any]] | None) -> Drifted:
    """Return what was told to have drifted.

    Args:
        features: Of the status.
    """
    return {(told.get("check"), told.get("name")) for told in features or () if told.get("verdict") == "Drifted"}


def checks_of(spec: DriftMonitorSpec) -> Iterator[Check]:
    """Return the checks that compare distributions."""
    return (check for check in spec.checks if check.type in OF_DISTRIBUTIONS)


def placed(one: Finding) -> tuple[bool, int, float, str, str]:
    """Return where a finding stands among others: what has drifted first, then what is farthest away."""
    return not one.lasting, -one.votes.over, -one.shift.estimate, one.check, one.name


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a check asks: of which distributions, by which rule, over which windows, the newest last."""

    own: Mapping[str, Counts]
    rule: Rule
    lasting: Persistence
    windows: Sequence[Sequence[Counted]]


def _asked(spec: DriftMonitorSpec, check: Check, reference: Reference, windows: Sequence[Window]) -> _Asked:
    settings = settings_of(check)
    own = watched(spec, check, reference.surfaces)
    return _Asked(
        own,
        rule_of(spec, check),
        lasting_of(check),
        _counted(own, windows[-settings.persistence.of :], reference.variation) or [[]],
    )


def rule_of(spec: DriftMonitorSpec, check: Check) -> Rule:
    """Return by what a check judges a window."""
    settings = settings_of(check)
    return Rule(settings.max_distance, settings.false_alarm, spec.min_samples)


def lasting_of(check: Check) -> Persistence:
    """Return how long a check asks it to last."""
    settings = settings_of(check).persistence
    return Persistence(settings.required, settings.of)


def _of_check(
    spec: DriftMonitorSpec, check: Check, reference: Reference, windows: Sequence[Window], before: Drifted
) -> Iterator[Finding]:
    asked = _asked(spec, check, reference, windows)
    *earlier, newest = asked.windows
    shifts = judge(newest, asked.rule)
    votes = added(_votes(check, earlier, asked, before), asked.lasting, map(said, shifts))
    for surface, feature, shift, last in zip(asked.own, newest, shifts, votes, strict=False):
        known, awaited = _known(spec, feature.wobble)
        yield Finding(check.name, surface, shift, last, settings_of(check), known, awaited)


def _votes(check: Check, windows: Sequence[Sequence[Counted]], asked: _Asked, before: Drifted) -> list[Votes]:
    """Return what windows say of each feature, whether it is too far away and no more."""
    votes = [Votes(lasting=(check.name, feature.name) in before) for feature in asked.windows[-1]]
    for over in overs_of(windows, asked.rule):
        votes = added(votes, asked.lasting, over)
    return votes


def _known(spec: DriftMonitorSpec, wobble: Wobble | None) -> tuple[bool, int]:
    """Return whether it is known how much rows vary, and how many pairs of spans are missing for it."""
    pairs = wobble.pairs if wobble else 0
    if spec.independent_rows or pairs >= FEWEST_PAIRS:
        return True, 0
    return False, FEWEST_PAIRS - pairs if spans_of_a_day(spec) else 0


def compared(spec: DriftMonitorSpec, reference: Surfaces) -> dict[str, Counts]:
    """Return the distributions that any check compares."""
    return {name: counts for check in checks_of(spec) for name, counts in watched(spec, check, reference).items()}


def watched(spec: DriftMonitorSpec, check: Check, reference: Surfaces) -> dict[str, Counts]:
    """Return the distributions that a check judges."""
    prefix, wanted = f"{_SURFACE[check.type]}:", spec.features
    own = {name: counts for name, counts in sorted(reference.items()) if name.startswith(prefix)}
    if check.type == "PredictionDrift":
        return own
    return {
        name: counts
        for name, counts in own.items()
        if (not wanted.include or name.removeprefix(prefix) in wanted.include)
        and name.removeprefix(prefix) not in wanted.exclude
    }


def _counted(
    own: Mapping[str, Counts], windows: Sequence[Window], variation: Mapping[str, Variation]
) -> list[list[Counted]]:
    """Return the rows of each window beside the reference, both in the same order of slots."""
    found = [_rows_of(name, counts, windows, variation.get(name)) for name, counts in own.items()]
    return [list(features) for features in zip(*found, strict=True)] if own else [[] for _ in windows]


def _rows_of(surface: str, learned: Counts, windows: Sequence[Window], variation: Variation | None) -> list[Counted]:
    """Return the rows of one feature in each window."""
    counted = [window.counts.get(surface, {}) for window in windows]
    slots = [*learned]
    if slots != sorted(slots) or any([*one] != slots for one in counted):
        slots = sorted(set(learned).union(*counted))
    name, before = surface.partition(":")[2], _in_order(learned, slots)
    wobble = variation.wobble if variation and [*variation.slots] == slots else None
    return [Counted(name, before, _in_order(counts, slots), wobble) for counts in counted]


def _in_order(counts: Counts, slots: list[str]) -> list[int]:
    return [*counts.values()] if [*counts] == slots else [*map(counts.get, slots, repeat(0))]


def added(votes: Iterable[Votes], rule: Persistence, over: Iterable[bool | None]) -> list[Votes]:
    """Add one window to the votes of several questions."""
    return [voted(before, rule, over=vote) for before, vote in zip(votes, over, strict=True)]


def said(shift: Shift) -> bool | None:
    """Return the vote of a window; None without a verdict."""
    return None if shift.state is State.NOT_ENOUGH_DATA else shift.state is State.OVER
