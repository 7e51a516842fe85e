"""A version answers stored rows: the programs `predict` and `publish` on real files."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest

from mlwright.bundle.errors import BRING_BACK
from tests.support.predicting import FOLDER, Office, open_office
from tests.support.serving import ServerProcess
from tests.support.training import Workshop, flights_table

ROWS = 1_000


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A place with a version that was trained once for all tests."""
    return open_office(tmp_path_factory.mktemp("office"), flights_table(3_000))


@pytest.fixture
def office(trained: Office, tmp_path: Path) -> Office:
    """A place of the test's own, with the same version."""
    shutil.copytree(trained.workshop.root / "pvc" / "store", tmp_path / "pvc" / "store")
    (tmp_path / "pvc" / "out").mkdir()
    return Office(Workshop(tmp_path), trained.version)


def rows(count: int = ROWS) -> Any:
    """Return rows without their answers, and an id to know them by."""
    table = flights_table(count).drop_columns(["late"])
    return table.append_column("id", pa.array([f"r{row}" for row in range(count)]))


def test_every_row_is_answered_once_and_says_which_it_is(office: Office) -> None:
    """A run of several shards over several files leaves one answer for each row, in a folder that says all."""
    table = rows()
    for number, start in enumerate(range(0, ROWS, 400)):
        pa.parquet.write_table(table.slice(start, 400), _lake(office) / f"day-{number}.parquet", row_group_size=150)
    task = office.task("pvc://lake/days", shards=3, output={"columns": ["id"]})

    ended = office.run(task)

    found = office.answers()
    assert ended.results == {"batch": {"rows": ROWS, "parts": 3, "uri": f"pvc://out/answers/{FOLDER}"}}
    assert found.column("id").to_pylist() == table.column("id").to_pylist()
    assert found.column("source_file").to_pylist()[399:401] == ["day-0.parquet", "day-1.parquet"]
    assert found.column("source_row").to_pylist()[399:402] == [399, 0, 1]
    assert set(found.column("model_name").to_pylist()) == {"flights"}
    assert set(found.column("model_version").to_pylist()) == {3}


def _lake(office: Office) -> Path:
    folder = office.workshop.lake / "days"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.jsonl"])
def test_the_answers_do_not_depend_on_format_or_shards(office: Office, name: str) -> None:
    """The same rows, whatever they are stored in, are the same rows."""
    once = office.run(office.task(office.workshop.write(rows(), "plain.parquet")))
    expected = office.answers().select(["source_row", "label", "probabilities"])
    shutil.rmtree(office.folder)

    ended = office.run(office.task(office.workshop.write(rows(), name), shards=2))

    assert (once.code, ended.code) == (0, 0), ended.message
    assert office.answers().select(["source_row", "label", "probabilities"]).equals(expected)


def test_the_answers_are_those_of_the_server(office: Office) -> None:
    """A row gets the same answer at night in a file as at noon over HTTP."""
    table = rows(300)
    office.run(office.task(office.workshop.write(table)))

    served = asked(office, table)

    found = office.answers()
    assert found.column("label").to_pylist() == served["label"]
    flat = [value for row in found.column("probabilities").to_pylist() for value in row]
    assert flat == served["probabilities"]


def asked(office: Office, table: Any) -> dict[str, list[Any]]:
    """Ask a model server about the rows, as a client would, and return its outputs by name."""
    environment = {
        "MLWRIGHT_MOUNT_ROOT": str(office.workshop.root),
        "MLWRIGHT_BUNDLE_URI": str(office.version["uri"]),
        "MLWRIGHT_BUNDLE_DIGEST": str(office.version["digest"]),
    }
    with ServerProcess(environment, office.workshop.root / "server.log") as server:
        server.ready()
        _, told = server.ask("GET", "/v2/models/flights")
        inputs = [
            {**tensor, "shape": [table.num_rows, 1], "data": plain(table, tensor["name"])} for tensor in told["inputs"]
        ]
        status, answer = server.ask("POST", "/v2/models/flights/infer", {"inputs": inputs})
    assert status == 200, answer
    return {output["name"]: output["data"] for output in answer["outputs"]}


def plain(table: Any, name: str) -> list[Any]:
    """Return a column as JSON values."""
    values: list[Any] = table.column(name).to_pylist()
    return values


def test_rows_fall_into_the_bins_of_the_profile(office: Office) -> None:
    """What was learned from shows no drift; the profile beside the answers tells it."""
    learned = json.loads((_bundle(office) / "profile.json").read_bytes())
    office.run(office.task(office.workshop.write(flights_table()), shards=2))

    found = json.loads((office.folder / "profile.json").read_bytes())

    assert found["rows"] == flights_table().num_rows
    for mine, theirs in zip(found["features"], learned["features"], strict=True):
        assert mine["edges"] == theirs["edges"]
        assert sum(mine["counts"]["bins"]) + mine["counts"]["missing"] == mine["n"] == found["rows"]
    assert sum(found["outputs"][0]["counts"]["bins"]) == found["rows"]


def test_rows_like_those_that_it_learned_from_have_not_moved(office: Office) -> None:
    """What the version was trained on is no drift, and the sentence of the run says so."""
    ended = office.run(office.task(office.workshop.write(flights_table(4_000))))

    found = drift_of(office)
    assert ended.message["sentence"].endswith(f"; {found['sentence']}")
    assert found["sentence"].startswith("none of ")
    assert {feature["state"] for feature in found["features"]} <= {"Stable", "Inconclusive"}


def test_rows_that_moved_are_told_the_same_by_any_number_of_shards(office: Office) -> None:
    """Counts add up before they are judged: one pod, three pods and rows in another order come to the same end."""
    table = rows(4_000)
    moved = table.set_column(
        table.schema.get_field_index("distance"), "distance", pa.compute.multiply(table.column("distance"), 3.0)
    )
    office.run(office.task(office.workshop.write(moved)))
    alone = drift_of(office)
    shutil.rmtree(office.folder)
    backwards = moved.take(list(reversed(range(4_000))))

    ended = office.run(office.task(office.workshop.write(backwards), shards=3))

    assert drift_of(office) == alone
    over = [feature["name"] for feature in alone["features"] if feature["state"] == "Over"]
    assert over == ["distance"]
    assert "farthest distance: " in ended.message["sentence"]


def drift_of(office: Office) -> dict[str, Any]:
    """What the run says of drift."""
    found: dict[str, Any] = json.loads((office.folder / "drift.json").read_bytes())
    return found


def _bundle(office: Office) -> Path:
    return office.workshop.root / str(office.version["uri"]).replace("://", "/")


def test_nothing_appears_before_all_shards_are_done(office: Office) -> None:
    """A reader finds all answers or none."""
    task = office.task(office.workshop.write(rows()), shards=2)
    office.predict(task, 0)

    ended = office.publish(task)

    assert ended.code == 70
    assert ended.message["sentence"] == "shard 1 of 2 has left nothing: start the run again"
    assert not office.folder.exists()


def test_a_shard_that_is_done_is_not_done_again(office: Office) -> None:
    """Another try of a run costs only what was not done."""
    task = office.task(office.workshop.write(rows()), shards=2)
    office.predict(task, 0)
    before = {path: path.stat().st_mtime_ns for path in office.draft.iterdir()}

    again = office.predict(task, 0)

    assert again.message["sentence"] == "shard 0 was done before: 500 rows"
    assert {path: path.stat().st_mtime_ns for path in office.draft.iterdir()} == before


def test_a_shard_that_is_killed_leaves_nothing_that_looks_whole(office: Office) -> None:
    """The second try does it as if the first had never been."""
    task = office.task(office.workshop.write(rows(200_000)))
    with office.spawn(task) as process:
        until = time.monotonic() + 60
        while not list(office.draft.glob(".part*")) and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not list(office.draft.glob("part*"))
    assert not list(office.draft.glob("shard*"))

    ended = office.run(task)

    assert ended.results["batch"]["rows"] == 200_000
    assert sorted(path.name for path in office.folder.iterdir()) == [
        "drift.json",
        "manifest.json",
        "part-00000-of-00001.parquet",
        "profile.json",
    ]


def test_to_publish_twice_changes_nothing(office: Office) -> None:
    """A pod that is stopped after its work is started again."""
    task = office.task(office.workshop.write(rows()))
    first = office.run(task)

    assert office.publish(task).message == first.message
    assert office.predict(task).message["sentence"] == "shard 0 is done, and the answers are complete"


def test_shards_that_read_different_states_do_not_fit_together(office: Office) -> None:
    """Rows that came between two shards would be answered twice or never."""
    task = office.task(office.workshop.write(rows()), shards=2)
    office.predict(task, 0)
    office.workshop.write(rows(1_200))
    office.predict(task, 1)

    ended = office.publish(task)

    assert (ended.code, ended.message["field"]) == (64, "spec.input.uri")
    assert ended.message["sentence"] == "the input changed while shards read it, so they do not fit together"
    office.predict(task, 0)
    assert office.publish(task).results["batch"]["rows"] == 1_200


def test_no_rows_are_no_error(office: Office) -> None:
    """A day on which nothing happened has an answer too."""
    ended = office.run(office.task(office.workshop.write(rows().slice(0, 0)), shards=2))

    assert ended.results["batch"]["rows"] == 0
    assert json.loads((office.folder / "manifest.json").read_bytes())["parts"] == []


def test_a_file_without_rows_leaves_no_part(office: Office) -> None:
    """Nor a file that no reader could open."""
    (office.workshop.root / "pvc" / "lake").mkdir()
    (office.workshop.lake / "data.csv").write_text("distance,hour,weekend,carrier\n")

    ended = office.run(office.task("pvc://lake/data.csv"))

    assert ended.results["batch"]["rows"] == 0
    assert sorted(path.name for path in office.folder.iterdir()) == ["drift.json", "manifest.json", "profile.json"]


def without(name: str) -> Any:
    """Return the rows without a column."""
    return rows().drop_columns([name])


def with_column(name: str, values: Any) -> Any:
    """Return the rows with other values in a column."""
    return without(name).append_column(name, pa.array(values))


WRONG = {
    "nothing is there": (None, "spec.input.uri", "there is no file at pvc://lake/nothing"),
    "a column is missing": (
        without("carrier"),
        "spec.input.uri",
        "data.parquet has no column 'carrier', which flights-v3 needs",
    ),
    "text where numbers were learned": (
        with_column("distance", ["far"] * ROWS),
        "spec.input.uri",
        "column 'distance' of data.parquet holds text, and flights-v3 learned FP64",
    ),
    "a number that no model computes with": (
        with_column("distance", [1.0, math.inf, -1e39, *range(ROWS - 3)]),
        "spec.input.uri",
        "column 'distance' of data.parquet holds infinite or huge numbers in 2 rows from row 0 on",
    ),
    "missing where nothing was missing": (
        with_column("hour", [None, *range(ROWS - 1)]),
        "spec.input.uri",
        "column 'hour' of data.parquet has no value in 1 row from row 0 on, and flights-v3 learned none missing",
    ),
    "fractions where whole numbers were learned": (
        with_column("hour", [7.5] * ROWS),
        "spec.input.uri",
        "column 'hour' of data.parquet holds numbers that are not whole, and flights-v3 learned INT64",
    ),
}


@pytest.mark.parametrize("table, field, sentence", WRONG.values(), ids=WRONG.keys())
def test_input_that_cannot_be_answered_is_named(office: Office, table: Any, field: str, sentence: str) -> None:
    """Field, file and column; never a value."""
    uri = office.workshop.write(table) if table is not None else "pvc://lake/nothing"

    ended = office.run(office.task(uri))

    assert (ended.code, ended.message["field"], ended.message["sentence"]) == (64, field, sentence)
    assert not office.folder.exists()


def test_values_of_a_csv_are_not_told(office: Office) -> None:
    """A file of text that holds something else than was learned names the column, and the value stays unsaid."""
    (office.workshop.root / "pvc" / "lake").mkdir()
    text = "distance,hour,weekend,carrier\n100.5,7,true,UA\nsecret,8,true,UA\n"
    (office.workshop.lake / "data.csv").write_text(text)

    ended = office.run(office.task("pvc://lake/data.csv"))

    assert ended.code == 64
    expected = "column 'distance' of data.csv holds values of another kind: flights-v3 learned FP64 there"
    assert ended.message["sentence"] == expected
    assert "secret" not in json.dumps(ended.message)


def test_texts_that_look_like_numbers_stay_texts(office: Office) -> None:
    """The first lines of a file do not decide what a column means; what was learned does."""
    (office.workshop.root / "pvc" / "lake").mkdir()
    (office.workshop.lake / "data.csv").write_text("distance,hour,weekend,carrier\n100.5,7,true,007\n")

    ended = office.run(office.task("pvc://lake/data.csv", output={"columns": ["carrier"]}))

    assert ended.code == 0
    assert office.answers().column("carrier").to_pylist() == ["007"]


def test_a_text_with_line_breaks_is_copied_from_a_file_of_any_size(office: Office) -> None:
    """Arrow looks at a few mebibytes at a time, and must not cut inside of a value."""
    note = "one\ntwo" * 1_000
    (office.workshop.root / "pvc" / "lake").mkdir()
    rows = f'100.5,7,true,UA,"{note}"\n' * 1_500
    (office.workshop.lake / "data.csv").write_text(f"distance,hour,weekend,carrier,note\n{rows}")

    ended = office.run(office.task("pvc://lake/data.csv", output={"columns": ["note"]}))

    assert (ended.code, len(rows) > 8 << 20) == (0, True)
    assert office.answers().column("note").to_pylist() == [note] * 1_500


def test_somebody_elses_files_are_left_alone(office: Office) -> None:
    """What lies where the answers go is named, not overwritten."""
    office.folder.mkdir(parents=True)
    (office.folder / "mine.txt").write_text("mine")

    ended = office.run(office.task(office.workshop.write(rows())))

    assert (ended.code, ended.message["field"]) == (64, "spec.output.uri")
    assert ended.message["sentence"] == f"there is something else at {FOLDER}, where the answers go"
    assert [path.name for path in office.folder.iterdir()] == ["mine.txt"]


def test_a_name_that_is_not_utf_8_is_told(office: Office) -> None:
    """In the words of a batch prediction."""
    folder = office.workshop.lake / "folder"
    folder.mkdir(parents=True)
    (folder / "Z\udcfcrich.csv").write_text("distance,hour,weekend,carrier\n100.5,7,true,UA\n")

    ended = office.run(office.task("pvc://lake/folder"))

    assert (ended.code, ended.message["field"], ended.message["remedy"]) == (64, "spec.input.uri", "rename it")
    assert ended.message["sentence"] == "a file has a name that is not UTF-8: Z\\xfcrich.csv"


def test_a_file_in_the_way_of_the_answers_is_named(office: Office) -> None:
    """The address of the answers is a folder."""
    office.out.parent.mkdir(exist_ok=True)
    office.out.write_text("a file")

    ended = office.run(office.task(office.workshop.write(rows())))

    assert (ended.code, ended.message["sentence"]) == (64, "a file is where a folder should be")


def test_a_bundle_that_was_changed_answers_nothing(office: Office) -> None:
    """The digest that was recorded counts, as in the server."""
    (_bundle(office) / "profile.json").write_text("{}")

    ended = office.run(office.task(office.workshop.write(rows())))

    assert (ended.code, ended.message["field"]) == (64, "spec.source")
    assert ended.message["sentence"].startswith("the bundle of flights-v3 cannot be used: profile.json has")
    assert ended.message["remedy"] == BRING_BACK


def test_a_column_of_the_answers_is_not_copied_over(office: Office) -> None:
    """A column of the input that is called as one of the answers would hide it."""
    table = rows().append_column("label", pa.array([math.pi] * ROWS))

    ended = office.run(office.task(office.workshop.write(table), output={"columns": ["label"]}))

    assert (ended.code, ended.message["field"]) == (64, "spec.output.columns")
