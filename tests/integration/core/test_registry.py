"""Models and versions on a real API server: whose aliases are, retention, records that suffice by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from cluster.apiserver import ApiServer
from mlwright.adapters.clock import SystemClock
from mlwright.adapters.kube.client import item
from mlwright.plan.resources import JOB, MODEL, MODEL_VERSION, Body
from tests.support.apiserver import APPLY
from tests.support.flows import deployment, version
from tests.support.kube import Kube
from tests.support.kubelet import Kubelet
from tests.support.objects import MODEL as MODEL_BODY
from tests.support.objects import changed
from tests.support.operators import SETTINGS, InProcess
from tests.support.scripts import Stories, Story
from tests.support.world import Space, World

PATIENCE = 60.0


class Ahead(SystemClock):
    """A clock that a test puts forward, until nothing in the cluster was recorded lately."""

    by = timedelta(0)

    def now(self) -> datetime:
        """Return the time of the machine, and what it is ahead of that."""
        return super().now() + self.by


@pytest.fixture
def clock() -> Ahead:
    """The operator's clock."""
    return Ahead()


@pytest.fixture
async def world(kube: Kube) -> AsyncIterator[World]:
    """What is in the cluster."""
    async with World(kube) as world:
        yield world


@pytest.fixture
async def live(apiserver: ApiServer, kube: Kube, namespace: str, clock: Ahead) -> AsyncIterator[None]:
    """An operator for the namespace, and pods that do what is asked."""
    operator = InProcess(apiserver, replace(SETTINGS, namespace=namespace), clock=clock).start()
    stories = Stories()
    stories.tell(namespace, Story())
    async with Kubelet(kube, stories, namespace):
        yield
    operator.kill()
    await operator.ended()


pytestmark = pytest.mark.usefixtures("live")


async def apply(kube: Kube, namespace: str, manager: str, aliases: list[Body] | None) -> int:
    """Let somebody apply the Model's aliases as Git does, without force; return the status of the answer."""
    body = {"apiVersion": MODEL_BODY["apiVersion"], "kind": "Model", "metadata": {"name": "churn"}}
    body["spec"] = {} if aliases is None else {"aliases": aliases}
    path = item(MODEL, namespace, "churn")
    answer = await kube.request("PATCH", path, body, content=APPLY, fieldManager=manager)
    return answer.status


def champion(space: Space) -> int | None:
    """Return what the alias champion names."""
    aliases = ((space.get("Model", "churn") or {}).get("spec") or {}).get("aliases") or ()
    return next((alias["version"] for alias in aliases if alias["name"] == "champion"), None)


def message(space: Space, kind: str, name: str, type_: str) -> str:
    """Return the message of a condition; empty without it."""
    conditions = ((space.get(kind, name) or {}).get("status") or {}).get("conditions") or ()
    return next((c["message"] for c in conditions if c["type"] == type_), "")


async def begin(kube: Kube, world: World, namespace: str) -> None:
    """Let v1 be served, and the deployment set the alias."""
    await kube.create(MODEL_BODY, namespace)
    await kube.create(version(1), namespace)
    await kube.create(deployment(), namespace)
    await world.until(namespace, lambda space: champion(space) == 1, "the alias is set", PATIENCE)


async def test_an_alias_that_git_holds_is_not_taken_and_both_values_are_told(
    kube: Kube, world: World, namespace: str
) -> None:
    """Git set it first; when it gives it up, the deployment sets it."""
    await kube.create(MODEL_BODY, namespace)
    assert await apply(kube, namespace, "git", [{"name": "champion", "version": 7}]) == 200
    await kube.create(version(1), namespace)
    await kube.create(deployment(), namespace)
    space = await world.until(
        namespace, lambda s: message(s, "ModelDeployment", "churn", "AliasConflict"), "the conflict is told", PATIENCE
    )
    told, named = message(space, "ModelDeployment", "churn", "AliasConflict"), champion(space)
    ready = space.condition("ModelDeployment", "churn", "Ready")
    await apply(kube, namespace, "git", None)
    await world.until(namespace, lambda space: champion(space) == 1, "the deployment sets it", PATIENCE)
    await world.until(
        namespace,
        lambda s: not message(s, "ModelDeployment", "churn", "AliasConflict"),
        "no conflict is left",
        PATIENCE,
    )

    assert told == (
        "spec.rollout.setAlias: alias champion of Model churn names version 7, set by git, and version 1 serves here;"
        " remove that entry of the Model, or set another alias"
    )
    assert (named, ready) == (7, "True/Serving")


async def test_git_is_told_when_it_asks_for_an_alias_that_a_deployment_sets(
    kube: Kube, world: World, namespace: str
) -> None:
    """By the API server, in its own words: two who set one alias to two versions would move it back and forth."""
    await begin(kube, world, namespace)

    assert await apply(kube, namespace, "git", [{"name": "champion", "version": 7}]) == 409
    assert await apply(kube, namespace, "git", [{"name": "champion", "version": 1}]) == 200


async def test_the_second_of_two_deployments_that_set_one_alias_is_told_of_the_first(
    kube: Kube, world: World, namespace: str
) -> None:
    """The first keeps it, whatever the second serves."""
    await begin(kube, world, namespace)
    await kube.create(version(2), namespace)
    await world.until(namespace, lambda space: champion(space) == 2, "the alias moves with the deployment", PATIENCE)
    pinned = {"type": "Version", "ref": {"name": "churn"}, "version": 1}
    other = changed(deployment(model=pinned), {"metadata.name": "other"})
    await kube.create(other, namespace)
    space = await world.until(
        namespace, lambda s: message(s, "ModelDeployment", "other", "AliasConflict"), "the second is told", PATIENCE
    )

    assert champion(space) == 2
    assert "set by mlwright-alias-churn, and version 1 serves here" in message(
        space, "ModelDeployment", "other", "AliasConflict"
    )


async def test_an_alias_of_a_version_that_is_not_there_is_told_until_it_is(
    kube: Kube, world: World, namespace: str
) -> None:
    """Git may be ahead of the registry."""
    await kube.create(changed(MODEL_BODY, {"spec.aliases": [{"name": "blue", "version": 1}]}), namespace)
    await world.until(namespace, lambda s: message(s, "Model", "churn", "AliasDangling"), "it dangles", PATIENCE)
    await kube.create(version(1), namespace)

    await world.until(namespace, lambda s: not message(s, "Model", "churn", "AliasDangling"), "it holds", PATIENCE)


def numbers(space: Space) -> list[int]:
    """Return the numbers of the versions that are there."""
    return sorted(body["spec"]["version"] for body in space.of("ModelVersion"))


KEEP_ONE = {"keepVersions": 1, "gracePeriod": "1h"}


async def test_versions_that_nothing_uses_go(kube: Kube, world: World, namespace: str, clock: Ahead) -> None:
    """Aliased, served and served last stay, until they are so no more; the highest number is remembered."""
    await begin(kube, world, namespace)
    for number in (2, 3, 4, 5):
        await kube.create(version(number), namespace)
        await world.until(namespace, lambda s, n=number: champion(s) == n, f"v{number} serves", PATIENCE)  # type: ignore[misc]
    blue = [{"name": "blue", "version": 2}]
    assert await apply(kube, namespace, "git", blue) == 200
    await kube.merge(MODEL, namespace, "churn", {"spec": {"retention": KEEP_ONE}})
    words = "churn-v1 because it was recorded less than 1h ago"
    await world.until(namespace, lambda s: words in s.summary("Model", "churn"), "all are recent", PATIENCE)
    clock.by = timedelta(hours=2)
    await kube.merge(MODEL, namespace, "churn", {"metadata": {"labels": {"an": "hour-later"}}})
    await world.until(namespace, lambda s: numbers(s) == [2, 4, 5], "v1 and v3 go", PATIENCE)
    space = await world.until(
        namespace, lambda s: s.summary("Model", "churn").startswith("3 versions"), "that is told", PATIENCE
    )
    told = space.summary("Model", "churn")
    assert await apply(kube, namespace, "git", []) == 200
    space = await world.until(namespace, lambda s: numbers(s) == [4, 5], "v2 goes as well", PATIENCE)

    assert told == (
        "3 versions, 3 of them may be served; kept beside the newest: churn-v2 because alias blue names it,"
        " churn-v4 because ModelDeployment churn served it last"
    )
    assert [entry["reason"] for entry in (space.get("Model", "churn") or {})["status"]["history"]].count(
        "VersionsRemoved"
    ) >= 1


async def test_sweeps_are_made_for_a_model_that_asks_for_them(kube: Kube, world: World, namespace: str) -> None:
    """One Job, which the Model owns, and no second one for the same slot."""
    retention = {"keepVersions": 3, "artifacts": "Delete", "gracePeriod": "1h"}
    await kube.create(changed(MODEL_BODY, {"spec.retention": retention}), namespace)
    space = await world.until(namespace, lambda s: s.of("Job"), "a sweep", PATIENCE)
    (job,) = space.of("Job")
    variables = job["spec"]["template"]["spec"]["containers"][0]["env"]

    assert job["metadata"]["name"].startswith("churn-sweep-")
    assert job["metadata"]["ownerReferences"][0]["kind"] == "Model"
    assert "MLWRIGHT_SWEEP" in {variable["name"] for variable in variables}
    assert len(await kube.list(JOB, namespace)) == 1


EXPORTED_AWAY = ("uid", "resourceVersion", "creationTimestamp", "generation", "namespace", "managedFields")
"""What docs/registry.md takes out of an exported record: what one cluster gave it."""


async def test_a_version_is_served_in_another_cluster_by_its_record_alone(
    apiserver: ApiServer, kube: Kube, world: World, namespace: str, another: str
) -> None:
    """No Model, no pipeline and no run goes with it: address, digest, verdict and lineage stand in the record."""
    await kube.create(MODEL_BODY, namespace)
    made = changed(version(3), {"spec.lineage": {"run": "churn-3", "pipeline": "churn"}, "spec.metrics": {"f1": 0.8}})
    await kube.create(made, namespace)
    exported = await kube.read(MODEL_VERSION, namespace, "churn-v3")
    assert exported is not None
    exported["metadata"] = {key: value for key, value in exported["metadata"].items() if key not in EXPORTED_AWAY}
    operator = InProcess(apiserver, replace(SETTINGS, namespace=another)).start()
    stories = Stories()
    stories.tell(another, Story())
    path = item(MODEL_VERSION, another, "churn-v3")
    await kube.accepted("PATCH", path, exported, content=APPLY, fieldManager="kubectl")
    async with Kubelet(kube, stories, another):
        await kube.create(deployment(rollout={}), another)
        space = await world.until(another, lambda s: _serves(s, "churn-v3"), "it serves", PATIENCE)
    operator.kill()
    await operator.ended()
    (serving,) = space.of("Deployment")
    told = {v["name"]: v.get("value") for v in serving["spec"]["template"]["spec"]["containers"][0]["env"]}

    assert not space.of("Model") + space.of("TrainingPipeline") + space.of("TrainingRun")
    assert (told["MLWRIGHT_BUNDLE_URI"], told["MLWRIGHT_BUNDLE_DIGEST"]) == (
        made["spec"]["bundle"]["uri"],
        made["spec"]["bundle"]["digest"],
    )


def _serves(space: Space, name: str) -> bool:
    status = (space.get("ModelDeployment", "churn") or {}).get("status") or {}
    ready = space.condition("ModelDeployment", "churn", "Ready") == "True/Serving"
    return ready and (status.get("stable") or {}).get("version") == name


@pytest.fixture
async def another(kube: Kube, namespace: str) -> str:
    """A namespace that plays another cluster: nothing of the first is seen by its operator."""
    name = f"{namespace}-other"
    await kube.accepted("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name
