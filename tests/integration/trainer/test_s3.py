"""Data in an object store: a real server of the S3 protocol, read with keys from the environment."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.fs
import pyarrow.parquet
import pytest

from mlwright.trainer import sources
from mlwright.trainer.revisions import look
from mlwright.trainer.step import Storage
from mlwright.trainer.step_document import read_dataset
from tests.support.s3server import ACCESS, PASSWORD, S3Server, serving
from tests.support.training import Ended, Json, Workshop, dataset, document, flights_table

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server with one bucket of flights, put there through the protocol."""
    with serving(tmp_path_factory.mktemp("s3") / "server") as server:
        server.bucket("lake")
        for place, part in enumerate((flights_table(300).slice(0, 100), flights_table(300).slice(100))):
            _put(server, f"lake/flights/part-{place}.parquet", part)
        yield server


def _system(server: S3Server) -> Any:
    return pyarrow.fs.S3FileSystem(
        access_key=ACCESS, secret_key=PASSWORD, scheme="http", endpoint_override=server.endpoint[7:], region="us-east-1"
    )


def _put(server: S3Server, key: str, table: Any) -> None:
    pyarrow.parquet.write_table(table, key, filesystem=_system(server))


@pytest.fixture
def keys(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The environment of a pod that got its keys from the Secret."""
    for name, value in store.keys.items():
        monkeypatch.setenv(name, value)
    return store


def _asked(endpoint: str, uri: str = "s3://lake/flights/*.parquet", **storage: Any) -> Json:
    asked = {"endpointURL": endpoint, "secretRef": {"name": "lake-keys"}, **storage}
    return document(uri, dataset={"storage": asked})


def _validate(shop: Workshop, endpoint: str, uri: str = "s3://lake/flights/*.parquet", **storage: Any) -> Ended:
    return shop.run("validate", _asked(endpoint, uri, **storage))


def test_the_same_rows_have_the_same_digest_wherever_they_lie(shop: Workshop, keys: S3Server) -> None:
    """A pattern, a folder and one file of a bucket are read like those of a claim."""
    local = shop.run("validate", document(shop.write(flights_table(300)), run="run-2"))

    ended = _validate(shop, keys.endpoint)
    folder = shop.run("validate", _asked(keys.endpoint, "s3://lake/flights") | {"run": _run("run-3")})

    assert ended.code == 0, ended.message
    assert ended.results["dataset"]["digest"] == local.results["dataset"]["digest"]
    assert ended.results["dataset"]["uri"] == "s3://lake/flights/*.parquet"
    assert folder.results["dataset"]["rows"] == 300


def _run(name: str) -> Json:
    return {"namespace": "demo", "name": name, "pipeline": "flights", "generation": 1, "attempt": 7}


def test_a_whole_run_reads_from_the_store(shop: Workshop, keys: S3Server) -> None:
    """Validate alone needs the store; the lineage in the bundle names the revision."""
    wanted = _asked(keys.endpoint)
    for step in ("validate", "train", "evaluate"):
        assert shop.run(step, wanted).code == 0, shop.message()

    record = json.loads((shop.run_folder() / "train-0" / "bundle" / "run.json").read_text())
    assert record["dataset"]["revision"].startswith("sha256:")


def test_formats_and_compression_are_those_of_files(shop: Workshop, keys: S3Server) -> None:
    """CSV with gzip, streamed."""
    with _system(keys).open_output_stream("lake/small.csv.gz", compression="gzip") as stream:
        stream.write(b"a,late\n" + b"".join(f"{row},{'true' if row % 3 else 'false'}\n".encode() for row in range(200)))

    ended = _validate(shop, keys.endpoint, "s3://lake/small.csv.gz")

    assert ended.code == 0, ended.message
    assert (ended.results["dataset"]["format"], ended.results["dataset"]["rows"]) == ("CSV", 200)


def test_the_revision_changes_when_an_object_is_written_again(shop: Workshop, keys: S3Server) -> None:
    """Other content is another ETag, also of the same size in the same second; the same content is not."""
    found = []
    for rows in (50, 50, 51):
        _put(keys, "lake/again.parquet", flights_table(rows))
        storage = Storage(endpoint=keys.endpoint, secret="lake-keys")  # noqa: S106  # the name of a Secret
        found.append(sources.find(dataset("s3://lake/again.parquet", storage=storage), shop.root).revision)

    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("uri", ["s3://lake/later.parquet", "s3://pond/flights/*.parquet", "s3://lake/nothing"])
def test_what_is_not_there_yet_is_waited_for(shop: Workshop, keys: S3Server, uri: str) -> None:
    """A missing key or bucket is data that may still come."""
    ended = _validate(shop, keys.endpoint, uri)

    assert (ended.code, ended.message["reason"]) == (64, "DatasetMissing")
    assert ended.message["sentence"] == f"there is no file at {uri}"


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_store_that_refuses_names_the_secret(
    shop: Workshop, keys: S3Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Which Secret, which bucket, what to do; neither key is in the message or the log."""
    monkeypatch.setenv(name, "another-one")

    ended = _validate(shop, keys.endpoint)

    assert (ended.code, ended.message["field"]) == (64, "spec.dataset.storage.secretRef")
    assert ended.message["sentence"] == (
        f"{keys.endpoint} refuses the keys of Secret 'lake-keys' access to bucket 'lake'"
    )
    assert "reason" not in ended.message
    assert PASSWORD not in json.dumps(ended.message)
    assert "another-one" not in json.dumps(ended.message)


def test_a_store_that_refuses_readers_without_keys_says_so(shop: Workshop, store: S3Server) -> None:
    """Without a Secret nobody's rights are used."""
    ended = _validate(shop, store.endpoint, secretRef=None)

    assert ended.message["sentence"] == f"{store.endpoint} refuses a reader without keys access to bucket 'lake'"


def test_a_secret_that_lacks_a_key_is_named(shop: Workshop, keys: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody is asked."""
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    ended = _validate(shop, keys.endpoint)

    assert ended.message["sentence"] == "Secret 'lake-keys' gives no AWS_SECRET_ACCESS_KEY"


@pytest.mark.usefixtures("keys")
def test_a_store_that_is_away_is_waited_for(shop: Workshop) -> None:
    """Nobody listens at the port: the run tries again by itself."""
    ended = _validate(shop, "http://127.0.0.1:9")

    assert (ended.code, ended.message["reason"]) == (64, "StorageAway")
    assert ended.message["field"] == "spec.dataset.storage.endpointURL"
    assert ended.message["sentence"] == "http://127.0.0.1:9 does not answer"


@pytest.mark.usefixtures("keys")
def test_a_store_of_an_unknown_name_is_waited_for(shop: Workshop) -> None:
    """A Service that does not exist yet."""
    ended = _validate(shop, "http://minio.nowhere.invalid:9000")

    assert ended.message["reason"] == "StorageAway"


def test_a_certificate_is_trusted_only_by_its_bundle(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store with a certificate of one's own is refused without the ConfigMap that names its authority."""
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            *subject,
            "-out",
            certificate,
            "-keyout",
            key,
        ],
        check=True,
        capture_output=True,
    )
    with serving(tmp_path / "server", tls=(certificate, key)) as server:
        for name, value in server.keys.items():
            monkeypatch.setenv(name, value)
        (server.bucket("lake") / "x.csv").write_text(
            "a,late\n" + "".join(f"{row},{row % 3 == 0}\n" for row in range(99))
        )
        bundle = shop.root / "configmap" / "authorities"
        bundle.mkdir(parents=True)
        (bundle / "ca.crt").write_text(certificate.read_text())

        refused = _validate(shop, server.endpoint, "s3://lake/x.csv")
        trusted = _asked(server.endpoint, "s3://lake/x.csv", caBundleRef={"name": "authorities", "key": "ca.crt"})
        ended = shop.run("validate", trusted | {"run": _run("run-2")})

    assert refused.message["field"] == "spec.dataset.storage.caBundleRef"
    assert refused.message["sentence"] == f"the certificate of {server.endpoint} is not trusted"
    assert ended.code == 0, ended.message


def test_a_look_at_the_store_tells_what_is_new(tmp_path: Path, keys: S3Server) -> None:
    """Without reading a row: the revision stays while nothing changes, and another file is another one."""
    asked = read_dataset(json.dumps(_asked(keys.endpoint, "s3://lake/growing/*.parquet")))
    table = flights_table(300)
    _put(keys, "lake/growing/a.parquet", table.slice(0, 100))
    (_, first), (_, again) = look(asked, tmp_path), look(asked, tmp_path)
    _put(keys, "lake/growing/b.parquet", table.slice(100))
    sentence, second = look(asked, tmp_path)

    assert first == again
    assert (first["dataset"]["rows"], second["dataset"]["rows"]) == (100, 300)
    assert first["dataset"]["revision"] != second["dataset"]["revision"]
    assert sentence == "found 300 rows in 2 files"
