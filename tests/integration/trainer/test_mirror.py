"""The mirror against a real MLflow server: what it shows, that telling it twice shows the same, and the way back."""

from __future__ import annotations

import copy
import json
import shutil
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from mlwright.trainer.mlflow import Mlflow, MlflowError
from mlwright.trainer.outside import Outside
from mlwright.trainer.program import main
from tests.support.imports import served, take_in
from tests.support.mlflow import MlflowServer
from tests.support.s3server import free_port
from tests.support.training import Ended, Json, Workshop, document, flights_table

pytestmark = pytest.mark.timeout(240)

LIST = """
import json, sys, pathlib, mlflow
folder = pathlib.Path(mlflow.artifacts.download_artifacts(sys.argv[1]))
model = mlflow.models.Model.load(folder)
names = {str(path.relative_to(folder)) for path in folder.rglob("*")}
wanted = {"MLmodel", "bundle/model.onnx", "bundle/manifest.json"}
print(json.dumps(sorted(names & wanted) + sorted(set(model.flavors) & {"onnx"})))
"""


@pytest.fixture
def server(mlflow_server: MlflowServer) -> MlflowServer:
    """A server on which each test has a registered model of its own."""
    return mlflow_server


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workshop, Json]:
    """A workshop in which a version was trained, and the record of it but for its folder."""
    shop = Workshop(tmp_path_factory.mktemp("trained"))
    told = document(shop.write(flights_table()))
    ended = [shop.run(step, told) for step in ("validate", "train", "evaluate")]
    assert [step.code for step in ended] == [0, 0, 0]
    bundle, metrics = ended[1].results["bundle"], ended[2].results["metrics"]
    dataset = ended[0].results["dataset"]
    lineage = {"run": "flights-1", "pipeline": "flights", "seed": 7}
    lineage |= {
        "parameters": {"max_iter": 5},
        "estimator": "sklearn.ensemble.Any",
        "finishedAt": "2026-01-02T03:04:05Z",
    }
    return shop, {
        "modelRef": {"name": "flights"},
        "version": 1,
        "bundle": bundle,
        "lineage": lineage | {"dataset": dataset},
        "metrics": {name: value for name, value in metrics.items() if value is not None},
        "verdict": {"outcome": "Passed", "gates": []},
    }


@pytest.fixture
def trained(shop: Workshop, lesson: tuple[Workshop, Json]) -> Json:
    """The record of a version, in a workshop that is as it was after the training of it."""
    made, record = lesson
    shutil.copytree(made.root, shop.root, dirs_exist_ok=True)
    found = copy.deepcopy(record)
    found["lineage"]["folder"] = f"flights-1-{shop.root.name[-8:]}"
    return found


def show(
    shop: Workshop, uri: str, model: str, *versions: Json, uid: str = "uid-1", kept: Sequence[str] = (), **aliases: int
) -> Ended:
    """Tell the mirror; `kept` are aliases of the Model that name versions which others show."""
    told = {
        "schemaVersion": 1,
        "namespace": "demo",
        "pipeline": "flights",
        "model": model,
        "uid": uid,
        "mlflow": {"uri": uri, "experiment": f"experiment of {model}"},
        "hosts": [uri],
        "versions": list(versions),
        "aliases": aliases,
        "kept": [*aliases, *kept],
    }
    return Ended(main(["mirror"], shop.env(told)), shop.message())


def asked(server: MlflowServer, call: str, body: Json | None = None) -> Any:
    """Ask the server as anybody would."""
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.uri}/api/2.0/mlflow/{call}", data, headers)  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own address
        return json.load(answer)


def runs(server: MlflowServer, model: str) -> list[Json]:
    """Return the runs that the server shows of a model."""
    name = f"experiment of {model}".replace(" ", "%20")
    experiment = asked(server, f"experiments/get-by-name?experiment_name={name}")["experiment"]["experiment_id"]
    return list(asked(server, "runs/search", {"experiment_ids": [experiment]}).get("runs") or [])


def versions(server: MlflowServer, model: str) -> list[Json]:
    """Return the versions that the server shows of a model."""
    return list(asked(server, f"model-versions/search?filter=name%3D%27{model}%27").get("model_versions") or [])


def aliases(server: MlflowServer, model: str) -> dict[str, str]:
    """Return the aliases that the server shows of a model."""
    found = asked(server, f"registered-models/get?name={model}")["registered_model"].get("aliases") or []
    return {alias["alias"]: alias["version"] for alias in found}


def test_a_version_is_shown_with_everything_that_is_known_of_it(
    shop: Workshop, server: MlflowServer, trained: Json
) -> None:
    """Run, parameters, metrics, tags, files, model version and alias."""
    ended = show(shop, server.uri, "flights", trained, champion=1)

    assert (ended.code, ended.message["sentence"]) == (
        0,
        f"{server.uri} shows flights: v1; champion names version 1",
    )
    (run,), (version,) = runs(server, "flights"), versions(server, "flights")
    data = run["data"]
    assert (run["info"]["status"], run["info"]["run_name"]) == ("FINISHED", "flights-1")
    assert {p["key"]: p["value"] for p in data["params"]} == {
        "estimator": "sklearn.ensemble.Any",
        "max_iter": "5",
        "seed": "7",
    }
    assert {m["key"]: m["value"] for m in data["metrics"]} == pytest.approx(trained["metrics"])
    tags = {tag["key"]: tag["value"] for tag in version["tags"]}
    assert (tags["mlwright.version"], tags["mlwright.digest"]) == ("1", trained["bundle"]["digest"])
    assert tags["mlwright.dataset.digest"] == trained["lineage"]["dataset"]["digest"]
    assert aliases(server, "flights") == {"champion": version["version"]}


def test_what_the_mirror_shows_can_be_taken_in_again(shop: Workshop, server: MlflowServer, trained: Json) -> None:
    """The bundle comes back with the digest that it had, by MLflow's own address."""
    show(shop, server.uri, "way-back", trained, champion=1)

    ended = take_in(shop, "models:/way-back@champion", [server.uri], mlflow={"uri": server.uri})

    assert ended.results["bundle"]["digest"] == trained["bundle"]["digest"]
    assert (ended.results["source"]["flavor"], ended.results["source"]["missing"]) == ("mlwright", [])
    assert served(shop, ended).signature.inputs


def test_mlflow_itself_can_load_what_is_shown(shop: Workshop, server: MlflowServer, trained: Json) -> None:
    """A model in ONNX has MLflow's flavor onnx beside the bundle."""
    show(shop, server.uri, "loadable", trained)

    files = server.run(LIST, "models:/loadable/1").splitlines()[-1]

    assert json.loads(files) == ["MLmodel", "bundle/manifest.json", "bundle/model.onnx", "onnx"]


def test_telling_it_again_shows_the_same(shop: Workshop, server: MlflowServer, trained: Json) -> None:
    """However often the Job runs."""
    for _ in range(3):
        assert show(shop, server.uri, "again", trained, champion=1).code == 0

    assert (len(runs(server, "again")), len(versions(server, "again"))) == (1, 1)


@pytest.mark.parametrize("call", ["runs/log-batch", "runs/update", "model-versions/create", "registered-models/alias"])
def test_a_job_that_dies_is_taken_up_by_the_next(
    shop: Workshop, server: MlflowServer, trained: Json, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Before any of its calls; no run and no version is there twice."""
    model = f"dies-before-{call.replace('/', '-')}"
    send = Mlflow.send

    def dying(self: Mlflow, asked: str, method: str = "POST", **body: Any) -> Json:
        if asked == call:
            raise RuntimeError("the pod was evicted")
        return send(self, asked, method, **body)

    with monkeypatch.context() as patched:
        patched.setattr(Mlflow, "send", dying)
        assert show(shop, server.uri, model, trained, champion=1).code == 70
    assert show(shop, server.uri, model, trained, champion=1).code == 0

    assert (len(runs(server, model)), len(versions(server, model))) == (1, 1)
    assert aliases(server, model) == {"champion": "1"}


def test_aliases_follow_and_go(shop: Workshop, server: MlflowServer, trained: Json) -> None:
    """One that somebody else set in MLflow is left alone."""
    second = {**trained, "version": 2, "lineage": {**trained["lineage"], "folder": "flights-2-x"}}
    show(shop, server.uri, "moves", trained, champion=1, blue=1)
    asked(server, "registered-models/alias", {"name": "moves", "alias": "theirs", "version": "1"})

    ended = show(shop, server.uri, "moves", trained, second, champion=2)

    there = numbers(server, "moves")
    assert ended.code == 0
    assert aliases(server, "moves") == {"champion": there["2"], "theirs": there["1"]}


def numbers(server: MlflowServer, model: str) -> dict[str, str]:
    """Return the numbers that MLflow gave the versions of a model, by ours."""
    found = versions(server, model)
    return {tag["value"]: v["version"] for v in found for tag in v["tags"] if tag["key"] == "mlwright.version"}


def test_a_registered_model_of_somebody_else_is_left_alone(shop: Workshop, server: MlflowServer, trained: Json) -> None:
    """Also that of a Model made anew or in another cluster; the remedy says how to hand it over."""
    asked(server, "registered-models/create", {"name": "theirs"})
    show(shop, server.uri, "ours", trained)

    foreign = show(shop, server.uri, "theirs", trained)
    other = show(shop, server.uri, "ours", trained, uid="uid-2")

    assert (foreign.code, other.code) == (64, 64)
    assert "set its tag mlwright.owner to demo/theirs/uid-1" in foreign.message["remedy"]
    assert "is that of demo/ours/uid-1" in other.message["sentence"]
    assert versions(server, "theirs") == []


def test_an_experiment_that_was_deleted_is_named(shop: Workshop, server: MlflowServer, trained: Json) -> None:
    """MLflow keeps its name, so none of that name can be made."""
    show(shop, server.uri, "lost", trained)
    name = "experiment%20of%20lost"
    experiment = asked(server, f"experiments/get-by-name?experiment_name={name}")["experiment"]["experiment_id"]
    asked(server, "experiments/delete", {"experiment_id": experiment})

    ended = show(shop, server.uri, "lost", trained)

    assert (ended.code, ended.message["field"]) == (64, "spec.mirror.mlflow.experiment")


def test_a_server_that_is_away_is_told(shop: Workshop, trained: Json) -> None:
    """With the address, and that it passes."""
    ended = show(shop, f"http://127.0.0.1:{free_port()}", "flights", trained)

    assert (ended.code, ended.message["reason"]) == (64, "StorageAway")


def test_a_bundle_that_was_damaged_is_not_shown(shop: Workshop, server: MlflowServer, trained: Json) -> None:
    """A mirror shows what is recorded, or nothing; the other versions, and aliases, are shown."""
    other = {**another(trained, shop), "version": 2}
    (shop.run_folder() / "train-0" / "bundle" / "golden.jsonl").write_bytes(b"{}")

    ended = show(shop, server.uri, "damaged", trained, other, blue=1, champion=2)

    assert (ended.code, ended.results["mirror"]["failed"]) == (0, [1])
    assert "v2; champion names version 2; not shown: v1, because the bundle of version 1" in ended.message["sentence"]
    assert numbers(server, "damaged") == {"2": "1"}
    assert aliases(server, "damaged") == {"champion": "1"}


def test_a_version_that_mlflow_refuses_stands_in_no_others_way(
    shop: Workshop, server: MlflowServer, trained: Json
) -> None:
    """Its parameter is one that MLflow does not take."""
    refused = {**trained, "lineage": {**trained["lineage"], "folder": "flights-x", "parameters": {"a\tb!": 1}}}

    ended = show(shop, server.uri, "refused", refused, {**trained, "version": 2}, champion=2)

    assert (ended.code, ended.results["mirror"]["failed"]) == (0, [1])
    assert aliases(server, "refused") == {"champion": numbers(server, "refused")["2"]}


def test_a_version_of_that_number_with_another_bundle_is_another_one(
    shop: Workshop, server: MlflowServer, trained: Json
) -> None:
    """Two clusters, and a Model made anew, count from 1; an alias must never name the other's."""
    show(shop, server.uri, "twice", trained, champion=1)
    tag = {"name": "twice", "key": "mlwright.owner", "value": "demo/twice/uid-2"}
    asked(server, "registered-models/set-tag", tag)
    other = another(trained, shop)

    assert show(shop, server.uri, "twice", other, uid="uid-2", champion=1).code == 0

    (named,) = [v for v in versions(server, "twice") if v["version"] == aliases(server, "twice")["champion"]]
    assert len(versions(server, "twice")) == 2
    assert {t["key"]: t["value"] for t in named["tags"]}["mlwright.digest"] == other["bundle"]["digest"]


def another(trained: Json, shop: Workshop) -> Json:
    """Return the record of a version with another bundle, by a run of its own."""
    told = document(shop.write(flights_table(rows=300), "other.parquet"), run="run-9")
    ended = [shop.run(step, told) for step in ("validate", "train")]
    bundle = ended[1].results["bundle"]
    assert bundle["digest"] != trained["bundle"]["digest"]
    return {**trained, "bundle": bundle, "lineage": {**trained["lineage"], "folder": "flights-9-x"}}


def test_aliases_of_two_pipelines_of_a_model_stay(shop: Workshop, server: MlflowServer, trained: Json) -> None:
    """An alias that the Model has is taken away by nobody, whichever pipeline made what it names now."""
    second = {**trained, "version": 2, "lineage": {**trained["lineage"], "folder": "flights-2-x"}}
    show(shop, server.uri, "shared", trained, champion=1)
    show(shop, server.uri, "shared", second, champion=2)

    show(shop, server.uri, "shared", kept=["champion"])
    assert aliases(server, "shared") == {"champion": numbers(server, "shared")["2"]}

    show(shop, server.uri, "shared")
    assert aliases(server, "shared") == {}


def test_what_opens_the_server_is_in_no_message() -> None:
    """Some servers repeat the headers that they got."""
    with echoing() as uri:
        plain = Mlflow.of(uri, Outside((uri,), "mlflow"), {"MLFLOW_TRACKING_TOKEN": "a-token/of ours"}, "keys")
        with pytest.raises(MlflowError) as caught:
            plain.get("registered-models/get", name="flights")

    assert "got Bearer ***" in str(caught.value)
    assert "ours" not in str(caught.value)


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Refuse, and repeat what opened the server."""
        said = json.dumps({"error_code": "REFUSED", "message": f"got {self.headers['Authorization']}"}).encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def echoing() -> Iterator[str]:
    """Run a server that repeats in its errors what it was sent."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(20)
            assert not thread.is_alive(), "the server that repeats has not ended 20 s after it was told to"
