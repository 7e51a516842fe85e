"""What is asked about the load: one question for each kind of metric, whatever number of deployments asks it. Pure.

Counters are looked at over the last minute, into which three scrapes of the usual 15 s fit. Mean concurrency is the
time that requests took by the time that went by (Little's law), so no gauge is sampled at unlucky moments. Where two
Prometheus servers of a pair scrape the same pods, one of the two counts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mlwright.api.autoscaling import Autoscaling, ScalingMetric
from mlwright.api.fields import parse_latency
from mlwright.plan.loads import Question

_WINDOW: Final = "1m"


def _rate(series: str) -> str:
    return f"sum by (namespace, pod) (max by (namespace, pod, code) (rate({series}[{_WINDOW}])))"


REQUESTS: Final = Question(_rate("mlwright_requests_total"))
SECONDS: Final = Question(_rate("mlwright_request_seconds_sum"))


COUNTED: Final = Question(
    f"sum by (namespace, pod) (max by (namespace, pod, code) (last_over_time(mlwright_requests_total[{_WINDOW}])))"
)
"""All requests that each pod has answered; of one that was not scraped for a minute nothing is known."""


@lru_cache(maxsize=64)  # there are some twenty edges, and a thousand deployments ask for the same few
def quick(bound: str) -> Question:
    """Return the question how many answers per second stay within a bound such as `50ms`.

    >>> 'le="0.05"' in quick("50ms").promql
    True
    """
    return Question(_rate(f'mlwright_request_seconds_bucket{{le="{parse_latency(bound)}"}}'))


def own(promql: str, namespace: str, deployment: str) -> Question:
    """Return the question of somebody's own; names of Kubernetes need no escape."""
    filled = promql.replace("${namespace}", namespace).replace("${deployment}", deployment)
    return Question(filled, whole=True)


def past(namespace: str, deployment: str) -> str:
    """Return the query for all requests per second of one deployment, counted as live; names need no escape.

    >>> past("shop", "churn").endswith('(rate(mlwright_requests_total{namespace="shop",deployment="churn"}[1m]))))')
    True
    """
    of = f'namespace="{namespace}",deployment="{deployment}"'
    return f"sum({_rate(f'mlwright_requests_total{{{of}}}')})"


def asked(metric: ScalingMetric, namespace: str, deployment: str) -> tuple[Question, ...]:
    """Return what a metric is found from."""
    if metric.latency is not None:
        return REQUESTS, quick(metric.latency.bound)
    if metric.query is not None:
        return (own(metric.query.promql, namespace, deployment),)
    return (SECONDS,) if metric.concurrency is not None else (REQUESTS,)


def questions(spec: Autoscaling, namespace: str, deployment: str) -> tuple[Question, ...]:
    """Return all questions of a deployment, each once, in the order of its metrics."""
    found = (question for metric in spec.metrics for question in asked(metric, namespace, deployment))
    return tuple(dict.fromkeys((*found, *(() if spec.min_replicas else (COUNTED,)))))
