"""A Gateway divides the requests of a deployment: Envoy Gateway, with real traffic while versions take over."""

from __future__ import annotations

import json
import logging
import math
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import gateway
from examples.flights.errands import Load
from mlwright.constants import ANNOTATION_APPROVE
from tests.support.apiserver import Json
from tests.support.flights import request
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.release import Release
from tests.support.shelf import Shelf

pytestmark = pytest.mark.gateway

logger = logging.getLogger(__name__)

GATEWAY = Path(__file__).parents[3] / "examples" / "envoy" / "gateway.yaml"
VARIANT = "X-Mlwright-Variant"
PUBLIC = {"name": "public"}
CONNECTIONS = 4
SPLIT_SECONDS = 10.0
"""How long the shares of one weight are counted."""
DEVIATIONS = 4.0
ASK = {"name": "ask", "type": "Approval"}


def weight(percent: int) -> Json:
    """Return a step of a canary that is passed as soon as its weight is known to be applied."""
    return {"name": f"w{percent}", "type": "Weight", "weight": {"percent": percent, "hold": "1s"}}


CANARY = {
    "strategy": "Canary",
    "steps": [
        {"name": "quiet", "type": "Shadow", "shadow": {"percent": 50, "duration": "20s"}},
        *(weight(percent) for percent in (1, 5, 10)),
        ASK,
        *(weight(percent) for percent in (20, 30, 40, 50, 60, 70, 80, 90, 100)),
    ],
    "bake": "10s",
}


@pytest.fixture(scope="module")
def address(shelf: Shelf) -> Iterator[str]:
    """The address of the Gateway of the examples, in the namespace of the shelf."""
    live = shelf.live
    things = list(yaml.safe_load_all(GATEWAY.read_text(encoding="utf-8")))
    live.apply(*things)
    live.kubectl("wait", "--for=condition=Programmed", "gateway/public", "--timeout=180s")
    yield live.get("gateway/public", "{.status.addresses[0].value}")
    live.kubectl("delete", "gateway/public", "--wait=false")


def test_a_canary_gets_growing_shares_at_a_gateway_and_no_request_fails(
    shelf: Shelf, release: Release, address: str
) -> None:
    """Copies, shares as asked for, a header that names the variant; twelve edits of weights and a takeover.

    The NetworkPolicy is there; whether it is enforced is up to the network, and this one does not.
    """
    live, url, image = shelf.live, f"http://{address}/v2/models/gated", release.images["trainer"]
    serve(shelf, "gated", rollout=CANARY)
    live.until("the Gateway leads there", lambda: asked(shelf, url) == "200 1")
    guard = live.until("only the Gateway reaches the pods", lambda: live.read("NetworkPolicy", "gated"))

    clients = Load(live, "load-gated", pause=0.004)
    clients.start(url, json.dumps(request()), image, CONNECTIONS)
    live.apply(version("gated", 2, FLIGHTS, shelf.digest))
    live.reaches("ModelDeployment", "gated", "RolloutProgressing", "gated-v2 is asked 50 % of the requests again")
    hurry(live, "gated-v1")
    live.reaches("ModelDeployment", "gated", "AwaitingApproval", "gated-v2 waits for approval at step ask")
    shares = {v["name"]: v["verifiedWeight"] for v in live.status("ModelDeployment", "gated")["variants"]}
    split = counted(live, url, image)
    named = [asked(shelf, url, variant) for variant in ("stable", "candidate", "stable", "candidate")]
    copied = copies(live, "gated-v1")
    live.kubectl("annotate", "modeldeployment/gated", f"{ANNOTATION_APPROVE}=2")
    live.reaches("ModelDeployment", "gated", "Ready", "gated-v2 serves with 1 of 1 pods ready")
    live.until("gated-v1 has no pods", lambda: versions(live, "gated") == {"gated-v2"})
    time.sleep(2)  # clients go on for a moment, past the last edit
    clients.stop()

    assert clients.counted is not None
    logger.info("clients %s, split %s, copied %s", clients.counted, split, copied)
    assert clients.counted["failures"] == {}
    assert clients.counted["versions"].keys() == {"1", "2"}
    assert shares == {"stable": 90, "candidate": 10}
    assert gateway.NAMESPACE in str(guard["spec"]["ingress"])
    assert_share(split, 0.1)
    assert named == ["200 1", "200 2", "200 1", "200 2"]
    assert copied["compared"] > 0
    assert (copied["disagreed"], copied["failed"]) == (0, 0)


def test_a_gateway_that_does_not_accept_is_told_and_waited_for(shelf: Shelf, address: str) -> None:
    """Its own words say why; nothing is done but to wait, and it goes on by itself."""
    live = shelf.live
    url = f"http://{address}:8080/v2/models/shut"
    shelf.live.apply(model("shut"), version("shut", 1, FLIGHTS, shelf.digest))
    live.apply(deployment("shut", "shut", traffic=through({**PUBLIC, "sectionName": "inner"})))
    said = live.reaches("ModelDeployment", "shut", "!Ready", "does not accept HTTPRoute shut")

    inner = {"name": "inner", "protocol": "HTTP", "port": 8080, "allowedRoutes": {"namespaces": {"from": "Same"}}}
    add = [{"op": "add", "path": "/spec/listeners/-", "value": inner}]
    live.kubectl("patch", "gateway/public", "--type=json", f"--patch={json.dumps(add)}")
    live.reaches("ModelDeployment", "shut", "Ready", "shut-v1 serves with 1 of 1 pods ready")

    assert f"Gateway {live.name}/public (listener inner)" in said
    assert live.until("it is reached", lambda: asked(shelf, url).startswith("200") or None)


def through(*parents: Json) -> Json:
    """Return how requests come through Gateways."""
    return {"gateway": {"parentRefs": list(parents)}, "headerOverride": VARIANT}


def serve(shelf: Shelf, name: str, **spec: Any) -> None:
    """Record version 1 of a model and serve it under the same name, at the Gateway."""
    shelf.live.apply(
        *(model(name), version(name, 1, FLIGHTS, shelf.digest)),
        deployment(name, name, server={"drain": "5s"}, traffic=through(PUBLIC), **spec),
    )
    shelf.live.reaches("ModelDeployment", name, "Ready", f"{name}-v1 serves with 1 of 1 pods ready")


def asked(shelf: Shelf, url: str, variant: str = "") -> str:
    """Ask a model at the Gateway once; return the status and the version that answered."""
    headers = {"Content-Type": "application/json"} | ({VARIANT: variant} if variant else {})
    lines = (
        "import json, urllib.error, urllib.request as u",
        f"q = u.Request('{url}/infer', {json.dumps(request()).encode()!r}, {headers!r})",
        "try:",
        " a = u.urlopen(q, timeout=10)",
        " print(a.status, json.load(a)['model_version'])",
        "except urllib.error.HTTPError as e:",
        " print(e.code)",
        "except OSError as e:",
        " print(e)",
    )
    return shelf.live.kubectl("exec", shelf.porter.name, "--", "python", "-c", "\n".join(lines)).strip()


def counted(live: Live, url: str, image: str) -> dict[str, int]:
    """Return how many requests each version answers in some seconds while nobody edits weights."""
    clients = Load(live, "load-split", pause=0.004)
    clients.start(url, json.dumps(request()), image, CONNECTIONS)
    time.sleep(SPLIT_SECONDS)
    clients.stop()
    assert clients.counted is not None
    assert clients.counted["failures"] == {}
    found: dict[str, int] = clients.counted["versions"]
    return found


def assert_share(split: dict[str, int], share: float) -> None:
    """Check that the second version answered its share, as chance allows."""
    total = sum(split.values())
    spread = DEVIATIONS * math.sqrt(total * share * (1 - share))
    assert abs(split.get("2", 0) - total * share) <= spread, split


def hurry(live: Live, version_: str) -> None:
    """Let the kubelet look at the pods of a version now: ConfigMaps that changed come with that, else once a minute."""
    pods = [pod["metadata"]["name"] for pod in live.all("Pod", deployment="gated", version=version_)]
    live.kubectl("annotate", "pods", *pods, "hurried=true")


def copies(live: Live, version_: str) -> dict[str, float]:
    """Return what became of the requests that the pod of a version had asked again of another one."""
    (pod,) = live.all("Pod", deployment="gated", version=version_)
    with (
        live.port_forward(f"pod/{pod['metadata']['name']}", 8080) as url,
        urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer,  # noqa: S310 - the address is the test's own
    ):
        lines = answer.read().decode().splitlines()
    told = (line.removeprefix("mlwright_shadow_") for line in lines if line.startswith("mlwright_shadow_"))
    return {line.partition("_total{")[0]: float(line.rsplit(" ", 1)[1]) for line in told if "_total{" in line}


def versions(live: Live, name: str) -> set[str]:
    """Return the versions that have pods."""
    return {pod["metadata"]["labels"]["mlwright.dev/version"] for pod in live.all("Pod", deployment=name)}
