"""Whether more comes to the routers than the pods there are should carry: the fast way to more pods. Pure.

A glance at the routers is a second old where what Prometheus knows is half a minute old and a mean over a minute. It
only ever asks for more pods: a router that was not heard makes the number smaller than it is, never larger.

A glance is a sample, and chance makes samples large now and then: with each second as a new attempt, three pods that
carry just what they should would be seen above it every minute. So a rush must be sure. Requests that come, and those
under way at moments, scatter at least as a Poisson count N, by about sqrt(N): a rush is when even N - 3 sqrt(N) is more
than all pods should carry in that time. How many pods that makes is then said by the mean itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from typing import Final

from mlwright.api.autoscaling import Autoscaling, ScalingMetric
from mlwright.plan.loads import Bounds, Glance

GLANCES: Final = 3
"""Of so many, the newest, a mean is taken: one that came at an unlucky moment does not count alone."""
FRESH: Final = 5.0
"""Seconds after which a glance says nothing any more."""
AGAIN: Final = 5.0
"""Seconds between two looks at a deployment that is in a rush: policies may allow more only later."""
_SIGMAS: Final = 3.0


def asks(spec: Autoscaling) -> bool:
    """Tell whether routers know anything of what a deployment scales by."""
    return any(metric.concurrency or metric.request_rate for metric in spec.metrics)


def bounds(spec: Autoscaling, pods: int) -> Bounds:
    """Return what so many pods may carry without a rush.

    Worked example: 3 pods, 10 requests under way for each, tolerance 0.1 -> 33.
    """
    more = pods * (1.0 + spec.behavior.scale_up.tolerance)
    under_way = (metric.concurrency.target * more for metric in spec.metrics if metric.concurrency)
    rate = (metric.request_rate.target * more for metric in spec.metrics if metric.request_rate)
    return Bounds(min(under_way, default=inf), min(rate, default=inf))


def fresh(glances: Sequence[Glance], now: float) -> tuple[Glance, ...]:
    """Return the glances that still say something."""
    return tuple(glance for glance in glances if glance.at >= now - FRESH)


def rushes(allowed: Bounds, glances: Sequence[Glance]) -> bool:
    """Tell whether surely more came to the routers, or is under way there, than is allowed.

    Worked example: 31, 29 and 30 requests under way where 10 are allowed -> 90 - 3 sqrt(90) = 61.5 > 30: yes.
    """
    came, seconds = _came(glances)
    under_way = sum(glance.under_way for glance in glances)
    return _surely(under_way, allowed.under_way * len(glances)) or _surely(came, allowed.rate * seconds)


def asked(metric: ScalingMetric, glances: Sequence[Glance], pods: int, tolerance: float) -> tuple[float, str] | None:
    """Return the load of a metric as routers know it, and what it is; None where it is no rush.

    Args:
        metric: what the deployment scales by.
        glances: the newest, the oldest of them first.
        pods: of all variants that answer.
        tolerance: how much more than they should the pods may carry.
    """
    if metric.concurrency is not None:
        total, over, target = (
            sum(glance.under_way for glance in glances),
            float(len(glances)),
            metric.concurrency.target,
        )
        what = "requests under way at the routers"
    elif metric.request_rate is not None:
        (total, over), target = _came(glances), metric.request_rate.target
        what = "requests/s at the routers"
    else:
        return None
    return (total / over, what) if _surely(total, target * pods * (1.0 + tolerance) * over) else None


def _came(glances: Sequence[Glance]) -> tuple[float, float]:
    return sum(glance.came for glance in glances), sum(glance.seconds for glance in glances)


def _surely(count: float, allowed: float) -> bool:
    """Tell whether a count is above what is allowed by more than chance explains."""
    return count - _SIGMAS * sqrt(count) > allowed
