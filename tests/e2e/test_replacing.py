"""A model is replaced and scaled while clients keep asking on connections that they keep, and never ask twice."""

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


def test_versions_and_numbers_of_pods_change_and_no_request_fails(shelf: Shelf, release: Release) -> None:
    """Another version takes over, then three pods serve, then one again; every request is answered."""
    live = shelf.live
    serve(shelf, "busy", drain="5s")

    with load(live, "busy", json.dumps(request()), release.images["trainer"], connections=CONNECTIONS) as clients:
        live.apply(version("busy", 2, FLIGHTS, shelf.digest))
        live.until("busy-v2 serves alone", lambda: alone(live, "busy", 2))
        live.kubectl("scale", "modeldeployment/busy", "--replicas=3")
        live.until("three pods serve", lambda: ready(live, "busy") == [True] * 3)
        live.kubectl("scale", "modeldeployment/busy", "--replicas=1")
        live.until("one pod is left", lambda: ready(live, "busy") == [True])

    assert clients.counted is not None
    assert clients.counted["failures"] == {}
    assert clients.counted["versions"].keys() == {"1", "2"}
    assert clients.counted["requests"] > 1000
    live.reaches("ModelDeployment", "busy", "Ready", "busy-v2 serves with 1 of 1 pods ready")


def test_a_broken_version_never_replaces_a_good_one(shelf: Shelf) -> None:
    """Another digest, or files that were changed: it is rejected, and the next good version goes through."""
    live = shelf.live
    serve(shelf, "guarded")
    serving = live.names("Pod", deployment="guarded")

    live.apply(version("guarded", 2, FLIGHTS, "sha256:" + "0" * 64))
    forged = live.reaches("ModelDeployment", "guarded", "CandidateRejected", "guarded-v2 is rejected")
    live.apply(version("guarded", 3, damaged(shelf, "guarded"), shelf.digest))
    broken = live.reaches("ModelDeployment", "guarded", "CandidateRejected", "guarded-v3 is rejected")

    assert f"ended with exit code 64: {FLIGHTS}: the bundle has the digest {shelf.digest}" in forged
    assert "ended with exit code 64: pvc://store/guarded: model.onnx has 784 bytes, the manifest says 794" in broken
    assert "(ModelVersion guarded-v2 spec.bundle.digest); bring the files back, or use another version" in forged
    assert broken.endswith("guarded-v1 serves with 1 of 1 pods ready")
    live.until("guarded-v1 serves alone", lambda: alone(live, "guarded", 1))
    assert live.names("Pod", deployment="guarded") == serving

    live.apply(version("guarded", 4, FLIGHTS, shelf.digest))
    live.until("guarded-v4 serves alone", lambda: alone(live, "guarded", 4))
    live.reaches("ModelDeployment", "guarded", "Ready", "guarded-v4 serves with 1 of 1 pods ready")


def test_a_rejected_version_is_tried_again_when_somebody_asks_for_it(shelf: Shelf) -> None:
    """A pinned version whose files are damaged stalls the deployment; mended, it goes through by an annotation."""
    live = shelf.live
    serve(shelf, "pinned")
    live.apply(version("pinned", 2, damaged(shelf, "pinned"), shelf.digest))
    second = {"ref": {"name": "pinned"}, "type": "Version", "version": 2}
    live.apply(deployment("pinned", second, server={"drain": "0s"}))
    remedy = "pin another version, or set the annotation mlwright.dev/retry to try again"
    live.reaches("ModelDeployment", "pinned", "Stalled", "pinned-v2 is rejected", "exit code 64", remedy)

    shelf.porter.run("cp flights/model.onnx pinned/model.onnx")
    live.kubectl("annotate", "modeldeployment/pinned", "mlwright.dev/retry=mended")

    live.until("pinned-v2 serves alone", lambda: alone(live, "pinned", 2))
    live.reaches("ModelDeployment", "pinned", "Ready", "pinned-v2 serves with 1 of 1 pods ready")


def serve(shelf: Shelf, name: str, drain: str = "0s") -> None:
    """Record version 1 of a model and serve it under the same name."""
    shelf.live.apply(
        *(model(name), version(name, 1, FLIGHTS, shelf.digest)), deployment(name, name, server={"drain": drain})
    )
    shelf.live.reaches("ModelDeployment", name, "Ready", f"{name}-v1 serves with 1 of 1 pods ready")


def damaged(shelf: Shelf, folder: str) -> str:
    """Return the address of a copy of the bundle whose model lost its last bytes."""
    shelf.porter.run(f"cp -r flights {folder}; truncate -s -10 {folder}/model.onnx")
    return f"pvc://store/{folder}"


def alone(live: Live, name: str, number: int) -> bool:
    """Tell whether a version serves and no pod of another one is left."""
    pods = {pod["metadata"]["labels"]["mlwright.dev/version"] for pod in live.all("Pod", deployment=name)}
    stable = live.status("ModelDeployment", name)["stable"]["version"]
    return pods == {stable} == {f"{name}-v{number}"}


def ready(live: Live, name: str) -> list[bool]:
    """Tell of each pod of a deployment whether it is ready."""
    return [is_ready(pod) for pod in live.all("Pod", deployment=name)]


def is_ready(pod: Json) -> bool:
    """Tell whether a pod is ready."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())
