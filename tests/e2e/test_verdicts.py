"""Candidates are judged by what the chart's Prometheus counts under traffic: one passes, one is sent back."""

from __future__ import annotations

import json

from examples.flights.errands import load
from mlwright.planners.evidence import differences
from tests.support.apiserver import Json
from tests.support.flights import request
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.reaction import watched
from tests.support.release import Release
from tests.support.shelf import Shelf

CONNECTIONS = 4
ERRORS: Json = {"name": "errors", "type": "ErrorRate", "errorRate": {"maxIncrease": 0.01, "passMargin": 0.05}}
FORBIDDEN: Json = {"name": "rule", "type": "Query", "query": {"promql": "vector(1)", "max": 0, "failures": 2}}
"""A rule that nothing obeys."""


def test_a_good_candidate_passes_and_one_that_breaks_a_rule_is_sent_back(shelf: Shelf, release: Release) -> None:
    """Counted by the embedded Prometheus; nobody's request fails, and the verdicts can be computed again."""
    live = shelf.live
    served = deployment(
        "judged", "judged", server={"drain": "5s"}, traffic={"provider": "Router"}, rollout=rollout(ERRORS)
    )
    live.apply(model("judged"), version("judged", 1, FLIGHTS, shelf.digest), served)
    live.reaches("ModelDeployment", "judged", "Ready", "judged-v1 serves with 1 of 1 pods ready")

    with load(live, "judged", json.dumps(request()), release.images["trainer"], connections=CONNECTIONS) as clients:
        live.apply(version("judged", 2, FLIGHTS, shelf.digest))
        live.until("judged-v2 serves alone", lambda: versions(live) == {"judged-v2"}, seconds=180)
        live.apply({**served, "spec": {**served["spec"], "rollout": rollout(ERRORS, FORBIDDEN)}})
        with watched(live) as seen:
            live.apply(version("judged", 3, FLIGHTS, shelf.digest))
            why = live.reaches("ModelDeployment", "judged", "CandidateRejected", "judged-v3 is rejected", seconds=120)
            live.until(
                "judged-v3 lost its share at all routers", lambda: seen.reaction("judged", "judged-v3"), seconds=60
            )

    assert "rule: the query returned 1, not at most 0 2 times in a row (a rule, no guarantee)" in why
    assert clients.counted is not None
    assert clients.counted["failures"] == {}
    promoted, rejected = (evidence(live, kind) for kind in ("Promote", "Reject"))
    assert differences(promoted) == differences(rejected) == ()
    assert "were answered with an error" in promoted["sentence"]


def rollout(*checks: Json) -> Json:
    """Half of the requests until that is proven to be harmless, then all of them for a while."""
    return {
        "strategy": "Canary",
        "steps": [{"name": "half", "type": "Weight", "weight": {"percent": 50, "hold": "5s"}}],
        "bake": "5s",
        "analysis": {"noise": "Binomial", "warmup": "0s", "checks": list(checks)},
    }


def evidence(live: Live, kind: str) -> Json:
    """Return what the newest decision of a type rests on."""
    found = [
        d for d in live.all("Decision") if d["spec"]["subjectRef"]["name"] == "judged" and d["spec"]["type"] == kind
    ]
    newest = max(found, key=lambda decision: str(decision["spec"]["version"]))
    return dict(newest["spec"]["evidence"]["analysis"])


def versions(live: Live) -> set[str]:
    """Return the versions that have pods."""
    return {pod["metadata"]["labels"]["mlwright.dev/version"] for pod in live.all("Pod", deployment="judged")}
