"""What the steps measure for gates, from real data to the termination message."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from mlwright.process.last_words import KEPT_BYTES
from tests.support.training import STEPS, Ended, Json, Workshop, document, flights_table

ROWS = 600
REGIONS = pa.array([("north", "south", "west")[row % 3] if row % 50 else "isle" for row in range(ROWS)])
HOURLY = pa.array([1_767_225_600 + 3600 * row for row in range(ROWS)], pa.timestamp("s"))
FEATURES = ["distance", "hour", "weekend", "carrier"]


def slices(name: str = "every-region", **settings: Any) -> Json:
    """Return a gate on slices."""
    bound = {"metric": "accuracy", "min": 0.5, "column": "region", "minRows": 10}
    return {"name": name, "type": "Slices", "slices": bound | settings}


def flights() -> Any:
    """Return flights with a region that nothing is learned from, and a time."""
    return flights_table(ROWS).append_column("region", REGIONS).append_column("at", HOURLY)


def run(shop: Workshop, *gates: Json, table: Any = None, until: str = "evaluate") -> Ended:
    """Run the steps; the last one comes back."""
    uri = shop.write(flights() if table is None else table)
    told = document(uri, dataset={"features": FEATURES}, evaluation={"metrics": ["accuracy"], "gates": list(gates)})
    return [shop.run(step, told) for step in STEPS[: STEPS.index(until) + 1]][-1]


def test_a_metric_is_measured_for_each_value_of_a_column_that_is_no_feature(shop: Workshop) -> None:
    """A group by which a model must not decide is exactly the one by which it should be judged."""
    ended = run(shop, slices())

    found = ended.results["evidence"]["every-region"]
    assert ended.code == 0
    assert found["at"] in {"north", "south", "west"}
    assert 0 <= found["worst"] <= ended.results["metrics"]["accuracy"]
    assert (found["judged"], found["small"]) == (3, 1)


def test_fairness_and_cost_are_measured(shop: Workshop) -> None:
    """By the classes as they are called, and by the bundle as it would be served."""
    fair = {"metric": "demographic_parity_difference", "column": "region", "max": 0.1, "minRows": 10}
    gates = (
        {"name": "fair", "type": "Fairness", "fairness": fair},
        {"name": "light", "type": "Cost", "cost": {"latencyP99": "5ms"}},
    )

    ended = run(shop, *gates)

    found = ended.results["evidence"]
    assert 0 <= found["fair"]["value"] <= 1
    assert found["fair"]["groups"] == 3
    assert 0 < found["light"]["latencyP99"] < 1
    assert found["light"]["megabytes"] > 0


def test_a_threshold_alone_needs_no_evidence(shop: Workshop) -> None:
    """Its metric says it."""
    ended = run(shop, {"name": "good", "type": "Threshold", "threshold": {"metric": "accuracy", "min": 0.5}})

    assert "evidence" not in ended.results


@pytest.mark.parametrize(
    "gate, field, words",
    [
        pytest.param(
            slices(column="regoin"),
            "spec.evaluation.gates[every-region].slices.column",
            "the data has no column 'regoin'; did you mean 'region'?",
            id="a column that is missing",
        ),
        pytest.param(
            slices(column="at"),
            "spec.evaluation.gates[every-region].slices.column",
            "column 'at' holds times, and rows are divided by texts, booleans or numbers; name another column, or write"
            " one with the hour, the weekday or the group into the data",
            id="a column of times",
        ),
        pytest.param(
            {
                "name": "fair",
                "type": "Fairness",
                "fairness": {"metric": "equalized_odds_difference", "column": "sex", "max": 0.1, "minRows": 10},
            },
            "spec.evaluation.gates[fair].fairness.column",
            "the data has no column 'sex'; known are distance, hour, weekend, carrier, late, region, at",
            id="a group that is missing",
        ),
        pytest.param(
            slices(metric="rmse"),
            "spec.evaluation.metrics",
            "rmse judges a Regression, the task is Classification; use accuracy, balanced_accuracy, f1, precision,"
            " recall, roc_auc, average_precision, log_loss, brier",
            id="a metric of another task",
        ),
    ],
)
def test_a_gate_that_cannot_be_measured_is_refused_before_anything_is_trained(
    shop: Workshop, gate: Json, field: str, words: str
) -> None:
    """With the field of the gate, not after an hour of training."""
    ended = run(shop, gate, until="validate")

    assert ended.code == 64
    assert ended.message["field"] == field
    assert f"{ended.message['sentence']}; {ended.message['remedy']}" == words


def test_the_figures_of_sixteen_gates_fit_a_termination_message(shop: Workshop) -> None:
    """What the kubelet cuts off would be read again from the store in vain: the reader has no more room."""
    long = pa.array([("ö" * 40 + str(row % 3)) for row in range(ROWS)])
    table = flights_table(ROWS).append_column("region", long)
    gates = [slices(f"gate-{number:02}-{'x' * 32}", column="region") for number in range(16)]
    uri = shop.write(table)
    told = document(uri, dataset={"features": FEATURES}, evaluation={"metrics": [], "gates": gates})

    ended = [shop.run(step, told) for step in STEPS][-1]

    assert len(ended.results["evidence"]) == 16
    assert len((shop.root / "termination-log").read_bytes()) <= KEPT_BYTES
