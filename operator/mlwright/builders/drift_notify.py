"""The Decision that somebody is told of something, and the Job that does it."""

from __future__ import annotations

from typing import Any, Final

from mlwright.builders import meta
from mlwright.builders.decisions import Told, decision
from mlwright.builders.pods import literal, pod_spec
from mlwright.constants import EXIT_USER_ERROR, LABEL_MESSAGE, STEP_CONTAINER
from mlwright.plan.digests import canonical
from mlwright.plan.drift import MonitorSeen
from mlwright.plan.drift_intents import ForgetNote, Note, RemoveMessage, StartMessage
from mlwright.plan.resources import DECISION, JOB, Key
from mlwright.plan.writes import Create, Delete, Write

RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
"""What one request takes."""
TRIES: Final = 6
"""Pods after the first; Kubernetes waits 10 s before the second and twice as long before each further one."""
DEADLINE: Final = 3600
"""Seconds after which news is none; a pod that cannot start is given up then as well."""
TOKEN: Final = "MLWRIGHT_WEBHOOK_TOKEN"  # noqa: S105  # the name of a variable


def rendered(seen: MonitorSeen, intent: Note | StartMessage | RemoveMessage | ForgetNote) -> Write:
    """Return the write of an intent."""
    match intent:
        case Note():
            return Create(_decision(seen, intent))
        case StartMessage():
            return Create(_message(seen, intent))
        case RemoveMessage(name, uid):
            return Delete(JOB, seen.namespace, name, uid)
        case ForgetNote(name, uid):
            return Delete(DECISION, seen.namespace, name, uid)


def _decision(seen: MonitorSeen, note: Note) -> dict[str, Any]:
    owner = Key("DriftMonitor", seen.namespace, seen.name)
    told = Told(
        type="Notify",
        subject=owner,
        revision=note.revision,
        version=note.version,
        sentence=note.sentence,
        evidence={"action": note.action, **note.evidence},
        by=f"DriftMonitor {seen.name}",
    )
    return decision(meta.child(note.name, owner, seen.uid, {}), told)


def _message(seen: MonitorSeen, start: StartMessage) -> dict[str, Any]:
    """Return the Job. Its pod has no right in the cluster, and of all Secrets sees the key that opens the receiver."""
    owner = Key("DriftMonitor", seen.namespace, seen.name)
    labels = {LABEL_MESSAGE: start.name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta.child(start.name, owner, seen.uid, labels),
        "spec": {
            "backoffLimit": TRIES,
            "activeDeadlineSeconds": DEADLINE,
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                    {
                        "action": "FailJob",  # it was refused, and would be again
                        "onExitCodes": {"containerName": STEP_CONTAINER, "operator": "In", "values": [EXIT_USER_ERROR]},
                    },
                ]
            },
            "template": {"metadata": {"labels": {**meta.owner_labels(owner), **labels}}, "spec": _pod(start)},
        },
    }


def _pod(start: StartMessage) -> dict[str, Any]:
    key = [{"name": TOKEN, "valueFrom": {"secretKeyRef": dict(start.secret)}}] if start.secret else []
    container = {
        "name": STEP_CONTAINER,
        "image": start.image,
        "imagePullPolicy": start.image_pull_policy,
        "args": ["notify"],
        "env": [{"name": "MLWRIGHT_STEP", "value": literal(canonical(start.document))}, *key],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    return {"restartPolicy": "Never", **pod_spec(container, {}, ())}
