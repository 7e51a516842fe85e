"""Taking in a model that was trained elsewhere: what is refused before a pod starts, and what comes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlwright.api.imports import ModelImport
from mlwright.errors import InvalidSpecError
from mlwright.plan.frozen import Frozen
from mlwright.plan.training import ModelKnown
from mlwright.planners.importing import freeze_import
from mlwright.settings import Settings
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import SETTINGS as REPLAYED
from tests.support.replay.operator import Operator
from tests.support.replay.people import status
from tests.support.replay.world import World
from tests.unit.planners.given import SETTINGS

HOST = "https://models.example.com"
OPEN = replace(SETTINGS, outside_hosts=f"{HOST},https://mlflow.example.com")
FILE = f"{HOST}/churn.onnx"
SERVER = {"uri": "https://mlflow.example.com"}
NEW = ModelKnown("churn", exists=False, artifacts="")


def frozen(settings: Settings = OPEN, model: ModelKnown = NEW, **wanted: Any) -> Frozen:
    """Return what a run uses that takes in a model."""
    asked = ModelImport.model_validate({"modelRef": {"name": "churn"}, "uri": FILE, **wanted})
    return freeze_import(asked, model, settings, run="churn-in", uid="uid")


KEYS = {"endpointURL": "https://store:9000", "secretRef": {"name": "keys"}}


def test_an_import_writes_where_it_says_itself_with_keys_of_its_own() -> None:
    """Else where the Model says; how a store is reached belongs to its address."""
    model = replace(NEW, artifacts="s3://models/mlwright", storage={"region": "eu-1"})
    own = {"uri": "s3://mine/runs", "storage": KEYS}

    asked, inherited = frozen(model=model, artifacts=own), frozen(model=model)

    assert (asked.artifacts_uri, asked.artifacts_storage) == ("s3://mine/runs", KEYS)
    assert (inherited.artifacts_uri, inherited.artifacts_storage) == ("s3://models/mlwright", {"region": "eu-1"})
    assert "artifacts" not in asked.training["importFrom"]


def test_the_keys_that_a_model_names_are_not_lent_to_an_import() -> None:
    """Its author names the image and was never asked for that Secret."""
    model = replace(NEW, artifacts="s3://models/mlwright", storage=KEYS)

    with pytest.raises(
        InvalidSpecError, match=r"importFrom\.artifacts: Model churn .* names Secret keys, whose keys are"
    ):
        frozen(model=model)


@pytest.mark.parametrize(
    "hosts", ["", "https://other.example.com", "http://models.example.com", "https://models.example.com:8443"]
)
def test_a_host_that_the_administrator_does_not_allow_is_refused(hosts: str) -> None:
    """Scheme, host and port must all be those of an entry; no entry means no host."""
    with pytest.raises(InvalidSpecError, match=r"importFrom\.uri.*https://models\.example\.com is not among the hosts"):
        frozen(replace(OPEN, outside_hosts=hosts))


def test_the_server_is_judged_where_a_model_comes_from_mlflow() -> None:
    """The address of the model names no host then."""
    with pytest.raises(InvalidSpecError, match=r"mlflow\.uri.*https://else\.example\.com is not among"):
        frozen(uri="models:/churn/3", mlflow={"uri": "https://else.example.com"})

    assert frozen(uri="models:/churn/3", mlflow=SERVER).training["importFrom"]["mlflow"] == SERVER


def test_a_pickle_needs_the_administrator_as_well() -> None:
    """Its author alone cannot have it loaded."""
    with pytest.raises(InvalidSpecError, match=r"allowUnsafeFormats.*pickles are not loaded in this installation"):
        frozen(allowUnsafeFormats=True)

    assert frozen(replace(OPEN, unsafe_formats=True), allowUnsafeFormats=True).training["importFrom"]["uri"] == FILE


def test_the_model_may_say_where_its_versions_are_written() -> None:
    """Else the installation does, and if neither does the run says so."""
    assert frozen().artifacts_uri == "pvc://artifacts/runs"
    assert frozen(model=replace(NEW, artifacts="pvc://own/models")).artifacts_uri == "pvc://own/models"
    with pytest.raises(InvalidSpecError, match=r"importFrom\.artifacts\.uri: nobody says where runs are written"):
        frozen(replace(OPEN, artifacts_uri=""))


def took_in(around: Surroundings | None = None, **wanted: Any) -> World:
    """Return the world after a run took in a model."""
    world = World()
    operator = Operator(world, Actors(around))
    world.add(people.imported(**wanted))
    operator.settle()
    return world


def test_a_version_is_made_of_a_model_from_elsewhere() -> None:
    """The record says where it came from, and holds all that is needed to serve it; the Model is made as well."""
    world = took_in()

    spec = world.one("ModelVersion", "flights-v1")["spec"]
    assert spec["lineage"]["source"] == {
        "uri": f"{HOST}/flights.onnx",
        "digest": "sha256:" + "f" * 64,
        "flavor": "onnx",
    }
    assert (spec["lineage"]["run"], spec["lineage"]["pipeline"]) == ("elsewhere", "")
    assert spec["bundle"]["uri"].startswith("pvc://artifacts/runs/demo/flights/runs/elsewhere-")
    assert spec["verdict"] == {"outcome": "Passed", "gates": []}
    assert status(world, "TrainingRun", "elsewhere")["modelVersionRef"] == {"name": "flights-v1"}
    assert status(world, "Model")["latestPassed"] == "flights-v1"


def test_the_folder_of_a_first_import_carries_the_mark_of_its_model() -> None:
    """Else nobody would ever remove it; so the Model is made before anything is frozen."""
    world = took_in()

    frozen = world.one("ControllerRevision", "elsewhere")["data"]
    assert frozen["model_uid"] == world.one("Model", "flights")["metadata"]["uid"]


def test_somebody_may_have_to_approve_it() -> None:
    """It has passed no gates, so this is how to let nobody serve it unseen."""
    world = took_in(approvalPolicy="Manual")

    assert "waits for approval: importFrom.approvalPolicy" in status(world, "TrainingRun", "elsewhere")["summary"]
    assert "latestPassed" not in status(world, "Model")


def test_an_import_that_fails_for_good_says_why() -> None:
    """As the step of any other run."""
    world = took_in(Surroundings(user_error="import"))

    found = status(world, "TrainingRun", "elsewhere")
    assert {c["type"]: c["reason"] for c in found["conditions"]} == {"Failed": "UserError", "Stalled": "UserError"}
    assert [step["name"] for step in found["steps"]] == ["import"]
    assert world.all("ModelVersion") == []


def test_a_model_that_comes_later_may_say_where_to_write() -> None:
    """The run says what is missing, and goes on when it is there."""
    world = World()
    operator = Operator(world, settings=replace(REPLAYED, artifacts_uri=""))
    world.add(people.imported())
    operator.settle()
    assert "nobody says where runs are written" in status(world, "TrainingRun", "elsewhere")["summary"]

    world.add(people.model(artifacts={"uri": "pvc://artifacts/own"}))
    operator.settle()

    assert world.one("ModelVersion", "flights-v1")["spec"]["bundle"]["uri"].startswith("pvc://artifacts/own/")


def test_numbers_go_on_where_versions_exist() -> None:
    """An imported model takes the next number, whoever made those before it."""
    world = World()
    operator = Operator(world)
    world.add(people.model())
    world.add(people.version(3))
    world.add(people.imported())
    operator.settle()

    assert [body["metadata"]["name"] for body in world.all("ModelVersion")] == ["flights-v3", "flights-v4"]


def failed_import() -> tuple[Operator, World]:
    """Return a world in which an import failed for good, and would succeed if it were tried again."""
    world, around = World(), Surroundings(user_error="import")
    operator = Operator(world, Actors(around))
    world.add(people.imported())
    operator.settle()
    around.user_error = ""
    return operator, world


def test_a_host_that_was_forbidden_since_is_not_asked_again() -> None:
    """What the administrator allowed when the run was frozen is not allowed for ever."""
    operator, world = failed_import()
    operator.settings = replace(REPLAYED, outside_hosts="https://other.example.com")

    people.annotate(world, "TrainingRun", "elsewhere", retry="1")
    operator.settle()

    found = status(world, "TrainingRun", "elsewhere")
    assert "https://models.example.com is not among the hosts" in found["summary"]
    assert [job["metadata"]["name"] for job in world.all("Job")] == ["elsewhere-import-0"]


def test_a_pod_gets_the_hosts_of_now() -> None:
    """Redirects are held against them."""
    operator, world = failed_import()
    operator.settings = replace(REPLAYED, outside_hosts=f"{HOST},https://files.example.com")

    people.annotate(world, "TrainingRun", "elsewhere", retry="1")
    operator.settle()

    told = [job["spec"]["template"]["spec"]["containers"][0]["env"] for job in world.all("Job")]
    documents = [json.loads(e["value"].replace("$$", "$")) for env in told for e in env if e["name"] == "MLWRIGHT_STEP"]
    assert documents[-1]["hosts"] == [HOST, "https://files.example.com"]
    assert status(world, "TrainingRun", "elsewhere")["modelVersionRef"] == {"name": "flights-v1"}
