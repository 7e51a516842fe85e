"""How far the number of replicas may move now: windows and policies as HorizontalPodAutoscaler v2 has them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from mlwright.plan.scaling import Behavior, Change, Direction, Limits, Memory, Policy, Wish


@dataclass(frozen=True, slots=True)
class Move:
    """What becomes of a wish."""

    replicas: int
    held: str
    """What held it back: window, policy or limit; empty when nothing did."""


def move(current: int, wish: int, memory: Memory, behavior: Behavior, limits: Limits, now: float) -> Move:
    """Return how many replicas there may be now when so many are wanted.

    A number outside of the limits is brought to them at once, whatever windows and policies say.

    Args:
        current: replicas now.
        wish: what the metrics ask for.
        memory: what was wanted and done before, without this wish.
        behavior: windows and policies.
        limits: least and most replicas.
        now: seconds since 1970.

    Worked example: 3 replicas, 9 wanted, nothing done before, the default policies -> at most max(3 + 4, 3 * 2) = 7.
    """
    if not limits.least <= current <= limits.most:
        return Move(min(max(current, limits.least), limits.most), "limit")
    calm = stabilized(current, wish, memory.wishes, behavior, now)
    if calm == current:
        return Move(current, "" if wish == current else "window")
    way = behavior.up if calm > current else behavior.down
    reach = _reach(current, memory.changes, way, now, up=calm > current)
    bounded = min(calm, limits.most) if calm > current else max(calm, limits.least)
    allowed = min(bounded, max(reach, current)) if calm > current else max(bounded, min(reach, current))
    return Move(allowed, _held(wish, calm, bounded, allowed))


def _held(wish: int, calm: int, bounded: int, allowed: int) -> str:
    if allowed != bounded:
        return "policy"
    if bounded != calm:
        return "limit"
    return "window" if calm != wish else ""


def stabilized(current: int, wish: int, wishes: Iterable[Wish], behavior: Behavior, now: float) -> int:
    """Return the move that all wishes of its window agree with: the lowest of a way up, the highest of a way down."""
    before = tuple(wishes)
    lowest = min((w.replicas for w in before if w.at > now - behavior.up.window), default=wish)
    highest = max((w.replicas for w in before if w.at > now - behavior.down.window), default=wish)
    return min(max(current, min(wish, lowest)), max(wish, highest))


def held_until(current: int, wish: int, wishes: Iterable[Wish], behavior: Behavior) -> float:
    """Return when the last wish that holds back a move at all leaves its window; seconds since 1970.

    Worked example: 3 replicas, 1 wanted, 3 were wanted last at 12:00:05, a window of 300 s -> 12:05:05.
    """
    up = wish > current
    holding = (w.at for w in wishes if (w.replicas <= current if up else w.replicas >= current))
    return max(holding) + (behavior.up if up else behavior.down).window


def _reach(current: int, changes: Iterable[Change], way: Direction, now: float, *, up: bool) -> int:
    """Return how far policies let the number go, counted from what it was at the begin of each period."""
    if way.select == "Disabled":
        return current
    done = tuple(changes)
    reaches = [_limit(current - sum(c.by for c in done if c.at > now - p.seconds), p, up=up) for p in way.policies]
    return max(reaches) if up == (way.select == "Max") else min(reaches)


def _limit(begun: int, policy: Policy, *, up: bool) -> int:
    """Return how far one policy lets the number go from what it was when its period began."""
    if policy.type == "Pods":
        return begun + policy.value if up else begun - policy.value
    share = policy.value / 100
    return ceil(begun * (1 + share)) if up else int(begun * (1 - share))


def remembered(memory: Memory, wish: Wish, change: Change | None, behavior: Behavior) -> Memory:
    """Return what is to be known at the next look: nothing that no window and no period reaches back to."""
    window = max(behavior.up.window, behavior.down.window)
    period = max(p.seconds for way in (behavior.up, behavior.down) for p in way.policies)
    changes = (*memory.changes, change) if change is not None and change.by else memory.changes
    return Memory(
        tuple(w for w in (*memory.wishes, wish) if w.at > wish.at - window),
        tuple(c for c in changes if c.at > wish.at - period),
    )
