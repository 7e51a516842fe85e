"""What the windows say of missing, unseen and far-off values of each feature, and whether that lasts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

from mlwright.api.drift import Check, DriftMonitorSpec, Quality
from mlwright.plan.drift_counts import Counts, Surfaces
from mlwright.planners.drift_verdicts import added, watched, windows_of
from mlwright.planners.drift_windows import Window
from mlwright.stats.drift import Rule, State
from mlwright.stats.persistence import Persistence, Votes
from mlwright.stats.shares import Asked, Count, Share, ask, exceeded, judge_shares, percent

_SLOTS: Final = {"Missing": ("missing",), "Unseen": ("unseen",), "OutOfRange": ("below", "above")}
WORDS: Final = {"Missing": "missing", "Unseen": "unseen", "OutOfRange": "out of range"}
"""How people call them."""
_FIELDS: Final = {"Missing": "maxMissing", "Unseen": "maxUnseen", "OutOfRange": "maxOutOfRange"}


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is known of one kind of broken values of one feature.

    Attributes:
        check: Name of the check that judges it.
        name: Of the feature.
        values: Which values are counted, as the status names them.
        share: What the newest window says.
        votes: What the newest windows said.
    """

    check: str
    name: str
    values: str
    share: Share
    votes: Votes

    part = "quality"
    what = "is asked with broken values"
    known = True  # nothing rests on it but telling

    @property
    def lasting(self) -> bool:
        """Whether there are more than allowed, and that lasts."""
        return self.votes.lasting

    @property
    def broken(self) -> bool:
        """Whether there are more than allowed by now: enough not to learn from them."""
        return self.lasting or self.share.state is State.OVER

    @property
    def verdict(self) -> str:
        """The word of the status."""
        if self.lasting:
            return "Degraded"
        return State.INCONCLUSIVE if self.share.state is State.OVER else self.share.state

    @property
    def sentence(self) -> str:
        """How many there are, in words.

        Such as `age: 8 % [7.6 %, 8.5 %] missing > 5.5 % in 3 of the last 5 windows; in the training it was 0.5 %`.
        """
        share, windows = self.share, windows_of(self.votes)
        most = percent(share.asked.usual + share.asked.more)
        usual = f"in the training it was {percent(share.asked.usual)}"
        what = WORDS[self.values]
        if not self.votes.over:
            return f"{self.name}: more than {most} was {what}, and not all of the last {windows} deny it; {usual}"
        told = f"{self.name}: {percent(share.share)} [{percent(share.low)}, {percent(share.high)}] {what}"
        beside = " >" if share.state is State.OVER else ", and was >"
        return f"{told}{beside} {most} in {self.votes.over} of the last {windows}; {usual}"

    @property
    def remedy(self) -> str:
        """What a person can do."""
        field = f"spec.checks[{self.check}].quality.{_FIELDS[self.values]}"
        return f"repair what sends these values, or raise {field} if they are as they should be"

    @property
    def evidence(self) -> dict[str, Any]:
        """What a Decision keeps of it."""
        share = self.share
        return {
            "check": self.check,
            "name": self.name,
            "values": self.values,
            "rows": share.rows,
            "share": round(share.share, 4),
            "lower": round(share.low, 4),
            "upper": round(share.high, 4),
            "usual": round(share.asked.usual, 4),
            "allowed": round(share.asked.usual + share.asked.more, 4),
            "over": self.votes.over,
            "windows": len(self.votes.last),
        }


def flaws(
    spec: DriftMonitorSpec, reference: Surfaces, windows: Sequence[Window], status: Mapping[str, Any]
) -> tuple[Flaw, ...]:
    """Return what the windows say, what is broken most first.

    Args:
        spec: What is watched.
        reference: The distributions of the training.
        windows: What was counted, the newest last.
        status: What was told before: what was degraded is so until it is over.
    """
    before = {
        (told.get("check"), told.get("name"), told.get("values"))
        for told in status.get("quality") or ()
        if told.get("verdict") == "Degraded"
    }
    checks = [check for check in spec.checks if check.type == "Quality"]
    found = (one for check in checks for one in _of_check(spec, check, reference, windows, before))
    return tuple(sorted(found, key=_place))


def _place(one: Flaw) -> tuple[bool, int, float, str, str, str]:
    asked = one.share.asked
    return not one.lasting, -one.votes.over, asked.usual - one.share.share, one.check, one.name, one.values


def _of_check(
    spec: DriftMonitorSpec,
    check: Check,
    reference: Surfaces,
    windows: Sequence[Window],
    before: set[tuple[Any, Any, Any]],
) -> Iterator[Flaw]:
    settings = check.quality or Quality()
    rule = Rule(false_alarm=settings.false_alarm, rows=spec.min_samples)
    places = list(_places(watched(spec, check, reference), settings))
    level = settings.false_alarm / max(1, len(places))
    asked = [_asked(place, reference, settings, level) for place in places]
    *earlier, newest = [_counted(places, window) for window in windows[-settings.persistence.of :]] or [[]]
    lasting = Persistence(settings.persistence.required, settings.persistence.of)
    votes = [Votes(lasting=(check.name, _name(surface), values) in before) for surface, values in places[: len(newest)]]
    for window in earlier:
        votes = added(votes, lasting, exceeded(asked, window, rule))
    shares = judge_shares(asked[: len(newest)], newest, rule)
    over = (None if one.state is State.NOT_ENOUGH_DATA else one.state is State.OVER for one in shares)
    for (surface, values), share, last in zip(places, shares, added(votes, lasting, over), strict=False):
        yield Flaw(check.name, _name(surface), values, share, last)


def _places(own: Surfaces, settings: Quality) -> Iterator[tuple[str, str]]:
    """Yield (distribution, values) for every question: of values that the feature can have and that are limited."""
    for surface, learned in own.items():
        for values, slots in _SLOTS.items():
            if _allowed(settings, values) < 1 and any(slot in learned for slot in slots):
                yield surface, values


def _allowed(settings: Quality, values: str) -> float:
    return {
        "Missing": settings.max_missing,
        "Unseen": settings.max_unseen,
        "OutOfRange": settings.max_out_of_range,
    }[values]


def _asked(place: tuple[str, str], reference: Surfaces, settings: Quality, level: float) -> Asked:
    surface, values = place
    learned = _bad(reference[surface], values), sum(reference[surface].values())
    return ask(_name(surface), WORDS[values], learned, _allowed(settings, values), level)


def _counted(places: Sequence[tuple[str, str]], window: Window) -> list[Count]:
    rows = {
        surface: sum(window.counts.get(surface, {}).values()) for surface in dict.fromkeys(one for one, _ in places)
    }
    return [(_bad(window.counts.get(surface, {}), values), rows[surface]) for surface, values in places]


def _bad(counts: Counts, values: str) -> int:
    return sum(map(counts.get, _SLOTS[values], repeat(0)))


def _name(surface: str) -> str:
    return surface.partition(":")[2]
