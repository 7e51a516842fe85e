"""What a serving pod is told of all that it records beside its answers: feedback, shadow, payload log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlwright.api.deployments import Feedback, PayloadLog
from mlwright.api.fields import parse_duration
from mlwright.builders.pods import Mount, SecretMount
from mlwright.plan.serving import DeploymentSeen


@dataclass(frozen=True, slots=True)
class Recording:
    """Variables of the server, and what is mounted for them."""

    variables: Mapping[str, str]
    mounts: tuple[Mount | SecretMount, ...]


def recording(seen: DeploymentSeen) -> Recording:
    """Return all that a deployment's server needs to record what its spec asks for."""
    parts = [_shadow(seen.name)]
    if seen.spec.server.payload_log:
        parts.append(_payloads(seen.spec.server.payload_log))
    if seen.spec.feedback.enabled:
        parts.append(_feedback(seen.spec.feedback))
    variables = {name: value for part in parts for name, value in part.variables.items()}
    return Recording(variables, tuple(mount for part in parts for mount in part.mounts))


def _shadow(deployment: str) -> Recording:
    traffic = Mount.of(f"configmap://{deployment}-traffic/shadow.json", field="metadata.name", read_only=True)
    return Recording({"MLWRIGHT_TRAFFIC": traffic.folder}, (traffic,))


def _payloads(wanted: PayloadLog) -> Recording:
    claim = Mount.of(wanted.uri.rstrip("/"), field="spec.server.payloadLog.uri", read_only=False)
    variables = {
        "MLWRIGHT_PAYLOAD_LOG": f"{claim.folder}/{claim.address.path}",
        "MLWRIGHT_PAYLOAD_SAMPLE": str(wanted.sample),
    }
    return Recording(variables, (claim,))


def _feedback(wanted: Feedback) -> Recording:
    keys = SecretMount(wanted.key_secret_ref.name if wanted.key_secret_ref else "")
    window = int(parse_duration(wanted.label_window).total_seconds())
    variables = {"MLWRIGHT_FEEDBACK_KEYS": keys.folder, "MLWRIGHT_LABEL_WINDOW": str(window)}
    return Recording(variables, (keys,))
