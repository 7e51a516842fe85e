"""Judging gates: each one gets an outcome and a sentence; a value that is not known never passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from mlwright.api.fields import parse_latency
from mlwright.planners import champion_gate
from mlwright.planners.champion import NOBODY, Contest
from mlwright.planners.figures import count, number, rows

CLOSE: Final = 0.0001
"""A miss smaller than this shows in full, or the sentence would call two equal figures different."""

Gate = Mapping[str, Any]
"""One gate of a pipeline, as JSON."""
Result = dict[str, Any]
"""A GateResult, as JSON."""
Outcome = Literal["Passed", "Held", "Rejected"]
_REFUSING: Final = frozenset({"Failed", "NoData"})
"""Outcomes of a gate with which a version is never served."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the step evaluate reported: the metrics, and by the name of a gate what it asked for beside them."""

    metrics: Mapping[str, float]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    contest: Contest = NOBODY

    def of(self, gate: Gate) -> Mapping[str, Any]:
        """Return the evidence for a gate; an image of somebody's own may report anything, or nothing."""
        found = self.evidence.get(gate["name"])
        return found if isinstance(found, Mapping) else {}


def judge(gates: Iterable[Gate], measured: Measured) -> tuple[Result, ...]:
    """Judge every gate on what was measured on the held-out rows.

    >>> good = {"name": "good", "type": "Threshold", "threshold": {"metric": "f1", "min": 0.8}}
    >>> judge([good], Measured({"f1": 0.75}))[0]["sentence"]
    'gate good failed: f1 is 0.7500, 0.0500 below the required 0.8'
    """
    return tuple(_JUDGES[gate["type"]](gate, measured) for gate in gates)


def outcome(results: Iterable[Mapping[str, Any]]) -> Outcome:
    """Return the verdict on a version; no gates, no objection.

    >>> outcome([{"outcome": "Passed"}, {"outcome": "Held"}])
    'Held'
    """
    found = {result["outcome"] for result in results}
    if found & _REFUSING:
        return "Rejected"
    return "Held" if "Held" in found else "Passed"


def summary(results: tuple[Mapping[str, Any], ...]) -> str:
    """Return the sentence of the first gate that refused, else of one that could not decide, or one for all."""
    open_ = sorted((r for r in results if r["outcome"] != "Passed"), key=lambda r: r["outcome"] not in _REFUSING)
    return str(open_[0]["sentence"]) if open_ else "all gates passed" if results else "no gates are set"


def _threshold(gate: Gate, measured: Measured) -> Result:
    bound = gate["threshold"]
    value = number(measured.metrics.get(bound["metric"]))
    if value is None:
        return _no_data(gate, f"{bound['metric']} was not measured on the held-out rows", bound["metric"])
    return _within(gate, bound, value)


def _slices(gate: Gate, measured: Measured) -> Result:
    """The worst slice is judged; those that could not be are told."""
    settings, found = gate["slices"], measured.of(gate)
    metric, column, worst = settings["metric"], settings["column"], number(found.get("worst"))
    if worst is None:
        why = _unjudged(settings, found) or f"{metric} was not measured by {column}"
        return _no_data(gate, f"no value of {column} could be judged: {why}" if found else why, metric)
    where = f" where {column} is {found.get('at')} ({rows(found.get('rows'))})"
    others = count(found, "judged")
    unjudged = _unjudged(settings, found)
    told = f"the worst of {others}" if others > 1 else "the only one"
    return _within(gate, settings, worst, where=where, more=f"{told}; not judged: {unjudged}" if unjudged else told)


def _unjudged(settings: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return how many slices could not be judged, and why; empty when all were."""
    small, undefined, left = (count(found, key) for key in ("small", "undefined", "left"))
    parts = (
        f"{small} with fewer than {settings['minRows']:,} rows ({rows(found.get('smallRows'))} in all)" * bool(small),
        f"{undefined} in which {settings['metric']} is undefined" * bool(undefined),
        f"{left} beyond the largest" * bool(left),
    )
    return ", ".join(filter(None, parts))


def _fairness(gate: Gate, measured: Measured) -> Result:
    settings, found = gate["fairness"], measured.of(gate)
    metric, column, value = settings["metric"], settings["column"], number(found.get("value"))
    unjudged = _unjudged(settings, found)
    if value is None:
        why = f"fewer than two groups of {column} could be compared" if found else f"{metric} was not measured"
        return _no_data(gate, f"{why}: not compared: {unjudged}" if unjudged else why, metric)
    where = f" between {column} {found.get('from')} and {found.get('to')}"
    groups = f"{count(found, 'groups')} groups compared"
    return _within(gate, settings, value, where=where, more=f"{groups}; not: {unjudged}" if unjudged else groups)


def _cost(gate: Gate, measured: Measured) -> Result:
    """Latency and size; the one that misses its bound speaks, else both do."""
    settings, found = gate["cost"], measured.of(gate)
    parts = tuple(part for part in (_latency(settings, found), _size(settings, found)) if part is not None)
    name, refused = gate["name"], next((part for part in parts if part["outcome"] != "Passed"), parts[0])
    if refused["outcome"] == "NoData":
        return _no_data(gate, refused["sentence"], refused["metric"])
    told = refused["sentence"] if refused["outcome"] == "Failed" else "; ".join(part["sentence"] for part in parts)
    return refused | {"name": name, "sentence": f"gate {name} {refused['outcome'].lower()}: {told}"}


def _latency(settings: Mapping[str, Any], found: Mapping[str, Any]) -> Result | None:
    if "latencyP99" not in settings:
        return None
    seconds, bound = number(found.get("latencyP99")), parse_latency(settings["latencyP99"])
    words = f"99 of 100 rows are answered within {{:.4g}} ms ({count(found, 'requests'):,} asked one by one)"
    return _figure("latencyP99", seconds, bound, words, "ms", 1000)


def _size(settings: Mapping[str, Any], found: Mapping[str, Any]) -> Result | None:
    if "bundleMegabytes" not in settings:
        return None
    return _figure(
        "bundleMegabytes",
        number(found.get("megabytes")),
        settings["bundleMegabytes"],
        "the bundle has {:.4g} MB",
        "MB",
        1,
    )


def _figure(metric: str, value: float | None, bound: float, words: str, unit: str, scale: int) -> Result:
    """Judge a figure that must not be above a bound; `scale` turns it into the unit that people read."""
    if value is None:
        return {"outcome": "NoData", "metric": metric, "sentence": f"{metric} was not measured"}
    shown, over = words.format(value * scale), (value - bound) * scale
    where = f"{over:.4g} {unit} above the allowed {bound * scale:g}" if over > 0 else f"at most {bound * scale:g}"
    outcome = "Failed" if over > 0 else "Passed"
    return {"outcome": outcome, "metric": metric, "value": value, "sentence": f"{shown}, {where}"}


def _champion(gate: Gate, measured: Measured) -> Result:
    return champion_gate.judge(gate, measured.of(gate), measured.contest)


_JUDGES: Final[Mapping[str, Callable[[Gate, Measured], Result]]] = MappingProxyType(
    {"Threshold": _threshold, "Slices": _slices, "Fairness": _fairness, "Cost": _cost, "Champion": _champion}
)


def _no_data(gate: Gate, why: str, metric: str) -> Result:
    sentence = f"gate {gate['name']} has no data: {why}"
    return {"name": gate["name"], "outcome": "NoData", "metric": metric, "sentence": sentence}


def _within(gate: Gate, bound: Mapping[str, Any], value: float, *, where: str = "", more: str = "") -> Result:
    miss, words = _miss(value, bound)
    outcome = "Failed" if miss else "Passed"
    figure = f"{value:.4f}" if not 0 < miss < CLOSE else f"{value!r}"
    sentence = f"gate {gate['name']} {outcome.lower()}: {bound['metric']} is {figure}{where}, {words}"
    return {
        "name": gate["name"],
        "outcome": outcome,
        "metric": bound["metric"],
        "value": value,
        "sentence": f"{sentence}; {more}" if more else sentence,
    }


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
