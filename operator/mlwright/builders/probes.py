"""The Job that looks at the data of a pipeline."""

from __future__ import annotations

from typing import Any, Final

from mlwright.builders import meta
from mlwright.builders.pods import literal, merged, pod_spec
from mlwright.builders.storage import data_keys, data_mounts
from mlwright.constants import LABEL_DATA, LABEL_MODEL, LABEL_PIPELINE, LABEL_PROBE, STEP_CONTAINER
from mlwright.plan.digests import canonical, child_name
from mlwright.plan.pipelines import PipelineSeen
from mlwright.plan.resources import Key
from mlwright.plan.training import StartProbe
from mlwright.planners.template import dump

RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"memory": "1Gi"}}
"""What a look takes: it reads names and footers, and counts the rows of other files in pieces."""


def probe(seen: PipelineSeen, intent: StartProbe) -> dict[str, Any]:
    """Return the Job. It runs as the pods of the pipeline do, but for their resources and queue: it trains nothing."""
    owner = Key("TrainingPipeline", seen.namespace, seen.name)
    labels = {LABEL_PIPELINE: seen.name, LABEL_MODEL: seen.model}
    labels |= {LABEL_PROBE: str(intent.slot), LABEL_DATA: intent.about}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta.child(child_name(seen.name, "probe", str(intent.slot)), owner, seen.uid, labels),
        "spec": {
            "backoffLimit": 0,  # the next look is the next try
            "activeDeadlineSeconds": intent.deadline,
            "template": {
                "metadata": {"labels": {**meta.owner_labels(owner), **labels}},
                "spec": _pod(seen, intent),
            },
        },
    }


def _pod(seen: PipelineSeen, intent: StartProbe) -> dict[str, Any]:
    dataset = dump(seen.spec.dataset)
    document = {"schemaVersion": 1, "namespace": seen.namespace, "pipeline": seen.name, "dataset": dataset}
    container = {
        "name": STEP_CONTAINER,
        "image": intent.image,
        "imagePullPolicy": intent.image_pull_policy,
        "args": ["revision"],
        "env": [{"name": "MLWRIGHT_STEP", "value": literal(canonical(document))}, *data_keys(dataset)],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    surface = {key: value for key, value in dump(seen.spec.pod).items() if key != "resources"}
    return {"restartPolicy": "Never", **pod_spec(container, surface, merged(data_mounts(dataset)))}
