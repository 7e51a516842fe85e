"""A version is approved, bakes and takes over; another one is taken back in its bake. Clients notice neither."""

from __future__ import annotations

import io
import json

import pytest

from cluster import toolchain
from examples.flights.errands import load
from mlwright.cli.__main__ import main
from tests.support.apiserver import Json
from tests.support.flights import request
from tests.support.leader import kill_the_leader
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.release import Release
from tests.support.shelf import Shelf

CONNECTIONS = 4
ROLLOUT = {
    "strategy": "BlueGreen",
    "steps": [{"name": "ask", "type": "Approval"}],
    "bake": "15s",
    "setAlias": "champion",
}
ASKS = """
import os, urllib.request
targets = os.environ["MLWRIGHT_TARGETS"].split()
for target in targets:
    urllib.request.urlopen(f"{target}/v2/models/{os.environ['MLWRIGHT_DEPLOYMENT']}/ready", timeout=10)
print(len(targets), "answered", file=open("/dev/termination-log", "w"))
"""
RECORDED = {"drain": "5s", "payloadLog": {"sample": 0.5, "uri": "pvc://store/payloads"}}
CANARY = {
    "strategy": "Canary",
    "steps": [
        {"name": "quiet", "type": "Shadow", "shadow": {"percent": 50, "duration": "5s"}},
        {"name": "tenth", "type": "Weight", "weight": {"percent": 10, "hold": "10s"}},
        {"name": "half", "type": "Weight", "weight": {"percent": 50, "hold": "10s"}},
    ],
    "bake": "10s",
    "setAlias": "champion",
}


def test_a_version_bakes_and_another_is_taken_back_and_no_request_fails(shelf: Shelf, release: Release) -> None:
    """By the commands of the plugin; the alias names only what has baked, and the records hold together."""
    live = shelf.live
    serve(live, "gradual", shelf.digest)

    with load(live, "gradual", json.dumps(request()), release.images["trainer"], connections=CONNECTIONS) as clients:
        live.apply(version("gradual", 2, FLIGHTS, shelf.digest))
        live.reaches("ModelDeployment", "gradual", "AwaitingApproval", "gradual-v2 waits for approval at step ask")
        command(live, "approve", "gradual")
        live.reaches("ModelDeployment", "gradual", "RolloutProgressing", "gradual-v2 bakes with all traffic until")
        assert champion(live, "gradual") == 1
        live.until("gradual-v2 is the champion", lambda: champion(live, "gradual") == 2)

        command(live, "approve", "gradual", "3")
        live.apply(version("gradual", 3, FLIGHTS, shelf.digest))
        live.reaches("ModelDeployment", "gradual", "RolloutProgressing", "gradual-v3 bakes with all traffic until")
        command(live, "rollback", "gradual")
        live.reaches("ModelDeployment", "gradual", "CandidateRejected", "gradual-v3 is rejected: in its bake")
        live.until("gradual-v2 serves alone", lambda: versions(live, "gradual") == {"gradual-v2"})

    assert clients.counted is not None
    assert clients.counted["failures"] == {}
    assert clients.counted["versions"].keys() >= {"1", "2"}  # kept connections stay with a warm version while it bakes
    assert champion(live, "gradual") == 2
    assert command(live, "verify", "gradual").splitlines()[-1] == "3 decisions, all hold"


@pytest.mark.alone  # kills the leader
def test_a_canary_gets_growing_shares_and_no_request_fails(shelf: Shelf, release: Release) -> None:
    """Through the router: asked first, copies, a tenth, a half, all; then it takes over. Every client meets both.

    What it is asked first are recorded requests, and what a program of one's own asks; the leader is killed on the way.
    """
    live = shelf.live
    asks = {"image": release.images["trainer"], "command": ["python", "-c", ASKS]}
    preflight = {"replay": {"requests": 50, "latencyBound": "5s"}, "container": asks}
    rollout = {**CANARY, "preflight": preflight}
    serve(live, "canary", shelf.digest, server=RECORDED, rollout=rollout, traffic={"provider": "Router"})

    with load(live, "canary", json.dumps(request()), release.images["trainer"], connections=CONNECTIONS) as clients:
        live.apply(version("canary", 2, FLIGHTS, shelf.digest))
        live.reaches("ModelDeployment", "canary", "RolloutProgressing", "canary-v2 is asked 50 % of the requests again")
        live.until("the pods of canary-v1 are told", lambda: "shadow.json" in told(live, "canary"))
        live.reaches("ModelDeployment", "canary", "RolloutProgressing", "canary-v2 answers 10 % of the requests")
        assert weights(live, "canary") == {"stable": 90, "candidate": 10}
        kill_the_leader(live)
        live.reaches("ModelDeployment", "canary", "RolloutProgressing", "canary-v2 answers 50 % of the requests")
        live.reaches("ModelDeployment", "canary", "RolloutProgressing", "canary-v2 bakes with all traffic until")
        live.until("canary-v2 serves alone", lambda: versions(live, "canary") == {"canary-v2"})

    assert clients.counted is not None
    assert clients.counted["failures"] == {}
    assert clients.counted["versions"].keys() == {"1", "2"}
    assert champion(live, "canary") == 2
    assert "shadow.json" not in told(live, "canary")
    assert "golden rows were answered as expected by 1 pod, " in replayed(live, "canary-v2")
    assert "recorded requests without error" in replayed(live, "canary-v2")
    assert "the container of its preflight passed it: 1 answered" in replayed(live, "canary-v2")


def replayed(live: Live, version_: str) -> str:
    """Return what the promotion of a version says of its preflight."""
    [found] = [d["spec"] for d in live.all("Decision") if d["spec"]["version"] == version_]
    return str(found["evidence"]["rollout"]["replayed"])


def told(live: Live, name: str) -> str:
    """Return what the pods are told to ask again; empty when nothing."""
    return live.get(f"configmap/{name}-traffic", "{.data}")


def weights(live: Live, name: str) -> dict[str, int]:
    """Return the share of each variant that is known to be applied."""
    return {v["name"]: v["verifiedWeight"] for v in live.status("ModelDeployment", name)["variants"]}


def serve(live: Live, name: str, digest: str, **spec: Json) -> None:
    """Record version 1 of a model and serve it under the same name."""
    served = deployment(name, name, **{"server": {"drain": "5s"}, "rollout": ROLLOUT, **spec})
    live.apply(model(name), version(name, 1, FLIGHTS, digest), served)
    live.reaches("ModelDeployment", name, "Ready", f"{name}-v1 serves with 1 of 1 pods ready")
    live.until(f"{name}-v1 is the champion", lambda: champion(live, name) == 1)


def command(live: Live, *arguments: str) -> str:
    """Run a command of the plugin, which must succeed, and return what it printed."""
    out, err = io.StringIO(), io.StringIO()
    flags = (f"--kubeconfig={live.kubeconfig}", f"--namespace={live.name}")
    code = main([*arguments, *flags], out=out, err=err, program=str(toolchain.kubectl()))
    assert code == 0, err.getvalue() + out.getvalue()
    return out.getvalue()


def champion(live: Live, name: str) -> int:
    """Return the version that the alias champion names; 0 while there is none."""
    aliases = live.get(f"model/{name}", "{.spec.aliases[?(@.name=='champion')].version}")
    return int(aliases or 0)


def versions(live: Live, name: str) -> set[str]:
    """Return the versions that have pods."""
    return {pod["metadata"]["labels"]["mlwright.dev/version"] for pod in live.all("Pod", deployment=name)}
