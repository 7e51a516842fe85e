"""What somebody deletes or edits by hand is mended, and nothing is trained or rolled out for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mlwright.constants import LABEL_MANAGED_BY, LABEL_OWNER, LABEL_OWNER_KIND, LABEL_REVISION
from mlwright.plan.resources import (
    CONTROLLER_REVISION,
    DECISION,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    JOB,
    POD,
    SERVICE,
    ResourceKind,
)
from tests.support.apiserver import Json
from tests.support.campaign import Lab, Run, ends_like
from tests.support.flows import FIRST, TRAINING, Flow
from tests.support.operators import FaultFree
from tests.support.world import Space, versions

pytestmark = pytest.mark.asyncio(loop_scope="session")

Damage = Callable[[Lab, str, Space], Any]


def delete(kind: ResourceKind) -> Damage:
    """Return the damage of deleting all objects of a kind."""

    async def do(lab: Lab, namespace: str, space: Space) -> None:
        for body in space.of(kind.name):
            await lab.kube.delete(kind, namespace, body["metadata"]["name"])

    return do


def edit(kind: ResourceKind, change: Json) -> Damage:
    """Return the damage of editing all objects of a kind."""

    async def do(lab: Lab, namespace: str, space: Space) -> None:
        for body in space.of(kind.name):
            await lab.kube.merge(kind, namespace, body["metadata"]["name"], change)

    return do


OTHER_POD = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}}
OWNER = {"metadata": {"labels": {LABEL_OWNER: "churn", LABEL_OWNER_KIND: "ModelDeployment"}}}
OTHERS = {"metadata": {"labels": {LABEL_MANAGED_BY: "kustomize"}}}
NO_OWNER = {"metadata": {"labels": {LABEL_OWNER: None, LABEL_OWNER_KIND: None}}}


@dataclass(frozen=True, slots=True)
class Case:
    """Something done by hand."""

    what: str
    damage: Damage
    flow: Flow = FIRST


CASES = (
    Case("the Deployment is deleted", delete(DEPLOYMENT)),
    Case("the Service is deleted", delete(SERVICE)),
    Case("the PodDisruptionBudget is deleted", delete(DISRUPTION_BUDGET)),
    Case("the ControllerRevision is deleted", delete(CONTROLLER_REVISION)),
    Case("the Decision is deleted", delete(DECISION)),
    Case("all pods are deleted", delete(POD)),
    Case("the pods of the Deployment are edited", edit(DEPLOYMENT, OTHER_POD)),
    Case("the Deployment is scaled", edit(DEPLOYMENT, {"spec": {"replicas": 5}})),
    Case("the Service is led elsewhere", edit(SERVICE, {"spec": {"selector": {LABEL_REVISION: "another"}}})),
    Case("the Deployment is given to kustomize", edit(DEPLOYMENT, OTHERS)),
    Case("the ControllerRevision is given to kustomize", edit(CONTROLLER_REVISION, OTHERS)),
    Case("the budget is tightened", edit(DISRUPTION_BUDGET, {"spec": {"maxUnavailable": 0}})),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
async def test_it_is_mended(lab: Lab, case: Case) -> None:
    """All objects are soon as they were; generations have moved on."""
    async with Run(lab, case.flow, await lab.namespace(), FaultFree()) as run:
        await run.through()
        before = await run.settled()
        written = versions(run.space)
        await case.damage(lab, run.namespace, run.space)
        await lab.world.until(run.namespace, lambda space: versions(space) != written, "the damage is seen")

        assert await ends_like(before, run.namespace, run.space, minor) == []
        assert run.complaints == []


@pytest.mark.parametrize("kind", [SERVICE, DEPLOYMENT], ids=lambda kind: kind.name)
async def test_a_child_without_our_labels_is_in_the_way(lab: Lab, kind: ResourceKind) -> None:
    """Labels prove that a child is ours: without them it is told and left alone; given back, all is well again."""
    async with Run(lab, FIRST, await lab.namespace(), FaultFree()) as run:
        await run.through()
        before = await run.settled()
        await edit(kind, NO_OWNER)(lab, run.namespace, run.space)
        await lab.world.until(run.namespace, conflict, "the conflict is told")
        sentence = run.space.summary("ModelDeployment", "churn")
        await edit(kind, OWNER)(lab, run.namespace, run.space)

        assert sentence.startswith(f"{kind.name} churn")
        assert await ends_like(before, run.namespace, run.space, minor) == []


def conflict(space: Space) -> bool:
    """Tell whether the deployment is stalled because a name is taken."""
    return space.condition("ModelDeployment", "churn", "Stalled") == "True/NameConflict"


def minor(line: str) -> bool:
    """Tell whether a difference is what mending means: objects made anew, and later generations."""
    return "eneration" in line or line.endswith(" was made twice")


async def test_jobs_of_a_run_that_ended_are_not_missed(lab: Lab) -> None:
    """Deleting the Jobs and pods of a run that ended starts nothing, and its record stays as it was."""
    async with Run(lab, TRAINING, await lab.namespace(), FaultFree()) as run:
        await run.through()
        before = await run.settled()
        for kind in (JOB, POD):
            await delete(kind)(lab, run.namespace, run.space)
        await lab.world.until(run.namespace, lambda space: not space.of("Job") + space.of("Pod"), "they are gone")
        left = {name: body for name, body in before.objects.items() if name.split()[0] not in {"Job", "Pod"}}

        after = await run.settled()
        assert after.objects == left
        assert after.ever == before.ever
