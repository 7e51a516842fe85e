"""What a step is told."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.step import DataFormat, Preprocessing, Split, SplitType, StepName, TimeRange, UntilType
from mlwright.trainer.step_document import parse_duration, read_step

RUN = "pvc://artifacts/mlwright/demo/flights/runs/flights-abc"
FULL: dict[str, Any] = {
    "schemaVersion": 1,
    "run": {
        "namespace": "demo",
        "name": "flights-abc",
        "pipeline": "flights",
        "generation": 3,
        "attempt": 2,
        "triggeredAt": "2026-01-02T03:04:05Z",
    },
    "model": "flights",
    "dataset": {
        "uri": "pvc://data/flights.csv",
        "format": "CSV",
        "target": "late",
        "features": ["dep_hour"],
        "idColumn": "id",
        "timeColumn": "ts",
        "timeRange": {"column": "ts", "last": "168h", "until": {"type": "Newest"}},
        "split": {"type": "Hash", "hash": {"test": 0.25, "seed": 4}},
    },
    "training": {
        "task": "Classification",
        "type": "Estimator",
        "seed": 7,
        "estimator": {"class": "sklearn.dummy.DummyClassifier", "parameters": {"a": 1}, "preprocessing": "Auto"},
    },
    "evaluation": {"metrics": ["roc_auc"]},
    "runUri": RUN,
    "inputs": {"validate": f"{RUN}/validate-0", "train": f"{RUN}/train-0"},
    "image": "localhost/mlwright/trainer@sha256:0",
}


def _changed(path: str, value: object) -> str:
    document = copy.deepcopy(FULL)
    *parents, last = path.split(".")
    place = document
    for part in parents:
        place = place[part]
    place[last] = value
    return json.dumps(document)


def test_a_full_document_is_read() -> None:
    """Every field of the contract arrives."""
    step = read_step("train", json.dumps(FULL))

    assert (step.name, step.run.name, step.run.attempt, step.model) == (StepName.TRAIN, "flights-abc", 2, "flights")
    assert step.run.triggered_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (step.dataset.format, step.dataset.features) == (DataFormat.CSV, ("dep_hour",))
    assert step.dataset.time_range == TimeRange("ts", timedelta(hours=168), UntilType.NEWEST, None)
    assert step.dataset.split == Split(SplitType.HASH, 0.25, 4)
    assert (step.training.task, step.training.parameters, step.training.seed) == (Task.CLASSIFICATION, {"a": 1}, 7)
    assert step.metrics == ("roc_auc",)
    assert step.inputs == {StepName.VALIDATE: f"{RUN}/validate-0", StepName.TRAIN: f"{RUN}/train-0"}


def test_what_may_be_absent_has_a_default() -> None:
    """Format and features are found out later; a fifth of the rows is held out by hash."""
    document = copy.deepcopy(FULL)
    document["dataset"] = {"uri": "pvc://data/x.csv", "target": "late"}
    document["training"] = {"task": "Regression", "estimator": {"class": "a.B"}}
    del document["inputs"], document["run"]["triggeredAt"]

    step = read_step("validate", json.dumps(document))

    assert (step.dataset.format, step.dataset.features, step.dataset.time_range) == (None, None, None)
    assert step.dataset.split == Split(SplitType.HASH, 0.2, 0)
    assert (step.training.parameters, step.training.preprocessing) == ({}, Preprocessing.AUTO)
    assert (step.inputs, step.run.triggered_at) == ({}, None)


@pytest.mark.parametrize(
    "split,read",
    [
        ({"type": "Temporal", "temporal": {"test": 0.1}}, Split(SplitType.TEMPORAL, 0.1, 0)),
        ({"type": "Stratified", "stratified": {"test": 0.1, "seed": 3}}, Split(SplitType.STRATIFIED, 0.1, 3)),
        ({"type": "Group", "group": {"seed": 3}}, Split(SplitType.GROUP, 0.2, 3)),
        ({"type": "Random"}, Split(SplitType.RANDOM, 0.2, 0)),
    ],
)
def test_the_member_of_its_type_holds_the_settings_of_a_split(split: dict[str, Any], read: Split) -> None:
    """What is not set has the default of the spec."""
    assert read_step("train", _changed("dataset.split", split)).dataset.split == read


def test_a_time_without_a_zone_is_utc() -> None:
    """A range that ends at a given time."""
    step = read_step("train", _changed("dataset.timeRange.until", {"type": "Time", "time": "2026-01-02T00:00:00"}))

    assert step.dataset.time_range is not None
    assert step.dataset.time_range.time == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "path,value,field,sentence",
    [
        pytest.param("schemaVersion", 2, "schemaVersion", "is 2; this trainer reads 1", id="a later version"),
        pytest.param("run", None, "run", "should be an object", id="no run"),
        pytest.param("run.attempt", -1, "run.attempt", "should not be negative", id="a negative attempt"),
        pytest.param("runUri", "", "runUri", "should not be empty", id="nowhere to write"),
        pytest.param("dataset.uri", 7, "spec.dataset.uri", "should be a text", id="an address that is a number"),
        pytest.param(
            "dataset.format", "XLS", "spec.dataset.format", "is 'XLS'; known are CSV, Parquet, JSONLines", id="a format"
        ),
        pytest.param("dataset.features", "a", "spec.dataset.features", "should be a list", id="features as a text"),
        pytest.param(
            "dataset.features", [1], "spec.dataset.features[0]", "should be a text", id="a feature as a number"
        ),
        pytest.param(
            "dataset.split.type",
            "Lucky",
            "spec.dataset.split.type",
            "is 'Lucky'; known are Hash, Stratified, Temporal, Group, Random",
            id="a split",
        ),
        pytest.param(
            "dataset.split.hash.test",
            1,
            "spec.dataset.split.test",
            "should be a number above 0 and below 1",
            id="all held out",
        ),
        pytest.param(
            "dataset.split.hash.test",
            True,
            "spec.dataset.split.test",
            "should be a number above 0 and below 1",
            id="a share that is true",
        ),
        pytest.param(
            "dataset.timeRange.last",
            "7d",
            "spec.dataset.timeRange.last",
            "should be a duration above zero, such as 168h",
            id="days",
        ),
        pytest.param(
            "dataset.timeRange.until",
            {"type": "Time", "time": "noon"},
            "spec.dataset.timeRange.until.time",
            "should be a time such as",
            id="noon",
        ),
        pytest.param(
            "dataset.timeRange.until",
            {"type": "Time", "time": "9999-12-31T23:59:59-05:00"},
            "spec.dataset.timeRange.until.time",
            "should be a time such as",
            id="the year 10000",
        ),
        pytest.param(
            "training.task",
            "Guess",
            "spec.training.task",
            "is 'Guess'; known are Classification, Regression",
            id="a task",
        ),
        pytest.param(
            "training.type",
            "Oracle",
            "spec.training.type",
            "is 'Oracle'; known are Estimator, Container",
            id="another way to learn",
        ),
        pytest.param(
            "training.estimator.parameters",
            [],
            "spec.training.estimator.parameters",
            "should be an object",
            id="a list of parameters",
        ),
        pytest.param(
            "training.estimator.preprocessing",
            "Some",
            "spec.training.estimator.preprocessing",
            "is 'Some'; known are Auto, None",
            id="preprocessing",
        ),
        pytest.param(
            "evaluation.metrics", [7], "spec.evaluation.metrics[0]", "should be a text", id="a metric as a number"
        ),
    ],
)
def test_a_wrong_field_is_named(path: str, value: object, field: str, sentence: str) -> None:
    """The path is that of the pipeline's spec, so that its reader knows what to change."""
    with pytest.raises(UserError) as caught:
        read_step("train", _changed(path, value))

    assert caught.value.sentence.startswith(sentence)
    assert caught.value.field == field.replace("split.test", "split.hash.test")


@pytest.mark.parametrize(
    "text,sentence",
    [
        pytest.param(None, "is not set", id="unset"),
        pytest.param("{", "is not JSON", id="half of it"),
        pytest.param("[]", "should be an object", id="a list"),
    ],
)
def test_a_document_that_is_none_is_told_by_the_name_of_the_variable(text: str | None, sentence: str) -> None:
    """Without a document there is no field to name."""
    with pytest.raises(UserError) as caught:
        read_step("train", text)

    assert (caught.value.field, caught.value.sentence) == ("MLWRIGHT_STEP", sentence)


def test_an_unknown_step_is_told() -> None:
    """The command line names the steps that exist."""
    with pytest.raises(UserError, match="there is no step 'taste'; use validate, tune, train, evaluate"):
        read_step("taste", json.dumps(FULL))


@pytest.mark.parametrize(
    "text,seconds",
    [("168h", 604_800), ("90s", 90), ("1h30m", 5400), ("0.5h", 1800), ("1h0m1s", 3601)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    """Hours, minutes and seconds, in this order."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "h", "5", "-1h", "1m1h", "1d", "1h ", "9" * 400 + "h"])
def test_what_is_no_duration_is_none(text: str) -> None:
    """Zero is no duration either: nothing lies in a range of no length."""
    assert parse_duration(text) is None
