"""Reference model of the arithmetic of HorizontalPodAutoscaler v2, as of Kubernetes 1.35.

Written without a look at the planners, so that one can be held against the other; nothing but tests uses it.

Metric values are int milli-units (int64 upstream), ratios are float64, and a
replica count is an int32 obtained from a ceiling (metrics, scale-up percent) or
a truncation toward zero (scale-down percent).  Times are plain seconds.
"""

from __future__ import annotations

import math
from typing import Any

MAX_INT32 = 2**31 - 1
MIN_INT32 = -(2**31)

Events = list[tuple[float, int]]


def to_int32(value: float) -> int:
    """Unguarded Go float64 -> int32 on amd64: truncate; out of range is MIN_INT32."""
    whole = math.trunc(value)
    return whole if MIN_INT32 <= whole <= MAX_INT32 else MIN_INT32


def capped_int32(value: float) -> int:
    """Guarded conversion (the external metric paths): cap at the int32 maximum."""
    return MAX_INT32 if value > MAX_INT32 else to_int32(value)


def wrap_int32(value: int) -> int:
    """Two's-complement wrap-around of int32 addition and subtraction."""
    return (value - MIN_INT32) % 2**32 + MIN_INT32


def go_div(numerator: int, denominator: int) -> int:
    """Go's integer division, which truncates toward zero."""
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def within(ratio: float, tol_up: float, tol_down: float) -> bool:
    """True when the ratio lies in the closed tolerance band around 1."""
    return 1.0 - tol_down <= ratio <= 1.0 + tol_up


def mean_ratio(values: dict[str, int], target_milli: int) -> float:
    """Integer mean of the values, divided by the target as float64."""
    return float(go_div(sum(values.values()), len(values))) / float(target_milli)


def plain_metric_replicas(  # noqa: PLR0917  # all that the algorithm takes
    current: int,
    metrics: dict[str, int],
    ready: set[str],
    unready: set[str],
    missing: set[str],
    target_milli: int,
    tol_up: float,
    tol_down: float,
) -> int | None:
    """Proposal for a Pods metric; None when no usable pod value exists.

    >>> plain_metric_replicas(2, {"a": 300, "b": 301}, {"a", "b"}, set(), set(), 200, .1, .1)
    3
    >>> plain_metric_replicas(2, {"a": 300}, {"a"}, {"b"}, set(), 100, .1, .1)
    3
    >>> plain_metric_replicas(3, {"a": 50, "b": 50}, {"a", "b"}, set(), {"c"}, 100, .1, .1)
    2
    >>> plain_metric_replicas(1, {"a": 50}, set(), {"a"}, set(), 100, .1, .1) is None
    True
    >>> plain_metric_replicas(2, {"a": 100}, {"a"}, set(), {"b"}, 100, .1, .1)
    2
    """
    used = {pod: value for pod, value in metrics.items() if pod not in unready}
    if not used:
        return None
    ratio = mean_ratio(used, target_milli)
    up_with_unready = bool(unready) and ratio > 1.0
    if not up_with_unready and not missing:
        if within(ratio, tol_up, tol_down):
            return current
        return to_int32(math.ceil(ratio * float(len(ready))))
    if ratio != 1.0:  # at exactly 1 missing pods stay out of the mean (upstream PR 117845)
        used.update(dict.fromkeys(missing, target_milli if ratio < 1.0 else 0))
    if up_with_unready:
        used.update(dict.fromkeys(unready, 0))
    new_ratio = mean_ratio(used, target_milli)
    flipped = (ratio < 1.0 < new_ratio) or (new_ratio < 1.0 < ratio)
    if within(new_ratio, tol_up, tol_down) or flipped:
        return current
    replicas = to_int32(math.ceil(new_ratio * float(len(used))))
    if (new_ratio < 1.0 and replicas > current) or (new_ratio > 1.0 and replicas < current):
        return current
    return replicas


def external_per_pod_replicas(current: int, total_milli: int, target_milli: int, tol_up: float, tol_down: float) -> int:
    """Proposal for an External metric with an AverageValue target.

    >>> [external_per_pod_replicas(2, total, 100, .1, .1) for total in (219, 301, 0)]
    [2, 4, 0]
    """
    ratio = float(total_milli) / (float(target_milli) * float(current))
    if within(ratio, tol_up, tol_down):
        return current
    return capped_int32(math.ceil(float(total_milli) / float(target_milli)))


def external_value_replicas(
    current: int, ready_count: int, value_milli: int, target_milli: int, tol_up: float, tol_down: float
) -> int:
    """Proposal for an External metric with a Value target, also from zero.

    >>> external_value_replicas(4, 3, 200, 100, .1, .1), external_value_replicas(0, 0, 101, 100, .1, .1)
    (6, 2)
    """
    ratio = float(value_milli) / float(target_milli)
    if current == 0:
        return to_int32(math.ceil(ratio))
    if within(ratio, tol_up, tol_down):
        return current
    return capped_int32(math.ceil(ratio * float(ready_count)))


def stabilize(current: int, desired: int, recommendations: Events, behavior: dict[str, Any], now: float) -> int:
    """Move `current` only as far as both windows of past recommendations allow."""
    up_cutoff = now - behavior["scaleUp"]["stabilizationWindowSeconds"]
    down_cutoff = now - behavior["scaleDown"]["stabilizationWindowSeconds"]
    low = min([desired] + [count for at, count in recommendations if at > up_cutoff])
    high = max([desired] + [count for at, count in recommendations if at > down_cutoff])
    return min(max(current, low), high)


def period_start(current: int, up_events: Events, down_events: Events, seconds: int, now: float) -> int:
    """Replica count at the start of a policy period, undoing the changes since."""
    added = sum(count for at, count in up_events if at > now - seconds)
    removed = sum(count for at, count in down_events if at > now - seconds)
    return wrap_int32(current - added + removed)


def policy_limit(policy: dict[str, Any], start: int, sign: int) -> int:
    """Replica count one policy allows; sign is +1 for scale-up, -1 for scale-down."""
    if policy["type"] == "Pods":
        return wrap_int32(start + sign * policy["value"])
    product = float(start) * (1.0 + sign * (float(policy["value"]) / 100.0))
    return to_int32(math.ceil(product)) if sign > 0 else to_int32(product)


def rate_limit(
    current: int, rules: dict[str, Any], sign: int, up_events: Events, down_events: Events, now: float
) -> int:
    """Limit chosen among all policies of one direction, before any clamping."""
    if rules["selectPolicy"] == "Disabled":
        return current
    limits = [
        policy_limit(p, period_start(current, up_events, down_events, p["periodSeconds"], now), sign)
        for p in rules["policies"]
    ]
    largest_count = (rules["selectPolicy"] == "Min") == (sign < 0)
    return max(limits, default=MIN_INT32) if largest_count else min(limits, default=MAX_INT32)


def normalize(  # noqa: PLR0917  # all that the algorithm takes
    current: int,
    desired: int,
    recommendations: Events,
    up_events: Events,
    down_events: Events,
    behavior: dict[str, Any],
    minimum: int,
    maximum: int,
    now: float,
) -> int:
    """Stabilise, then apply the rate policies and the minimum/maximum bounds.

    >>> rules = {"stabilizationWindowSeconds": 60, "selectPolicy": "Max", "policies": [
    ...     {"type": "Percent", "value": 50, "periodSeconds": 60}]}
    >>> both = {"scaleUp": rules, "scaleDown": rules}
    >>> [normalize(5, want, [], [], [], both, 1, 9, 100.0) for want in (20, 0, 4)]
    [8, 2, 4]
    >>> normalize(5, 2, [(41.0, 4), (40.0, 5)], [(50.0, 1)], [], both, 1, 9, 100.0)
    4
    """
    target = stabilize(current, desired, recommendations, behavior, now)
    if target > current:
        limit = rate_limit(current, behavior["scaleUp"], 1, up_events, down_events, now)
        return min(target, maximum, max(limit, current))
    if target < current:
        limit = rate_limit(current, behavior["scaleDown"], -1, up_events, down_events, now)
        return max(target, minimum, min(limit, current))
    return target
