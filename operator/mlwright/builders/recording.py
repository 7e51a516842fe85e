"""What a serving pod is told of all that it records beside its answers: feedback, shadow, payload log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlwright.api.deployments import Feedback, PayloadLog
from mlwright.api.fields import parse_duration
from mlwright.builders.artifacts import Stored
from mlwright.builders.pods import Mount, SecretMount
from mlwright.plan.serving import DeploymentSeen
from mlwright.planners.template import dump


@dataclass(frozen=True, slots=True)
class Recording:
    """Variables of the server, and what is mounted for them."""

    variables: Mapping[str, str]
    mounts: tuple[Mount | SecretMount, ...]


def recording(seen: DeploymentSeen) -> Recording:
    """Return all that a deployment's server needs to record what its spec asks for."""
    parts = [_shadow(seen.name)]
    if seen.spec.server.payload_log:
        parts.append(_payloads(seen.spec.server.payload_log, seen.namespace))
    if seen.spec.feedback.enabled:
        parts.append(_feedback(seen.spec.feedback))
    variables = {name: value for part in parts for name, value in part.variables.items()}
    return Recording(variables, tuple(mount for part in parts for mount in part.mounts))


def _shadow(deployment: str) -> Recording:
    traffic = Mount.of(f"configmap://{deployment}-traffic/shadow.json", field="metadata.name", read_only=True)
    return Recording({"MLWRIGHT_TRAFFIC": traffic.folder}, (traffic,))


def _payloads(wanted: PayloadLog, namespace: str) -> Recording:
    stored = log_of(wanted)
    place = Mount(stored.address, read_only=False)
    # other namespaces may have deployments of this name, and a store is for all of them; a claim is for one
    inside = f"/{namespace}" if stored.is_remote else ""
    variables = {
        "MLWRIGHT_PAYLOAD_LOG": f"{place.folder}/{place.address.path}{inside}",
        "MLWRIGHT_PAYLOAD_SAMPLE": str(wanted.sample),
        **({"MLWRIGHT_PAYLOAD_SENT": "true"} if stored.is_remote else {}),
    }
    return Recording(variables, (place,))


def log_of(wanted: PayloadLog) -> Stored:
    """Return where a payload log lies."""
    return Stored(wanted.uri.rstrip("/"), "spec.server.payloadLog", dump(wanted.storage) if wanted.storage else {})


def _feedback(wanted: Feedback) -> Recording:
    keys = SecretMount(wanted.key_secret_ref.name if wanted.key_secret_ref else "")
    window = int(parse_duration(wanted.label_window).total_seconds())
    variables = {"MLWRIGHT_FEEDBACK_KEYS": keys.folder, "MLWRIGHT_LABEL_WINDOW": str(window)}
    return Recording(variables, (keys,))
