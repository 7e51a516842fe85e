"""Runs in an object store: every pod begins with an empty folder, and a real S3 server is all between them."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.fs
import pytest

from mlwright.bundle.errors import BRING_BACK
from mlwright.bundle.loading import fetch, locate
from mlwright.bundle.verification import verify
from mlwright.trainer.artifacts import read_artifacts
from mlwright.trainer.possession import OWNED
from mlwright.trainer.program import main
from mlwright.trainer.results import RESULT
from mlwright.trainer.sweeping import UNUSED
from tests.support.s3server import ACCESS, PASSWORD, S3Server, free_port, serving
from tests.support.training import Ended, Json, Workshop, document, flights_table

pytestmark = pytest.mark.timeout(120)

PLACE = "s3://models/mlwright/demo/flights/runs"
RUN = f"{PLACE}/run-1"
OWNER = {"namespace": "demo", "model": "flights", "uid": "uid-1"}
KEYS = {"MLWRIGHT_ARTIFACTS_0_AWS_ACCESS_KEY_ID": ACCESS, "MLWRIGHT_ARTIFACTS_0_AWS_SECRET_ACCESS_KEY": PASSWORD}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server; each test has a bucket of its own."""
    with serving(tmp_path_factory.mktemp("s3") / "server") as running:
        yield running


class Pods:
    """Pods of one namespace, one after the other; each has a mount root of its own with the same data."""

    def __init__(self, server: S3Server, folder: Path) -> None:
        self.endpoint = server.endpoint
        self.bucket = server.bucket("models")
        self._roots = (folder / f"pod-{number}" for number in itertools.count())
        self.shop = Workshop(folder)

    def told(self, *fetch: str, uri: str = "s3://models/mlwright") -> Json:
        """Return what a pod is told of the store."""
        storage = {"endpointURL": self.endpoint, "secretRef": {"name": "keys"}}
        store = {"uri": uri, "field": "spec.artifacts", "storage": storage, "keys": "MLWRIGHT_ARTIFACTS_0_"}
        return {"stores": [store], "fetch": list(fetch)}

    def run(self, command: str, env: Json, told: Json) -> Ended:
        """Run a program in a new pod."""
        self.shop = Workshop(next(self._roots))
        self.shop.write(flights_table(300))
        return self.go_on(command, env, told)

    def go_on(self, command: str, env: Json, told: Json) -> Ended:
        """Run another program in the same pod."""
        whole = {
            "MLWRIGHT_MOUNT_ROOT": str(self.shop.root),
            "MLWRIGHT_TERMINATION_LOG": str(self.shop.root / "termination-log"),
            "MLWRIGHT_ARTIFACTS": json.dumps(told),
            **KEYS,
            **env,
        }
        return Ended(main([command], whole), self.shop.message())

    def fetched(self, uri: str) -> Path:
        """Fetch what lies at an address into a new pod, as a step that reads it does; return where it is."""
        self.shop = Workshop(next(self._roots))
        read_artifacts({"MLWRIGHT_ARTIFACTS": json.dumps(self.told(uri)), **KEYS}, self.shop.root).fetch_wanted()
        return self.shop.root / uri.replace("://", "/")

    def step(self, step: str, *fetch: str, **changes: Any) -> Ended:
        """Run a step that reads the folders of these steps."""
        wanted = (f"{step}-0", *fetch)
        return self.run(
            step, {"MLWRIGHT_STEP": json.dumps(wish(**changes))}, self.told(*(f"{RUN}/{f}" for f in wanted))
        )

    def objects(self) -> list[str]:
        """Return the names of all objects."""
        found = (path for path in self.bucket.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.bucket)) for path in found)


def wish(**changes: Any) -> Json:
    """Return the document of a step whose run lies in the store."""
    told = document("pvc://lake/data.parquet", **changes)
    inputs = {step: f"{RUN}/{step}-0" for step in ("validate", "train")}
    return told | {"runUri": RUN, "inputs": inputs, "owner": OWNER}


@pytest.fixture
def pods(server: S3Server, tmp_path: Path) -> Iterator[Pods]:
    """A namespace whose bucket is empty."""
    found = Pods(server, tmp_path)
    yield found
    for left in found.bucket.iterdir():
        shutil.rmtree(left)  # the server takes an empty folder for a name that objects have in common


@pytest.fixture
def trained(pods: Pods) -> tuple[Pods, Json]:
    """The store after a whole run, and the bundle as its results name it."""
    assert pods.step("validate").code == 0, pods.shop.message()
    ended = pods.step("train", "validate-0")
    assert ended.code == 0, ended.message
    return pods, ended.results["bundle"]


def test_a_run_goes_from_pod_to_pod_through_the_store(trained: tuple[Pods, Json]) -> None:
    """The bundle is that of its digest, and the marks and the results of all steps are there."""
    pods, bundle = trained

    ended = pods.step("evaluate", "validate-0", "train-0")

    assert ended.code == 0, ended.message
    assert ended.results["judged"] == bundle["digest"]
    folder = Path(bundle["uri"].removeprefix("s3://models/"))
    assert folder.match("mlwright/demo/flights/runs/run-1/train-0/kept-*/bundle")
    verify(pods.bucket / folder, bundle["digest"])
    assert (pods.bucket / folder / "report.html").exists()
    run = "mlwright/demo/flights/runs/run-1"
    wanted = {f"{run}/{step}-0/{RESULT}" for step in ("validate", "train", "evaluate")} | {f"{run}/{OWNED}"}
    assert wanted <= set(pods.objects())


def test_a_pod_that_is_started_again_reports_what_is_there(trained: tuple[Pods, Json]) -> None:
    """Nothing is trained again, and no object is written again."""
    pods, bundle = trained
    before = pods.objects()

    ended = pods.step("train", "validate-0")

    assert ended.results["bundle"] == bundle
    assert pods.objects() == before


def test_a_pod_that_was_given_up_mixes_nothing_into_what_its_successor_made(trained: tuple[Pods, Json]) -> None:
    """It ends its work after all: it reports the result that is there, and no file of the bundle is another one."""
    pods, bundle = trained
    before = pods.objects()
    late = pods.told(f"{RUN}/validate-0")  # when it began, nobody had a result yet

    ended = pods.run("train", {"MLWRIGHT_STEP": json.dumps(wish(training={"seed": 8}))}, late)

    assert (ended.code, ended.results["bundle"]) == (0, bundle)
    assert pods.objects() == before


def test_what_two_pods_of_an_attempt_send_at_once_stays_apart(
    trained: tuple[Pods, Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither saw the result of the other: each result holds for the files that it names, and readers follow one."""
    pods, bundle = trained
    monkeypatch.setattr("mlwright.trainer.artifacts.Store.result", lambda *_: None)

    ended = pods.run("train", {"MLWRIGHT_STEP": json.dumps(wish(training={"seed": 8}))}, pods.told(f"{RUN}/validate-0"))

    other = ended.results["bundle"]
    assert other["uri"] != bundle["uri"]
    for told in (bundle, other):
        verify(pods.bucket / told["uri"].removeprefix("s3://models/"), told["digest"])
    verify(pods.fetched(f"{RUN}/train-0") / "bundle", other["digest"])


def test_what_a_pod_left_that_died_while_it_sent_counts_for_nothing(trained: tuple[Pods, Json]) -> None:
    """Without the object that names it, its folder is passed over, and the step is done."""
    pods, _ = trained
    left = pods.bucket / "mlwright/demo/flights/runs/run-1/train-0" / RESULT
    left.unlink()

    ended = pods.step("train", "validate-0")

    assert ended.code == 0, ended.message
    run = pods.shop.root / "s3/models/mlwright/demo/flights/runs/run-1"
    assert [path.name for path in run.glob("train-0/kept*")] == []
    assert left.exists()


@pytest.mark.parametrize(
    "place, digest, said",
    [
        ("s3://models/mlwright/gone", "", "nothing lies at this address"),
        ("s3://nowhere/mlwright/gone", "", "there is no bucket 'nowhere'"),
        ("", "sha256:" + "0" * 64, "what lies there is not the bundle sha256:0000"),
    ],
)
def test_a_bundle_that_is_not_there_is_said_before_a_server_starts(
    trained: tuple[Pods, Json], place: str, digest: str, said: str
) -> None:
    """A server that finds nothing would blame the version, and one of somebody's own might serve without a model."""
    pods, bundle = trained
    place = place or bundle["uri"]
    env = {"MLWRIGHT_BUNDLE_URI": place, "MLWRIGHT_BUNDLE_DIGEST": digest} if digest else {}

    ended = pods.run("fetch", env, pods.told(place, uri=place))

    assert ended.code == 64
    assert said in ended.message["sentence"]
    if "bucket" not in said:
        assert (ended.message["field"], ended.message["remedy"]) == (
            f"spec.artifacts.{'digest' if digest else 'uri'}",
            BRING_BACK,
        )


def test_more_than_a_bundle_can_be_is_not_fetched(trained: tuple[Pods, Json], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names the address of a lake would fill the disk of every node."""
    pods, bundle = trained
    monkeypatch.setattr("mlwright.trainer.artifacts.BUNDLE_MAX_BYTES", 100)

    ended = pods.run("fetch", {}, pods.told(bundle["uri"], uri=bundle["uri"]))

    assert ended.code == 64
    assert "and a bundle at most 100" in ended.message["sentence"]
    assert not (pods.shop.root / "s3").exists()


def test_a_server_gets_the_bundle_fetched_without_keys_of_its_own(trained: tuple[Pods, Json], tmp_path: Path) -> None:
    """What a fetching container leaves is what the server finds under the address of the version."""
    pods, bundle = trained

    ended = pods.run("fetch", {}, pods.told(bundle["uri"], uri=bundle["uri"]))

    assert ended.code == 0, ended.message
    (tmp_path / "private").mkdir()
    found = fetch(locate(bundle["uri"], pods.shop.root, field="uri"), tmp_path / "private", bundle["digest"])
    assert found.digest == bundle["digest"]


def test_what_a_failed_step_found_stays(pods: Pods) -> None:
    """The findings and the page for people are kept; the rows are not."""
    checks = {"minRows": 1000}

    ended = pods.step("validate", dataset={"checks": checks})

    assert ended.code == 64
    kept = {Path(name).name for name in pods.objects() if "/validate-0/" in name}
    assert kept == {"checks.json", "data-report.html", RESULT}


def own(pods: Pods, shard: int, words: bytes) -> Ended:
    """Do a shard of a step whose container writes these words; its pod has a folder of its own."""
    task = {"run": "run-1", "step": "features", "attempt": 0, "runUri": RUN, "inputs": []}
    task |= {"outputs": [{"name": "data", "type": "Dataset"}], "owner": OWNER}
    env = {"MLWRIGHT_OWN": json.dumps(task), "MLWRIGHT_SHARD": str(shard)}
    told = pods.told(f"{RUN}/features-0")
    prepared = pods.run("prepare", env, told)
    assert prepared.code == 0, prepared.message
    (pods.shop.root / RUN.replace("://", "/") / f"features-0/.{shard}.tmp/data/part.csv").write_bytes(words)
    return pods.go_on("seal", env, told)


def test_what_containers_of_somebodys_own_leave_is_found_by_the_next_step(pods: Pods) -> None:
    """All shards at their places, as the step that reads them is told: the folder as a whole, or a file of one."""
    for shard, words in ((0, b"first"), (1, b"second")):
        assert own(pods, shard, words).code == 0, pods.shop.message()
    folder = pods.fetched(f"{RUN}/features-0")
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("part.csv")}
    one = pods.fetched(f"{RUN}/features-0/1/data") / "part.csv"

    assert found == {"0/data/part.csv": b"first", "1/data/part.csv": b"second"}
    assert one.read_bytes() == b"second"


def test_a_tuning_that_lost_its_pod_goes_on_with_its_journal(pods: Pods) -> None:
    """Trials that ended in the first pod are not done again, and a look finds how far it is."""
    tuning = {
        "trials": 4,
        "objectives": [{"name": "good", "metric": "roc_auc", "goal": "Maximize"}],
        "space": [{"name": "max_iter", "type": "Int", "int": {"low": 2, "high": 9}}],
    }
    assert pods.step("validate").code == 0
    first = pods.step("tune", "validate-0", training={"tuning": tuning})
    assert first.code == 0, first.message
    run = pods.bucket / "mlwright/demo/flights/runs/run-1"
    _, tail = (run / f"{journal_in(run).name}.tail").read_bytes().split(b"\n", 1)
    written = journal_in(run).read_bytes() + tail
    (pods.bucket / f"mlwright/demo/flights/runs/run-1/tune-0/{RESULT}").unlink()

    again = pods.step("tune", "validate-0", training={"tuning": tuning})

    assert again.results["tuning"]["best"] == first.results["tuning"]["best"]
    assert journal_in(run).read_bytes().startswith(written)
    assert tail


def journal_in(run: Path) -> Path:
    """Return the journal of a tuning that counts."""
    return run / (run / "tune.journal.counts").read_text("ascii")


Sweep = Callable[..., Ended]


@pytest.fixture
def sweep(pods: Pods) -> Sweep:
    """Sweep the store as of some hours from now."""

    def run(slot: int, trusted: int, *in_use: str) -> Ended:
        asked = {
            "name": "flights-sweep",
            "owner": OWNER,
            "listedAt": datetime.now(UTC).isoformat(),
            "slot": slot,
            "trustedSlot": trusted,
            "graceSeconds": 0 if trusted else 3600,
            "places": [PLACE],
            "inUse": list(in_use),
        }
        return pods.run("sweep", {"MLWRIGHT_SWEEP": json.dumps(asked)}, pods.told(uri=PLACE))

    return run


def folder(pods: Pods, name: str, owner: Json) -> None:
    """Put the folder of a run into the store."""
    system = pyarrow.fs.S3FileSystem(
        access_key=ACCESS, secret_key=PASSWORD, scheme="http", endpoint_override=pods.endpoint[7:], region="us-east-1"
    )
    told = json.dumps({"schemaVersion": 1, **owner}).encode()
    for entry, content in (("train-0/bundle/model.onnx", b"m" * 1000), (OWNED, told)):
        with system.open_output_stream(f"{PLACE.removeprefix('s3://')}/{name}/{entry}") as stream:
            stream.write(content)


def test_folders_that_nothing_uses_go_in_two_sweeps(pods: Pods, sweep: Sweep) -> None:
    """The first marks them, the second removes them; what is in use stays without a mark."""
    folder(pods, "used", OWNER)
    folder(pods, "unused", OWNER)
    slot = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())

    first = sweep(slot, 0, "used")
    marked = [name for name in pods.objects() if name.endswith(UNUSED)]
    second = sweep(slot + 1800, slot, "used")

    assert first.results["sweep"] | {"waitingBytes": 1000} == first.results["sweep"], first.message
    assert marked == [f"mlwright/demo/flights/runs/unused/{UNUSED}"]
    assert (second.results["sweep"]["removed"], second.results["sweep"]["removedBytes"]) == (1, 1000)
    assert {name.split("/")[4] for name in pods.objects()} == {"used"}
    third = sweep(slot + 3600, slot, "used")
    assert (third.results["sweep"]["folders"], third.results["sweep"]["unmarked"]) == (1, 0)


def test_all_that_a_run_left_goes(trained: tuple[Pods, Json], sweep: Sweep) -> None:
    """However deep it lies; what stood for folders goes as well."""
    pods, _ = trained
    slot = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())

    sweep(slot, 0)
    ended = sweep(slot + 1800, slot)

    assert (ended.results["sweep"]["removed"], ended.results["sweep"]["failed"]) == (1, 0), ended.message
    assert [path.name for path in (pods.bucket / "mlwright/demo/flights/runs").iterdir()] == []


def test_a_place_that_is_shared_with_another_installation_is_left_alone(pods: Pods, sweep: Sweep) -> None:
    """As on a volume: who they are may use ours."""
    folder(pods, "unused", OWNER)
    folder(pods, "theirs", OWNER | {"uid": "of-another-cluster"})

    ended = sweep(int(datetime.now(UTC).timestamp()), 0)

    assert ended.code == 64
    assert "holds folders of another installation or of an earlier Model (theirs)" in ended.message["sentence"]
    assert not [name for name in pods.objects() if name.endswith(UNUSED)]


@pytest.mark.parametrize(
    "changes, field, said",
    [
        (
            {"secretRef": {"name": "keys"}, "wrong": True},
            "spec.artifacts.storage.secretRef",
            "refuses the keys of Secret",
        ),
        ({"away": True}, "spec.artifacts.storage.endpointURL", "does not answer"),
        ({"bucket": "nowhere"}, "spec.artifacts.uri", "there is no bucket 'nowhere'"),
        ({"empty": True}, "spec.artifacts.storage.secretRef", "gives no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_store_that_is_away_or_refuses_is_said(pods: Pods, changes: Json, field: str, said: str) -> None:
    """The sentence names the field of the object that people wrote; one that is away is waited for."""
    told = pods.told(f"{RUN}/validate-0")
    if changes.get("away"):
        told["stores"][0]["storage"]["endpointURL"] = f"http://127.0.0.1:{free_port()}"
    asked = json.dumps(wish()).replace("s3://models/", f"s3://{changes.get('bucket', 'models')}/")
    told = json.loads(json.dumps(told).replace("s3://models/", f"s3://{changes.get('bucket', 'models')}/"))
    keys = dict.fromkeys(KEYS, "wrong" if changes.get("wrong") else "") if {"wrong", "empty"} & changes.keys() else {}

    ended = pods.run("validate", {"MLWRIGHT_STEP": asked, **keys}, told)

    assert ended.code == 64
    assert (ended.message["field"], said in ended.message["sentence"]) == (field, True), ended.message
    assert ended.message.get("reason") == ("StorageAway" if {"away", "bucket"} & changes.keys() else None)
