"""Objects of batch predictions: the record of a run, the Job of its shards, the Job that lets the answers appear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from mlwright.builders import meta
from mlwright.builders.artifacts import Fetcher, Stored, mounts, with_bundles
from mlwright.builders.pods import Mount, literal, merged, pod_spec
from mlwright.builders.storage import data_keys, data_mounts
from mlwright.bundle.addresses import DATA, parse
from mlwright.constants import (
    ANNOTATION_RETRY,
    EXIT_USER_ERROR,
    LABEL_BATCH_RUN,
    LABEL_MODEL,
    LABEL_STEP,
    PREDICT,
    PUBLISH,
    STEP_CONTAINER,
)
from mlwright.plan.batch import (
    BatchFrozen,
    BatchIntent,
    BatchRunSeen,
    BatchSeen,
    ForgetBatchRun,
    FreezeBatch,
    RemoveBatchJob,
    StartPublish,
    StartShards,
)
from mlwright.plan.digests import canonical, child_name, short
from mlwright.plan.resources import CONTROLLER_REVISION, JOB, Key
from mlwright.plan.writes import Create, Delete, Write

RESOURCES: Final = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}
"""What a shard gets where nobody says: a model and some thousand rows at a time."""
SMALL: Final = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
"""What letting the answers appear takes: it adds up counts and renames a folder."""
TRIES: Final = 3
"""How often that is tried again."""
RETRY_DIGITS: Final = 4
OUTPUT_KEYS: Final = "MLWRIGHT_OUTPUT_"
"""Stands before the variables with the keys for the answers: those for the rows may be others."""


def renderer(seen: BatchSeen) -> Callable[[BatchIntent], Write]:
    """Return the renderer of a batch prediction's intents."""

    def render(intent: BatchIntent) -> Write:
        match intent:
            case FreezeBatch(frozen):
                return Create(_record(seen, frozen))
            case StartShards(run, retry):
                return Create(_job(seen, run, retry, PREDICT))
            case StartPublish(run, retry):
                return Create(_job(seen, run, retry, PUBLISH))
            case RemoveBatchJob(name, uid):
                return Delete(JOB, seen.namespace, name, uid)
            case ForgetBatchRun(name, uid):
                return Delete(CONTROLLER_REVISION, seen.namespace, name, uid)

    return render


def _owner(seen: BatchSeen) -> Key:
    return Key("BatchPrediction", seen.namespace, seen.name)


def _record(seen: BatchSeen, frozen: BatchFrozen) -> dict[str, Any]:
    labels = {LABEL_MODEL: frozen.version["model"], LABEL_BATCH_RUN: frozen.run}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": meta.child(frozen.run, _owner(seen), seen.uid, labels),
        "revision": frozen.number,
        "data": asdict(frozen),
    }


def _job(seen: BatchSeen, run: BatchRunSeen, retry: str, step: str) -> dict[str, Any]:
    owner, frozen = _owner(seen), run.frozen
    labels = {LABEL_MODEL: frozen.version["model"], LABEL_BATCH_RUN: frozen.run, LABEL_STEP: step}
    again = [short(retry, RETRY_DIGITS)] if retry else []
    name = child_name(frozen.run, *([PUBLISH] if step == PUBLISH else []), *again)
    noted = {"annotations": {ANNOTATION_RETRY: retry}} if retry else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**meta.child(name, owner, seen.uid, labels), **noted},
        "spec": {
            **(_shards(frozen) if step == PREDICT else {"backoffLimit": TRIES}),
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                    {
                        "action": "FailJob",  # what one shard finds wrong, all would
                        "onExitCodes": {"containerName": STEP_CONTAINER, "operator": "In", "values": [EXIT_USER_ERROR]},
                    },
                ]
            },
            "template": {
                "metadata": {"labels": {**meta.owner_labels(owner), **labels}},
                "spec": {"restartPolicy": "Never", **_pod(seen, run, step)},
            },
        },
    }


def _shards(frozen: BatchFrozen) -> dict[str, Any]:
    """A shard that fails is started again alone; the others go on, so that another try has little left to do."""
    deadline = {"activeDeadlineSeconds": int(frozen.timeout)} if frozen.timeout else {}
    return {
        "completionMode": "Indexed",
        "completions": frozen.shards,
        "parallelism": frozen.shards,
        "backoffLimitPerIndex": frozen.retries,
        **deadline,
    }


def _pod(seen: BatchSeen, run: BatchRunSeen, step: str) -> dict[str, Any]:
    frozen = run.frozen
    told = {"name": "MLWRIGHT_BATCH", "value": literal(canonical(document(seen, run)))}
    keys = (*(data_keys(frozen.input) if step == PREDICT else ()), *data_keys(frozen.output, OUTPUT_KEYS))
    version = frozen.version
    stored = Stored(version["uri"], f"ModelVersion {version['name']} spec.bundle", version.get("storage") or {})
    container = {
        "name": STEP_CONTAINER,
        "image": frozen.image,
        "imagePullPolicy": frozen.image_pull_policy,
        "args": [step],
        "env": [told, *keys],
        "resources": RESOURCES if step == PREDICT else SMALL,
        "terminationMessagePolicy": "File",
    }
    if step == PUBLISH:
        surface = {key: value for key, value in frozen.pod.items() if key not in {"resources", "env"}}
        return pod_spec(container, surface, _output(frozen))
    bundle = mounts(stored, read_only=True)
    pod = pod_spec(container, frozen.pod, merged((*data_mounts(frozen.input), *bundle, *_output(frozen))))
    return with_bundles(pod, (stored,), frozen.pod, Fetcher(frozen.fetching_image, frozen.image_pull_policy))


def _output(frozen: BatchFrozen) -> tuple[Mount, ...]:
    """Return what a pod mounts to write answers: the claim, or the store's certificates."""
    address = parse(frozen.output["uri"], field="spec.output.uri", schemes=DATA)
    return (Mount(address, read_only=False),) if address.is_mounted else data_mounts(frozen.output)


def document(seen: BatchSeen, run: BatchRunSeen) -> dict[str, Any]:
    """Return the whole input of both programs (docs/contracts.md, "A batch prediction as a process")."""
    frozen = run.frozen
    return {
        "schemaVersion": 1,
        "run": {"namespace": seen.namespace, "batch": seen.name, "name": frozen.run},
        "version": {key: value for key, value in frozen.version.items() if key != "storage"},
        "input": dict(frozen.input),
        "output": {**frozen.output, "folder": run.folder},
        "shards": frozen.shards,
    }
