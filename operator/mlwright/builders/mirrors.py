"""The Job that tells a mirror of versions and aliases."""

from __future__ import annotations

from typing import Any, Final

from mlwright.builders import meta
from mlwright.builders.artifacts import Fetcher, Stored, mounts, with_bundles
from mlwright.builders.outside import mlflow_keys
from mlwright.builders.pods import literal, merged, pod_spec
from mlwright.constants import LABEL_ATTEMPT, LABEL_MIRROR, LABEL_MODEL, LABEL_PIPELINE, STEP_CONTAINER
from mlwright.plan.digests import canonical, child_name
from mlwright.plan.pipelines import PipelineSeen
from mlwright.plan.resources import Key
from mlwright.plan.training import StartMirror
from mlwright.planners.template import dump

RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}
"""What telling takes: files are sent in pieces, and no model is loaded."""
DEADLINE: Final = 1800
"""Seconds after which it is given up; the next attempt goes on where it stopped."""


def mirror(seen: PipelineSeen, intent: StartMirror) -> dict[str, Any]:
    """Return the Job. It runs as the pods of the pipeline do, but for their resources, and reads bundles alone."""
    owner = Key("TrainingPipeline", seen.namespace, seen.name)
    labels = {
        LABEL_PIPELINE: seen.name,
        LABEL_MODEL: seen.model,
        LABEL_MIRROR: intent.digest,
        LABEL_ATTEMPT: str(intent.attempt),
    }
    name = child_name(seen.name, "mirror", intent.digest, str(intent.attempt))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta.child(name, owner, seen.uid, labels),
        "spec": {
            "backoffLimit": 0,  # the operator tries again, with growing pauses
            "activeDeadlineSeconds": DEADLINE,
            "template": {
                "metadata": {"labels": {**meta.owner_labels(owner), **labels}},
                "spec": _pod(seen, intent),
            },
        },
    }


def _pod(seen: PipelineSeen, intent: StartMirror) -> dict[str, Any]:
    document = intent.document
    bundles = [spec["bundle"] for spec in document["versions"]]
    stored = [Stored(bundle["uri"], "ModelVersion spec.bundle", bundle.get("storage") or {}) for bundle in bundles]
    container = {
        "name": STEP_CONTAINER,
        "image": intent.image,
        "imagePullPolicy": intent.image_pull_policy,
        "args": ["mirror"],
        "env": [{"name": "MLWRIGHT_STEP", "value": literal(canonical(document))}, *mlflow_keys(document["mlflow"])],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    surface = {key: value for key, value in dump(seen.spec.pod).items() if key != "resources"}
    pod = pod_spec(container, surface, merged(mount for one in stored for mount in mounts(one, read_only=True)))
    fetched = with_bundles(pod, stored, surface, Fetcher(intent.fetching_image, intent.image_pull_policy))
    return {"restartPolicy": "Never", **fetched}
