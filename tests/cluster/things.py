"""Small objects that a restricted namespace admits."""

from __future__ import annotations

from typing import Any

Thing = dict[str, Any]

IMAGE = "localhost/mlwright/operator:dev"
USER = 65532
PORT = 8080

# http.server answers slowly without this: it writes headers and body apart, and the kernel waits for an answer.
_WEB = f"""
import http.server, socket
class Handler(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    def do_GET(self):
        body = b"hello from " + socket.gethostname().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("", {PORT}), Handler).serve_forever()
"""


def pod_spec(script: str, *, claim: str = "", **more: Any) -> Thing:
    """A pod that runs a Python script as an ordinary user, with the claim, if any, at ``/data``."""
    container: Thing = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", script],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {
            "requests": {"cpu": "20m", "memory": "32Mi", "ephemeral-storage": "1Mi"},
            "limits": {"memory": "128Mi"},
        },
    }
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        more["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        **more,
    }


def job(name: str, script: str, *, claim: str = "") -> Thing:
    """A Job that runs a script once."""
    template = {"spec": pod_spec(script, claim=claim, restartPolicy="Never")}
    spec = {"backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def web(name: str, replicas: int) -> list[Thing]:
    """A Deployment of small web servers and the Service in front of them."""
    labels = {"app": name}
    spec = pod_spec(_WEB)
    spec["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    ports = [{"port": 80, "targetPort": PORT}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": labels, "ports": ports},
    }
    return [deployment, service]


def claim(name: str, mode: str) -> Thing:
    """A claim on the default storage class."""
    resources = {"requests": {"storage": "1Gi"}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": [mode], "resources": resources},
    }
