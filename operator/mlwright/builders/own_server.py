"""The pod of a deployment whose server is a container of somebody's own: it finds the bundle as files."""

from __future__ import annotations

from typing import Any, Final

from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.api.fields import parse_duration
from mlwright.api.runtime import OwnServer
from mlwright.builders import keeping
from mlwright.builders.artifacts import Fetcher, Stored, mounts, with_bundles
from mlwright.builders.pods import Placed, literal, pod_spec
from mlwright.constants import SERVER_CONTAINER
from mlwright.plan.versions import VersionSeen
from mlwright.planners.template import dump
from mlwright.settings import Settings

RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}
"""What it gets where the deployment says nothing: servers of frameworks are larger than ours."""


def pod(spec: ModelDeploymentSpec, own: OwnServer, version: VersionSeen, settings: Settings) -> dict[str, Any]:
    """Return the pod.

    Nobody tells such a server to go on answering while it is being forgotten, so the kubelet waits before it tells it
    to go: server.drain, as long as the grace period allows.
    """
    grace = spec.termination_grace_period_seconds
    drain = min(int(parse_duration(spec.server.drain).total_seconds()), max(0, grace - 5))
    container = {
        "name": SERVER_CONTAINER,
        "image": own.image,
        "imagePullPolicy": settings.image_pull_policy,
        **({"command": [literal(word) for word in own.command]} if own.command else {}),
        **({"args": [literal(word) for word in own.args]} if own.args else {}),
        "ports": [{"name": "http", "containerPort": own.port, "protocol": "TCP"}],
        "env": [],
        "resources": RESOURCES,
        "startupProbe": _probe(own, "live", periodSeconds=1, failureThreshold=300),
        "readinessProbe": _probe(own, "ready", periodSeconds=1, failureThreshold=1),
        "livenessProbe": _probe(own, "live", periodSeconds=10, failureThreshold=6),
        **({"lifecycle": {"preStop": {"sleep": {"seconds": drain}}}} if drain else {}),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    stored = Stored(version.uri, f"ModelVersion {version.name} spec.bundle", version.storage)
    (volume,) = mounts(stored, read_only=True)
    made = pod_spec(container, dump(spec.pod), (Placed(volume, own.model_mount_path),))
    fetcher = Fetcher(settings.trainer_image, settings.image_pull_policy, keeping.known(version.uri, version.digest))
    fetched = with_bundles(made, (stored,), dump(spec.pod), fetcher)
    return {"terminationGracePeriodSeconds": grace, **fetched}


def _probe(own: OwnServer, path: str, **timing: int) -> dict[str, Any]:
    asked = {"httpGet": {"path": f"/v2/health/{path}", "port": "http", "scheme": "HTTP"}}
    how = asked if own.protocol == "OIPv2" else {"tcpSocket": {"port": "http"}}
    return {**how, "timeoutSeconds": 5, **timing}
