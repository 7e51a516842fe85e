"""Metrics: every one is explained to people."""

from __future__ import annotations

import re
from pathlib import Path

from mlwright.controller.metrics import Metrics
from mlwright.controller.shelf import Holding

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"


MONITOR = {
    "metadata": {"namespace": "shop", "name": "churn"},
    "status": {
        "conditions": [
            {"type": "Ready", "status": "True"},
            {"type": "Drifted", "status": "True"},
            {"type": "QualityDegraded", "status": "False"},
            {"type": "EnoughData", "status": "Unknown"},
        ]
    },
}


def complete() -> Metrics:
    metrics = Metrics()
    metrics.watch(lambda: 3, lambda: {"Job": Holding(2, 700)}, lambda: [MONITOR])
    return metrics


def names(metrics: Metrics) -> set[str]:
    suffix = {"counter": "_total"}
    return {family.name + suffix.get(family.type, "") for family in metrics.registry.collect()}


def test_the_page_lists_exactly_the_metrics_that_exist() -> None:
    """Neither an unexplained nor an invented one."""
    listed = set(re.findall(r"^\| `(mlwright_\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

    assert listed == names(complete())


def test_the_queue_and_the_cache_are_read_when_asked_for() -> None:
    """No loop has to feed them."""
    metrics = complete()

    assert metrics.registry.get_sample_value("mlwright_queue_depth") == 3
    assert metrics.registry.get_sample_value("mlwright_cache_objects", {"kind": "Job"}) == 2
    assert metrics.registry.get_sample_value("mlwright_cache_bytes", {"kind": "Job"}) == 700


def test_what_monitors_found_is_told() -> None:
    """Whoever has alerts needs nothing else; what is not known has no value, rather than a good one."""
    metrics = complete()

    def value(condition: str) -> float | None:
        labels = {"namespace": "shop", "name": "churn", "condition": condition}
        return metrics.registry.get_sample_value("mlwright_driftmonitor_condition", labels)

    assert (value("Drifted"), value("QualityDegraded")) == (1, 0)
    assert (value("EnoughData"), value("Ready")) == (None, None)


def test_calls_and_looks_are_counted_by_what_they_were() -> None:
    """Verb, kind and code; kind and result."""
    metrics = complete()
    metrics.called("create", "Job", 201, 0.01)
    metrics.looked("TrainingRun", "done", 0.01)

    labels = {"verb": "create", "kind": "Job", "code": "201"}
    assert metrics.registry.get_sample_value("mlwright_api_requests_total", labels) == 1
    assert (
        metrics.registry.get_sample_value("mlwright_reconciles_total", {"kind": "TrainingRun", "result": "done"}) == 1
    )


def test_two_operators_in_one_process_do_not_mix() -> None:
    """Each has a registry of its own."""
    first, second = complete(), complete()
    first.lead(leading=True)

    assert first.registry.get_sample_value("mlwright_leader") == 1
    assert second.registry.get_sample_value("mlwright_leader") == 0
