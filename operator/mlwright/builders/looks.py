"""The Job that looks at how far a tuning is."""

from __future__ import annotations

from typing import Any, Final

from mlwright.builders import meta
from mlwright.builders.artifacts import certificates, mounts, variables
from mlwright.builders.containers import kept
from mlwright.builders.pods import literal, merged, pod_spec
from mlwright.constants import LABEL_MODEL, LABEL_PIPELINE, LABEL_PROBE, LABEL_STEP, STEP_CONTAINER, TUNE_PROGRESS
from mlwright.plan.digests import canonical, child_name
from mlwright.plan.resources import Key
from mlwright.plan.training import RunSeen, StartLook

RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
"""What a look takes: it reads one small file."""


def look_name(run: str, slot: int) -> str:
    """Return the name of the Job that looks at a run for a slot."""
    return child_name(run, "look", str(slot))


def look(seen: RunSeen, intent: StartLook, folder: str) -> dict[str, Any]:
    """Return the Job. It runs as the pods of the step do, but for their resources, and waits in no queue.

    Args:
        seen: the run.
        intent: the slot, and what the run uses.
        folder: address of the run's folder.
    """
    owner, frozen = Key("TrainingRun", seen.namespace, seen.name), intent.frozen
    labels = {LABEL_PIPELINE: frozen.pipeline, LABEL_MODEL: frozen.model, LABEL_PROBE: str(intent.slot)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta.child(look_name(seen.name, intent.slot), owner, seen.uid, labels),
        "spec": {
            "backoffLimit": 0,  # the next look is the next try
            "activeDeadlineSeconds": intent.deadline,
            "template": {
                "metadata": {"labels": {**meta.owner_labels(owner), **labels}},
                "spec": _pod(seen, intent, folder),
            },
        },
    }


def _pod(seen: RunSeen, intent: StartLook, folder: str) -> dict[str, Any]:
    frozen = intent.frozen
    stored = kept(frozen)
    told = {"name": "MLWRIGHT_STEP", "value": literal(canonical({"schemaVersion": 1, "runUri": folder}))}
    container = {
        "name": STEP_CONTAINER,
        "image": frozen.image,
        "imagePullPolicy": frozen.image_pull_policy,
        "args": ["progress"],
        "env": [told, *variables((stored,), (f"{folder}/{TUNE_PROGRESS}",))],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    surface = {key: value for key, value in frozen.pod.items() if key != "resources"}
    wanted = merged((*mounts(stored, read_only=not stored.is_remote), *certificates((stored,))))
    beside = {"affinity": _beside(seen)} if not surface.get("affinity") else {}
    return {"restartPolicy": "Never", **pod_spec(container, surface, wanted), **beside}


def _beside(seen: RunSeen) -> dict[str, Any]:
    """Return the wish for the node of the trials: there the image is, and perhaps the only way to the volume."""
    labels = {**meta.owner_labels(Key("TrainingRun", seen.namespace, seen.name)), LABEL_STEP: "tune"}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
    wish = {"weight": 100, "podAffinityTerm": term}
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}}
