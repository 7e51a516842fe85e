"""What a policy would have made of a load: by the same decisions as live, in a world that can be reckoned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlwright.api.autoscaling import Autoscaling
from mlwright.errors import InvalidSpecError
from mlwright.planners.simulating import Simulated, World, as_hpa, oracle, replayable, simulate

RATE = {"name": "load", "type": "RequestRate", "requestRate": {"target": 20}}
BUSY = {"name": "busy", "type": "Concurrency", "concurrency": {"target": 2}}
SLOW = {"name": "slow", "type": "Latency", "latency": {"bound": "1s", "maxShareSlower": 0.05}}
QUEUE = {"name": "queue", "type": "Query", "query": {"promql": "q", "target": 5}}
WORLD = World(capacity=25.0)
BEGIN = 1_767_607_200.0
"""Monday, 2026-01-05T10:00:00Z."""
MINUTE = 60


def policy(*metrics: dict[str, Any], **spec: Any) -> Autoscaling:
    """Return a policy between one and twenty pods."""
    asked = {"minReplicas": 1, "maxReplicas": 20, "metrics": list(metrics) or [RATE], **spec}
    return replayable(Autoscaling.model_validate(asked))


def played(spec: Autoscaling, *load: float, minutes: int = 10, first: int = 1) -> Simulated:
    """Return what came of so many minutes of each load."""
    seconds = [rate for rate in load for _ in range(minutes * MINUTE)]
    return simulate(spec, seconds, WORLD, BEGIN, first)


def sizes(found: Simulated) -> list[int]:
    """Return the numbers of pods in their order."""
    return [move.replicas for move in found.moves]


def test_a_load_that_pods_carry_moves_nothing() -> None:
    """Nobody waits, and it costs what it costs."""
    found = played(policy(), 20.0)

    assert (found.moves, found.late, found.requests) == ((), 0.0, 12_000.0)
    assert found.pod_hours == pytest.approx(1 / 6)


def test_more_load_makes_pods_and_what_waited_meanwhile_was_late() -> None:
    """A pod that has more than it can answer counts no more than that, so the rate tells of the rest step by step."""
    found = played(policy(), 10.0, 40.0)

    assert sizes(found)[:2] == [2, 3]
    assert found.moves[0].sentence == "1 -> 2: load: 25 requests/s against 20 per pod"
    assert 0.05 < found.late_share < 0.8


def test_what_waits_is_seen_by_concurrency_at_once() -> None:
    """Requests that wait are under way, so it sees how much is lacking."""
    slow, fast = (played(policy(metric), 10.0, 200.0) for metric in (RATE, BUSY))

    assert fast.late_share < slow.late_share / 2


def test_behind_a_router_a_burst_is_seen_in_the_seconds_in_which_it_comes() -> None:
    """Where nobody asks routers the first pod is asked for half a minute later, and each step shows another part."""
    load = [rate for rate in (10.0, 80.0) for _ in range(5 * MINUTE)]
    plain, routed = (simulate(policy(), load, replace(WORLD, routed=routed), BEGIN) for routed in (False, True))

    assert routed.moves[0].at - BEGIN == 5 * MINUTE
    assert routed.moves[0].sentence == ("1 -> 2: load: 33.3 requests/s at the routers against 20 per pod")
    assert plain.moves[0].at - routed.moves[0].at > 10
    assert routed.late < plain.late / 2


def test_a_steady_load_behind_a_router_moves_nothing() -> None:
    """Ten minutes of glances find no burst."""
    load = [20.0] * 10 * MINUTE

    assert simulate(policy(), load, replace(WORLD, routed=True), BEGIN).moves == ()


def test_slow_answers_make_pods() -> None:
    """The share of slow ones follows from how long requests waited."""
    assert max(played(policy(SLOW), 10.0, 60.0).pods) >= 3


def test_less_load_takes_pods_away_after_the_window() -> None:
    """Five minutes, as by HorizontalPodAutoscaler."""
    found = played(policy(), 10.0, first=5)

    assert sizes(found) == [1]
    assert found.moves[0].at - BEGIN > 5 * MINUTE


def test_it_sleeps_and_the_first_request_wakes_it() -> None:
    """What comes while it starts waits, and nothing is lost."""
    found = played(policy(minReplicas=0), 10.0, 0.0, 10.0, minutes=12)

    assert sizes(found) == [0, 1]
    assert [move.sentence for move in found.moves] == [
        "1 -> 0: no request for 10m; the next one wakes it",
        "0 -> 1: a request came",
    ]
    assert found.late == pytest.approx(10 * 15, rel=0.7)


def test_a_floor_holds_at_its_time() -> None:
    """The time of the load is the time of the clock."""
    floor = {"name": "rush", "cron": "5 10 * * MON", "duration": "10m", "minReplicas": 4}

    assert sizes(played(policy(floors=[floor]), 10.0, minutes=12)) == [4]


def test_requests_that_are_never_answered_are_late() -> None:
    """A policy must not look better because it leaves a line behind."""
    found = played(policy(maxReplicas=1), 100.0, minutes=1)

    assert found.late == 100 * 60 - 25


def test_who_knows_the_load_asks_in_time() -> None:
    """As many as answer everything at once, and no more."""
    known = oracle(policy(), [10.0] * 60 + [100.0] * 60, WORLD)

    assert (known[0], known[44], known[45], known[119]) == (1, 1, 4, 4)


def test_beside_it_stands_a_horizontal_pod_autoscaler() -> None:
    """The same metrics, and none of what only mlwright does."""
    floor = {"name": "rush", "cron": "5 10 * * *", "duration": "10m", "minReplicas": 4}
    eager = {"scaleDown": {"stabilizationWindowSeconds": 0}}

    assert as_hpa(policy(minReplicas=0, floors=[floor], behavior=eager)) == policy()


def test_what_only_a_query_knows_cannot_be_simulated() -> None:
    """What it returned does not follow from requests; beside another metric it is left out."""
    assert [metric.name for metric in policy(RATE, QUEUE).metrics] == ["load"]
    with pytest.raises(InvalidSpecError, match="does not follow from requests"):
        policy(QUEUE)
