"""The stages of a rollout, as its spec asks for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil

from mlwright.api.fields import parse_duration
from mlwright.api.rollouts import Rollout
from mlwright.plan.rollout import Stage, StageType
from mlwright.plan.serving import ALL


def stages(rollout: Rollout) -> tuple[Stage, ...]:
    """Return the stages; the last is always the bake, which has no length where spec.rollout.bake is absent.

    With a bake the candidate has all traffic during it, while the revision before stays warm.

    A canary needs pods for what it answers, copies included, any other candidate all of them. Approval keeps the share
    before it; copies go on up to the bake, so that answers can be compared in every step.

    What a preflight asks comes before all of them, with no share.

    Example: BlueGreen with a step of type Approval and `bake: 30m` -> Approval at 0 %, then Bake at 100 % for 1800 s.
    """
    steps = tuple(_steps(rollout))
    found = (*_preflight(rollout, steps), *steps)
    hold = int(parse_duration(rollout.bake).total_seconds())
    before = found[-1].percent if found else 0
    return (*found, Stage("bake", StageType.BAKE, ALL if hold else before, ALL, hold))


def straight() -> tuple[Stage, ...]:
    """Return the stages of a revision that served before: it passed its own then, and somebody waits for it."""
    return (Stage("bake", StageType.BAKE, percent=0, size=ALL),)


def divides(found: Iterable[Stage]) -> bool:
    """Tell whether requests must be divided among two revisions, or copied, in any of the stages."""
    return any(0 < stage.percent < ALL or stage.copies for stage in found)


def _preflight(rollout: Rollout, steps: tuple[Stage, ...]) -> Iterator[Stage]:
    """Return the stages in which pods are asked first; they need the pods of the stage behind them."""
    size = steps[0].size if steps else ALL
    if rollout.preflight and rollout.preflight.replay:
        yield Stage("preflight", StageType.PREFLIGHT, percent=0, size=size)
    if rollout.preflight and rollout.preflight.container:
        yield Stage("own-preflight", StageType.OWN_PREFLIGHT, percent=0, size=size)


def _steps(rollout: Rollout) -> Iterator[Stage]:
    percent, copies, divided = 0, 0, rollout.strategy == "Canary"
    for step in rollout.steps:
        percent = step.weight.percent if step.weight else percent
        copies = step.shadow.percent if step.shadow else copies
        length = (step.weight and step.weight.hold) or (step.shadow and step.shadow.duration) or "0s"
        hold = int(parse_duration(length).total_seconds())
        size = min(ALL, percent + copies) if divided else ALL
        yield Stage(step.name, StageType(step.type), percent, size, hold, copies)


def pods(stage: Stage, replicas: int) -> int:
    """Return how many pods a candidate needs in a stage; at least one.

    >>> pods(Stage("five", StageType.WEIGHT, percent=5, size=5), 10)
    1
    >>> pods(Stage("half", StageType.WEIGHT, percent=50, size=50), 5)
    3
    """
    return enough(stage.size, replicas)


def enough(percent: int, replicas: int) -> int:
    """Return how many pods answer that share of what `replicas` pods answer; at least one."""
    return max(1, ceil(replicas * percent / 100))


def resumed(found: tuple[Stage, ...], percent: int) -> int:
    """Return the stage at which a rollout goes on whose progress was lost: the first with the share that it has.

    So what clients get does not change; only times begin anew.
    """
    return next((number for number, stage in enumerate(found) if stage.percent >= percent), len(found) - 1)
