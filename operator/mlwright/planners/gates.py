"""Judging gates: each one gets an outcome and a sentence; a value that is not known never passes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any


def judge(gates: Iterable[Mapping[str, Any]], metrics: Mapping[str, float]) -> tuple[dict[str, Any], ...]:
    """Judge every gate on the metrics of the held-out rows.

    >>> judge([{"name": "good", "type": "Threshold", "threshold": {"metric": "f1", "min": 0.8}}], {"f1": 0.75})[0]["sentence"]
    'gate good failed: f1 is 0.7500, 0.0500 below the required 0.8'
    """
    return tuple(_threshold(gate, metrics) for gate in gates)


def passed(results: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether all gates passed; no gates, no objection."""
    return all(result["outcome"] == "Passed" for result in results)


def summary(results: tuple[Mapping[str, Any], ...]) -> str:
    """Return the sentence of the first gate that did not pass, or one for all that did."""
    for result in results:
        if result["outcome"] != "Passed":
            return str(result["sentence"])
    return "all gates passed" if results else "no gates are set"


def _threshold(gate: Mapping[str, Any], metrics: Mapping[str, float]) -> dict[str, Any]:
    bound = gate["threshold"]
    metric = bound["metric"]
    value = metrics.get(metric)
    if value is None or not math.isfinite(value):
        sentence = f"gate {gate['name']} has no data: {metric} was not measured on the held-out rows"
        return {"name": gate["name"], "outcome": "NoData", "metric": metric, "sentence": sentence}
    miss = _miss(value, bound)
    outcome = "Failed" if miss else "Passed"
    sentence = f"gate {gate['name']} {outcome.lower()}: {metric} is {value:.4f}{miss or _met(bound)}"
    return {"name": gate["name"], "outcome": outcome, "metric": metric, "value": value, "sentence": sentence}


def _miss(value: float, bound: Mapping[str, float]) -> str:
    low, high = bound.get("min"), bound.get("max")
    if low is not None and value < low:
        return f", {low - value:.4f} below the required {low:g}"
    if high is not None and value > high:
        return f", {value - high:.4f} above the allowed {high:g}"
    return ""


def _met(bound: Mapping[str, float]) -> str:
    low, high = bound.get("min"), bound.get("max")
    if low is not None and high is not None:
        return f", within {low:g} to {high:g}"
    return f", at least {low:g}" if low is not None else f", at most {high:g}"
