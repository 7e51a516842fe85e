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

BRIEF: Final = 3
"""Of so many glances, the newest, a mean is taken: one that came at an unlucky moment does not count alone."""
GLANCES: Final = 12
"""Of so many as well, where requests that come are counted: four times as many prove half as large a rise. Requests
under way at twelve moments are in part the same requests, counted again and again, and prove no more."""
FRESH: Final = 5.0
"""Seconds after which the newest glance says nothing any more, nor those before it."""
_OLDEST: Final = 15.0
"""Seconds; a glance from before that says nothing beside newer ones: routers of many namespaces are asked in turns."""
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
    if not glances or glances[-1].at < now - FRESH:
        return ()
    return tuple(glance for glance in glances if glance.at >= now - _OLDEST)


def rushes(allowed: Bounds, glances: Sequence[Glance]) -> bool:
    """Tell whether surely more came to the routers, or is under way there, than is allowed.

    Worked example: 31, 29 and 30 requests under way where 10 are allowed -> 90 - 3 sqrt(90) = 61.5 > 30: yes.
    """
    under_way, moments = _under_way(glances)
    comes = (_surely(came, allowed.rate * seconds) for came, seconds in _came(glances))
    return _surely(under_way, allowed.under_way * moments) or any(comes)


def asked(metric: ScalingMetric, glances: Sequence[Glance], pods: int, tolerance: float) -> tuple[float, str] | None:
    """Return the load of a metric as routers know it, and what it is; None where it is no rush.

    Args:
        metric: what the deployment scales by.
        glances: the newest, the oldest of them first.
        pods: of all variants that answer.
        tolerance: how much more than they should the pods may carry.
    """
    if metric.concurrency is not None:
        counts, target = [_under_way(glances)], metric.concurrency.target
        what = "requests under way at the routers"
    elif metric.request_rate is not None:
        counts, target = _came(glances), metric.request_rate.target
        what = "requests/s at the routers"
    else:
        return None
    more = target * pods * (1.0 + tolerance)
    loads = [count / over for count, over in counts if _surely(count, more * over)]
    return (max(loads), what) if loads else None


def _under_way(glances: Sequence[Glance]) -> tuple[float, float]:
    """Return the sum of what was under way, and over how many moments."""
    brief = glances[-BRIEF:]
    return sum(glance.under_way for glance in brief), float(len(brief))


def _came(glances: Sequence[Glance]) -> list[tuple[float, float]]:
    """Return how many requests came, and in how many seconds: in the newest glances, and in all."""
    spans = (glances[-BRIEF:], glances[-GLANCES:])
    return [(sum(g.came for g in span), sum(g.seconds for g in span)) for span in spans]


def _surely(count: float, allowed: float) -> bool:
    """Tell whether a count is above what is allowed by more than chance explains."""
    return count - _SIGMAS * sqrt(count) > allowed
