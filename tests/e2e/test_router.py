"""A model behind the router of its namespace: replaced, divided from clients by nothing, woken from zero pods."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from examples.flights.errands import load
from mlwright.constants import ANNOTATION_ROUTE, ROUTER_NAME
from tests.support.apiserver import Json
from tests.support.flights import request
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.release import Release
from tests.support.shelf import Shelf

CONNECTIONS = 4
HAPROXY_AWAY = 10.0
"""Seconds until a killed HAProxy is started again or no client comes to it any more, on a busy machine."""
ROUTER = {"provider": "Router", "headerOverride": "X-Mlwright-Variant"}
ROUTER_PODS = {"owner": ROUTER_NAME}
SERVES = "{}-v{} serves with 1 of 1 pods ready"


def test_a_routed_model_is_replaced_while_parts_of_the_router_die(shelf: Shelf, release: Release) -> None:
    """A version takes over, an agent is killed, a router pod goes: no request fails; of HAProxy those that meet it.

    A client that is refused asks again at once and may come to the same pod by chance: all that in a row is one outage.
    """
    live = shelf.live
    serve(shelf, "routed")
    image = release.images["trainer"]

    with load(live, "routed", json.dumps(request()), image, connections=CONNECTIONS) as clients:
        live.apply(version("routed", 2, FLIGHTS, shelf.digest))
        live.until("routed-v2 serves alone", lambda: alone(live, "routed", 2))
        first, second = ready_pods(live)
        kill(first, "agent")
        live.until("the agent lives again", lambda: restarts(live, first, "agent"))
        live.kubectl("delete", "pod", second, "--wait=false")
        live.until("two others are ready", lambda: len(set(ready_pods(live)) - {second}) == 2)
        live.until("the old one is gone", lambda: live.read("Pod", second) is None)

    assert clients.counted is not None
    assert clients.counted["failures"] == {}
    assert clients.counted["versions"].keys() == {"1", "2"}

    with load(live, "routed", json.dumps(request()), image, connections=CONNECTIONS) as clients:
        kill(first, "haproxy")
        live.until("HAProxy lives again", lambda: restarts(live, first, "haproxy"))
        live.until("two are ready", lambda: len(ready_pods(live)) == 2)

    assert clients.counted is not None
    assert clients.counted["outages"] <= 2 * CONNECTIONS, clients.counted
    assert clients.counted["failedSeconds"] <= HAPROXY_AWAY, clients.counted
    assert [why for why in clients.counted["failures"] if why.startswith(("status", "an answer"))] == []
    assert clients.counted["versions"].keys() == {"2"}
    live.reaches("ModelDeployment", "routed", "Ready", SERVES.format("routed", 2))
    (stable,) = live.status("ModelDeployment", "routed")["variants"]
    assert (stable["weight"], stable["verifiedWeight"]) == (100, 100)


def test_the_first_request_wakes_a_model_of_no_pods(shelf: Shelf) -> None:
    """It waits, and is answered; the number of pods is one from then on. The header finds the variant by its name."""
    live = shelf.live
    serve(shelf, "sleeper")
    live.kubectl("scale", "modeldeployment/sleeper", "--replicas=0")
    live.until("no pod is left", lambda: not live.names("Pod", deployment="sleeper"))
    live.until("the router may wake it", lambda: '"wakes":true' in route(live, "sleeper"))

    assert shelf.asked("sleeper") == "200 1"

    assert live.there("ModelDeployment", "sleeper")["spec"]["replicas"] == 1
    live.reaches("ModelDeployment", "sleeper", "Ready", SERVES.format("sleeper", 1))
    assert shelf.asked("sleeper", "stable") == "200 1"
    assert shelf.asked("sleeper", "nobody").startswith("400")


def serve(shelf: Shelf, name: str) -> None:
    """Record version 1 of a model and serve it under the same name, through the router."""
    shelf.live.apply(
        *(model(name), version(name, 1, FLIGHTS, shelf.digest)),
        deployment(name, name, server={"drain": "5s"}, traffic=ROUTER),
    )
    shelf.live.reaches("ModelDeployment", name, "Ready", SERVES.format(name, 1))


def route(live: Live, name: str) -> str:
    """Return the route of a deployment."""
    return str(live.there("Service", name)["metadata"]["annotations"].get(ANNOTATION_ROUTE))


def ready_pods(live: Live) -> list[str]:
    """Return the names of the router's pods that are ready and stay."""
    pods = (pod for pod in live.all("Pod", **ROUTER_PODS) if "deletionTimestamp" not in pod["metadata"])
    return sorted(pod["metadata"]["name"] for pod in pods if is_ready(pod))


def is_ready(pod: Json) -> bool:
    """Tell whether a pod is ready."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def restarts(live: Live, pod: str, container: str) -> bool:
    """Tell whether a container was started again and runs."""
    statuses = live.there("Pod", pod)["status"]["containerStatuses"]
    found = next(status for status in statuses if status["name"] == container)
    return bool(found["restartCount"]) and "running" in found["state"]


def kill(pod: str, container: str) -> None:
    """Send SIGKILL to a program of a router pod, from outside: the first process of a container fears nobody inside."""
    named = {"agent": b"mlwright.router\0agent", "haproxy": b"/haproxy.cfg"}[container]
    for entry in Path("/proc").iterdir():
        try:
            if named in (entry / "cmdline").read_bytes() and f"HOSTNAME={pod}\0".encode() in environment(entry):
                os.kill(int(entry.name), signal.SIGKILL)
        except (OSError, ValueError):
            continue


def environment(process: Path) -> bytes:
    """Return the environment of a process."""
    return (process / "environ").read_bytes() + b"\0"


def alone(live: Live, name: str, number: int) -> bool:
    """Tell whether a version serves and no pod of another one is left."""
    pods = {pod["metadata"]["labels"]["mlwright.dev/version"] for pod in live.all("Pod", deployment=name)}
    stable = live.status("ModelDeployment", name)["stable"]["version"]
    return pods == {stable} == {f"{name}-v{number}"}
