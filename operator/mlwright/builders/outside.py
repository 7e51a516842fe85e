"""Pods that speak to hosts outside the cluster: what they are told, and the keys that open an MLflow server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mlwright.builders.artifacts import Stored, certificates, mounts, variables
from mlwright.builders.pods import literal, merged, pod_spec
from mlwright.constants import STEP_CONTAINER
from mlwright.plan.digests import canonical
from mlwright.plan.training import StartStep

KEYS: Final = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
"""Names of the keys in the Secret, and of the variables: those that MLflow's own client reads."""
RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "4Gi"}}
"""What an import gets: models are loaded once, to see how they answer."""


def import_pod(intent: StartStep, namespace: str, run: str, where: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod that takes in a model; it sees the claim that it writes to and nothing else.

    Args:
        intent: which attempt it is.
        namespace: of the run.
        run: name of the run.
        where: the run's folder, and whose it is, as its document says it.
    """
    frozen = intent.frozen
    asked: Mapping[str, Any] = frozen.training["importFrom"]
    document = {
        "schemaVersion": 1,
        "run": {"namespace": namespace, "name": run, "attempt": intent.attempt},
        "model": frozen.model,
        "import": asked,
        "hosts": list(intent.hosts),
        **where,
        "image": frozen.image,
    }
    stored = Stored(frozen.artifacts_uri, "artifacts", frozen.artifacts_storage)
    again = (f"{where['runUri']}/import-{intent.attempt}",)
    keys = [*mlflow_keys(asked.get("mlflow")), *variables((stored,), again)]
    container = {
        "name": STEP_CONTAINER,
        "image": frozen.image,
        "imagePullPolicy": frozen.image_pull_policy,
        "args": ["import"],
        "env": [{"name": "MLWRIGHT_STEP", "value": literal(canonical(document))}, *keys],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    return pod_spec(container, frozen.pod, merged((*mounts(stored, read_only=False), *certificates((stored,)))))


def mlflow_keys(server: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the variables that open an MLflow server; which of the keys there are is for the Secret to say."""
    secret = (server or {}).get("secretRef")
    if not secret:
        return []
    chosen = {"name": secret["name"], "optional": True}
    return [{"name": key, "valueFrom": {"secretKeyRef": {**chosen, "key": key}}} for key in KEYS]
