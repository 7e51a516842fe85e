"""What the steps measure for gates, from real data to the termination message."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute
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


CHAMPION = {"name": "no-worse", "type": "Champion", "champion": {"metric": "accuracy", "confidence": 0.95}}


def challenged(shop: Workshop, *, champion: Json | None = None, **changes: Any) -> Json:
    """Train a champion, then another version that is compared with it; what was found comes back."""
    uri = shop.write(flights_table(ROWS))
    first = document(uri, run="champion", **changes)
    made = [shop.run(step, first) for step in ("validate", "train")][-1].results["bundle"]
    told = document(uri, run="challenger", evaluation={"metrics": ["accuracy"], "gates": [CHAMPION]})
    told["champion"] = {"name": "flights-v1", "version": 1, "uri": made["uri"], "digest": made["digest"]} | (
        champion or {}
    )
    found: Json = [shop.run(step, told) for step in STEPS][-1].results["evidence"]["no-worse"]
    return found


def test_the_champion_answers_the_same_rows(shop: Workshop) -> None:
    """Its bundle, as it is served; a model trained in the same way answers alike."""
    found = challenged(shop)

    assert (found["new"], found["gained"], found["lost"], found["test"]) == (found["old"], 0, 0, "Tango")
    assert found["p"] < 0.5
    assert found["rows"] > 50


@pytest.mark.parametrize(
    "champion, changes, problem",
    [
        pytest.param(
            {"digest": "sha256:" + "0" * 64},
            {},
            "the bundle of flights-v1 cannot be used: the bundle has the digest sha256:",
            id="a bundle that is another one",
        ),
        pytest.param(
            {"uri": "pvc://store/gone"},
            {},
            "the bundle of flights-v1 cannot be used: manifest.json is missing from the bundle",
            id="a bundle that is gone",
        ),
        pytest.param(
            {},
            {
                "dataset": {"target": "hour"},
                "training": {"task": "Regression"},
                "estimator": {"class": "sklearn.ensemble.HistGradientBoostingRegressor"},
            },
            "flights-v1 learned a Regression, this version a Classification",
            id="another task",
        ),
        pytest.param(
            {},
            {"dataset": {"target": "hour"}},
            "flights-v1 tells other classes apart than this version",
            id="classes",
        ),
    ],
)
def test_a_champion_that_cannot_answer_is_no_failure_of_the_run(
    shop: Workshop, champion: Json, changes: Json, problem: str
) -> None:
    """A person decides then, and is told why."""
    assert challenged(shop, champion=champion, **changes)["problem"].startswith(problem)


def test_a_champion_with_a_feature_more_cannot_answer(shop: Workshop) -> None:
    """The rows held out have the columns of this version."""
    uri = shop.write(flights_table(ROWS))
    made = [shop.run(step, document(uri, run="champion")) for step in ("validate", "train")][-1].results["bundle"]
    narrow = {"features": ["hour", "carrier"]}
    told = document(uri, run="challenger", dataset=narrow, evaluation={"metrics": [], "gates": [CHAMPION]})
    told["champion"] = {"name": "flights-v1", "version": 1, "uri": made["uri"], "digest": made["digest"]}

    found = [shop.run(step, told) for step in STEPS][-1].results["evidence"]["no-worse"]

    assert found == {"problem": "flights-v1 needs column 'distance', which is no feature of this version"}


def test_a_champion_that_takes_no_missing_numbers_cannot_answer(shop: Workshop) -> None:
    """What it was trained on had none; that newer data have some is no failure of the run."""
    numbers = {"features": ["distance", "hour"]}
    table = flights_table(ROWS)
    whole = shop.write(table.filter(pyarrow.compute.is_valid(table["distance"])))
    neighbours = {"class": "sklearn.neighbors.KNeighborsClassifier", "preprocessing": "None", "parameters": {}}
    first = document(whole, run="champion", dataset=numbers, estimator=neighbours)
    made = [shop.run(step, first) for step in ("validate", "train")][-1].results["bundle"]
    told = document(shop.write(table), dataset=numbers, evaluation={"metrics": [], "gates": [CHAMPION]})
    told["champion"] = {"name": "flights-v1", "version": 1, "uri": made["uri"], "digest": made["digest"]}

    found = [shop.run(step, told) for step in STEPS][-1].results["evidence"]["no-worse"]

    assert found == {"problem": "flights-v1 takes no missing numbers, and some of 'distance' are missing"}


def test_rows_in_groups_are_compared_by_groups(shop: Workshop) -> None:
    """The column that keeps groups together in the split keeps them together in the test."""
    table = flights_table(ROWS).append_column("plane", pa.array([f"p{row // 2}" for row in range(ROWS)]))
    uri, dataset = shop.write(table), {"groupColumn": "plane", "split": {"type": "Group"}}
    first = document(uri, run="champion", dataset=dataset)
    made = [shop.run(step, first) for step in ("validate", "train")][-1].results["bundle"]
    told = document(uri, run="challenger", dataset=dataset, evaluation={"metrics": [], "gates": [CHAMPION]})
    told["champion"] = {"name": "flights-v1", "version": 1, "uri": made["uri"], "digest": made["digest"]}

    found = [shop.run(step, told) for step in STEPS][-1].results["evidence"]["no-worse"]

    assert (found["test"], found["new"]) == ("bootstrap", found["old"])


def test_without_a_champion_nothing_is_compared(shop: Workshop) -> None:
    """The operator knows that there is none."""
    assert run(shop, CHAMPION).results.get("evidence") == {"no-worse": {}}


@pytest.mark.parametrize(
    "dataset, record",
    [
        ({"idColumn": "row"}, {"type": "Hash", "test": 0.2, "seed": 0, "by": "id row (number)"}),
        (
            {"timeColumn": "at", "split": {"type": "Temporal", "temporal": {"test": 0.25}}},
            {"type": "Temporal", "test": 0.25, "by": "time at (time)", "until": "2026-01-19T17:00:00Z"},
        ),
    ],
)
def test_the_lineage_says_how_rows_were_held_out(shop: Workshop, dataset: Json, record: Json) -> None:
    """It is what proves later that a row was not learned from."""
    uri = shop.write(flights().append_column("row", pa.array(range(ROWS))))

    ended = shop.run("validate", document(uri, dataset={"features": FEATURES, **dataset}))

    assert ended.results["dataset"]["split"] == record


def test_the_same_features_in_another_order_are_another_split(shop: Workshop) -> None:
    """Without an id a row is told apart by its features as they stand in the file."""
    table = flights_table(ROWS)
    splits = []
    for run_name, names in (("one", table.column_names), ("two", table.column_names[::-1])):
        uri = shop.write(table.select(names), f"{run_name}.parquet")
        splits.append(shop.run("validate", document(uri, run=run_name)).results["dataset"]["split"]["by"])

    assert splits[0].startswith("content ")
    assert splits[0] != splits[1]


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
