"""A whole life of a model under the chart's rights, on an API server that writes down what the operator asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from cluster.apiserver import ApiServer
from mlwright.constants import LABEL_OWNER
from mlwright.controller.ownership import ADOPTED
from mlwright.plan.resources import MODEL_DEPLOYMENT, TRAINING_PIPELINE
from tests.support import permissions
from tests.support.apiserver import Client, Json
from tests.support.flows import answered, deployment, pipeline, serves, settled, trained
from tests.support.gateways import serve_http_routes
from tests.support.installed import Installed, Operator
from tests.support.kube import Kube
from tests.support.kubelet import Kubelet
from tests.support.objects import BATCH, MONITOR
from tests.support.podstates import State, Waiting
from tests.support.scripts import Story
from tests.support.world import Space, World

ARTIFACTS: Final = {"uri": "pvc://artifacts/mlwright"}
EVERYWHERE: Final = Installed(values={"artifacts": ARTIFACTS})
"""The release that the fixture installed; this value reaches the operator in its settings only."""
HERE: Final = Installed(
    release="alone",
    namespace="team-operator",
    values={
        "artifacts": ARTIFACTS,
        "crds": {"install": False},
        "fullnameOverride": "alone",
        "userRoles": {"create": False},
        "watchNamespace": "alone",
    },
)
"""A second release, for one namespace."""
PATIENCE: Final = 90.0
"""Seconds for each part of the life; it takes a few when the machine has nothing else to do."""
GOODBYE: Final = 0.5
"""Seconds in which encrypted connections that were closed come to their end; they need the loop for it."""
SELDOM: Final = frozenset(
    {
        # asked when somebody else was faster: the cycle looks at the live object
        "get controllerrevisions.apps",
        "get decisions.mlwright.dev",
        "get deployments.apps",
        "get driftmonitors.mlwright.dev",
        "get jobs.batch",
        "get models.mlwright.dev",
        "get modelversions.mlwright.dev",
        "get poddisruptionbudgets.policy",
        "get trainingruns.mlwright.dev",
        # asked when the same Event is told again
        "get events",
        "patch events",
        # asked when there are more than are kept: 5 idle revisions, 50 decisions
        "delete controllerrevisions.apps",
        "delete decisions.mlwright.dev",
        # asked where a Model has retention
        "delete modelversions.mlwright.dev",
        # asked where a deployment uses a router, or does so no more
        "create networkpolicies.networking.k8s.io",
        "create rolebindings.rbac.authorization.k8s.io",
        "create serviceaccounts",
        "delete networkpolicies.networking.k8s.io",
        "delete rolebindings.rbac.authorization.k8s.io",
        "delete serviceaccounts",
        "delete services",
        "get networkpolicies.networking.k8s.io",
        "get rolebindings.rbac.authorization.k8s.io",
        "get serviceaccounts",
        "patch networkpolicies.networking.k8s.io",
        "patch rolebindings.rbac.authorization.k8s.io",
        "patch serviceaccounts",
        # asked where a deployment names a Gateway, or does so no more
        "create httproutes.gateway.networking.k8s.io",
        "delete httproutes.gateway.networking.k8s.io",
        "get httproutes.gateway.networking.k8s.io",
        "patch httproutes.gateway.networking.k8s.io",
        # asked where a rollout has a step of type Shadow
        "create configmaps",
        "patch configmaps",
        # never asked; the chart's policy for versions checks it
        "approve modelversions.mlwright.dev",
        "delete trainingruns.mlwright.dev",
        "update batchpredictions/finalizers.mlwright.dev",
        "update driftmonitors/finalizers.mlwright.dev",
        "update modeldeployments/finalizers.mlwright.dev",
        "update models/finalizers.mlwright.dev",
        "update trainingpipelines/finalizers.mlwright.dev",
        "update trainingruns/finalizers.mlwright.dev",
    }
)
"""Rights that the life below may do without."""


class Asked(NamedTuple):
    """One request of the operator, as the API server wrote it down."""

    right: str
    namespace: str
    code: int


@pytest.fixture(scope="module")
def asked(chart_server: ApiServer, audit: Path, tmp_path_factory: pytest.TempPathFactory) -> frozenset[Asked]:
    """What was asked during the life of a model, in a cluster that has the Gateway API."""
    serve_http_routes(Client(chart_server))
    _run(chart_server, tmp_path_factory.mktemp("operator"), EVERYWHERE, _live(chart_server, "life"))
    return frozenset(_read(audit, EVERYWHERE))


def _run(server: ApiServer, home: Path, installed: Installed, life: Coroutine[None, None, None]) -> None:
    """Let a life happen while an operator runs; what the operator said comes with a failure."""
    with Operator(server, home, installed) as operator:
        try:
            asyncio.run(_to_its_end(life))
        except BaseException as error:
            error.add_note(operator.log.read_text()[-4000:])
            raise


async def _to_its_end(life: Coroutine[None, None, None]) -> None:
    try:
        await life
    finally:
        await asyncio.sleep(GOODBYE)


class _FirstImageIsMissing(Story):
    """The first run never starts; all else goes well."""

    def step(self, job: Json) -> State:
        """Return the state of the pod of a Job."""
        if job["metadata"]["labels"][LABEL_OWNER] == "churn-1":
            return Waiting("ImagePullBackOff", "no such image")
        return super().step(job)


async def _live(server: ApiServer, namespace: str) -> None:
    """Train, serve, replace, lose owners, scale down."""
    _make(server, namespace)
    async with Kube(server) as kube, World(kube) as world, Kubelet(kube, _FirstImageIsMissing(), namespace):
        await kube.create(pipeline(200), namespace)
        await world.until(namespace, _waits_for_its_image, "a run that cannot start", PATIENCE)
        await _edit(kube, namespace, 300)  # another run takes its place, and its Job goes
        await world.until(namespace, trained("churn-2", "Succeeded"), "a version", PATIENCE)
        await kube.create(deployment(), namespace)
        await world.until(namespace, serves(1), "version 1 serves and has its alias", PATIENCE)
        await kube.create(BATCH, namespace)
        await kube.create(MONITOR, namespace)
        await world.until(namespace, answered, "stored rows are answered", PATIENCE)
        await _edit(kube, namespace, 310)
        await world.until(namespace, serves(2), "version 2 has replaced it", PATIENCE)
        await _lose_owners(kube, namespace)
        await _scale(kube, namespace, 1)
        await world.until(
            namespace, lambda s: settled(s) and not s.of("PodDisruptionBudget"), "one pod, no budget", PATIENCE
        )
        await world.until(namespace, _owned, "all children have their owners again", PATIENCE)


async def _train(server: ApiServer, namespace: str) -> None:
    """Train and serve."""
    async with Kube(server) as kube, World(kube) as world, Kubelet(kube, Story(), namespace):
        await kube.create(pipeline(), namespace)
        await kube.create(deployment(), namespace)
        await world.until(namespace, serves(1), "version 1 serves and has its alias", PATIENCE)


def _make(server: ApiServer, namespace: str) -> None:
    assert Client(server).request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}).status == 201


def _waits_for_its_image(space: Space) -> bool:
    return bool(space.of("Job")) and "no such image" in space.summary("TrainingRun", "churn-1")


def _owned(space: Space) -> bool:
    return all(body["metadata"].get("ownerReferences") for kind in ADOPTED for body in space.of(kind.name))


async def _lose_owners(kube: Kube, namespace: str) -> None:
    for kind in ADOPTED:
        for body in await kube.list(kind, namespace):
            await kube.merge(kind, namespace, body["metadata"]["name"], {"metadata": {"ownerReferences": None}})
    for kind in (MODEL_DEPLOYMENT, TRAINING_PIPELINE):
        await kube.merge(kind, namespace, "churn", {"metadata": {"labels": {"look": "again"}}})


async def _edit(kube: Kube, namespace: str, quality: int) -> None:
    change = {"spec": {"training": {"estimator": {"parameters": {"max_iter": quality}}}}}
    await kube.merge(TRAINING_PIPELINE, namespace, "churn", change)


async def _scale(kube: Kube, namespace: str, replicas: int) -> None:
    change = {"spec": {"replicas": replicas}}
    await kube.merge(MODEL_DEPLOYMENT, namespace, "churn", change, subresource="/scale")


def _read(audit: Path, installed: Installed) -> Iterator[Asked]:
    for line in audit.read_text().splitlines():
        entry = json.loads(line)
        if entry["user"]["username"] == installed.account and "objectRef" in entry:
            about = entry["objectRef"]
            resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
            place = ".".join(filter(None, (resource, about.get("apiGroup"))))
            yield Asked(f"{entry['verb']} {place}", about.get("namespace", ""), entry["responseStatus"]["code"])


def test_nothing_that_the_operator_asks_is_forbidden(asked: frozenset[Asked]) -> None:
    """The roles of the chart are enough for the life of a model."""
    assert _forbidden(asked) == []


def test_every_right_is_asked_for_in_the_life_of_a_model(asked: frozenset[Asked]) -> None:
    """What is derived from the code is what happens."""
    rights = permissions.of_cluster() | permissions.of_lease()

    assert sorted(rights - {one.right for one in asked} - SELDOM) == []


def test_one_namespace_needs_no_right_outside(chart_server: ApiServer, audit: Path, tmp_path: Path) -> None:
    """With watchNamespace everything that is asked lies in that namespace, and the Lease beside the operator."""
    _make(chart_server, "alone")
    HERE.install(chart_server)

    _run(chart_server, tmp_path, HERE, _train(chart_server, "alone"))

    asked = frozenset(_read(audit, HERE))
    assert _forbidden(asked) == []
    assert {one.namespace for one in asked} == {"alone", "team-operator"}
    assert {one.right for one in asked if one.namespace == "team-operator"} == permissions.of_lease()


def _forbidden(asked: frozenset[Asked]) -> list[str]:
    return sorted(one.right for one in asked if one.code == 403)
