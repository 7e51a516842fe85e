"""Delta tables: one version of them is read, whatever was written since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from deltalake import DeltaTable, write_deltalake

from mlwright.trainer.revisions import look
from mlwright.trainer.step import DataFormat
from tests.support.s3server import S3Server, serving
from tests.support.training import Ended, Json, Workshop, dataset, document, flights_table

pytestmark = pytest.mark.timeout(120)

TABLE = "pvc://lake/flights"


def _write(shop: Workshop, *versions: Any, **how: Any) -> str:
    """Write a table on the claim, one version after the other; its place comes back."""
    place = shop.lake / "flights"
    place.mkdir(parents=True, exist_ok=True)
    for table in versions:
        write_deltalake(str(place), table, mode="overwrite", **how)
    return str(place)


def _validate(shop: Workshop, run: str = "run-1", uri: str = TABLE, **dataset: Any) -> Ended:
    return shop.run("validate", document(uri, run=run, dataset={"format": "Delta", **dataset}))


def test_the_newest_version_is_read_and_named(shop: Workshop) -> None:
    """Rows that an earlier version held are not there, although their files still are."""
    _write(shop, flights_table(400), flights_table(300))
    files = shop.run("validate", document(shop.write(flights_table(300)), run="run-2"))

    ended = _validate(shop)

    assert ended.code == 0, ended.message
    found = ended.results["dataset"]
    assert (found["rows"], found["format"], found["revision"]) == (300, "Delta", "version 1")
    assert found["digest"] == files.results["dataset"]["digest"]
    assert found["bytes"] > 0


def test_a_pinned_version_stays_what_it_was(shop: Workshop) -> None:
    """A run can be repeated with the data of then."""
    _write(shop, flights_table(400))
    before = _validate(shop, "run-1", revision="0")
    _write(shop, flights_table(300))

    after = _validate(shop, "run-2", revision="0")

    assert after.results["dataset"]["rows"] == 400
    assert after.results["dataset"] | {"report": ""} == before.results["dataset"] | {"report": ""}


def test_a_look_at_a_table_tells_version_and_rows(shop: Workshop) -> None:
    """Enough to know whether there is anything new."""
    _write(shop, flights_table(400), flights_table(300))

    _, found = look(dataset(TABLE, DataFormat.DELTA), shop.root)

    assert found["dataset"] | {"bytes": 0} == {"revision": "version 1", "rows": 300, "bytes": 0}


def test_rows_that_were_deleted_are_not_learned_from(shop: Workshop) -> None:
    """What somebody asked to be forgotten is forgotten; the numbers of the checks count what is left."""
    place = _write(shop, flights_table(400))
    DeltaTable(place).delete("hour > 15")

    ended = _validate(shop, checks={"columns": [{"name": "hour", "max": 15}]})

    assert ended.code == 0, ended.message
    assert ended.results["dataset"]["rows"] == flights_table(400).filter(_early()).num_rows


def _early() -> list[bool]:
    return [hour <= 15 for hour in flights_table(400)["hour"].to_pylist()]


def test_columns_of_partitions_are_columns(shop: Workshop) -> None:
    """Their values stand in the table's log, not in its files."""
    _write(shop, flights_table(200), partition_by=["carrier"])

    ended = _validate(shop, features=["hour", "carrier"])

    assert ended.code == 0, ended.message
    assert ended.results["dataset"]["features"] == 2


@pytest.mark.parametrize("uri", [TABLE, f"{TABLE}/*.parquet"])
def test_the_files_of_a_table_are_never_read_as_they_lie(shop: Workshop, uri: str) -> None:
    """They hold rows of all versions; the remedy is one word."""
    _write(shop, flights_table(100), flights_table(50))

    ended = shop.run("validate", document(uri))

    assert (ended.code, ended.message["field"], ended.message["remedy"]) == (
        64,
        "spec.dataset.format",
        "set it to Delta",
    )
    assert ended.message["sentence"] == f"{uri} is a Delta table, whose files also hold rows that were deleted"


def test_a_table_that_comes_later_is_waited_for(shop: Workshop) -> None:
    """As a file would be."""
    shop.lake.mkdir(parents=True)

    ended = _validate(shop)

    assert (ended.code, ended.message["reason"]) == (64, "DatasetMissing")
    assert ended.message["sentence"] == f"there is no Delta table at {TABLE}"


def test_a_version_that_is_not_there_is_named(shop: Workshop) -> None:
    """The field is the pin."""
    _write(shop, flights_table(100))

    ended = _validate(shop, revision="7")

    assert (ended.code, ended.message["field"]) == (64, "spec.dataset.revision")
    assert ended.message["sentence"] == f"the table at {TABLE} has no version 7 that can still be read"


def test_a_table_that_asks_more_of_its_reader_is_refused(shop: Workshop) -> None:
    """Rather no model than one of rows that a deletion vector removed."""
    _write(shop, flights_table(100), configuration={"delta.enableDeletionVectors": "true"})

    ended = _validate(shop)

    assert (ended.code, ended.message["field"]) == (64, "spec.dataset.format")
    assert ended.message["remedy"] == "write it without deletion vectors and column mapping, or as Parquet files"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server whose one bucket holds a table of two versions."""
    folder = tmp_path_factory.mktemp("delta")
    with serving(folder / "server") as server:
        place = server.bucket("lake") / "flights"
        place.mkdir()
        for rows in (120, 80):
            write_deltalake(str(place), flights_table(rows), mode="overwrite")
        yield server


def _storage(server: S3Server | str, *, secret: bool = True) -> Json:
    endpoint = server if isinstance(server, str) else server.endpoint
    return {"storage": {"endpointURL": endpoint, **({"secretRef": {"name": "lake-keys"}} if secret else {})}}


def test_a_table_in_an_object_store_is_read_alike(
    shop: Workshop, store: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same storage and keys as files."""
    for name, value in store.keys.items():
        monkeypatch.setenv(name, value)

    newest = _validate(shop, "run-1", "s3://lake/flights", **_storage(store))
    pinned = _validate(shop, "run-2", "s3://lake/flights", revision="0", **_storage(store))
    absent = _validate(shop, "run-3", "s3://lake/trains", **_storage(store))

    assert newest.code == 0, newest.message
    assert [ended.results["dataset"]["rows"] for ended in (newest, pinned)] == [80, 120]
    assert absent.message["reason"] == "DatasetMissing"


def test_a_store_that_refuses_or_is_away_is_told_as_for_files(
    shop: Workshop, store: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same fields and sentences."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", store.keys["AWS_ACCESS_KEY_ID"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-one")

    refused = _validate(shop, "run-1", "s3://lake/flights", **_storage(store))
    away = _validate(shop, "run-2", "s3://lake/flights", **_storage("http://127.0.0.1:9"))

    assert refused.message["field"] == "spec.dataset.storage.secretRef", refused.message
    assert (away.message["field"], away.message["reason"]) == ("spec.dataset.storage.endpointURL", "StorageAway")


def test_what_the_pod_brings_itself_is_used(shop: Workshop, store: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a Secret, as files are read: keys from spec.pod.env, or those of the service account."""
    nobody = _validate(shop, "run-1", "s3://lake/flights", **_storage(store, secret=False))
    for name, value in store.keys.items():
        monkeypatch.setenv(name, value)
    own = _validate(shop, "run-2", "s3://lake/flights", **_storage(store, secret=False))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-one")
    refused = _validate(shop, "run-3", "s3://lake/flights", **_storage(store, secret=False))

    assert nobody.message["sentence"] == f"{store.endpoint} refuses a reader without keys access to bucket 'lake'"
    assert own.code == 0, own.message
    assert "refuses what the pod brings itself in AWS_* access to bucket 'lake'" in refused.message["sentence"]
