"""Versions that go wrong only under traffic: each is found by its rollout and sent back."""

from __future__ import annotations

import json

import pytest

from examples.flights.errands import load
from mlwright.planners.evidence import differences
from tests.support.apiserver import Json
from tests.support.flights import request
from tests.support.leader import kill_the_leader
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.release import Release
from tests.support.shelf import Shelf

NAME = "treacherous"
CONNECTIONS = 4
SHARE = 0.1
CANARY: Json = {"name": "tenth", "type": "Weight", "weight": {"percent": 10, "hold": "5s"}}
QUIET: Json = {"name": "quiet", "type": "Shadow", "shadow": {"percent": 50, "duration": "5s"}}
ERRORS: Json = {"name": "errors", "type": "ErrorRate"}
SLOW: Json = {"name": "slow", "type": "Latency", "latency": {"bound": "200ms"}}
OTHERWISE: Json = {"name": "otherwise", "type": "Disagreement", "disagreement": {"max": 0.05}}
FAULTS = {"2": "errors", "3": "slow", "4": "wrong", "5": "wrong"}
"""What goes wrong, by version; all pass their self-test."""
JUDGED = 3
"""Of them are found under traffic; the last one is asked before."""


@pytest.mark.alone
def test_versions_that_fail_dawdle_and_lie_are_sent_back(shelf: Shelf, release: Release) -> None:
    """Errors and slow answers reach the canary's share at most, a lie nobody; the leader is killed in each."""
    live, question, asking = shelf.live, json.dumps(request()), release.images["trainer"]
    served = treacherous(release, [CANARY], [ERRORS, SLOW])
    live.apply(model(NAME), version(NAME, 1, FLIGHTS, shelf.digest), served)
    live.reaches("ModelDeployment", NAME, "Ready", f"{NAME}-v1 serves with 1 of 1 pods ready")

    with load(live, NAME, question, asking, connections=CONNECTIONS) as unlucky:
        live.apply(version(NAME, 2, FLIGHTS, shelf.digest))
        failing = rejected_without_leader(live, 2, "answers 10 % of the requests")

    with load(live, NAME, question, asking, connections=CONNECTIONS) as clients:
        live.apply(version(NAME, 3, FLIGHTS, shelf.digest))
        slow = rejected_without_leader(live, 3, "answers 10 % of the requests")
        live.apply({**served, "spec": {**served["spec"], **gradual([QUIET, CANARY], [ERRORS, SLOW, OTHERWISE])}})
        live.apply(version(NAME, 4, FLIGHTS, shelf.digest))
        live.reaches("ModelDeployment", NAME, "RolloutProgressing", f"{NAME}-v4 is asked 50 % of the requests again")
        look_at_the_pods(live)
        lying = rejected_without_leader(live, 4, "is asked 50 % of the requests again")
        caught = asked_first(live, served, shelf)
        live.until("version 1 serves alone", lambda: versions(live) == {f"{NAME}-v1"})

    assert "were answered with an error" in failing
    assert "were slower than 200ms" in slow
    assert "copied requests were answered otherwise than by stable" in lying
    assert "at step preflight, golden row 1 of" in caught
    assert unlucky.counted is not None
    assert 0 < unlucky.counted["failed"] <= SHARE * unlucky.counted["requests"]
    assert clients.counted is not None
    assert clients.counted["failures"] == {}
    assert clients.counted["versions"].keys() == {"1", "3"}
    assert [differences(found) for found in evidence(live)] == [()] * JUDGED


def treacherous(release: Release, steps: list[Json], checks: list[Json]) -> Json:
    """Return the deployment: the server of the example, which knows what goes wrong."""
    return deployment(
        NAME,
        NAME,
        server={"image": release.images["faulty"], "drain": "1s"},
        pod={"env": [{"name": "FAULTS", "value": json.dumps(FAULTS)}]},
        traffic={"provider": "Router"},
        **gradual(steps, checks),
    )


def gradual(steps: list[Json], checks: list[Json]) -> Json:
    """Return the part of a spec that says what a version passes: quickly, for requests fail independently here."""
    analysis = {"noise": "Binomial", "warmup": "0s", "checks": checks}
    return {"rollout": {"strategy": "Canary", "steps": steps, "analysis": analysis}}


def asked_first(live: Live, served: Json, shelf: Shelf) -> str:
    """Let a version be asked before anybody gets an answer of it; return why it is rejected."""
    live.apply({**served, "spec": {**served["spec"], "rollout": {"preflight": {"replay": {}}}}})
    live.apply(version(NAME, 5, FLIGHTS, shelf.digest))
    return rejected(live, 5)


def rejected_without_leader(live: Live, number: int, does: str) -> str:
    """Wait until a version does something, kill the leader, and return why the version is sent back all the same."""
    live.reaches("ModelDeployment", NAME, "RolloutProgressing", f"{NAME}-v{number} {does}")
    kill_the_leader(live)
    return rejected(live, number)


def rejected(live: Live, number: int) -> str:
    """Wait until a version is sent back, and return why."""
    return live.reaches("ModelDeployment", NAME, "CandidateRejected", f"{NAME}-v{number} is rejected")


def look_at_the_pods(live: Live) -> None:
    """Have the kubelet look at the pods now: what it mounted of a ConfigMap may else be a minute old."""
    live.kubectl("annotate", "pod", f"--selector=mlwright.dev/deployment={NAME}", "example.com/looked=at")


def versions(live: Live) -> set[str]:
    """Return the versions that have pods."""
    return {pod["metadata"]["labels"]["mlwright.dev/version"] for pod in live.all("Pod", deployment=NAME)}


def evidence(live: Live) -> list[Json]:
    """Return what the rejections rest on."""
    found = (one["spec"] for one in live.all("Decision"))
    return [
        spec["evidence"]["analysis"]
        for spec in found
        if spec["subjectRef"]["name"] == NAME and "analysis" in spec["evidence"]
    ]
