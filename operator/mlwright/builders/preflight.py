"""The Jobs that ask a candidate before anybody else does.

Ours is a pod of its revision with another program, somebody's own a pod of their image; a Job waits for each alone.
"""

from __future__ import annotations

from typing import Any, Final

from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.api.fields import parse_duration, parse_latency
from mlwright.api.preflight import PreflightContainer, Replay
from mlwright.builders import access, meta
from mlwright.builders.payloads import fetched_instead
from mlwright.builders.pods import literal, pod_spec
from mlwright.constants import (
    ANNOTATION_ASKED,
    EXIT_USER_ERROR,
    LABEL_OWN_PREFLIGHT,
    LABEL_PREFLIGHT,
    SERVER_PORT,
    STEP_CONTAINER,
)
from mlwright.plan.digests import canonical, child_name, short
from mlwright.plan.resources import Key
from mlwright.plan.serving import DeploymentSeen, StartPreflight
from mlwright.planners.template import dump

RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
"""What asking takes: it reads the bundle and the recorded requests, and loads no model."""
OWN_RESOURCES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
"""What a container of somebody's own gets where nobody says."""
TRIES: Final = 3
"""How often it is tried again by the Job itself, with growing pauses."""
LONGEST: Final = 1800
"""Seconds after which it is given up, and made anew; somebody's own has them beside the time of its tries, for what a
pod waits for: room, an image, the pauses between tries."""
KEPT: Final = 3600
"""Seconds for which its log can be read afterwards."""
_OF_A_SERVER: Final = frozenset({"ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "args"})


def preflight_name(deployment: str, revision: str, uid: str, *, own: bool = False) -> str:
    """Return the name of the Job that asks the pods of a Deployment."""
    return child_name(deployment, revision, "own-preflight" if own else "preflight", short(uid, 6))


def preflight(seen: DeploymentSeen, owner: Key, intent: StartPreflight) -> dict[str, Any]:
    """Return the Job.

    Its pod bears no label of the candidate's: no Service may lead to it. Ours reads what the candidate's read (bundle,
    payload log, token, certificate) with the image that they have; somebody's own finds its variables and no files.
    """
    labels, container = {LABEL_PREFLIGHT: intent.variant.uid}, intent.asked.container
    if intent.own and container is not None:
        labels |= {LABEL_OWN_PREFLIGHT: "true"}
        whole = LONGEST + (container.retries + 1) * _seconds(container)
        limits = {"backoffLimit": container.retries, "activeDeadlineSeconds": whole}
        pod = _own_pod(seen, intent, container)
    else:
        limits = {"backoffLimit": TRIES, "activeDeadlineSeconds": LONGEST}
        pod = _pod(seen, intent, intent.asked.replay or Replay())
    return _job(seen, owner, intent, labels, limits, pod)


def _job(
    seen: DeploymentSeen,
    owner: Key,
    intent: StartPreflight,
    labels: dict[str, str],
    limits: dict[str, int],
    pod: dict[str, Any],
) -> dict[str, Any]:
    name = preflight_name(seen.name, intent.revision.name, intent.variant.uid, own=intent.own)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            **meta.child(name, owner, seen.uid, labels),
            "annotations": {ANNOTATION_ASKED: " ".join(_ready(intent))},
        },
        "spec": {
            **limits,
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
            "template": {"metadata": {"labels": {**meta.owner_labels(owner), **labels}}, "spec": pod},
        },
    }


def _pod(seen: DeploymentSeen, intent: StartPreflight, replay: Replay) -> dict[str, Any]:
    """Return the frozen pod of the revision with the program that asks instead of the one that answers."""
    whose = {"namespace": seen.namespace, "deployment": seen.name, "revision": intent.stable}
    spec = fetched_instead(intent.revision.template["spec"], whose, replay.requests)
    server = spec["containers"][0]
    told = {"name": "MLWRIGHT_PREFLIGHT", "value": literal(canonical(document(intent, replay)))}
    container = {
        **{key: value for key, value in server.items() if key not in _OF_A_SERVER},
        "name": STEP_CONTAINER,
        "command": ["python", "-m", "mlwright.server.preflight"],
        "env": [*server["env"], told],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    return {**spec, "terminationGracePeriodSeconds": 5, "restartPolicy": "Never", "containers": [container]}


def _own_pod(seen: DeploymentSeen, intent: StartPreflight, asked: PreflightContainer) -> dict[str, Any]:
    """Return a pod of somebody's image, placed as those of the deployment are; each try has the time asked for."""
    told = {
        "MLWRIGHT_TARGETS": " ".join(_targets(seen.spec, intent)),
        "MLWRIGHT_NAMESPACE": seen.namespace,
        "MLWRIGHT_DEPLOYMENT": seen.name,
        "MLWRIGHT_MODEL": seen.spec.model.ref.name,
        "MLWRIGHT_MODEL_VERSION": intent.revision.version.rpartition("-v")[2],
    }
    container = {
        "name": STEP_CONTAINER,
        "image": asked.image,
        **{key: [literal(word) for word in words] for key in ("command", "args") if (words := getattr(asked, key))},
        "env": [{"name": name, "value": literal(value)} for name, value in told.items()],
        "resources": OWN_RESOURCES,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    of_deployment = dump(seen.spec.pod)
    of_container = dump(asked)
    surface = {
        **of_deployment,
        "resources": of_container.get("resources") or {},
        "env": [*(of_deployment.get("env") or ()), *of_container["env"]],
    }
    return {
        **pod_spec(container, surface, ()),
        "activeDeadlineSeconds": _seconds(asked),
        "terminationGracePeriodSeconds": 5,
        "restartPolicy": "Never",
    }


def _seconds(asked: PreflightContainer) -> int:
    """Return how long a try may take."""
    return int(parse_duration(asked.timeout_after).total_seconds())


def _targets(spec: ModelDeploymentSpec, intent: StartPreflight) -> list[str]:
    """Return where the ready pods of the candidate are asked."""
    port = spec.runtime.container.port if spec.runtime.container else SERVER_PORT
    scheme = access.scheme(spec.server).lower()
    return [f"{scheme}://{f'[{pod}]' if ':' in pod else pod}:{port}" for pod in _ready(intent)]


def _ready(intent: StartPreflight) -> list[str]:
    return sorted(pod.address for pod in intent.variant.pods if pod.ready and pod.address and not pod.deleting)


def document(intent: StartPreflight, replay: Replay) -> dict[str, Any]:
    """Return what our program is told (docs/contracts.md, "A preflight as a process")."""
    bound = {"latencySeconds": parse_latency(replay.latency_bound)} if replay.latency_bound else {}
    known = {"requests": replay.requests, "recordedBy": intent.stable}
    return {"schemaVersion": 1, "pods": _ready(intent), "port": SERVER_PORT, **known, **bound}
