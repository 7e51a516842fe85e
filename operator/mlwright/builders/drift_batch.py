"""The Job that counts stored rows for a drift monitor, shard by shard."""

from __future__ import annotations

import json
from typing import Any, Final

from mlwright.api.conditions import timestamp
from mlwright.api.fields import parse_duration
from mlwright.builders import meta
from mlwright.builders.artifacts import Fetcher, Stored, mounts, with_bundles
from mlwright.builders.pods import literal, merged, pod_spec
from mlwright.builders.storage import data_keys, data_mounts
from mlwright.constants import (
    ANNOTATION_LOOK,
    COUNT,
    EXIT_USER_ERROR,
    LABEL_REVISION,
    LABEL_STEP,
    LEARNED,
    STEP_CONTAINER,
)
from mlwright.plan.digests import canonical
from mlwright.plan.drift import MonitorSeen
from mlwright.plan.drift_intents import RemoveLook, StartLook
from mlwright.plan.resources import JOB, Key
from mlwright.plan.writes import Create, Delete, Write

RESOURCES: Final = {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}
"""What a shard gets where nobody says: some thousand rows at a time, and a model where answers are watched."""


def rendered(seen: MonitorSeen, intent: StartLook | RemoveLook) -> Write:
    """Return the write of an intent."""
    match intent:
        case StartLook():
            return Create(_job(seen, intent))
        case RemoveLook(name, uid):
            return Delete(JOB, seen.namespace, name, uid)


def _job(seen: MonitorSeen, start: StartLook) -> dict[str, Any]:
    owner, target = Key("DriftMonitor", seen.namespace, seen.name), start.target
    labels = {LABEL_REVISION: start.revision, LABEL_STEP: COUNT}
    asked = {"slot": timestamp(start.slot), "since": timestamp(start.since), "token": start.token}
    after = target.get("timeoutAfter")
    deadline = {"activeDeadlineSeconds": int(parse_duration(after).total_seconds())} if after else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            **meta.child(start.name, owner, seen.uid, labels),
            "annotations": {ANNOTATION_LOOK: json.dumps(asked, separators=(",", ":"))},
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": target["shards"],
            "parallelism": target["shards"],
            "backoffLimitPerIndex": target["retries"],
            **deadline,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                    *(_hopeless(name) for name in (LEARNED, STEP_CONTAINER)),
                ]
            },
            "template": {
                "metadata": {"labels": {**meta.owner_labels(owner), **labels}},
                "spec": {"restartPolicy": "Never", **_pod(start)},
            },
        },
    }


def _hopeless(container: str) -> dict[str, Any]:
    """What one shard finds wrong, all would."""
    codes = {"containerName": container, "operator": "In", "values": [EXIT_USER_ERROR]}
    return {"action": "FailJob", "onExitCodes": codes}


def _pod(start: StartLook) -> dict[str, Any]:
    """Return a pod that tells what the version learned, then counts: what a pod may say holds one of both."""
    dataset, version = start.target["dataset"], start.document["version"]
    document = {**start.document, "version": {key: version[key] for key in version if key != "storage"}}
    stored = Stored(version["uri"], f"ModelVersion {version['name']} spec.bundle", version.get("storage") or {})
    container = {
        "name": STEP_CONTAINER,
        "image": start.image,
        "imagePullPolicy": start.image_pull_policy,
        "args": [COUNT],
        "env": [
            {"name": "MLWRIGHT_COUNT", "value": literal(canonical(document))},
            *data_keys(dataset),
        ],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    bundle = mounts(stored, read_only=True)
    found = pod_spec(container, start.target["pod"], merged((*data_mounts(start.document["dataset"]), *bundle)))
    (counting,) = found["containers"]
    told = found | {"initContainers": [{**counting, "name": LEARNED, "args": [LEARNED]}]}
    fetcher = Fetcher(start.fetching_image, start.image_pull_policy)
    return with_bundles(told, (stored,), start.target["pod"], fetcher)
