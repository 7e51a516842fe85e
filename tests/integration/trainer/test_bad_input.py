"""Everything that a user can get wrong, each with the sentence that helps."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.support.training import Json, Workshop, document, flights_table

PRIVATE = "Ada Lovelace"
ROWS = 60


def _table(**columns: Any) -> Any:
    """Flights of which some columns are others."""
    table = flights_table(ROWS)
    for name, values in columns.items():
        array = values if isinstance(values, pa.Array) else pa.array(values)
        place = table.schema.get_field_index(name)
        table = table.append_column(name, array) if place < 0 else table.set_column(place, name, array)
    return table


FLIGHTS = _table()
NAMED = _table(carrier=[f"{PRIVATE} {row}" for row in range(ROWS)])
EVERY_OTHER = [None if row % 2 else True for row in range(ROWS)]
HOURLY = pa.array([1_767_225_600 + 3600 * row for row in range(ROWS)], pa.timestamp("s"))

VALIDATE = [
    pytest.param(
        FLIGHTS,
        {"estimator": {"class": "sklearn.ensemble.RandomForest"}},
        "spec.training.estimator.class",
        "'sklearn.ensemble.RandomForest' is not an estimator that may be trained",
        "did you mean sklearn.ensemble.RandomForestClassifier?",
        id="an unknown estimator",
    ),
    pytest.param(
        FLIGHTS,
        {"estimator": {"parameters": {"max_itr": 9}}},
        "spec.training.estimator.parameters.max_itr",
        "HistGradientBoostingClassifier has no parameter 'max_itr'",
        "did you mean 'max_iter'?",
        id="an unknown parameter",
    ),
    pytest.param(
        FLIGHTS,
        {"estimator": {"parameters": {"max_iter": 0.5}}},
        "spec.training.estimator.parameters",
        "The 'max_iter' parameter of HistGradientBoostingClassifier must be an int in the range [1, inf)."
        " Got 0.5 instead.",
        "correct the parameter",
        id="a parameter of the wrong type",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"target": "Late"}},
        "spec.dataset.target",
        "the data has no column 'Late'",
        "did you mean 'late'?",
        id="a missing target",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"features": ["hours"]}},
        "spec.dataset.features",
        "the data has no column 'hours'",
        "did you mean 'hour'?",
        id="a missing feature",
    ),
    pytest.param(
        FLIGHTS.slice(0, 0), {}, "spec.dataset.uri", "the data has no rows", "write the data again", id="no rows"
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"uri": "gs://lake/data.parquet"}},
        "spec.dataset.uri",
        "the scheme 'gs' is not read",
        "write pvc://CLAIM/path, configmap://NAME/key or s3://BUCKET/path",
        id="a refused scheme",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"uri": "pvc://lake/../../etc/passwd"}},
        "spec.dataset.uri",
        "the path holds an empty, '.' or '..' segment",
        "write pvc://CLAIM/path, configmap://NAME/key or s3://BUCKET/path",
        id="a way out",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"uri": "pvc://lake/tomorrow.csv"}},
        "spec.dataset.uri",
        "there is no file at pvc://lake/tomorrow.csv",
        "put the data there or correct the address",
        id="no data yet",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"format": "JSONLines"}},
        "spec.dataset.uri",
        "data.parquet cannot be read as JSONLines",
        "write the file again, or correct spec.dataset.format",
        id="a wrong format",
    ),
    pytest.param(
        _table(late=[True] * ROWS),
        {},
        "spec.dataset.target",
        "column 'late' holds one value only, in 60 rows",
        "there is nothing to learn: add rows with other values, or correct the column",
        id="one class",
    ),
    pytest.param(
        _table(late=EVERY_OTHER),
        {},
        "spec.dataset.target",
        "column 'late' has no value in 30 rows",
        "remove these rows or fill them in",
        id="a target with gaps",
    ),
    pytest.param(
        _table(late=np.arange(ROWS) / 7),
        {},
        "spec.training.task",
        "column 'late' holds 60 different numbers, which are no classes",
        "set the task to Regression, or make it a column of texts, booleans or a few whole numbers",
        id="a quantity as classes",
    ),
    pytest.param(
        NAMED,
        {
            "training": {"task": "Regression"},
            "dataset": {"target": "carrier"},
            "estimator": {"class": "sklearn.linear_model.Ridge", "parameters": {}},
        },
        "spec.training.task",
        "column 'carrier' holds texts, and a Regression learns numbers",
        "set the task to Classification",
        id="texts as a quantity",
    ),
    pytest.param(
        FLIGHTS.slice(0, 1).set_column(4, "late", pa.array([True])),
        {},
        "spec.dataset.target",
        "column 'late' holds one value only, in 1 row",
        "there is nothing to learn: add rows with other values, or correct the column",
        id="one row",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"split": {"type": "Hash", "hash": {"test": 0.0001}}}},
        "spec.dataset.split",
        "none of the 60 rows is held out",
        "add rows or change the share held out",
        id="nothing held out",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"split": {"type": "Hash", "hash": {"test": 0.9999}}}},
        "spec.dataset.split",
        "none of the 60 rows is left to learn from",
        "add rows or change the share held out",
        id="nothing to learn from",
    ),
    pytest.param(
        _table(weekend=pa.nulls(ROWS)),
        {},
        "spec.dataset.uri",
        "column 'weekend' has no values at all",
        "remove it or fill it",
        id="an empty feature",
    ),
    pytest.param(
        _table(ts=HOURLY),
        {},
        "spec.dataset.uri",
        "column 'ts' holds times",
        "make it dataset.timeColumn, or replace it by numbers such as the hour and the day of the week",
        id="a time as a feature",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"split": {"type": "Temporal"}}},
        "spec.dataset.timeColumn",
        "is not set, and the Temporal split needs it",
        "name the column that holds the time",
        id="no time column",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"split": {"type": "Group"}}},
        "spec.dataset.groupColumn",
        "is not set, and the Group split needs it",
        "name the column that holds the group",
        id="no group column",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"weightColumn": "carier"}},
        "spec.dataset.weightColumn",
        "the data has no column 'carier'",
        "did you mean 'carrier'?",
        id="a missing column of weights",
    ),
    pytest.param(
        _table(seats=[None if row == 7 else 1 for row in range(ROWS)]),
        {"dataset": {"weightColumn": "seats"}},
        "spec.dataset.weightColumn",
        "column 'seats' has no value in 1 row",
        "give every row a weight",
        id="a row without a weight",
    ),
    pytest.param(
        _table(seats=[row % 20 - 1 for row in range(ROWS)]),
        {"dataset": {"weightColumn": "seats"}},
        "spec.dataset.weightColumn",
        "column 'seats' is 0 or less in 6 rows",
        "a weight is a number above 0: leave out rows that are not to count",
        id="weights that are no weights",
    ),
    pytest.param(
        _table(seats=[PRIVATE] * ROWS),
        {"dataset": {"weightColumn": "seats"}},
        "spec.dataset.weightColumn",
        "column 'seats' holds no numbers",
        "a weight is a number above 0: leave out rows that are not to count",
        id="texts as weights",
    ),
    pytest.param(
        _table(seats=[1] * ROWS),
        {
            "dataset": {"weightColumn": "seats"},
            "estimator": {"class": "sklearn.neighbors.KNeighborsClassifier"} | {"parameters": {}},
        },
        "spec.dataset.weightColumn",
        "is set, but KNeighborsClassifier learns from all rows alike",
        "use another estimator, or remove the field",
        id="weights that nobody looks at",
    ),
    pytest.param(
        FLIGHTS,
        {"dataset": {"groupColumn": "carier", "split": {"type": "Group"}}},
        "spec.dataset.groupColumn",
        "the data has no column 'carier'",
        "did you mean 'carrier'?",
        id="a missing group column",
    ),
    pytest.param(
        _table(plane=[None if row == 7 else row // 4 for row in range(ROWS)]),
        {"dataset": {"groupColumn": "plane", "split": {"type": "Group"}}},
        "spec.dataset.groupColumn",
        "column 'plane' has no value in 1 row",
        "give every row a group",
        id="a row without a group",
    ),
    pytest.param(
        _table(plane=[PRIVATE] * ROWS),
        {"dataset": {"groupColumn": "plane", "split": {"type": "Group"}}},
        "spec.dataset.groupColumn",
        "column 'plane' holds one group only, in 60 rows",
        "name a column with several groups, or use another split",
        id="one group",
    ),
    pytest.param(
        NAMED,
        {"dataset": {"timeColumn": "carrier", "split": {"type": "Temporal"}}},
        "spec.dataset.timeColumn",
        "column 'carrier' holds no readable time in 60 rows",
        "write times such as 2026-01-31T10:00:00Z in every row",
        id="names as times",
    ),
    pytest.param(
        _table(ts=HOURLY),
        {
            "dataset": {
                "timeColumn": "ts",
                "timeRange": {"column": "ts", "last": "1h", "until": {"type": "Time", "time": "2020-01-01T00:00:00Z"}},
            }
        },
        "spec.dataset.timeRange",
        "none of the 60 rows lies after 2019-12-31T23:00:00Z and up to 2020-01-01T00:00:00Z",
        "make `last` longer or choose another end",
        id="an empty range",
    ),
    pytest.param(
        FLIGHTS,
        {"evaluation": {"metrics": ["auc"]}},
        "spec.evaluation.metrics",
        "there is no metric 'auc'",
        "did you mean 'roc_auc'?",
        id="an unknown metric",
    ),
    pytest.param(
        FLIGHTS,
        {"evaluation": {"metrics": ["r2"]}},
        "spec.evaluation.metrics",
        "r2 judges a Regression, the task is Classification",
        "use accuracy, balanced_accuracy, f1, precision, recall, roc_auc, average_precision, log_loss, brier",
        id="a foreign metric",
    ),
    pytest.param(
        _table(id=[None] + ["x"] * (ROWS - 1)),
        {"dataset": {"idColumn": "id"}},
        "spec.dataset.idColumn",
        "column 'id' has no value in 1 row",
        "give every row an id",
        id="a row without an id",
    ),
]

TRAIN = [
    pytest.param(
        FLIGHTS,
        {"estimator": {"class": "sklearn.neighbors.RadiusNeighborsClassifier", "parameters": {"radius": 0.001}}},
        "spec.training.estimator.class",
        "sklearn.neighbors.RadiusNeighborsClassifier cannot answer rows that it has not learned: No neighbors found for"
        " test samples array(...), you can try using larger radius, giving a label for outliers, or considering"
        " removing them from your dataset",
        "use other parameters or another class",
        id="a model that cannot answer",
    ),
    pytest.param(
        FLIGHTS,
        {"estimator": {"class": "sklearn.naive_bayes.MultinomialNB", "parameters": {}}},
        "spec.training.estimator.class",
        "sklearn.naive_bayes.MultinomialNB cannot learn from these rows:"
        " Negative values in data passed to MultinomialNB (input X)",
        "correct the parameters, the features or spec.training.estimator.preprocessing",
        id="numbers that do not suit",
    ),
    pytest.param(
        FLIGHTS,
        {"estimator": {"preprocessing": "None"}},
        "spec.training.estimator.preprocessing",
        "is None, but the feature 'carrier' is text",
        "set it to Auto, or leave the feature out",
        id="texts without preprocessing",
    ),
    pytest.param(
        FLIGHTS,
        {
            "estimator": {
                "class": "sklearn.linear_model.LogisticRegression",
                "parameters": {},
                "preprocessing": "None",
            },
            "dataset": {"features": ["distance", "hour"]},
        },
        "spec.training.estimator.preprocessing",
        "is None, but the feature 'distance' is missing in 2 rows",
        "set it to Auto, or leave the feature out",
        id="gaps without preprocessing",
    ),
]


def _check(shop: Workshop, step: str, wanted: Json, expected: tuple[str, str, str]) -> None:
    ended = shop.run(step, wanted)
    message = ended.message

    assert (message["field"], message["sentence"], message["remedy"]) == expected
    assert (ended.code, message["outcome"]) == (64, "UserError")
    assert PRIVATE not in json.dumps(message)
    folder = shop.run_folder() / f"{step}-0"
    assert {path.name for path in folder.iterdir()} - {"data-report.html", "checks.json"} == {"result.json"}
    assert json.loads((folder / "result.json").read_text()) == message


@pytest.mark.parametrize("table,changes,field,sentence,remedy", VALIDATE)
def test_what_is_wrong_with_pipeline_or_data_is_told_before_training(
    shop: Workshop, table: Any, changes: Json, field: str, sentence: str, remedy: str
) -> None:
    """Field, what is wrong, what to do; the result holds the same, and no value of a row."""
    _check(shop, "validate", document(shop.write(table), **changes), (field, sentence, remedy))


@pytest.mark.parametrize("table,changes,field,sentence,remedy", TRAIN)
def test_what_only_training_finds_out_is_told_as_well(
    shop: Workshop, table: Any, changes: Json, field: str, sentence: str, remedy: str
) -> None:
    """The data passed, but this estimator cannot take it."""
    wanted = document(shop.write(table), **changes)
    assert shop.run("validate", wanted).code == 0

    _check(shop, "train", wanted, (field, sentence, remedy))


def test_a_metric_that_the_held_out_rows_leave_undefined_is_told(shop: Workshop) -> None:
    """All rows held out are of one class: there is nothing to rank."""
    late = [(row >= ROWS // 2 and row % 3 == 0) or row < 40 for row in range(ROWS)]
    table = _table(late=[value if row < 54 else True for row, value in enumerate(late)], order=range(ROWS))
    dataset = {"timeColumn": "order", "split": {"type": "Temporal", "temporal": {"test": 0.1}}}
    wanted = document(shop.write(table), dataset=dataset, evaluation={"metrics": ["roc_auc"]})
    for step in ("validate", "train"):
        assert shop.run(step, wanted).code == 0

    _check(
        shop,
        "evaluate",
        wanted,
        (
            "spec.evaluation.metrics",
            "roc_auc is undefined: the 6 rows held out are all of one class",
            "hold out other or more rows, or remove the metric",
        ),
    )


def test_no_value_of_a_row_reaches_message_or_log(shop: Workshop) -> None:
    """A broken file full of names is described without any of them."""
    lines = ["carrier,late", *(f"{PRIVATE},true" for _ in range(5)), f"{PRIVATE},{PRIVATE},1,2"]
    shop.lake.mkdir(parents=True)
    (shop.lake / "data.csv").write_text("\n".join(lines))

    ended = shop.spawn("validate", document("pvc://lake/data.csv"))

    assert ended.message["sentence"] == "data.csv cannot be read as CSV (row 7): 4 columns where 2 are expected"
    assert "Ada" not in json.dumps(ended.message) + ended.log
