"""Rows in an object store are answered like those on a claim."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.customers import csv, json_lines, parquet
from tests.support.predicting import FOLDER, Office, open_office
from tests.support.s3server import S3Server, serving
from tests.support.training import Json, flights_table

pytestmark = pytest.mark.timeout(120)

WRITERS = {"rows.parquet": parquet, "rows.csv": csv, "rows.jsonl": json_lines}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server with one bucket."""
    with serving(tmp_path_factory.mktemp("s3") / "server") as server:
        server.bucket("lake")
        yield server


@pytest.fixture(scope="module")
def office(store: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A place with a trained version, whose pods have the keys of the store."""
    keys = {**store.keys, **{f"MLWRIGHT_OUTPUT_{name}": value for name, value in store.keys.items()}}
    return replace(open_office(tmp_path_factory.mktemp("office"), flights_table()), keys=keys)


def reached(store: S3Server) -> Json:
    """Return how the store is reached."""
    return {"storage": {"endpointURL": store.endpoint, "secretRef": {"name": "lake-keys"}}}


def into(store: S3Server, folder: str) -> Json:
    """Return where in the store answers go."""
    return {"uri": f"s3://lake/{folder}", **reached(store)}


def rows() -> Any:
    """Return rows without their answers."""
    return flights_table(500).drop_columns(["late"])


@pytest.mark.parametrize("name", WRITERS)
def test_rows_in_a_store_are_answered(office: Office, store: S3Server, name: str) -> None:
    """The same answers as from a claim, whatever the format."""
    office.run(office.task(office.workshop.write(rows())))
    expected = office.answers().select(["source_row", "label", "probabilities"])
    shutil.rmtree(office.folder)
    (store.bucket("lake") / name).write_bytes(WRITERS[name](rows()))

    ended = office.run(office.task(f"s3://lake/{name}", shards=2, input=reached(store)))

    assert ended.code == 0, ended.message
    assert office.answers().select(["source_row", "label", "probabilities"]).equals(expected)
    shutil.rmtree(office.folder)


def test_answers_in_a_store_are_those_on_a_claim(office: Office, store: S3Server) -> None:
    """Parts, profile and manifest as on a claim, and nothing beside them."""
    uri = office.workshop.write(rows())
    office.run(office.task(uri, shards=2))
    expected = {path.name: path.read_bytes() for path in office.folder.iterdir()}
    shutil.rmtree(office.folder)

    ended = office.run(office.task(uri, shards=2, output=into(store, "answers")))

    assert ended.code == 0, ended.message
    answers = store.bucket("lake") / "answers"
    assert {path.name: path.read_bytes() for path in (answers / FOLDER).iterdir()} == expected
    assert not list(answers.rglob("*.tmp/*"))


def test_no_manifest_appears_before_all_shards_are_done(office: Office, store: S3Server) -> None:
    """Whoever waits for the manifest finds all answers; parts of shards are hidden until then."""
    task = office.task(office.workshop.write(rows()), shards=2, output=into(store, "hidden"))
    office.predict(task, 0)

    ended = office.publish(task)

    assert (ended.code, ended.message["sentence"]) == (70, "shard 1 of 2 has left nothing: start the run again")
    assert [path.name for path in (store.bucket("lake") / "hidden").iterdir()] == [f"_{FOLDER}.tmp"]


def test_an_end_that_was_interrupted_is_done_again(office: Office, store: S3Server) -> None:
    """Parts without their manifest are nobody else's."""
    task = office.task(office.workshop.write(rows()), shards=2, output=into(store, "again"))
    first = office.run(task)
    folder = store.bucket("lake") / "again" / FOLDER
    (folder / "manifest.json").unlink()

    for shard in range(2):
        office.predict(task, shard)
    second = office.publish(task)

    assert (second.code, second.message) == (0, first.message)


def test_somebody_elses_objects_are_left_alone(office: Office, store: S3Server) -> None:
    """What lies where the answers go is named."""
    folder = store.bucket("lake") / "taken" / FOLDER
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")

    ended = office.run(office.task(office.workshop.write(rows()), output=into(store, "taken")))

    assert (ended.code, ended.message["field"]) == (64, "spec.output.uri")


def test_answers_that_may_not_be_written_name_the_field(office: Office, store: S3Server) -> None:
    """That of the answers: the rows may be read with other keys."""
    keys = {"MLWRIGHT_OUTPUT_AWS_ACCESS_KEY_ID": "reader", "MLWRIGHT_OUTPUT_AWS_SECRET_ACCESS_KEY": "wrong"}
    stranger = replace(office, keys={**store.keys, **keys})

    ended = stranger.run(stranger.task(office.workshop.write(rows()), output=into(store, "secret")))

    assert (ended.code, ended.message["field"]) == (64, "spec.output.storage.secretRef")
    assert "may list, get, put and delete objects there" in ended.message["remedy"]


def test_a_store_that_refuses_names_the_field_of_the_batch(office: Office, store: S3Server) -> None:
    """Not that of a pipeline, which the reader has never seen."""
    stranger = replace(office, keys={**store.keys, "AWS_SECRET_ACCESS_KEY": "wrong"})

    ended = stranger.run(stranger.task("s3://lake/rows.parquet", input=reached(store)))

    assert (ended.code, ended.message["field"]) == (64, "spec.input.storage.secretRef")
    assert "spec.dataset" not in str(ended.message)
