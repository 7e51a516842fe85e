"""The Job that removes folders of runs that nothing uses."""

from __future__ import annotations

from typing import Any, Final

from mlwright.builders import meta
from mlwright.builders.artifacts import Stored, certificates, mounts, variables
from mlwright.builders.pods import literal, merged, pod_spec
from mlwright.constants import LABEL_MODEL, LABEL_PROBE, STEP_CONTAINER
from mlwright.plan.digests import canonical
from mlwright.plan.models import ModelSeen, StartSweep
from mlwright.plan.resources import Key

RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
"""What a sweep takes: it reads names, sizes and a few bytes."""


def sweep(seen: ModelSeen, intent: StartSweep) -> dict[str, Any]:
    """Return the Job. It runs as the pods of the first pipeline of the model do, but for resources and variables."""
    owner = Key("Model", seen.namespace, seen.name)
    labels = {LABEL_MODEL: seen.name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta.child(intent.document["name"], owner, seen.uid, labels | {LABEL_PROBE: str(intent.slot)}),
        "spec": {
            "backoffLimit": 0,  # the next sweep is the next try
            "activeDeadlineSeconds": intent.deadline,
            "template": {
                "metadata": {"labels": {**meta.owner_labels(owner), **labels}},
                "spec": _pod(intent),
            },
        },
    }


def _pod(intent: StartSweep) -> dict[str, Any]:
    how = {one["uri"]: one["storage"] for one in intent.document.get("stores", ())}
    places = tuple(Stored(uri, "artifacts", how.get(uri, {})) for uri in intent.document["places"])
    container = {
        "name": STEP_CONTAINER,
        "image": intent.image,
        "imagePullPolicy": intent.image_pull_policy,
        "args": ["sweep"],
        "env": [{"name": "MLWRIGHT_SWEEP", "value": literal(canonical(intent.document))}, *variables(places, ())],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    surface = {key: value for key, value in intent.pod.items() if key not in {"resources", "env"}}
    volumes = (mount for one in places if not one.is_remote for mount in mounts(one, read_only=False))
    return {"restartPolicy": "Never", **pod_spec(container, surface, merged((*volumes, *certificates(places))))}
