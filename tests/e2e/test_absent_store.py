"""The store of the bundles loses them: what runs starts again, and with a cache there are new pods too."""

from __future__ import annotations

import json

from tests.support.live import Live
from tests.support.manifests import claim, deployment, model, version
from tests.support.shelf import Shelf

SUSPENDED = "suspended: no pods run until spec.suspend is false"
TERMINATE = "import os, signal; os.kill(1, signal.SIGTERM)"


def test_a_suspended_model_comes_back_while_its_bundle_is_away(shelf: Shelf) -> None:
    """No pod is left and its address stays; then two start from the cache. Without one a container starts again."""
    live = shelf.live
    live.apply(claim("bundles"))
    serve(shelf, "cached", cache={"claimName": "bundles"})
    serve(shelf, "kept")
    shelf.porter.run("rm -r cached kept")

    edit(live, "cached", suspend=True)
    live.reaches("ModelDeployment", "cached", "Suspended", SUSPENDED)
    live.until("no pod is left", lambda: not live.names("Pod", deployment="cached"))
    kept = (live.names("Service", deployment="cached"), live.names("Deployment", deployment="cached"))
    live.kubectl("exec", *live.names("Pod", deployment="kept"), "--", "python", "-c", TERMINATE)
    edit(live, "cached", suspend=False, replicas=2)
    live.reaches("ModelDeployment", "cached", "Ready", "cached-v1 serves with 2 of 2 pods ready")
    live.until("the container runs again", lambda: restarts(live, "kept") == [1])
    live.reaches("ModelDeployment", "kept", "Ready", "kept-v1 serves with 1 of 1 pods ready")

    assert all(kept)
    assert restarts(live, "cached") == [0, 0]
    # kube-proxy leads nowhere for some tenths of a second after a pod is ready
    live.until("both answer", lambda: (shelf.asked("cached"), shelf.asked("kept")) == ("200 1", "200 1"), seconds=20)


def serve(shelf: Shelf, name: str, **server: object) -> None:
    """Record version 1 of a model, in a folder of its own, and serve it under the same name."""
    shelf.porter.run(f"cp -r flights {name}")
    shelf.live.apply(
        *(model(name), version(name, 1, f"pvc://store/{name}", shelf.digest)),
        deployment(name, name, server={"drain": "1s", **server}),
    )
    shelf.live.reaches("ModelDeployment", name, "Ready", f"{name}-v1 serves with 1 of 1 pods ready")


def edit(live: Live, name: str, **spec: object) -> None:
    """Change fields of the spec of a deployment."""
    live.kubectl("patch", f"modeldeployment/{name}", "--type=merge", f"--patch={json.dumps({'spec': spec})}")


def restarts(live: Live, name: str) -> list[int]:
    """Return how often each container of a deployment that runs was started again."""
    statuses = (status for pod in live.all("Pod", deployment=name) for status in pod["status"]["containerStatuses"])
    return [status["restartCount"] for status in statuses if "running" in status["state"]]
