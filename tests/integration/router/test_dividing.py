"""Requests find the right model and variant, in the right shares."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from pathlib import Path

import pytest

from mlwright.router.config import MOST_WAITING
from mlwright.router.haproxy import Haproxy, HaproxyError
from tests.support.routing import Client, Pod, Running, ask, split

N = 4000


async def drawn(running: Running, n: int, **headers: str) -> Counter[str]:
    """Ask n times and count who answers."""
    counts: Counter[str] = Counter()

    async def work(times: int) -> None:
        client = Client(running.place.port)
        for _ in range(times):
            counts[(await client.ask(headers=headers)).body] += 1
        client.close()

    await asyncio.gather(*(work(n // 8) for _ in range(8)))
    return counts


async def pods(running: Running, **numbers: int) -> dict[str, list[Pod]]:
    """Start pods of revisions; all of them are ready."""
    made = {name: [await running.pod(name) for _ in range(number)] for name, number in numbers.items()}
    for name, found in made.items():
        running.scene.ready(name, found)
    return made


async def test_shares_are_kept_whatever_the_numbers_of_pods(tmp_path: Path) -> None:
    """Five percent go to seven pods, the rest to one: within four standard deviations of chance."""
    async with Running(tmp_path) as running:
        await pods(running, old=1, new=7)
        running.scene.route(split(500))
        await running.follows()

        counts = await drawn(running, N)

        assert abs(counts["new"] - 0.05 * N) < 4 * math.sqrt(N * 0.05 * 0.95)
        assert counts.total() == N


async def test_a_change_of_shares_is_in_effect_at_once_and_whole(tmp_path: Path) -> None:
    """After the agent says that it follows a route no request goes the old way."""
    async with Running(tmp_path) as running:
        await pods(running, old=1, new=1)
        for turn in range(20):
            new = turn % 2
            running.scene.route(split(10_000 * new))
            await running.follows()
            assert await drawn(running, 16) == {("new" if new else "old"): 16}


async def test_a_header_names_the_variant_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    """Testers reach a variant that has no share; a typing error is not silently answered by another."""
    async with Running(tmp_path) as running:
        await pods(running, old=1, new=1)
        running.scene.route(split(0), override="X-Mlwright-Variant")
        await running.follows()

        assert await drawn(running, 16, x_mlwright_variant="new") == {"new": 16}
        assert await drawn(running, 16) == {"old": 16}
        refused = await ask(running, x_mlwright_variant="newer")
        assert refused.status == 400
        assert "no variant of this model has the name" in refused.body


async def test_a_router_that_has_just_begun_knows_the_header(tmp_path: Path) -> None:
    """It says that it follows a route only when HAProxy was reloaded for what the route asks, however it began."""
    for turn in range(5):
        running = Running(tmp_path / str(turn))
        await pods(running, old=1, new=1)
        running.scene.route(split(0), override="X-Mlwright-Variant")
        async with running:
            assert (await ask(running, x_mlwright_variant="newer")).status == 400


async def test_a_reload_that_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its master did not answer: what the route asks for is not forgotten."""
    tried, reload = list[int](), Haproxy.reload

    async def fail_once(haproxy: Haproxy) -> None:
        tried.append(1)
        if len(tried) == 1:
            raise HaproxyError("master.sock does not answer")
        await reload(haproxy)

    async with Running(tmp_path) as running:
        await pods(running, old=1, new=1)
        monkeypatch.setattr(Haproxy, "reload", fail_once)
        running.scene.route(split(0), override="X-Mlwright-Variant")
        await running.follows()

        assert (await ask(running, x_mlwright_variant="newer")).status == 400


async def test_without_an_override_the_header_means_nothing(tmp_path: Path) -> None:
    """Whoever did not ask for it lets no client choose its variant."""
    async with Running(tmp_path) as running:
        await pods(running, old=1, new=1)
        running.scene.route(split(0))
        await running.follows()

        assert await drawn(running, 16, x_mlwright_variant="new") == {"old": 16}


async def test_users_stay_with_their_variant_by_a_header(tmp_path: Path) -> None:
    """Of a hundred users nobody sees two variants, and a larger share moves users one way only."""
    async with Running(tmp_path) as running:
        await pods(running, old=2, new=2)
        by_header = {"type": "Header", "header": "X-User-Id"}
        seen: list[dict[str, str]] = []
        for share in (1000, 1000, 2000):
            running.scene.route(split(share), assignment=by_header)
            await running.follows()
            seen.append({user: (await ask(running, x_user_id=user)).body for user in map(str, range(100))})

        first, again, later = seen
        assert first == again
        assert {first[user] for user in first if later[user] == "old"} == {"old"}
        assert list(later.values()).count("new") > list(first.values()).count("new")


async def test_users_stay_with_their_variant_by_a_cookie(tmp_path: Path) -> None:
    """The first answer sets the cookie; whoever sends it back is answered by the same variant."""
    async with Running(tmp_path) as running:
        await pods(running, old=1, new=1)
        running.scene.route(split(5000), assignment={"type": "Cookie"})
        await running.follows()

        for _ in range(20):
            first = await ask(running)
            cookie = first.headers["set-cookie"].partition(";")[0]
            again = await ask(running, cookie=cookie)
            assert again.body == first.body
            assert "set-cookie" not in again.headers
        assert "set-cookie" in (await ask(running, cookie="mlwright-bucket=99999999")).headers


@pytest.mark.parametrize("host", ["spend", "spend.team.svc.cluster.local:80", "SPEND.example.org"])
async def test_paths_that_name_no_model_go_by_the_host(tmp_path: Path, host: str) -> None:
    """`/predict` and `/v2` of a model are found by the name of its Service; the path wins where it names one."""
    async with Running(tmp_path) as running:
        flights, spend = await running.pod("flights"), await running.pod("spend")
        running.scene.ready("a", [flights])
        running.scene.ready("a", [spend], model="spend")
        for model in ("flights", "spend"):
            running.scene.route({"a": [(0, 9999)]}, model)
        await running.follows()

        assert (await ask(running, "/predict", host=host)).body == "spend"
        assert (await ask(running, "/v2/models/flights/infer", host=host)).body == "flights"


async def test_the_metrics_of_a_model_are_not_told_to_its_clients(tmp_path: Path) -> None:
    """However the path is written, and whoever asks by the host."""
    async with Running(tmp_path) as running:
        await pods(running, old=1)
        running.scene.route({"old": [(0, 9999)]})
        await running.follows()

        for path in ("/metrics", "/metrics?a=b", "/%6detrics", "http://flights/metrics"):
            refused = await ask(running, path, host="flights")
            assert (refused.status, "only its pods tell its /metrics" in refused.body) == (404, True)
        for path in ("/metrics/x", "/predict", "/", "http://flights/predict"):
            assert (await ask(running, path, host="flights")).body == "old"


async def test_what_cannot_be_routed_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """An unknown model, and a body that is too large: right status, JSON, no pod asked."""
    async with Running(tmp_path) as running:
        made = await pods(running, old=1)
        running.scene.route({"old": [(0, 9999)]}, maxBodyBytes=1000)
        await running.follows()

        unknown, large = await ask(running, "/v2/models/fligths/infer"), await ask(running, body=b"x" * 1001)

        assert (unknown.status, large.status) == (404, 413)
        assert unknown.headers["content-type"] == large.headers["content-type"] == "application/json"
        assert "no such model" in unknown.body
        assert "split the batch" in large.body
        assert made["old"][0].bodies == 0
        assert MOST_WAITING == 1000
