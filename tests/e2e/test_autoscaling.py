"""The number of pods follows the load that the chart's Prometheus counts: to three, to none, and back."""

from __future__ import annotations

import json

from examples.flights.errands import load
from tests.support.apiserver import Json
from tests.support.flights import request
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.release import Release
from tests.support.shelf import Shelf

CONNECTIONS = 4
SCALING: Json = {
    "minReplicas": 0,
    "maxReplicas": 3,
    "idleAfter": "10s",
    "metrics": [{"name": "load", "type": "RequestRate", "requestRate": {"target": 20}}],
}


def test_load_makes_pods_its_end_takes_all_of_them_and_a_request_brings_one_back(
    shelf: Shelf, release: Release
) -> None:
    """The sentence says by which metric; no request fails, neither when pods come nor when there are none."""
    live = shelf.live
    served = deployment(
        "elastic", "elastic", server={"drain": "5s"}, autoscaling=SCALING, traffic={"provider": "Router"}
    )
    live.apply(model("elastic"), version("elastic", 1, FLIGHTS, shelf.digest), served)
    live.reaches("ModelDeployment", "elastic", "Ready", "elastic-v1 serves with 1 of 1 pods ready")

    with load(live, "elastic", json.dumps(request()), release.images["trainer"], connections=CONNECTIONS) as clients:
        live.until("there are three pods", lambda: ready(live) == 3, seconds=150)
        told = sentence(live)
    live.until("no pod is left", lambda: not live.names("Pod", deployment="elastic"), seconds=150)

    assert "requests/s against 20 per pod" in told
    assert clients.counted is not None
    assert clients.counted["failures"] == {}
    assert sentence(live) == "3 -> 0: no request for 10s; the next one wakes it"

    assert shelf.asked("elastic") == "200 1"
    assert sentence(live) == "0 -> 1: a request came"
    live.until("it sleeps again", lambda: not live.names("Pod", deployment="elastic"), seconds=60)


def sentence(live: Live) -> str:
    """Return what autoscaling did last, and why."""
    return str(live.status("ModelDeployment", "elastic")["scaling"]["sentence"])


def ready(live: Live) -> int:
    """Return how many pods are ready."""
    return int(live.status("ModelDeployment", "elastic")["variants"][0]["ready"])
