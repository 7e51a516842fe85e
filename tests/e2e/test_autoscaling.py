"""The number of pods follows the load that the chart's Prometheus counts: to three, to none, and back."""

from __future__ import annotations

import json
import re

from examples.flights.errands import load
from tests.support.apiserver import Json
from tests.support.flights import request
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.reaction import watched
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

    asking = load(live, "elastic", json.dumps(request()), release.images["trainer"], connections=CONNECTIONS)
    with watched(live, "ModelDeployment") as seen, asking as clients:
        live.until("there are three pods", lambda: ready(live) == 3, seconds=150)
    told = {scaling["sentence"] for _, thing in seen.seen if (scaling := (thing.get("status") or {}).get("scaling"))}
    live.until("no pod is left", lambda: not live.names("Pod", deployment="elastic"), seconds=150)

    assert [one for one in told if re.search("requests/s (at the routers )?against 20 per pod", one)]
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


def test_a_horizontal_pod_autoscaler_is_named_and_not_fought(shelf: Shelf) -> None:
    """Kubernetes' own controller sets another number again and again; it is told who it was and what to do."""
    live = shelf.live
    live.apply(model("contested"), version("contested", 1, FLIGHTS, shelf.digest), deployment("contested", "contested"))
    live.reaches("ModelDeployment", "contested", "Ready", "contested-v1 serves with 1 of 1 pods ready")
    (name,) = live.names("Deployment", deployment="contested")

    live.apply(rival(name))
    told = live.reaches("ModelDeployment", "contested", "ReplicasContested", "again and again", seconds=90)
    live.kubectl("delete", "hpa", "rival")

    assert f"kube-controller-manager (a HorizontalPodAutoscaler) sets Deployment {name} to 2 pods" in told
    assert f"kubectl get hpa -n {live.name}" in told


def rival(name: str) -> Json:
    """Return an autoscaler that wants two pods of a Deployment, whatever their load is."""
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "rival"},
        "spec": {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 2, "metrics": [cpu]},
    }
