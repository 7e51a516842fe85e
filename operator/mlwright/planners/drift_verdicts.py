"""What the windows say of each feature and output: how far it is from the training, and whether that lasts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlwright.api.drift import Check, Drift, DriftMonitorSpec
from mlwright.plan.drift import Block, Counts, Surfaces
from mlwright.planners.drift_counts import added
from mlwright.stats import persistence
from mlwright.stats.drift import Counted, Rule, Shift, State, judge
from mlwright.stats.persistence import Votes, voted

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


def length(spec: DriftMonitorSpec, every: int) -> int:
    """Return how many blocks the windows need that can be voted on."""
    longest = max(settings_of(check).persistence.of for check in spec.checks)
    return every + longest - 1


def findings(
    spec: DriftMonitorSpec, reference: Surfaces, blocks: Sequence[Block], several: int, status: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """Return what the windows say, the feature that is farthest away first.

    Args:
        spec: What is watched.
        reference: The distributions of the training.
        blocks: What was counted, by their ends; the newest window ends with the last.
        several: Blocks of a window.
        status: What was told before: what had drifted does so until it is over.
    """
    before = {
        (told.get("check"), told.get("name"))
        for told in status.get("features") or ()
        if told.get("verdict") == "Drifted"
    }
    found = (one for check in spec.checks for one in _of_check(spec, check, reference, blocks, several, before))
    return tuple(sorted(found, key=_place))


def _place(one: Finding) -> tuple[bool, int, float, str, str]:
    return not one.drifted, -one.votes.over, -one.shift.estimate, one.check, one.name


def _of_check(
    spec: DriftMonitorSpec,
    check: Check,
    reference: Surfaces,
    blocks: Sequence[Block],
    several: int,
    before: set[tuple[Any, Any]],
) -> Iterator[Finding]:
    settings = settings_of(check)
    own = _watched(spec, check, reference)
    lasting = persistence.Persistence(settings.persistence.required, settings.persistence.of)
    rule = Rule(settings.max_distance, settings.false_alarm, spec.min_samples)
    votes = {name: Votes(lasting=(check.name, name.partition(":")[2]) in before) for name in own}
    newest: dict[str, Shift] = {}
    for window in pools(blocks, several, settings.persistence.of):
        shifts = judge([_counted(name, own[name], window.get(name, {})) for name in own], rule)
        newest = dict(zip(own, shifts, strict=True))
        votes = {name: voted(votes[name], lasting, over=_over(newest[name])) for name in own}
    for name, shift in newest.items():
        yield Finding(check.name, shift.name, shift, votes[name], settings)


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


def _counted(name: str, reference: Counts, window: Counts) -> Counted:
    slots = sorted({*reference, *window})
    return Counted(
        name.partition(":")[2], [reference.get(slot, 0) for slot in slots], [window.get(slot, 0) for slot in slots]
    )


def _over(shift: Shift) -> bool | None:
    return None if shift.state is State.NOT_ENOUGH_DATA else shift.state is State.OVER


def pools(blocks: Sequence[Block], several: int, of: int) -> Iterator[dict[str, dict[str, int]]]:
    """Yield the rows of the newest windows, oldest first; each ends with a block and holds `several` spans of it.

    A window that begins before the first block holds what there is: the first hours have windows of their own.
    """
    for end in blocks[-of:]:
        span = end.until - end.since
        yield added(one.counts for one in blocks if end.until - several * span <= one.since < end.until)


def rows(surfaces: Iterable[Counts]) -> int:
    """Return how many rows were answered: every feature and output counts each of them once.

    >>> rows([{"0": 3, "missing": 1}, {"0": 4}])
    4
    """
    return max((sum(counts.values()) for counts in surfaces), default=0)
