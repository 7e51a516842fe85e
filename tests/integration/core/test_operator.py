"""The operator on a real API server: what it does once, what it repairs, and how it stops."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from cluster.apiserver import ApiServer
from mlwright.adapters.kube.client import item
from mlwright.adapters.kube.connect import connect
from mlwright.api.conditions import find
from mlwright.constants import EXIT_USER_ERROR, LABEL_OWNER, ROUTER_NAME
from mlwright.plan.digests import child_name
from mlwright.plan.resources import (
    CONTROLLER_REVISION,
    DECISION,
    DEPLOYMENT,
    JOB,
    MODEL,
    MODEL_DEPLOYMENT,
    ROLE_BINDING,
    SERVICE,
    TRAINING_PIPELINE,
    TRAINING_RUN,
    Body,
    ResourceKind,
)
from mlwright.ports.access import Access
from mlwright.settings import Settings
from tests.support.apiserver import MERGE, Client
from tests.support.flows import deployment, version
from tests.support.kube import Kube
from tests.support.kubelet import Kubelet
from tests.support.objects import PIPELINE
from tests.support.operators import SETTINGS, InProcess
from tests.support.podstates import Ended
from tests.support.scripts import Stories, Story
from tests.support.waiting import answered as eventually
from tests.support.waiting import soon

Start = Callable[..., InProcess]


@pytest.fixture
def settings(namespace: str) -> Settings:
    """Settings for the test's namespace."""
    return replace(SETTINGS, namespace=namespace)


@pytest.fixture
async def start(apiserver: ApiServer, settings: Settings) -> AsyncIterator[Start]:
    """Starts operators, and ends those that still run after the test."""
    running: list[InProcess] = []

    def begin(access: Access | None = None, **changes: Any) -> InProcess:
        operator = InProcess(apiserver, replace(settings, **changes), access=access)
        running.append(operator)
        return operator.start()

    yield begin
    for operator in running:
        operator.kill()
    for operator in running:
        await operator.ended()


async def settled(*operators: InProcess) -> None:
    """Wait until nobody has asked the API server for anything for a while."""
    await asyncio.sleep(0.3)
    await soon(lambda: all(one.ledger.quiet_for(0.7) for one in operators), "nobody asks for anything", 120)


async def jobs(kube: Kube, namespace: str) -> list[Body]:
    return await kube.list(JOB, namespace)


async def told(kube: Kube, kind: ResourceKind, namespace: str) -> list[Body]:
    return [thing for thing in await kube.list(kind, namespace) if thing.get("status")]


async def test_a_second_look_a_resync_and_a_restart_write_nothing(kube: Kube, namespace: str, start: Start) -> None:
    """What is as it should be is left alone, by whomever and however often it is looked at."""
    first = start(resync_seconds=1.0)
    await kube.create(PIPELINE, namespace)
    await eventually(lambda: jobs(kube, namespace), "the first Job")
    await settled(first)
    written = len(first.ledger.writes)

    await asyncio.sleep(3.0)
    assert first.ledger.writes[written:] == []
    first.ask_to_stop()
    await first.ended()

    second = start()
    await settled(second)
    assert second.ledger.writes == []


async def test_a_new_run_needs_three_writes(kube: Kube, namespace: str, start: Start) -> None:
    """The frozen template, the Job, and one status."""
    operator = start()
    paused = {**PIPELINE, "spec": {**PIPELINE["spec"], "triggers": {"specChange": False}}}
    await kube.create(paused, namespace)
    await eventually(lambda: told(kube, MODEL, namespace), "the status of the pipeline's model")
    await settled(operator)
    before = len(operator.ledger.writes)

    run = {"apiVersion": PIPELINE["apiVersion"], "kind": "TrainingRun", "metadata": {"name": "by-hand"}}
    spec = {"pipelineRef": {"name": PIPELINE["metadata"]["name"]}, "trigger": {"type": "Request"}}
    await kube.create({**run, "spec": spec}, namespace)
    await eventually(lambda: jobs(kube, namespace), "the first Job")
    await settled(operator)

    of_the_run = [call for call in operator.ledger.writes[before:] if call.kind != "TrainingPipeline"]
    assert [(call.verb, call.kind) for call in of_the_run] == [
        ("create", "ControllerRevision"),
        ("create", "Job"),
        ("write status of", "TrainingRun"),
    ]


async def test_an_edited_and_a_deleted_child_are_repaired(
    kube: Kube, namespace: str, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Within a moment, and the log names the editor."""
    with caplog.at_level("INFO"):
        start()
        stories = Stories()
        stories.tell(namespace, Story())
        async with Kubelet(kube, stories, namespace):
            await serve(kube, namespace)
            await kube.merge(SERVICE, namespace, "churn", {"spec": {"selector": {"mlwright.dev/revision": "x"}}})
            await eventually(lambda: _selects(kube, namespace), "the Service leads to the revision again", 5.0)
            await kube.delete(SERVICE, namespace, "churn")
            await eventually(lambda: _selects(kube, namespace), "the Service is there again", 5.0)

    assert [vars(r)["child"] for r in caplog.records if r.message == "child repaired"] == ["Service churn"]


async def test_who_else_sets_the_number_of_pods_is_named_and_not_fought(
    kube: Kube, namespace: str, start: Start
) -> None:
    """What it set is set back once; set again it stays, and the condition says by whom and until when."""
    operator = start()
    stories = Stories()
    stories.tell(namespace, Story())
    async with Kubelet(kube, stories, namespace):
        await serve(kube, namespace)
        name = await eventually(lambda: _serving(kube, namespace), "it serves")
        await settled(operator)
        await _scaled_by_hpa(kube, namespace, name, 5)
        await eventually(lambda: _contested(kube, namespace, "ReplicasSetBack"), "it is told and set back")
        assert await _has(kube, namespace, name, 2)
        await _scaled_by_hpa(kube, namespace, name, 5)
        told = await eventually(lambda: _contested(kube, namespace, "ReplicasLeft"), "it is told again")
        await settled(operator)

        assert await _has(kube, namespace, name, 5)
        assert told.startswith("kube-controller-manager (a HorizontalPodAutoscaler) sets Deployment")


async def _serving(kube: Kube, namespace: str) -> str:
    body = await kube.read(MODEL_DEPLOYMENT, namespace, "churn")
    stable = ((body or {}).get("status") or {}).get("stable")
    return child_name("churn", stable["revision"]) if stable else ""


async def _scaled_by_hpa(kube: Kube, namespace: str, name: str, replicas: int) -> None:
    path = f"{item(DEPLOYMENT, namespace, name)}/scale"
    patch, who = {"spec": {"replicas": replicas}}, {"fieldManager": "kube-controller-manager"}
    await kube.accepted("PATCH", path, patch, content=MERGE, **who)


async def _has(kube: Kube, namespace: str, name: str, replicas: int) -> bool:
    body = await kube.read(DEPLOYMENT, namespace, name)
    return body is not None and body["spec"]["replicas"] == replicas


async def _contested(kube: Kube, namespace: str, reason: str) -> str:
    body = await kube.read(MODEL_DEPLOYMENT, namespace, "churn")
    found = find((body or {}).get("status") or {}, "ReplicasContested")
    return str(found["message"]) if found and found["reason"] == reason else ""


async def test_a_version_is_asked_before_it_serves(kube: Kube, namespace: str, start: Start) -> None:
    """By a Job that the API server takes; what answers otherwise is rejected, what answers as expected takes over."""
    start()
    wrong = Ended(EXIT_USER_ERROR, json.dumps({"outcome": "UserError", "sentence": "golden row 3 of 64 was wrong"}))
    stories = Stories()
    stories.tell(namespace, Story(preflights={"2": wrong}))
    async with Kubelet(kube, stories, namespace):
        await serve(kube, namespace)
        await eventually(lambda: _decided(kube, namespace, "Promote", "churn-v1"), "version 1 has taken over")
        asked = {"spec": {"rollout": {"preflight": {"replay": {"requests": 10, "latencyBound": "1s"}}}}}
        await kube.merge(MODEL_DEPLOYMENT, namespace, "churn", asked)
        await kube.create(version(2), namespace)
        await eventually(lambda: _decided(kube, namespace, "Reject", "churn-v2"), "version 2 is rejected", 60.0)
        await kube.create(version(3), namespace)
        await eventually(lambda: _decided(kube, namespace, "Promote", "churn-v3"), "version 3 takes over", 60.0)
        rejected = await _decided(kube, namespace, "Reject", "churn-v2")
        promoted = await _decided(kube, namespace, "Promote", "churn-v3")

    assert rejected["sentence"] == "churn-v2 is rejected: at step preflight, golden row 3 of 64 was wrong"
    assert promoted["evidence"]["rollout"]["replayed"] == "64 golden rows were answered as expected"
    assert len(await jobs(kube, namespace)) == 2


async def test_a_container_of_ones_own_asks_before_a_version_serves(kube: Kube, namespace: str, start: Start) -> None:
    """Its exit code decides, and its last line is told; the API server takes the Job that runs it."""
    start()
    stories = Stories()
    stories.tell(namespace, Story(preflights={"2": Ended(1, "E  a price is negative"), "3": Ended(0, "3 passed")}))
    async with Kubelet(kube, stories, namespace):
        await serve(kube, namespace)
        await eventually(lambda: _decided(kube, namespace, "Promote", "churn-v1"), "version 1 has taken over")
        asks = {"image": "example/asks:1", "args": ["-q"], "timeoutAfter": "5m", "retries": 0}
        asked = {"spec": {"rollout": {"preflight": {"container": asks}}}}
        await kube.merge(MODEL_DEPLOYMENT, namespace, "churn", asked)
        await kube.create(version(2), namespace)
        await eventually(lambda: _decided(kube, namespace, "Reject", "churn-v2"), "version 2 is rejected", 60.0)
        await kube.create(version(3), namespace)
        await eventually(lambda: _decided(kube, namespace, "Promote", "churn-v3"), "version 3 takes over", 60.0)
        rejected = await _decided(kube, namespace, "Reject", "churn-v2")
        promoted = await _decided(kube, namespace, "Promote", "churn-v3")

    assert rejected["sentence"] == (
        "churn-v2 is rejected: at step own-preflight, the container of its preflight ended with exit code 1:"
        " E a price is negative"
    )
    assert promoted["evidence"]["rollout"]["replayed"] == "the container of its preflight passed it: 3 passed"


async def _decided(kube: Kube, namespace: str, type_: str, version_: str) -> Body:
    """Return the Decision of that type about a version; nothing while there is none."""
    found = (body["spec"] for body in await kube.list(DECISION, namespace))
    return next((dict(spec) for spec in found if (spec["type"], spec["version"]) == (type_, version_)), {})


async def serve(kube: Kube, namespace: str) -> None:
    """Let a version be served and wait until it is."""
    await kube.create({**MODEL_BODY, "metadata": {"name": "churn"}}, namespace)
    await kube.create(version(1), namespace)
    await kube.create(deployment(), namespace)
    await eventually(lambda: _selects(kube, namespace), "the Service leads to the first revision")


MODEL_BODY: Body = {"apiVersion": PIPELINE["apiVersion"], "kind": "Model", "spec": {}}


async def _selects(kube: Kube, namespace: str) -> bool:
    service = await kube.read(SERVICE, namespace, "churn")
    return service is not None and len(service["spec"]["selector"].get("mlwright.dev/revision", "")) > 1


async def test_a_foreign_object_is_left_alone_until_its_name_is_free(kube: Kube, namespace: str, start: Start) -> None:
    """The condition names it; when it is gone the rest happens by itself."""
    mine = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "by-hand"}, "revision": 7}
    await kube.create({**mine, "data": {"mine": True}}, namespace)
    await kube.create({**PIPELINE, "spec": {**PIPELINE["spec"], "triggers": {"specChange": False}}}, namespace)
    start()
    run = {"apiVersion": PIPELINE["apiVersion"], "kind": "TrainingRun", "metadata": {"name": "by-hand"}}
    spec = {"pipelineRef": {"name": PIPELINE["metadata"]["name"]}, "trigger": {"type": "Request"}}
    await kube.create({**run, "spec": spec}, namespace)

    async def stalled() -> Any:
        conditions = ((await kube.read(TRAINING_RUN, namespace, "by-hand")) or {}).get("status", {}).get("conditions")
        return next((c for c in conditions or () if c["type"] == "Stalled" and c["reason"] == "NameConflict"), None)

    condition = await eventually(stalled, "the conflict is told")
    left = await kube.read(CONTROLLER_REVISION, namespace, "by-hand")
    assert left is not None
    assert left["data"] == {"mine": True}
    assert LABEL_OWNER not in (left["metadata"].get("labels") or {})
    assert "ControllerRevision by-hand was not made by mlwright" in condition["message"]
    assert await jobs(kube, namespace) == []

    await kube.delete(CONTROLLER_REVISION, namespace, "by-hand")
    await eventually(lambda: jobs(kube, namespace), "the Job, once the name is free", 60.0)


async def test_children_that_lost_their_owner_are_adopted_and_nothing_else_is_written(
    kube: Kube, namespace: str, start: Start
) -> None:
    """As after a restore from a backup that does not keep owner references."""
    operator = start()
    await kube.create(PIPELINE, namespace)
    await eventually(lambda: jobs(kube, namespace), "the first Job")
    await settled(operator)
    operator.ask_to_stop()
    await operator.ended()
    stripped = 0
    for kind in (TRAINING_RUN, CONTROLLER_REVISION, JOB):
        for body in await kube.list(kind, namespace):
            await kube.merge(kind, namespace, body["metadata"]["name"], {"metadata": {"ownerReferences": None}})
            stripped += 1

    second = start()
    await eventually(lambda: _owned(kube, namespace), "every child has its owner again")
    await settled(second)

    assert {call.verb for call in second.ledger.writes} == {"adopt"}
    assert len(second.ledger.writes) == stripped == 3


async def _owned(kube: Kube, namespace: str) -> bool:
    bodies = [body for kind in (TRAINING_RUN, CONTROLLER_REVISION, JOB) for body in await kube.list(kind, namespace)]
    return all(body["metadata"].get("ownerReferences") for body in bodies)


async def test_without_any_event_the_resync_does_the_work(
    apiserver: ApiServer, kube: Kube, namespace: str, start: Start
) -> None:
    """Watches that never come to be cost time, never correctness: here they lead nowhere."""
    transport, access = await connect({"KUBECONFIG": str(apiserver.kubeconfig)}, 1, lambda *_: None)
    await transport.close()
    deaf = replace(access, server="https://127.0.0.1:1")
    operator = start(access=deaf, resync_seconds=0.5)
    await kube.create(PIPELINE, namespace)
    made = await eventually(lambda: jobs(kube, namespace), "the first Job")
    await settled(operator)

    run = made[0]["metadata"]["labels"][LABEL_OWNER]
    await kube.delete(TRAINING_RUN, namespace, run)

    async def told() -> bool:
        pipeline = await kube.read(TRAINING_PIPELINE, namespace, PIPELINE["metadata"]["name"])
        return "lastRun" in (pipeline or {}).get("status", {})

    assert await eventually(told, "the pipeline still knows its last run")


async def test_a_stop_ends_the_operator_in_time_and_gives_the_lease_back(
    kube: Kube, namespace: str, start: Start
) -> None:
    """The next replica leads at once."""
    first = start(leader_election=True)
    await kube.create(PIPELINE, namespace)
    await eventually(lambda: jobs(kube, namespace), "the first Job")

    begun = time.monotonic()
    first.ask_to_stop()
    await first.ended(10.0)
    assert time.monotonic() - begun < 10
    lease = await kube.accepted("GET", LEASE.format(namespace))
    assert lease["spec"]["holderIdentity"] == ""

    begun = time.monotonic()
    second = start(leader_election=True)
    await eventually(lambda: _leads(second), "the next replica leads")
    assert time.monotonic() - begun < 10


LEASE = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/mlwright"


async def _leads(operator: InProcess) -> bool:
    """Whether it has the Lease and has listed what there is."""
    return bool(operator.metrics.registry.get_sample_value("mlwright_relists_total", {"kind": "Pod"}))


async def test_a_killed_leader_is_followed_by_the_other_replica(kube: Kube, namespace: str, start: Start) -> None:
    """Nobody gave the Lease back: the other waits until it is certain, then acts, within 25 seconds."""
    first = start(leader_election=True)
    await eventually(lambda: _leads(first), "the first replica leads")
    second = start(leader_election=True)
    await asyncio.sleep(1.0)
    assert not await _leads(second)

    first.kill()
    begun = time.monotonic()
    await kube.create(PIPELINE, namespace)
    await eventually(lambda: jobs(kube, namespace), "the other replica acts", 60.0)

    assert 10 < time.monotonic() - begun < 25


async def test_only_one_namespace_is_served_when_one_is_named(
    kube: Kube, namespace: str, client: Client, start: Start
) -> None:
    """Its own lists, watches and nothing else."""
    other = f"{namespace}-other"
    client.request("POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    start()
    await kube.create(PIPELINE, other)
    await kube.create(PIPELINE, namespace)

    await eventually(lambda: jobs(kube, namespace), "the Job of the namespace that is served")
    assert await jobs(kube, other) == []


async def test_a_router_gets_the_role_of_an_installation_under_another_name(
    kube: Kube, namespace: str, start: Start
) -> None:
    """The API server lets nobody change the role of a RoleBinding: it is made anew."""
    await kube.create(version(1), namespace)
    await kube.create(deployment(traffic={"provider": "Router"}), namespace)

    async def bound(role: str) -> bool:
        binding = await kube.read(ROLE_BINDING, namespace, ROUTER_NAME)
        return binding is not None and binding["roleRef"]["name"] == role

    for role in ("mlwright-router", "another-router"):
        operator = start(router_image="example/router:1", router_role=role)
        await eventually(lambda role=role: bound(role), f"the router has the role {role}")  # type: ignore[misc]
        await settled(operator)
        operator.ask_to_stop()
        await operator.ended()

    served = await kube.read(MODEL_DEPLOYMENT, namespace, "churn")
    assert served is not None
    assert find(served["status"], "Stalled") is None


@pytest.mark.parametrize("kind", [JOB, CONTROLLER_REVISION], ids=lambda kind: kind.name)
async def test_deleting_a_run_takes_its_children_along(
    kube: Kube, namespace: str, start: Start, kind: ResourceKind
) -> None:
    """Owner references do it; the operator makes nothing anew for what is going."""
    operator = start()
    await kube.create({**PIPELINE, "spec": {**PIPELINE["spec"], "triggers": {"specChange": False}}}, namespace)
    run = {"apiVersion": PIPELINE["apiVersion"], "kind": "TrainingRun", "metadata": {"name": "by-hand"}}
    spec = {"pipelineRef": {"name": PIPELINE["metadata"]["name"]}, "trigger": {"type": "Request"}}
    await kube.create({**run, "spec": spec}, namespace)
    await eventually(lambda: jobs(kube, namespace), "the first Job")
    await settled(operator)

    await kube.delete(TRAINING_RUN, namespace, "by-hand")

    async def gone() -> bool:
        return await kube.list(kind, namespace) == []

    # the collector looks for new kinds every half a minute, and ours may have come a moment ago
    await eventually(gone, "the children went along", 120.0)
    await settled(operator)
    assert await kube.list(kind, namespace) == []


async def test_a_run_whose_deletion_hangs_holds_its_pipeline_up_no_more(
    kube: Kube, namespace: str, start: Start
) -> None:
    """Somebody's finalizer holds it; what is asked for next starts although its status says that it goes on."""
    start()
    await kube.create(PIPELINE, namespace)
    await eventually(lambda: jobs(kube, namespace), "the first Job")
    name = PIPELINE["metadata"]["name"]
    held = {"metadata": {"finalizers": ["example.com/held"]}}
    await kube.merge(TRAINING_RUN, namespace, f"{name}-1", held)
    await kube.delete(TRAINING_RUN, namespace, f"{name}-1")
    asked = {"metadata": {"annotations": {"mlwright.dev/run": "now"}}}
    await kube.merge(TRAINING_PIPELINE, namespace, name, asked)

    async def names() -> bool:
        return {run["metadata"]["name"] for run in await kube.list(TRAINING_RUN, namespace)} == {
            f"{name}-1",
            f"{name}-2",
        }

    await eventually(names, "the next run starts beside the one that does not go", 30.0)
    await kube.merge(TRAINING_RUN, namespace, f"{name}-1", {"metadata": {"finalizers": None}})
