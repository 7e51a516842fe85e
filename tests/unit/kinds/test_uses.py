"""What needs a version is found wherever it is written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from mlwright.controller.kinds import models
from mlwright.controller.kinds import uses as uses_module
from mlwright.plan.models import Use
from mlwright.plan.resources import Body
from tests.support.replay import people
from tests.support.replay.operator import Operator
from tests.support.replay.people import edit
from tests.support.replay.world import World


@pytest.fixture
def serving() -> Operator:
    """Return an operator that serves v3, after v2 and v1, of a model that keeps one version."""
    operator = Operator(World())
    operator.world.add(people.model())
    operator.world.add(people.version(1))
    operator.world.add(people.deployment())
    operator.settle()
    for number in (2, 3):
        operator.world.add(people.version(number))
        operator.settle()
    operator.world.pass_time(timedelta(days=2))
    return operator


def keep_one(world: World) -> None:
    """Ask for retention."""
    edit(world, "Model", "flights", lambda spec: spec.update(retention={"keepVersions": 1}))


def uses(world: World) -> dict[str, str]:
    """Return what is used, as it is seen."""
    keep_one(world)
    seen = models.gather(world.one("Model", "flights"), world)
    return {use.version: use.why for use in reversed(seen.uses)}


def names(world: World) -> list[str]:
    """Return the names of all versions."""
    return [body["metadata"]["name"] for body in world.all("ModelVersion")]


def test_what_serves_and_what_served_last_is_used(serving: Operator) -> None:
    """A person may want to go back."""
    assert uses(serving.world) == {
        "flights-v3": "ModelDeployment flights serves it",
        "flights-v2": "ModelDeployment flights served it last",
    }


def test_what_a_deployment_pins_is_used(serving: Operator) -> None:
    """Also before it has pods."""
    selector = {"type": "Version", "ref": {"name": "flights"}, "version": 1}
    serving.world.add({**people.deployment("other"), "spec": {"model": selector, "replicas": 1}})

    assert uses(serving.world)["flights-v1"] == "ModelDeployment other pins it"


def test_what_serves_although_the_spec_names_another_model_is_used(serving: Operator) -> None:
    """The new model has no version yet, so the old one goes on serving."""
    selector = {"type": "Latest", "ref": {"name": "other"}}
    edit(serving.world, "ModelDeployment", "flights", lambda spec: spec.update(model=selector))

    assert uses(serving.world)["flights-v3"] == "ModelDeployment flights serves it"


def test_the_champion_that_a_run_compares_with_is_used() -> None:
    """Until the run is over."""
    operator = Operator(World())
    gate = {"name": "no-worse", "type": "Champion", "champion": {"metric": "roc_auc"}}
    for number in (1, 2):
        operator.world.add(people.version(number))
    operator.world.add(people.model(aliases=[{"name": "champion", "version": 1}]))
    operator.world.add(people.pipeline(evaluation={"metrics": ["roc_auc"], "gates": [gate]}))
    operator.until(lambda: operator.world.objects.get("Job", {}) != {})
    edit(operator.world, "Model", "flights", lambda spec: spec.update(aliases=[]))
    during = uses(operator.world)
    operator.settle(timedelta(minutes=30))

    assert during == {"flights-v1": "TrainingRun flights-1 compares with it"}
    assert (
        Use("flights-v1", during["flights-v1"])
        not in models.gather(operator.world.one("Model", "flights"), operator.world).uses
    )


MANUFACTURED = [
    pytest.param(lambda: people.run("by-hand"), id="by hand"),
    pytest.param(lambda: people.imported("by-hand", approvalPolicy="Automatic"), id="taken in"),
]


@pytest.mark.parametrize("by_hand", MANUFACTURED)
@pytest.mark.parametrize("jobs", [True, False], ids=["with Jobs", "without Jobs"])
def test_a_run_whose_status_is_lost_records_nothing_again(by_hand: Callable[[], Body], jobs: bool) -> None:  # noqa: FBT001
    """Its old bundle would be the newest version: the one that it made stays as long as the run does."""
    operator = Operator(World())
    world = operator.world
    world.add(people.model())
    world.add(people.pipeline(triggers={"specChange": False}))
    world.add(by_hand())
    operator.settle(timedelta(minutes=30))
    for number in (2, 3):
        world.add(people.version(number))
    world.pass_time(timedelta(days=2))
    keep_one(world)
    operator.settle()
    left = names(world)
    for body in [*world.all("TrainingRun"), *world.all("Model"), *world.all("TrainingPipeline")]:
        world.edit(body, lambda found: found.pop("status"))
    for job in [] if jobs else list(world.all("Job")):
        world.remove("Job", job["metadata"]["name"])
    operator.look_at_all()
    operator.settle(timedelta(minutes=30))
    told = people.conditions(world, "TrainingRun", "by-hand")
    world.remove("TrainingRun", "by-hand")
    operator.settle()

    assert left == ["flights-v1", "flights-v3"]
    assert told == {"Complete": "True"}
    assert names(world) == ["flights-v3"]


def test_old_versions_go_and_their_numbers_do_not_come_again(serving: Operator) -> None:
    """The next version has the next number."""
    keep_one(serving.world)
    serving.settle()
    serving.world.add(people.pipeline())
    serving.settle(timedelta(minutes=30))

    assert names(serving.world) == ["flights-v3", "flights-v4"]
    assert serving.world.one("Model", "flights")["status"]["highest"] == 4


def test_a_version_of_the_same_moment_is_looked_at_again(serving: Operator) -> None:
    """Somebody aliases what was about to go: the removal was decided upon another Model, and has no effect."""
    keep_one(serving.world)
    world, seen = serving.world, models.gather(serving.world.one("Model", "flights"), serving.world)
    edit(world, "Model", "flights", lambda spec: spec.update(aliases=[{"name": "blue", "version": 1}]))
    stale = models.plan(seen, serving.settings, world.now)
    for write in stale.writes:
        with pytest.raises(Exception, match="is not as it was seen"):
            world.perform(write, world.one("Model", "flights"))
    serving.settle()

    assert "flights-v1" in names(world)


def test_the_folders_of_runs_that_something_uses_are_known() -> None:
    """Those of the runs that exist, of versions of whatever model, and of what is served though its record is gone."""
    operator = Operator(World())
    world = operator.world
    world.add(people.pipeline())
    world.add(people.deployment())
    operator.settle(timedelta(minutes=30))
    frozen = world.one("ControllerRevision", "flights-1")["data"]["folder"]
    bundle = {
        "uri": "pvc://other/x/runs/borrowed-1-aa/train-0/bundle",
        "digest": "sha256:" + "0" * 64,
        "format": "ONNX",
    }
    world.add(people.version(1, model="other", bundle=bundle))
    step = world.one("TrainingRun", "flights-1")["status"]["steps"][0]
    step["origin"] = "flights-0-bb/validate-0"
    known = uses_module.folders(world, "demo", "flights")
    world.remove("ModelVersion", "flights-v1")
    world.remove("TrainingRun", "flights-1")
    world.remove("ControllerRevision", "flights-1")

    assert known - {"demo"} == {frozen, "borrowed-1-aa", "flights-0-bb"}
    assert uses_module.folders(world, "demo", "flights") - {"demo"} == {frozen, "borrowed-1-aa"}


def test_the_folder_of_a_version_that_served_long_ago_is_not_in_use(serving: Operator) -> None:
    """Its revision is kept as history; its record is not, and so nobody can go back to it."""
    world = serving.world
    for number in (1, 2, 3):
        bundle = {
            "uri": f"pvc://a/x/runs/run-{number}/train-0/bundle",
            "digest": "sha256:" + "0" * 64,
            "format": "ONNX",
        }
        for body in world.all("ControllerRevision"):
            if body["data"]["version"] == f"flights-v{number}":
                [container] = body["data"]["template"]["spec"]["containers"]
                told = {"name": "MLWRIGHT_BUNDLE_URI", "value": bundle["uri"]}
                container["env"] = [*(v for v in container["env"] if v["name"] != told["name"]), told]
    for number in (1, 2, 3):
        world.remove("ModelVersion", f"flights-v{number}")

    assert uses_module.folders(world, "demo", "flights") == {"run-2", "run-3"}
