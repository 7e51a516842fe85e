"""Gates: each judgement says the figure, the bound and the distance between them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.planners.gates import Measured, judge, outcome, summary

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


def gate(name: str = "good", **bound: float) -> dict[str, Any]:
    """Return a gate on f1."""
    return {"name": name, "type": "Threshold", "threshold": {"metric": "f1", **bound}}


@pytest.mark.parametrize(
    "bound, value, outcome, sentence",
    [
        ({"min": 0.8}, 0.85, "Passed", "gate good passed: f1 is 0.8500, at least 0.8"),
        ({"min": 0.8}, 0.8, "Passed", "gate good passed: f1 is 0.8000, at least 0.8"),
        ({"min": 0.8}, 0.75, "Failed", "gate good failed: f1 is 0.7500, 0.0500 below the required 0.8"),
        ({"min": 0.8}, 0.79999, "Failed", "gate good failed: f1 is 0.79999, 1.0e-05 below the required 0.8"),
        ({"max": 0.2}, 0.1, "Passed", "gate good passed: f1 is 0.1000, at most 0.2"),
        ({"max": 0.2}, 0.3, "Failed", "gate good failed: f1 is 0.3000, 0.1000 above the allowed 0.2"),
        ({"min": 0.1, "max": 0.2}, 0.15, "Passed", "gate good passed: f1 is 0.1500, within 0.1 to 0.2"),
        ({"min": 0.1, "max": 0.2}, 0.3, "Failed", "gate good failed: f1 is 0.3000, 0.1000 above the allowed 0.2"),
        ({"max": 2500.0}, 31000.5, "Failed", "gate good failed: f1 is 31000.5000, 28500.5000 above the allowed 2500"),
    ],
)
def test_a_threshold_is_judged(bound: dict[str, float], value: float, outcome: str, sentence: str) -> None:
    """Bounds are inclusive."""
    [result] = judge([gate("good", **bound)], Measured({"f1": value}))

    assert (result["outcome"], result["sentence"], result["value"]) == (outcome, sentence, value)


@pytest.mark.parametrize("metrics", [{}, {"f1": math.nan}, {"f1": math.inf}, {"accuracy": 1.0}])
def test_what_is_not_known_never_passes(metrics: dict[str, float]) -> None:
    """Neither a metric that was not measured nor one that is no number; the status could not hold it either."""
    [result] = judge([gate(max=1e9)], Measured(metrics))

    assert (result["outcome"], "value" in result, outcome([result])) == ("NoData", False, "Rejected")
    assert result["sentence"] == "gate good has no data: f1 was not measured on the held-out rows"


@given(value=FINITE, low=FINITE, high=FINITE)
def test_a_gate_passes_exactly_within_its_bounds(value: float, low: float, high: float) -> None:
    """For all figures, and a gate that fails never shows two equal ones."""
    [result] = judge([gate(min=low, max=high)], Measured({"f1": value}))

    assert (outcome([result]) == "Passed") == (low <= value <= high)
    if outcome([result]) == "Rejected":
        distance = result["sentence"].split(", ")[1].split()[0]
        assert float(distance) > 0


@given(st.lists(st.booleans(), max_size=5))
def test_all_gates_must_pass(wanted: list[bool]) -> None:
    """No gates, no objection."""
    results = judge([gate(f"g{i}", min=0.5 if ok else 0.9) for i, ok in enumerate(wanted)], Measured({"f1": 0.7}))

    assert outcome(results) == ("Passed" if all(wanted) else "Rejected")


def test_the_first_gate_that_did_not_pass_speaks_for_all() -> None:
    """Or one sentence for all that did."""
    good, bad, worse = gate("a", min=0.5), gate("b", min=0.8), gate("c", min=0.9)

    assert summary(judge([good, bad, worse], Measured({"f1": 0.7}))).startswith("gate b failed")
    assert summary(judge([good], Measured({"f1": 0.7}))) == "all gates passed"
    assert summary(()) == "no gates are set"


SLICES = {"name": "every", "type": "Slices", "slices": {"metric": "f1", "min": 0.7, "column": "region", "minRows": 100}}


def sliced(**found: Any) -> Measured:
    """Return what was measured for the gate `every`."""
    return Measured({"f1": 0.9}, {"every": found})


@pytest.mark.parametrize(
    "found, outcome, sentence",
    [
        (
            {"judged": 4, "worst": 0.61, "at": "west", "rows": 230, "small": 2, "smallRows": 31},
            "Failed",
            (
                "gate every failed: f1 is 0.6100 where region is west (230 rows), 0.0900 below the required 0.7; the"
                " worst of 4; not judged: 2 with fewer than 100 rows (31 rows in all)"
            ),
        ),
        (
            {"judged": 1, "worst": 0.75, "at": "west", "rows": 1230, "undefined": 1, "left": 3},
            "Passed",
            (
                "gate every passed: f1 is 0.7500 where region is west (1,230 rows), at least 0.7; the only one; not"
                " judged: 1 in which f1 is undefined, 3 beyond the largest"
            ),
        ),
        (
            {"judged": 0, "small": 3, "smallRows": 60},
            "NoData",
            "gate every has no data: no value of region could be judged: 3 with fewer than 100 rows (60 rows in all)",
        ),
        ({}, "NoData", "gate every has no data: f1 was not measured by region"),
        (
            {"judged": 2, "worst": "high", "undefined": "many"},
            "NoData",
            "gate every has no data: no value of region could be judged: f1 was not measured by region",
        ),
    ],
)
def test_the_worst_slice_is_judged(found: dict[str, Any], outcome: str, sentence: str) -> None:
    """However good the average; what could not be judged is told, and what nobody measured never passes."""
    [result] = judge([SLICES], sliced(**found))

    assert (result["outcome"], result["sentence"]) == (outcome, sentence)


def test_evidence_of_another_form_is_none() -> None:
    """An image of somebody's own may report anything."""
    [result] = judge([SLICES], Measured({}, {"every": ["worst", 1]}))

    assert result["outcome"] == "NoData"


FAIR = {
    "name": "fair",
    "type": "Fairness",
    "fairness": {"metric": "equalized_odds_difference", "column": "sex", "max": 0.1, "minRows": 50},
}
LIGHT = {"name": "light", "type": "Cost", "cost": {"latencyP99": "5ms", "bundleMegabytes": 2.0}}


@pytest.mark.parametrize(
    "found, outcome, sentence",
    [
        (
            {"groups": 2, "value": 0.05, "from": "f", "to": "m"},
            "Passed",
            "gate fair passed: equalized_odds_difference is 0.0500 between sex f and m, at most 0.1; 2 groups compared",
        ),
        (
            {"groups": 3, "value": 0.25, "from": "f", "to": "m", "small": 1, "smallRows": 9, "undefined": 1},
            "Failed",
            (
                "gate fair failed: equalized_odds_difference is 0.2500 between sex f and m, 0.1500 above the allowed"
                " 0.1; 3 groups compared; not: 1 with fewer than 50 rows (9 rows in all), 1 in which"
                " equalized_odds_difference is undefined"
            ),
        ),
        (
            {"groups": 1, "small": 1, "smallRows": 9},
            "NoData",
            (
                "gate fair has no data: fewer than two groups of sex could be compared: not compared: 1 with fewer than"
                " 50 rows (9 rows in all)"
            ),
        ),
        ({}, "NoData", "gate fair has no data: equalized_odds_difference was not measured"),
    ],
)
def test_fairness_is_judged(found: dict[str, Any], outcome: str, sentence: str) -> None:
    """With the two groups that differ most, and those that could not be compared."""
    [result] = judge([FAIR], Measured({}, {"fair": found}))

    assert (result["outcome"], result["sentence"]) == (outcome, sentence)


@pytest.mark.parametrize(
    "found, outcome, sentence",
    [
        (
            {"latencyP99": 0.0032, "requests": 500, "megabytes": 0.75},
            "Passed",
            (
                "gate light passed: 99 of 100 rows are answered within 3.2 ms (500 asked one by one), at most 5; the"
                " bundle has 0.75 MB, at most 2"
            ),
        ),
        (
            {"latencyP99": 0.0072, "requests": 500, "megabytes": 0.75},
            "Failed",
            (
                "gate light failed: 99 of 100 rows are answered within 7.2 ms (500 asked one by one), 2.2 ms above the"
                " allowed 5"
            ),
        ),
        (
            {"latencyP99": 0.0032, "requests": 500, "megabytes": 3.5},
            "Failed",
            "gate light failed: the bundle has 3.5 MB, 1.5 MB above the allowed 2",
        ),
        ({"megabytes": 0.75}, "NoData", "gate light has no data: latencyP99 was not measured"),
    ],
)
def test_cost_is_judged(found: dict[str, Any], outcome: str, sentence: str) -> None:
    """Both figures count; the one that is too large speaks."""
    [result] = judge([LIGHT], Measured({}, {"light": found}))

    assert (result["outcome"], result["sentence"]) == (outcome, sentence)


def test_cost_may_be_one_figure_alone() -> None:
    """What nobody limits is not judged."""
    gate = {"name": "light", "type": "Cost", "cost": {"bundleMegabytes": 2.0}}

    [result] = judge([gate], Measured({}, {"light": {"megabytes": 1.0}}))

    assert (result["outcome"], result["metric"], result["value"]) == ("Passed", "bundleMegabytes", 1.0)
