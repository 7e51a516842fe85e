"""A version that waits for approval is asked what users ask, and what it answers is compared."""

from __future__ import annotations

import json
import urllib.request

from mlwright.constants import LABEL_DEPLOYMENT, LABEL_REVISION, SERVER_PORT
from tests.support.apiserver import Json
from tests.support.asking import ask
from tests.support.flights import request
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, config_map, deployment, model, version
from tests.support.shelf import Shelf

NAME = "shadowed"
ROLLOUT: Json = {"strategy": "BlueGreen", "steps": [{"name": "ask", "type": "Approval"}]}


def test_a_waiting_version_is_asked_the_same(shelf: Shelf) -> None:
    """Clients are answered by version 1 alone; version 2 gets copies, and both agree."""
    live = shelf.live
    served = deployment(NAME, NAME, server={"drain": "0s"}, rollout=ROLLOUT)
    live.apply(model(NAME), version(NAME, 1, FLIGHTS, shelf.digest), served)
    live.reaches("ModelDeployment", NAME, "Ready", f"{NAME}-v1 serves with 1 of 1 pods ready")
    live.apply(version(NAME, 2, FLIGHTS, shelf.digest))
    live.reaches("ModelDeployment", NAME, "AwaitingApproval", f"{NAME}-v2 waits for approval")
    status = live.status("ModelDeployment", NAME)
    stable, candidate = (status[role]["revision"] for role in ("stable", "candidate"))
    shadow = {"shadow.json": json.dumps({"revision": candidate, "percent": 100}).encode()}

    live.apply(backend(candidate), config_map(f"{NAME}-traffic", shadow))
    # A pod that runs reads it within about a minute; one that starts, at once.
    live.kubectl("delete", "pod", f"--selector={LABEL_REVISION}={stable}")
    live.until("version 1 serves again", lambda: live.status("ModelDeployment", NAME)["variants"][0].get("ready"))
    compared, answered = asked_until_compared(live)

    assert answered == {"1"}
    assert f'revision="{stable}",shadow_revision="{candidate}"' in compared


def backend(revision: str) -> Json:
    """The Service by which pods of a revision are found."""
    labels = {LABEL_DEPLOYMENT: NAME, LABEL_REVISION: revision}
    spec = {"clusterIP": "None", "selector": labels, "ports": [{"port": SERVER_PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"{NAME}-{revision}"}, "spec": spec}


def asked_until_compared(live: Live) -> tuple[str, set[str]]:
    """The series that counts comparisons, once it counts one; and who answered the clients."""
    answered: set[str] = set()

    def look() -> str | None:
        answer = ask(f"{url}/v2/models/{NAME}/infer", request())
        answered.add(answer.body["model_version"])
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as shown:  # noqa: S310 - the test's own address
            lines = shown.read().decode().splitlines()
        found = (line for line in lines if line.startswith("mlwright_shadow_compared_total{"))
        return next((line for line in found if not line.endswith(" 0")), None)

    with live.port_forward(f"service/{NAME}", 80) as url:
        return live.until("a copy is compared", look, seconds=60), answered
