"""The fields of a ModelDeployment's status, as they follow from what is seen."""

from __future__ import annotations

from typing import Any

from mlwright.constants import LABEL_DEPLOYMENT
from mlwright.plan.serving import DeploymentSeen, RevisionSeen
from mlwright.planners.health import health
from mlwright.planners.target import variant


def url(namespace: str, name: str) -> str:
    """Return where predictions of a deployment are asked for, inside the cluster."""
    return f"http://{name}.{namespace}.svc.cluster.local/v2/models/{name}"


def fields(seen: DeploymentSeen, stable: RevisionSeen | None, candidate: RevisionSeen | None) -> dict[str, Any]:
    """Return url, stable, candidate, variants, and what the scale subresource reads."""
    roles = [("stable", stable, seen.spec.replicas), ("candidate", candidate, max(1, seen.spec.replicas))]
    return {
        "url": url(seen.namespace, seen.name),
        "stable": _served(stable),
        "candidate": _served(candidate),
        "variants": [
            _variant(seen, role, revision, wanted) for role, revision, wanted in roles if revision is not None
        ],
        "replicas": sum(v.replicas for v in seen.variants),
        "selector": f"{LABEL_DEPLOYMENT}={seen.name}",
    }


def _served(revision: RevisionSeen | None) -> dict[str, Any] | None:
    if revision is None:
        return None
    return {"version": revision.version, "revision": revision.name, "digest": revision.digest}


def _variant(seen: DeploymentSeen, role: str, revision: RevisionSeen, wanted: int) -> dict[str, Any]:
    running = variant(seen, revision.name)
    state = health(running, wanted)
    return {
        "name": role,
        "version": revision.version,
        "revision": revision.name,
        "weight": 100 if role == "stable" else 0,
        "replicas": running.replicas if running else 0,
        "ready": running.ready if running else 0,
        "sentence": state.trouble or state.counted,
    }
