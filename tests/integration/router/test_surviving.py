"""Pods, agents and HAProxy itself come and go, and requests are answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mlwright.router.haproxy import Haproxy, HaproxyError
from mlwright.router.servers import State
from tests.support.routing import Client, Crowd, Running, Scene, ask, split
from tests.support.waiting import soon

WHOLE = {"old": [(0, 9999)]}


async def test_a_model_that_sleeps_is_woken_once_and_all_are_answered(tmp_path: Path) -> None:
    """Fifty requests meet no pod: one signal, and when the pod is ready each is answered."""
    async with Running(tmp_path) as running:
        running.scene.route(WHOLE, wakes=True)
        await running.follows()

        waiting = [asyncio.create_task(ask(running)) for _ in range(50)]
        await soon(lambda: running.scene.woken, "a signal")
        await asyncio.sleep(0.5)
        running.scene.ready("old", [await running.pod("old")])
        running.tell()
        answers = await asyncio.gather(*waiting)

        assert {answer.body for answer in answers} == {"old"}
        assert running.scene.woken == ["flights"]


async def test_each_sleep_is_ended_by_a_call_of_its_own(tmp_path: Path) -> None:
    """One that begins while a request waits is ended at once: what was said of the sleep before does not count."""
    async with Running(tmp_path) as running:
        running.scene.route(WHOLE, wakes=True, sleep="old.1")
        await running.follows()
        waiting = asyncio.create_task(ask(running))
        await soon(lambda: running.scene.woken == ["flights old.1"], "the first call")

        running.scene.route(WHOLE, wakes=True, sleep="old.2")
        running.tell()
        await soon(lambda: running.scene.woken == ["flights old.1", "flights old.2"], "the second call", 2)
        running.scene.ready("old", [await running.pod("old")])
        running.tell()

        assert (await waiting).body == "old"


async def test_requests_that_wait_across_a_reload_are_answered(tmp_path: Path) -> None:
    """The worker that has them hears of no pods any more: the agent passes them on, one after the other."""
    async with Running(tmp_path) as running:
        running.scene.route(WHOLE, wakes=True)
        await running.follows()
        waiting = [asyncio.create_task(ask(running, body=b'{"n": 7}')) for _ in range(20)]
        await soon(lambda: running.scene.woken, "a signal")

        before = running.worker()
        running.scene.route(WHOLE, "other", override="X-Mlwright-Variant")
        await running.follows()
        assert running.worker() != before
        pod = await running.pod("old")
        running.scene.ready("old", [pod])
        running.tell()
        answers = await asyncio.gather(*waiting)

        assert {(answer.status, answer.body) for answer in answers} == {(200, "old")}
        assert pod.bodies == 20 * 8
        assert (await ask(running)).body == "old"


async def test_a_master_that_is_silent_keeps_no_request_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It listens later than its worker does: whether there was a reload is asked again, and pods are told meanwhile."""

    async def silent(_haproxy: Haproxy) -> bool:
        raise HaproxyError("master.sock does not answer")

    monkeypatch.setattr(Haproxy, "old_workers", silent)
    async with Running(tmp_path) as running:
        running.scene.route(WHOLE, wakes=True)
        await running.follows()
        waiting = [asyncio.create_task(ask(running)) for _ in range(3)]
        await soon(lambda: running.scene.woken, "a signal")
        running.scene.ready("old", [await running.pod("old")])
        running.tell()

        assert {answer.body for answer in await asyncio.gather(*waiting)} == {"old"}


async def test_a_large_body_waits_for_the_first_pod_as_well(tmp_path: Path) -> None:
    """What HAProxy cannot send again is passed on by the agent."""
    async with Running(tmp_path) as running:
        running.scene.route(WHOLE, wakes=True)
        await running.follows()

        waiting = asyncio.create_task(ask(running, body=b"x" * 200_000))
        await soon(lambda: running.scene.woken, "a signal")
        pod = await running.pod("old")
        running.scene.ready("old", [pod])
        running.tell()

        assert (await waiting).body == "old"
        assert pod.bodies == 200_000


async def test_a_model_that_does_not_sleep_is_not_woken(tmp_path: Path) -> None:
    """Pods that merely restart are waited for, and nobody changes their number."""
    async with Running(tmp_path) as running:
        running.scene.route(WHOLE, wakes=False)
        await running.follows()

        waiting = asyncio.create_task(ask(running))
        await asyncio.sleep(0.5)
        running.scene.ready("old", [await running.pod("old")])
        running.tell()

        assert (await waiting).body == "old"
        assert running.scene.woken == []


async def test_a_model_that_is_suspended_refuses_at_once(tmp_path: Path) -> None:
    """No pod will come, so nobody waits; when it runs again the next request is answered."""
    async with Running(tmp_path) as running:
        pod = await running.pod("old")
        running.scene.ready("old", [pod])
        running.scene.route(WHOLE, suspended=True)
        await running.follows()

        refused = await ask(running)
        running.scene.route(WHOLE)
        await running.follows()

        assert (refused.status, refused.headers["retry-after"]) == (503, "60")
        assert "suspended" in refused.body
        assert (await ask(running)).body == "old"


async def test_the_next_request_is_seen_when_the_first_one_gave_up(tmp_path: Path) -> None:
    """A client that leaves frees its place; the one after it is held in its stead."""
    async with Running(tmp_path) as running:
        running.scene.route(WHOLE, wakes=True)
        await running.follows()
        first = asyncio.create_task(ask(running))
        await soon(lambda: any(running.agent.hold.waiting.values()), "the first is held")
        first.cancel()
        await soon(lambda: not any(running.agent.hold.waiting.values()), "nobody is held")

        second = asyncio.create_task(ask(running))
        await soon(lambda: any(running.agent.hold.waiting.values()), "the second is held")
        running.scene.ready("old", [await running.pod("old")])
        running.tell()

        assert (await second).body == "old"


async def test_shares_and_pods_change_under_load_and_nobody_notices(tmp_path: Path) -> None:
    """Twenty changes of shares, pods that come, drain and go: every request is answered."""
    async with Running(tmp_path) as running:
        old, new = await running.pod("old", 0.002), await running.pod("new", 0.002)
        running.scene.ready("old", [old])
        running.scene.ready("new", [new])
        running.scene.route(split(1000))
        await running.follows()

        async with Crowd(running) as crowd:
            for turn in range(20):
                running.scene.route(split(500 * turn))
                await _exchange_a_pod(running)
        assert crowd.failures == {}
        assert crowd.answers.total() > 300


async def test_a_version_that_takes_over_leaves_nobody_behind(tmp_path: Path) -> None:
    """The route names only the new one, and at the next moment the old pods are told to go: all are answered."""
    async with Running(tmp_path) as running:
        for name in ("v1", "v2", "v3"):
            running.scene.ready(name, [await running.pod(name, 0.002)])
        running.scene.route({"v1": [(0, 9999)]})
        await running.follows()

        async with Crowd(running) as crowd:
            for before, name in (("v1", "v2"), ("v2", "v3")):
                await asyncio.sleep(0.1)
                running.scene.route({name: [(0, 9999)]})
                await running.follows()
                running.scene.pods.pop(f"flights-{before}")
                await running.follows()
            await asyncio.sleep(0.1)
        assert crowd.failures == {}
        assert crowd.answers.keys() == {"v1", "v2", "v3"}


async def _exchange_a_pod(running: Running) -> None:
    """A pod comes, is ready, drains and goes, as Kubernetes tells of it."""
    pod = await running.pod("old", 0.002)
    running.scene.ready("old", [pod])
    await running.follows()
    running.scene.ready("old", [pod], state=State.DRAIN)
    await running.follows()
    await asyncio.sleep(0.02)
    running.scene.gone("old", [pod])
    await running.follows()
    await pod.stop(abort=False)


async def test_a_killed_pod_costs_nobody_an_answer(tmp_path: Path) -> None:
    """One of two pods is killed before anybody is told: requests are sent again to the other."""
    async with Running(tmp_path) as running:
        two = [await running.pod("old", 0.002) for _ in range(2)]
        running.scene.ready("old", two)
        running.scene.route(WHOLE)
        await running.follows()

        async with Crowd(running) as crowd:
            await asyncio.sleep(0.2)
            await two[0].stop()
            await asyncio.sleep(0.3)
        assert crowd.failures == {}


async def test_requests_go_on_while_the_agent_is_dead(tmp_path: Path) -> None:
    """It is started again without having changed anything."""
    async with Running(tmp_path) as running:
        running.scene.ready("old", [await running.pod("old")])
        running.scene.route(WHOLE)
        await running.follows()

        async with Crowd(running) as crowd:
            for _ in range(5):
                await running.stop_agent()
                await asyncio.sleep(0.05)
                running.start_agent()
                await running.follows()
        assert crowd.failures == {}


async def test_haproxy_that_was_killed_is_as_before_within_moments(tmp_path: Path) -> None:
    """Its maps are files, and the agent tells it of its pods."""
    async with Running(tmp_path) as running:
        running.scene.ready("old", [await running.pod("old")])
        running.scene.route(WHOLE)
        await running.follows()

        running.kill_haproxy()
        running.start_haproxy()
        await soon(running.listens, "HAProxy listens", 10)

        assert (await ask(running)).body == "old"


async def test_an_agent_and_haproxy_start_without_the_api_server(tmp_path: Path) -> None:
    """What was followed last is followed until something newer is heard."""
    scene = Scene()
    async with Running(tmp_path, scene) as running:
        scene.ready("old", [await running.pod("old")])
        scene.route(WHOLE)
        await running.follows()
        await running.stop_agent()
        running.kill_haproxy()

        scene.known = False
        running.start_haproxy()
        running.start_agent()
        await soon(lambda: "flights" in running.agent.applied, "the routes of the last life")

        assert (await ask(running)).body == "old"


async def test_more_models_and_pods_than_the_configuration_holds_are_taken_in(tmp_path: Path) -> None:
    """It grows by a reload, of which clients notice nothing."""
    async with Running(tmp_path) as running:
        running.scene.ready("old", [await running.pod("old")])
        running.scene.route(WHOLE)
        await running.follows()

        async with Crowd(running, clients=4) as crowd:
            for number in range(20):
                running.scene.route({"a": [(0, 9999)]}, f"m{number}")
            running.scene.ready("old", [await running.pod("old") for _ in range(12)])
            running.scene.ready("a", [await running.pod("nineteen")], "m19")
            await running.follows()
            await asyncio.sleep(0.3)
        assert crowd.failures == {}
        assert (await ask(running, "/v2/models/m19/infer")).body == "nineteen"


async def test_a_router_that_leaves_tells_its_clients(tmp_path: Path) -> None:
    """Answers ask for a new connection, and the pod is not ready any more."""
    async with Running(tmp_path) as running:
        running.scene.ready("old", [await running.pod("old")])
        running.scene.route(WHOLE)
        await running.follows()
        before = await ask(running)
        running.agent.leaving = True
        await running.follows()
        after = await ask(running)

        assert "connection" not in before.headers
        assert after.headers["connection"] == "close"
        health = Client(running.place.metrics_port)
        assert (await health.ask("/ready", body=b"")).status == 503
        health.close()


async def test_answers_are_counted_by_revision_and_begin_at_0(tmp_path: Path) -> None:
    """Also where a backend has served another revision before, and by an agent that was started again."""
    async with Running(tmp_path) as running:
        for turn in range(17):  # more than there are backends
            running.scene.ready(f"r{turn}", [await running.pod(f"r{turn}")])
            running.scene.route({f"r{turn}": [(0, 9999)]})
            await running.follows()
            await ask(running)
        await ask(running)
        await running.stop_agent()
        running.start_agent()
        await running.follows()

        metrics = Client(running.place.metrics_port)
        told = (await metrics.ask("/metrics", body=b"")).body.splitlines()
        metrics.close()

        labels = 'deployment="flights",revision="r16"'
        assert f'mlwright_router_requests_total{{{labels},code="2xx"}} 2' in told
        assert f"mlwright_router_pods{{{labels}}} 1" in told
        assert "mlwright_router_routes 1" in told
        assert not [line for line in told if 'revision="r0"' in line]


@pytest.mark.parametrize("clients", [1])
async def test_a_slow_pod_is_not_taken_for_a_dead_one(tmp_path: Path, clients: int) -> None:
    """An answer that takes a while is waited for and asked for once."""
    async with Running(tmp_path) as running:
        slow = await running.pod("old", 1.5)
        running.scene.ready("old", [slow])
        running.scene.route(WHOLE)
        await running.follows()

        answers = await asyncio.gather(*(ask(running) for _ in range(clients)))

        assert [answer.body for answer in answers] == ["old"]
        assert slow.bodies == 2
