"""Stored rows are counted for a drift monitor: the programs `learned` and `count` on real files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest

from mlwright.bundle.packed import unpack
from mlwright.trainer.program import main
from tests.support.predicting import Office, open_office
from tests.support.training import Ended, Json, Workshop, flights_table

ROWS = 1_000


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A place with a version that was trained once for all tests."""
    return open_office(tmp_path_factory.mktemp("office"), flights_table(3_000))


@pytest.fixture
def office(trained: Office, tmp_path: Path) -> Office:
    """A place of the test's own, with the same version."""
    shutil.copytree(trained.workshop.root / "pvc" / "store", tmp_path / "pvc" / "store")
    return Office(Workshop(tmp_path), trained.version)


def task(office: Office, uri: str, shards: int = 1, **changes: Any) -> Json:
    """Return what the programs are told."""
    document = {"run": "flights-count-1", "version": office.version, "dataset": {"uri": uri}, "shards": shards}
    return {"schemaVersion": 1, **document, "outputs": False, **changes}


def ran(office: Office, program: str, told: Json, shard: int = 0) -> Ended:
    """Run a program inside the test."""
    env = {**office.env({}, shard), "MLWRIGHT_COUNT": json.dumps(told)}
    return Ended(main([program], env), office.workshop.message())


def counted(office: Office, told: Json, shard: int = 0) -> dict[str, list[int]]:
    """Return what a shard counted, by surface."""
    ended = ran(office, "count", told, shard)
    assert ended.code == 0, ended.message
    found: dict[str, list[int]] = unpack(ended.results["count"]["counts"])
    return found


def learned(office: Office) -> dict[str, list[Any]]:
    """Return what the version told of each surface: slots, counts, names of bins."""
    ended = ran(office, "learned", task(office, "pvc://lake/none"))
    assert ended.code == 0, ended.message
    return {name: rest for name, *rest in unpack(ended.results["learned"])}


def added(parts: list[dict[str, list[int]]]) -> dict[str, list[int]]:
    """Return the sum of what shards counted."""
    return {name: [sum(column) for column in zip(*(part[name] for part in parts), strict=True)] for name in parts[0]}


def test_the_rows_it_learned_from_fall_as_it_learned_them(office: Office) -> None:
    """Counting the training rows again gives the counts of the profile, bin by bin."""
    uri = office.workshop.write(flights_table(3_000))

    found, profile = counted(office, task(office, uri)), learned(office)

    features = {name: rest for name, rest in profile.items() if name.startswith("feature:")}
    assert set(found) == set(features)
    assert {name: sum(counts) for name, counts in found.items()} == dict.fromkeys(found, 3_000)
    for name, (slots, counts, _) in features.items():
        apart = sum(abs(a - b) for a, b in zip(found[name], counts, strict=True))
        assert len(slots.split()) == len(counts)
        assert apart <= 3_000 - sum(counts)  # what was held out is all that is new


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.jsonl"])
@pytest.mark.parametrize("shards", [2, 3, 7])
def test_counts_of_shards_add_up_to_those_of_one_pod(office: Office, name: str, shards: int) -> None:
    """Partial counts merge to the identical answer, features, outputs and labels alike."""
    table = flights_table(ROWS)
    uri = office.workshop.write(table, name)
    if name != "rows.parquet":  # whole files are shared
        uri = "pvc://lake/days"
        (office.workshop.lake / "days").mkdir(parents=True, exist_ok=True)
        for part in range(5):
            office.workshop.write(table.slice(part * 200, 200), f"days/{part}-{name}")
    told: Json = {"outputs": True, "label": "late"}

    whole = counted(office, task(office, uri, **told))
    parts = [counted(office, task(office, uri, shards, **told), shard) for shard in range(shards)]

    assert added(parts) == whole
    assert {sum(counts) for surface, counts in whole.items() if surface != "labels"} == {ROWS}


def test_answers_and_labels_are_counted_when_asked(office: Office) -> None:
    """The version answers the rows: its labels and how sure it is; rows without a label say nothing of it."""
    table = flights_table(ROWS)
    late = pc.if_else(
        pa.array([row % 2 == 0 for row in range(ROWS)]), table.column("late"), pa.scalar(None, pa.bool_())
    )
    half = table.set_column(table.schema.get_field_index("late"), "late", late)

    found = counted(office, task(office, office.workshop.write(half), outputs=True, label="late"))

    right, labelled = found["labels"]
    assert labelled == ROWS // 2
    assert labelled * 0.8 < right <= labelled
    assert sum(found["output:label"]) == sum(found["output:probabilities"]) == ROWS


def test_bins_have_names_that_people_read(office: Office) -> None:
    """Ranges of numbers and categories, in the order of the bins."""
    told = learned(office)

    slots, _, names = told["feature:carrier"]
    assert set(names) == {"AA", "B6", "UA"} or "rare texts" in names or len(names) >= 2
    assert len(names) == sum(slot.isdigit() for slot in slots.split())
    ranges = [name for surface, (_, _, own) in told.items() if surface == "feature:distance" for name in own]
    assert all(" to " in name or name.replace(".", "").isdigit() for name in ranges)


@pytest.mark.parametrize(
    "change, field, sentence",
    [
        ({"dataset": {"uri": "pvc://lake/none.parquet"}}, "spec.target.batch.dataset.uri", "there is no file at"),
        ({"label": "right"}, "spec.target.batch.dataset.uri", "has no column 'right', which flights-v3 needs"),
    ],
)
def test_what_is_wrong_is_said_with_field_and_remedy(office: Office, change: Json, field: str, sentence: str) -> None:
    """The fields are those of a DriftMonitor."""
    uri = office.workshop.write(flights_table(ROWS))

    ended = ran(office, "count", {**task(office, uri), **change})

    assert ended.code == 64
    assert ended.message["field"] == field
    assert sentence in ended.message["sentence"]
    assert ended.message["remedy"]


def test_a_feature_that_disappears_is_named(office: Office) -> None:
    """A column that the version learned is not there any more."""
    uri = office.workshop.write(flights_table(ROWS).drop_columns(["carrier"]))

    ended = ran(office, "count", task(office, uri))

    assert ended.code == 64
    assert ended.message["sentence"] == "data.parquet has no column 'carrier', which flights-v3 needs"


def test_a_file_that_is_none_is_named(office: Office) -> None:
    """Rubbish is no Parquet, and no byte of it is repeated."""
    uri = office.workshop.write(flights_table(ROWS))
    (office.workshop.lake / "data.parquet").write_bytes(b"secret rubbish")

    ended = ran(office, "count", task(office, uri))

    assert ended.code == 64
    assert ended.message["sentence"].startswith("data.parquet cannot be read as Parquet")
    assert "secret" not in json.dumps(ended.message)


def test_every_message_fits_with_many_features_and_rows(tmp_path: Path) -> None:
    """Twenty-five columns of large counts: the pod still says all of the twenty that count."""
    columns = {
        f"a_feature_with_a_long_name_{place:02}": [row * 0.37 + place for row in range(ROWS)] for place in range(25)
    }
    table = pa.table({**columns, "late": [row % 2 == 0 for row in range(ROWS)]})
    office = open_office(tmp_path, table)

    found = learned(office)
    ended = ran(office, "count", task(office, office.workshop.write(table), outputs=True))

    assert sum(name.startswith("feature:") for name in found) == 20
    assert len(json.dumps(ended.message)) < 4096
    assert set(unpack(ended.results["count"]["counts"])) == set(found)
