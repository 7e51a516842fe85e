"""Which series a check rests on, and what each of them counts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from mlwright.api.analysis import Check
from mlwright.api.fields import parse_latency
from mlwright.plan.measuring import Measure, Selection

REQUESTS: Final = "mlwright_requests_total"
BUCKETS: Final = "mlwright_request_seconds_bucket"
OUTPUTS: Final = "mlwright_output_bin_total"
FEEDBACK: Final = "mlwright_feedback_total"
COMPARED: Final = "mlwright_shadow_compared_total"
DISAGREED: Final = "mlwright_shadow_disagreed_total"
FAILED: Final = "mlwright_shadow_failed_total"

LOOKBACK: Final = 300.0
"""Seconds before the first phase from which on samples are read: the last scrape before it is among them."""


class Part(StrEnum):
    """What one series counts."""

    ALL = "all"
    BAD = "bad"
    BOTH = "both"
    """Requests all of which are bad, but for those that a series of GOOD counts."""
    GOOD = "good"


def selections(measure: Measure, check: Check) -> tuple[Selection, ...]:
    """Return the series that a check needs; none for a query, which is asked as it stands."""
    revisions = (measure.candidate.revision, measure.stable.revision)
    if check.latency is not None:
        edges = (*_edge(parse_latency(check.latency.bound)), "+Inf")
        return (_selection(measure, BUCKETS, revision=revisions, le=edges),)
    if check.disagreement is not None:
        copies = (measure.candidate.revision,)
        return tuple(_selection(measure, one, shadow_revision=copies) for one in (COMPARED, DISAGREED, FAILED))
    if check.type == "Accuracy":
        return (_selection(measure, FEEDBACK, predicted_revision=revisions),)
    if check.type == "PredictionDrift":
        return (_selection(measure, OUTPUTS, revision=revisions, output=("label",)),)
    return (_selection(measure, REQUESTS, revision=revisions),) if check.type == "ErrorRate" else ()


def part(check: Check, metric: str, labels: Mapping[str, str]) -> Part | None:
    """Return what a series counts for a check, or None if it counts nothing of it."""
    if check.latency is not None:
        return _of_bucket(labels, parse_latency(check.latency.bound))
    if check.disagreement is not None:
        return {COMPARED: Part.ALL, DISAGREED: Part.BAD, FAILED: Part.BOTH}[metric]
    if check.type == "Accuracy":
        return {"true": Part.ALL, "false": Part.BOTH}.get(labels.get("correct", ""))
    return Part.BOTH if _failed(labels.get("code", "")) else Part.ALL


def revision(check: Check, labels: Mapping[str, str]) -> str:
    """Return the revision that a series speaks of, which need not be the one that counted it."""
    if check.disagreement is not None:
        return labels.get("shadow_revision", "")
    return labels.get("predicted_revision" if check.type == "Accuracy" else "revision", "")


def _failed(code: str) -> bool:
    """Whether the version is to blame; 422 is a request that fits the signature and that this version cannot answer."""
    return code.startswith("5") or code == "422"


def _of_bucket(labels: Mapping[str, str], bound: float) -> Part | None:
    """Only answers are slow or quick: a candidate that fails at once is not quick."""
    if not labels.get("code", "200").startswith("2"):
        return None
    if labels.get("le") == "+Inf":
        return Part.BOTH
    return Part.GOOD if labels.get("le") in _edge(bound) else None


def _edge(bound: float) -> tuple[str, ...]:
    """Return how an edge may be written: as 1 or 1.0."""
    return tuple(dict.fromkeys((f"{bound:g}", str(bound))))


def _selection(measure: Measure, metric: str, **labels: tuple[str, ...]) -> Selection:
    ours = {"namespace": (measure.namespace,), "deployment": (measure.deployment,)}
    return Selection(metric, ours | labels, min(phase.since for phase in measure.phases) - LOOKBACK)
