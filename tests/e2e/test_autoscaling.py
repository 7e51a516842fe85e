"""The number of pods follows the load that the chart's Prometheus counts, and stays while nobody counts."""

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
    "minReplicas": 1,
    "maxReplicas": 3,
    "metrics": [{"name": "load", "type": "RequestRate", "requestRate": {"target": 20}}],
    "behavior": {
        "scaleDown": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        }
    },
}


def test_load_makes_pods_and_its_end_takes_them_away(shelf: Shelf, release: Release) -> None:
    """The sentence says by which metric; no request fails, neither when pods come nor when they go."""
    live = shelf.live
    served = deployment("elastic", "elastic", server={"drain": "5s"}, autoscaling=SCALING)
    live.apply(model("elastic"), version("elastic", 1, FLIGHTS, shelf.digest), served)
    live.reaches("ModelDeployment", "elastic", "Ready", "elastic-v1 serves with 1 of 1 pods ready")

    with load(live, "elastic", json.dumps(request()), release.images["trainer"], connections=CONNECTIONS) as clients:
        live.until("there are three pods", lambda: ready(live) == 3, seconds=150)
        told = live.status("ModelDeployment", "elastic")["scaling"]["sentence"]
    live.until("there is one pod again", lambda: ready(live) == 1, seconds=180)

    assert "requests/s against 20 per pod" in told
    assert clients.counted is not None
    assert clients.counted["failures"] == {}


def ready(live: Live) -> int:
    """Return how many pods are ready."""
    return int(live.status("ModelDeployment", "elastic")["variants"][0]["ready"])
