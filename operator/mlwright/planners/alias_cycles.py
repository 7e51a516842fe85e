"""Stages chained by aliases: a deployment that follows one and sets the next must not lead back to where it began.

In a circle two versions could chase each other for ever: each deployment takes over what the other gives up.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlwright.plan.serving import Handing

ADVICE = "change it, or spec.model.alias"


def cycle(own: Handing, others: Iterable[Handing]) -> str:
    """Return why a deployment may not set its alias: it would come back to it; empty when it would not.

    Worked example: this one follows new and sets tried, second follows tried and sets new -> both are named.
    """
    if own.follows == own.sets:
        return f"a deployment cannot follow the alias that it sets: {ADVICE}"
    if not (chain := _chain(own, sorted(others, key=lambda other: other.deployment))):
        return ""
    names = ", then ".join(other.deployment for other in chain)
    follows = "follows" if len(chain) == 1 else "follow"
    sets = "sets" if len(chain) == 1 else "set"
    return (
        f"{names} {follows} alias {own.sets}, which this deployment sets, and {sets} {own.follows}, which it follows:"
        f" {ADVICE}"
    )


def _chain(own: Handing, others: list[Handing]) -> tuple[Handing, ...]:
    """Return the deployments by which what is set comes back, a shortest way; none when it does not."""
    ways: list[tuple[Handing, ...]] = [(own,)]
    left = others
    for way in ways:
        if way[-1].sets == own.follows:
            return way[1:]
        ways += [(*way, other) for other in left if other.follows == way[-1].sets]
        left = [other for other in left if other.follows != way[-1].sets]
    return ()
