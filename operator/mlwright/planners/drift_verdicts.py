"""What the windows say of each feature and output: how far it is from the training, and whether that lasts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlwright.api.drift import Check, Drift, DriftMonitorSpec
from mlwright.plan.drift import Counts, Surfaces
from mlwright.planners.drift_windows import Window
from mlwright.stats.drift import Counted, Rule, Shift, State, judge, overs
from mlwright.stats.persistence import Persistence, Votes, voted

_SURFACE: Final = {"DataDrift": "feature", "PredictionDrift": "output"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one feature or output.

    Attributes:
        check: Name of the check that judges it.
        name: Its own name.
        shift: What the newest window says.
        votes: What the newest windows said.
        settings: Of the check.
    """

    check: str
    name: str
    shift: Shift
    votes: Votes
    settings: Drift

    @property
    def drifted(self) -> bool:
        """Whether it is farther away than allowed, and that lasts."""
        return self.votes.lasting

    @property
    def verdict(self) -> str:
        """The word of the status."""
        if self.drifted:
            return "Drifted"
        return State.INCONCLUSIVE if self.shift.state is State.OVER else self.shift.state

    @property
    def sentence(self) -> str:
        """How far it is away, in words.

        Such as `age: 0.17 [0.13, 0.21] > 0.1 in 3 of the last 5 windows; 15 % of the rows moved`.
        """
        shift, allowed = self.shift, f"{self.settings.max_distance:g}"
        windows = "1 window" if len(self.votes.last) == 1 else f"{len(self.votes.last)} windows"
        if not self.votes.over:
            return f"{self.name} was farther away than {allowed}, and not all of the last {windows} deny it"
        far = f"{self.name}: {shift.estimate:.2g} [{shift.low:.2g}, {shift.high:.2g}]"
        moved = f"{100 * shift.moved:.0f} % of the rows moved"
        if shift.state is not State.OVER:
            return f"{far}, and was > {allowed} in {self.votes.over} of the last {windows}; {moved}"
        return f"{far} > {allowed} in {self.votes.over} of the last {windows}; {moved}"


def settings_of(check: Check) -> Drift:
    """Return what a check allows."""
    return check.data_drift or check.prediction_drift or Drift()


def longest(spec: DriftMonitorSpec) -> int:
    """Return on how many of the newest windows something rests."""
    return max(settings_of(check).persistence.of for check in spec.checks)


def findings(
    spec: DriftMonitorSpec, reference: Surfaces, windows: Sequence[Window], status: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """Return what the windows say, the feature that is farthest away first.

    Args:
        spec: What is watched.
        reference: The distributions of the training.
        windows: What was counted, the newest last.
        status: What was told before: what had drifted does so until it is over.
    """
    before = {
        (told.get("check"), told.get("name"))
        for told in status.get("features") or ()
        if told.get("verdict") == "Drifted"
    }
    found = (one for check in spec.checks for one in _of_check(spec, check, reference, windows, before))
    return tuple(sorted(found, key=_place))


def _place(one: Finding) -> tuple[bool, int, float, str, str]:
    return not one.drifted, -one.votes.over, -one.shift.estimate, one.check, one.name


def _of_check(
    spec: DriftMonitorSpec,
    check: Check,
    reference: Surfaces,
    windows: Sequence[Window],
    before: set[tuple[Any, Any]],
) -> Iterator[Finding]:
    settings = settings_of(check)
    own = _watched(spec, check, reference)
    rule = Rule(settings.max_distance, settings.false_alarm, spec.min_samples)
    *earlier, newest = _counted(own, windows[-settings.persistence.of :]) or [[]]
    lasting = Persistence(settings.persistence.required, settings.persistence.of)
    votes = [Votes(lasting=(check.name, feature.name) in before) for feature in newest]
    for window in earlier:
        votes = _voted(votes, lasting, overs(window, rule))
    shifts = judge(newest, rule)
    for shift, last in zip(shifts, _voted(votes, lasting, map(_over, shifts)), strict=True):
        yield Finding(check.name, shift.name, shift, last, settings)


def _watched(spec: DriftMonitorSpec, check: Check, reference: Surfaces) -> dict[str, Counts]:
    """Return the distributions that a check judges."""
    prefix, wanted = f"{_SURFACE[check.type]}:", spec.features
    own = {name: counts for name, counts in sorted(reference.items()) if name.startswith(prefix)}
    if check.type != "DataDrift":
        return own
    return {
        name: counts
        for name, counts in own.items()
        if (not wanted.include or name.removeprefix(prefix) in wanted.include)
        and name.removeprefix(prefix) not in wanted.exclude
    }


def _counted(own: Mapping[str, Counts], windows: Sequence[Window]) -> list[list[Counted]]:
    """Return the rows of each window beside the reference, both in the same order of slots."""
    slots = {
        name: sorted({*counts, *(slot for window in windows for slot in window.counts.get(name, ()))})
        for name, counts in own.items()
    }
    before = {name: [own[name].get(slot, 0) for slot in order] for name, order in slots.items()}
    return [
        [
            Counted(name.partition(":")[2], before[name], [window.counts.get(name, {}).get(slot, 0) for slot in order])
            for name, order in slots.items()
        ]
        for window in windows
    ]


def _voted(votes: Iterable[Votes], rule: Persistence, over: Iterable[bool | None]) -> list[Votes]:
    return [voted(before, rule, over=vote) for before, vote in zip(votes, over, strict=True)]


def _over(shift: Shift) -> bool | None:
    return None if shift.state is State.NOT_ENOUGH_DATA else shift.state is State.OVER
