"""A name that we need is taken by an object that is not ours: told, left alone, and gone on with when it is free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from mlwright.plan.resources import BY_NAME
from tests.support.apiserver import Json
from tests.support.campaign import Lab, Run
from tests.support.flows import FIRST, TRAINING, Flow, trained
from tests.support.objects import RUN, changed
from tests.support.operators import FaultFree
from tests.support.world import Space

pytestmark = pytest.mark.asyncio(loop_scope="session")

POD = {"containers": [{"name": "own", "image": "example/own"}]}
LABELS = {"app": "own"}


@dataclass(frozen=True, slots=True)
class Case:
    """An object of somebody else, and which of ours it stops."""

    kind: str
    name: str
    flow: Flow
    stops: tuple[str, str]
    """Kind and name of the object that tells the conflict."""
    spec: Json

    @property
    def body(self) -> Json:
        """The foreign object."""
        kind = BY_NAME[self.kind]
        return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": self.name}, **self.spec}


DEPLOYMENT = ("ModelDeployment", "churn")
RUN_1 = ("TrainingRun", "churn-1")
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
CASES = (
    Case("Service", "churn", FIRST, DEPLOYMENT, {"spec": {"ports": [{"port": 80}]}}),
    Case("PodDisruptionBudget", "churn", FIRST, DEPLOYMENT, {"spec": {"selector": {"matchLabels": LABELS}}}),
    Case(
        "Deployment",
        "REVISION",
        FIRST,
        DEPLOYMENT,
        {"spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}},
    ),
    Case("ControllerRevision", "REVISION", FIRST, DEPLOYMENT, {"revision": 1, "data": {}}),
    Case("ControllerRevision", "churn-1", TRAINING, RUN_1, {"revision": 1, "data": {}}),
    Case(
        "Job", "churn-1-validate-0", TRAINING, RUN_1, {"spec": {"template": {"spec": POD | {"restartPolicy": "Never"}}}}
    ),
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def revision(laboratory: Lab) -> str:
    """The name that the revision of version 1 has wherever it is served like that."""
    async with Run(laboratory, FIRST, await laboratory.namespace(), FaultFree()) as run:
        await run.through()
        return str(run.space.of("Deployment")[0]["metadata"]["name"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind} {case.name}")
async def test_a_foreign_object_is_told_and_left_alone(lab: Lab, case: Case, revision: str) -> None:
    """One sentence names it and the remedy; it is not touched; when it is gone the flow ends as ever."""
    kind, name = BY_NAME[case.kind], case.name.replace("REVISION", revision)
    namespace = await lab.namespace()
    foreign = await lab.kube.create(changed(case.body, {"metadata.name": name}), namespace)
    act, stopped = case.flow.acts[0], case.stops
    async with Run(lab, case.flow, namespace, FaultFree()) as run:
        await act.do(lab.kube, namespace)
        await lab.world.until(namespace, conflict(*stopped), "the conflict is told")
        sentence = run.space.summary(*stopped)
        left = await lab.kube.read(kind, namespace, name)
        await lab.kube.delete(kind, namespace, name)
        await lab.world.until(namespace, act.goal, act.what)

        assert sentence == (
            f"{case.kind} {name} was not made by mlwright for this object and is left alone; delete or rename it"
            f" (kubectl get {case.kind.lower()} -n {namespace} {name}), the rest happens by itself"
        )
        assert left == foreign
        assert run.complaints == []


def conflict(kind: str, name: str) -> Callable[[Space], bool]:
    """Tell whether an object is stalled because a name is taken."""
    return lambda space: space.condition(kind, name, "Stalled") == "True/NameConflict"


async def test_a_run_of_that_name_is_counted_past(lab: Lab) -> None:
    """Somebody made a run that is called as ours would be: ours gets the next number."""
    namespace = await lab.namespace()
    theirs = await lab.kube.create(changed(RUN, {"spec.pipelineRef.name": "another"}), namespace)
    async with Run(lab, TRAINING, namespace, FaultFree()) as run:
        await TRAINING.acts[0].do(lab.kube, namespace)
        await lab.world.until(namespace, trained("churn-2", "Succeeded"), "our run has made a version")

        kept = run.space.get("TrainingRun", "churn-1")
        assert kept is not None
        assert kept["spec"] == theirs["spec"]
        assert run.complaints == []
