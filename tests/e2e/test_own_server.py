"""A container of somebody's own serves a version: it finds the bundle, is waited for, and hands over like ours."""

from __future__ import annotations

from tests.support.asking import ask
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.release import Release
from tests.support.shelf import Shelf

SERVER = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        size = os.path.getsize("/srv/bundle/model.onnx")
        body = json.dumps({"bytes": size, "version": json.load(open("/srv/bundle/manifest.json"))["digest"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("", 9000), Handler).serve_forever()
"""
NAME = "foreign"


def test_a_container_of_ones_own_serves_the_bundle(shelf: Shelf, release: Release) -> None:
    """It answers at the address of the deployment; the built-in server takes over when that is asked for."""
    live = shelf.live
    own = {"image": release.images["containers"], "args": ["-c", SERVER], "port": 9000, "modelMountPath": "/srv/bundle"}
    live.apply(model(NAME), version(NAME, 1, FLIGHTS, shelf.digest))
    live.apply(deployment(NAME, NAME, server={"drain": "1s"}, runtime={"type": "Container", "container": own}))
    live.reaches("ModelDeployment", NAME, "Ready", f"{NAME}-v1 serves with 1 of 1 pods ready")

    with live.port_forward(f"service/{NAME}", 80) as url:
        told = ask(f"{url}/anything", {}).body
    live.apply(deployment(NAME, NAME, server={"drain": "1s"}))
    live.until("the built-in server serves alone", lambda: built_in(shelf) or None)

    assert told["version"] == shelf.digest


def built_in(shelf: Shelf) -> bool:
    """Whether all pods are those of the built-in server, and ready."""
    pods = shelf.live.all("Pod", deployment=NAME)
    images = [pod["spec"]["containers"][0]["image"] for pod in pods]
    ready = [c["status"] for pod in pods for c in pod["status"].get("conditions") or () if c["type"] == "Ready"]
    return len(pods) == 1 and "containers" not in images[0] and ready == ["True"]
