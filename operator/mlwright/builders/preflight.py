"""The Job that asks a candidate before anybody else does: a pod of its revision with another program."""

from __future__ import annotations

from typing import Any, Final

from mlwright.api.fields import parse_latency
from mlwright.builders import meta
from mlwright.builders.pods import literal
from mlwright.constants import EXIT_USER_ERROR, LABEL_PREFLIGHT, SERVER_PORT, STEP_CONTAINER
from mlwright.plan.digests import canonical, child_name, short
from mlwright.plan.resources import Key
from mlwright.plan.serving import DeploymentSeen, StartPreflight

RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
"""What asking takes: it reads the bundle and the recorded requests, and loads no model."""
TRIES: Final = 3
"""How often it is tried again by the Job itself, with growing pauses."""
LONGEST: Final = 1800
"""Seconds after which it is given up, and made anew."""
KEPT: Final = 3600
"""Seconds for which its log can be read afterwards."""
_OF_A_SERVER: Final = frozenset({"ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "args"})


def preflight_name(deployment: str, revision: str, uid: str) -> str:
    """Return the name of the Job that asks the pods of a Deployment."""
    return child_name(deployment, revision, "preflight", short(uid, 6))


def preflight(seen: DeploymentSeen, owner: Key, intent: StartPreflight) -> dict[str, Any]:
    """Return the Job.

    Its pod reads what the candidate's read (bundle, payload log, token, certificate) with the image that they have, and
    bears no label of theirs: no Service may lead to it.
    """
    labels = {LABEL_PREFLIGHT: intent.variant.uid}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta.child(
            preflight_name(seen.name, intent.revision.name, intent.variant.uid), owner, seen.uid, labels
        ),
        "spec": {
            "backoffLimit": TRIES,
            "activeDeadlineSeconds": LONGEST,
            "ttlSecondsAfterFinished": KEPT,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                    {
                        "action": "FailJob",  # it was asked, and did not answer as expected
                        "onExitCodes": {"containerName": STEP_CONTAINER, "operator": "In", "values": [EXIT_USER_ERROR]},
                    },
                ]
            },
            "template": {
                "metadata": {"labels": {**meta.owner_labels(owner), **labels}},
                "spec": _pod(intent),
            },
        },
    }


def _pod(intent: StartPreflight) -> dict[str, Any]:
    """Return the frozen pod of the revision with the program that asks instead of the one that answers."""
    spec = dict(intent.revision.template["spec"])
    server = spec["containers"][0]
    told = {"name": "MLWRIGHT_PREFLIGHT", "value": literal(canonical(document(intent)))}
    container = {
        **{key: value for key, value in server.items() if key not in _OF_A_SERVER},
        "name": STEP_CONTAINER,
        "command": ["python", "-m", "mlwright.server.preflight"],
        "env": [*server["env"], told],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    return {**spec, "terminationGracePeriodSeconds": 5, "restartPolicy": "Never", "containers": [container]}


def document(intent: StartPreflight) -> dict[str, Any]:
    """Return what the program is told (docs/contracts.md, "A preflight as a process")."""
    replay = intent.asked.replay
    ready = sorted(pod.address for pod in intent.variant.pods if pod.ready and pod.address and not pod.deleting)
    bound = {"latencySeconds": parse_latency(replay.latency_bound)} if replay.latency_bound else {}
    known = {"requests": replay.requests, "recordedBy": intent.stable}
    return {"schemaVersion": 1, "pods": ready, "port": SERVER_PORT, **known, **bound}
