"""What is settled stays untouched: by resyncs, by a restart, by a new release, by the loss of statuses and owners."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlwright.constants import ANNOTATION_REFRESH
from mlwright.plan.resources import BY_NAME, KINDS, MODEL_DEPLOYMENT
from tests.support.apiserver import Json
from tests.support.campaign import Lab, Run, quiet
from tests.support.flows import FLOWS, SERVING, WORSE, Flow, annotate, serves
from tests.support.operators import SETTINGS, FaultFree, InProcess
from tests.support.waiting import soon
from tests.support.world import Space, versions

NEWER = replace(SETTINGS, server_image="example/server:2", trainer_image="example/trainer:2")
"""What a new release of the chart changes."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
async def test_a_second_look_writes_nothing(lab: Lab, flow: Flow) -> None:
    """Neither three resyncs nor a restart write anything: counted at the port, and seen by resourceVersions."""
    options = {"settings": replace(SETTINGS, resync_seconds=0.5)}
    async with Run(lab, flow, await lab.namespace(flow.story()), FaultFree(), options) as run:
        await run.through()
        await run.settled()
        first, known = run.operators[0], versions(run.space)
        written = len(first.ledger.writes)
        await resynced(first, 3)
        await run.stop()
        second = await run.resume()
        await resynced(second, 2)

        assert first.ledger.writes[written:] == []
        assert second.ledger.writes == []
        assert versions(run.space) == known
        assert run.complaints == []


async def test_a_new_release_restarts_no_pod(lab: Lab) -> None:
    """Other default images touch nothing that serves, until somebody asks for a refresh."""
    async with Run(lab, SERVING, await lab.namespace(), FaultFree()) as run:
        await run.through()
        await run.settled()
        known = versions(run.space)
        await run.stop()
        newer = await run.resume(settings=NEWER)
        await quiet(newer, 1.0)

        assert newer.ledger.writes == []
        assert versions(run.space) == known

        await annotate(MODEL_DEPLOYMENT, ANNOTATION_REFRESH, "today")(lab.kube, run.namespace)
        refreshed = "the Deployment was replaced by one with the new image"
        await lab.world.until(
            run.namespace, lambda space: images(space) == ["example/server:2"] and serves(2)(space), refreshed
        )


async def test_lost_statuses_and_owners_start_nothing(lab: Lab) -> None:
    """After a restore from a backup: no run, no rollout, traffic never moves, and all is told and owned as before."""
    async with Run(lab, WORSE, await lab.namespace(), FaultFree()) as run:
        await run.through()
        before = await run.settled()
        await run.stop()
        serving = {body["metadata"]["name"]: facts(body) for body in run.space.of("Deployment")}
        selectors: list[Json] = []
        run.space.listeners.append(
            lambda body: selectors.append(body["spec"]["selector"]) if is_service(body) else None
        )
        await strip(lab, run)
        await run.resume()

        assert await run.ends_like(before) == []
        assert {body["metadata"]["name"]: facts(body) for body in run.space.of("Deployment")} == serving
        assert all(selector == selectors[0] for selector in selectors)


async def resynced(one: InProcess, times: int) -> None:
    """Wait until an operator has listed every kind anew so often, and has nothing more to ask."""

    def lists() -> float:
        return min(one.reads("mlwright_relists_total", kind=kind.name) for kind in KINDS)

    await soon(lambda: lists() > times, f"{times} resyncs")
    await quiet(one)


def images(space: Space) -> list[str]:
    """Return the images of all Deployments."""
    return [body["spec"]["template"]["spec"]["containers"][0]["image"] for body in space.of("Deployment")]


def facts(body: Json) -> tuple[str, int, Json]:
    """Return what a rollout would change of a Deployment."""
    return body["metadata"]["uid"], body["metadata"]["generation"], body["spec"]["template"]


def is_service(body: Json) -> bool:
    """Tell Services from other objects."""
    return bool(body["kind"] == "Service")


async def strip(lab: Lab, run: Run) -> None:
    """Take all statuses of our kinds and all owner references, and wait until that is seen."""
    for place, body in list(run.space.objects.items()):
        kind = BY_NAME[place.kind]
        if kind.name != "Pod":  # the controllers that own them would take them back
            await lab.kube.merge(kind, run.namespace, place.name, {"metadata": {"ownerReferences": None}})
        if not kind.owned and "status" in body:
            await lab.kube.merge(kind, run.namespace, place.name, {"status": None}, subresource="/status")
    await soon(lambda: bare(run.space), "everything is stripped")


def bare(space: Space) -> bool:
    """Tell whether no object has an owner, and no object of ours a status."""
    rest = [body for place, body in space.objects.items() if place.kind != "Pod"]
    ours = [body for body in rest if not BY_NAME[body["kind"]].owned]
    return not any(body["metadata"].get("ownerReferences") for body in rest) and not any("status" in b for b in ours)
