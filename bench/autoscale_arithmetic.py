"""The arithmetic of scaling on random cases, beside an independently written model of HorizontalPodAutoscaler v2.

A case is a whole look: what pods carry becomes a wish, and the wish a move within windows, policies and limits. Numbers
of pods and policies are small, so that cases meet their edges often.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from bench.figures import Figures
from mlwright.api.autoscaling import Behavior
from mlwright.plan.scaling import Carried, Change, Limits, Memory, Tolerance, Wish
from mlwright.planners.autoscaling import rules
from mlwright.planners.replica_calculator import by_pods, by_ratio, by_total
from mlwright.planners.scaling_behavior import move
from tests.support import hpa_model

NOW: Final = 10_000.0


def equal(count: int) -> Figures:
    """Hold random cases against the model."""
    chance = Random(20_26)  # noqa: S311  # seeded
    same = 0
    for _ in range(count):
        ours, theirs = wish(chance)
        here, there = moved(chance)
        same += ours == theirs and here == there
    return {"hpa_equal_cases": same, "hpa_unequal_cases": count - same}


def wish(chance: Random) -> tuple[int | None, int | None]:
    """Return what a random load asks for: as the planner finds it, and as the model does."""
    current, target = chance.randint(1, 12), chance.choice([1, 7, 100, 1000, 33_333])
    up, down = chance.choice([(0.1, 0.1), (0.0, 0.0), (0.25, 0.05)])
    tolerance, kind = Tolerance(up, down), chance.randrange(3)
    value = round(target * chance.choice([0.0, 0.5, 0.9, 1.0, 1.1, chance.uniform(0, 4)]) * current)
    if kind == 0:
        return by_total(current, value, target, tolerance), hpa_model.external_per_pod_replicas(
            current, value, target, up, down
        )
    if kind == 1:
        ready, zero = chance.randint(1, current), chance.random() < 0.1  # noqa: PLR2004  # a tenth from zero
        now = 0 if zero else current
        return by_ratio(now, ready, value, target, tolerance), hpa_model.external_value_replicas(
            now, ready, value, target, up, down
        )
    return _by_pods(chance, current, target, tolerance)


def _by_pods(chance: Random, current: int, target: int, tolerance: Tolerance) -> tuple[int | None, int | None]:
    pods = [f"p{number}" for number in range(chance.randint(1, 12))]
    fates = {pod: chance.choice(["ready", "ready", "ready", "unready", "missing"]) for pod in pods}
    ready, unready, missing = ({p for p, fate in fates.items() if fate == of} for of in ("ready", "unready", "missing"))
    carried = {pod: round(target * chance.choice([0.0, 0.9, 1.0, 1.1, chance.uniform(0, 3)])) for pod in ready}
    ours = by_pods(current, Carried(carried, frozenset(unready), frozenset(missing)), target, tolerance)
    values = dict(carried)
    theirs = hpa_model.plain_metric_replicas(
        current, values, ready, unready, missing, target, tolerance.up, tolerance.down
    )
    return ours, theirs


def moved(chance: Random) -> tuple[int, int]:
    """Return how far a random wish gets: by the planner, and by the model."""
    least = chance.randint(1, 5)
    most = least + chance.randint(0, 20)
    current, wanted = chance.randint(least, most), chance.randint(0, 40)
    behavior = {"scaleUp": _way(chance), "scaleDown": _way(chance)}
    wishes = [(NOW - chance.choice([0, 15, 60, 300, chance.uniform(0, 400)]), chance.randint(1, 30)) for _ in range(4)]
    ups = [(NOW - chance.choice([15, 60, chance.uniform(0, 90)]), chance.randint(1, 6)) for _ in range(2)]
    downs = [(NOW - chance.choice([15, 60, chance.uniform(0, 90)]), chance.randint(1, 6)) for _ in range(2)]
    memory = Memory(
        tuple(Wish(at, replicas) for at, replicas in wishes),
        (*(Change(at, by) for at, by in ups), *(Change(at, -by) for at, by in downs)),
    )
    ours = move(current, wanted, memory, rules(Behavior.model_validate(behavior)), Limits(least, most), NOW)
    return ours.replicas, hpa_model.normalize(current, wanted, wishes, ups, downs, behavior, least, most, NOW)


def _way(chance: Random) -> dict[str, Any]:
    policies = [
        {
            "type": chance.choice(["Pods", "Percent"]),
            "value": chance.choice([1, 3, 10, 50, 100]),
            "periodSeconds": chance.choice([15, 60]),
        }
        for _ in range(chance.randint(1, 3))
    ]
    return {
        "stabilizationWindowSeconds": chance.choice([0, 60, 300]),
        "selectPolicy": chance.choice(["Max", "Min", "Disabled"]),
        "policies": policies,
    }
