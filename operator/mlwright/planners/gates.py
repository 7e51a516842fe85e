"""Judging gates: each one gets an outcome and a sentence; a value that is not known never passes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

CLOSE: Final = 0.0001
"""A miss smaller than this shows in full, or the sentence would call two equal figures different."""


def judge(gates: Iterable[Mapping[str, Any]], metrics: Mapping[str, float]) -> tuple[dict[str, Any], ...]:
    """Judge every gate on the metrics of the held-out rows.

    >>> good = {"name": "good", "type": "Threshold", "threshold": {"metric": "f1", "min": 0.8}}
    >>> judge([good], {"f1": 0.75})[0]["sentence"]
    'gate good failed: f1 is 0.7500, 0.0500 below the required 0.8'
    """
    return tuple(_threshold(gate, metrics) for gate in gates)


def passed(results: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether all gates passed; no gates, no objection."""
    return all(result["outcome"] == "Passed" for result in results)


def summary(results: tuple[Mapping[str, Any], ...]) -> str:
    """Return the sentence of the first gate that did not pass, or one for all that did."""
    refused = next((str(result["sentence"]) for result in results if result["outcome"] != "Passed"), "")
    return refused or ("all gates passed" if results else "no gates are set")


def _threshold(gate: Mapping[str, Any], metrics: Mapping[str, float]) -> dict[str, Any]:
    bound = gate["threshold"]
    metric = bound["metric"]
    value = metrics.get(metric)
    if value is None or not math.isfinite(value):
        sentence = f"gate {gate['name']} has no data: {metric} was not measured on the held-out rows"
        return {"name": gate["name"], "outcome": "NoData", "metric": metric, "sentence": sentence}
    miss, words = _miss(value, bound)
    outcome = "Failed" if miss else "Passed"
    figure = f"{value:.4f}" if not 0 < miss < CLOSE else f"{value!r}"
    sentence = f"gate {gate['name']} {outcome.lower()}: {metric} is {figure}, {words}"
    return {"name": gate["name"], "outcome": outcome, "metric": metric, "value": value, "sentence": sentence}


def _miss(value: float, bound: Mapping[str, float]) -> tuple[float, str]:
    """Return by how much a value misses its bounds (0: not at all), and its place in words."""
    low, high = bound.get("min", -math.inf), bound.get("max", math.inf)
    if value < low:
        return low - value, f"{_distance(low - value)} below the required {low:g}"
    if value > high:
        return value - high, f"{_distance(value - high)} above the allowed {high:g}"
    if math.isfinite(low) and math.isfinite(high):
        return 0.0, f"within {low:g} to {high:g}"
    return 0.0, f"at least {low:g}" if math.isfinite(low) else f"at most {high:g}"


def _distance(miss: float) -> str:
    return f"{miss:.4f}" if miss >= CLOSE else f"{miss:.1e}"
