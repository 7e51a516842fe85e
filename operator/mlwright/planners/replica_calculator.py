"""How many replicas a metric asks for: the arithmetic of Kubernetes' HorizontalPodAutoscaler v2. Pure.

Source: the algorithm as Kubernetes documents it (Horizontal Pod Autoscaling, "Algorithm details"), and the controller's
treatment of pods that are not ready or have no value. People know it, and its care with pods of which nothing is known
is what keeps a failing scrape from scaling anything away.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from mlwright.plan.scaling import Carried, Millis, Tolerance


def by_pods(current: int, carried: Carried, target: Millis, tolerance: Tolerance) -> int | None:
    """Return how many replicas bring the mean of a metric over pods to its target; None when no pod has a value.

    Pods of which nothing is known count as carrying their target when less is needed, and nothing when more is: so
    they hold back either move. Pods that start hold back a move up in the same way.

    Args:
        current: replicas now.
        carried: what the pods carry.
        target: mean to be reached, more than 0.
        tolerance: how far off the mean may be.

    Worked example: 4 ready pods carry 150 each with a target of 100 -> ceil(1.5 * 4) = 6.
    """
    values = {pod: value for pod, value in carried.values.items() if pod not in carried.unready}
    if not values:
        return None
    ratio = _ratio(values, target)
    starting = carried.unready if ratio > 1.0 else frozenset()
    if not starting and not carried.missing:
        return current if tolerance.allows(ratio) else ceil(ratio * len(values))
    assumed = target if ratio < 1.0 else 0
    unknown = carried.missing if ratio != 1.0 else frozenset()  # nothing moves, so there is nothing to hold back
    filled = values | dict.fromkeys(unknown, assumed) | dict.fromkeys(starting, 0)
    return _careful(current, ratio, _ratio(filled, target), len(filled), tolerance)


def _careful(current: int, seen: float, assumed: float, pods: int, tolerance: Tolerance) -> int:
    """Move only where what is assumed of unknown pods leaves the direction that was seen."""
    turned = (seen < 1.0 < assumed) or (assumed < 1.0 < seen)
    if turned or tolerance.allows(assumed):
        return current
    wanted = ceil(assumed * pods)
    wrong_way = wanted > current if assumed < 1.0 else wanted < current
    return current if wrong_way else wanted


def by_total(current: int, total: Millis, target: Millis, tolerance: Tolerance) -> int:
    """Return how many replicas share a total so that each has its target.

    At zero replicas anything above nothing is too much.

    Worked example: 83 requests/s with 10 for each -> 9, unless 8 or 9 replicas are there already.
    """
    ratio = total / (target * current) if current else (2.0 + tolerance.up if total > 0 else 1.0)
    return current if tolerance.allows(ratio) else ceil(total / target)


def by_ratio(current: int, ready: int, value: Millis, target: Millis, tolerance: Tolerance) -> int:
    """Return how many replicas bring a value of the whole to its target, if it falls as they grow.

    Worked example: 8 % of the requests are slow where 5 % may be, 5 pods are ready -> ceil(1.6 * 5) = 8.
    """
    ratio = value / target
    if not current:
        return ceil(ratio)
    return current if tolerance.allows(ratio) else ceil(ratio * ready)


def _ratio(values: Mapping[str, Millis], target: Millis) -> float:
    """Return the mean, in whole thousandths as the controller takes it, by its target."""
    return sum(values.values()) // len(values) / target
