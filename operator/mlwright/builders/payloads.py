"""What takes the payload log of a server to an object store, and brings it back for a preflight.

As with bundles, the server needs no client of a store and never sees the keys: the installation's own image does both,
in a container of its own, and nothing that people set concerns it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mlwright.builders.artifacts import SMALL, Stored, apart, certificates, mounts, variables
from mlwright.builders.pods import Mount, SecretMount, merged, pod_spec
from mlwright.constants import FETCH_PAYLOADS, PAYLOADS, SEND_PAYLOADS
from mlwright.plan.digests import canonical

VARIABLE: Final = "MLWRIGHT_PAYLOADS"
CPU_LIMIT: Final = "500m"


def with_sender(
    pod: Mapping[str, Any], log: Stored, whose: Mapping[str, str], image: str, policy: str
) -> dict[str, Any]:
    """Return a pod in which a container sends what the server records; it starts before the server and ends after it.

    Args:
        pod: the pod, which mounts the folder of the log.
        log: where the log lies.
        whose: namespace, deployment and revision that record.
        image: the trainer's, as the installation has it.
        policy: when that is pulled.
    """
    if not log.is_remote:
        return dict(pod)
    container = {
        "name": PAYLOADS,
        "image": image,
        "imagePullPolicy": policy,
        "args": [SEND_PAYLOADS],
        "env": [*variables((log,), ()), {"name": VARIABLE, "value": canonical(dict(whose))}],
        "resources": _resources(pod["containers"]),
        "terminationMessagePolicy": "File",
    }
    wanted: tuple[Mount | SecretMount, ...] = (*mounts(log, read_only=False), *certificates((log,)), *_keys(log))
    sending = pod_spec(container, {}, merged(wanted))
    known = {volume["name"] for volume in pod["volumes"]}
    added = [volume for volume in sending["volumes"] if volume["name"] not in known]
    sender = apart(sending["containers"][0])
    beside = {**sender, "restartPolicy": "Always"}  # of an init container: it runs as long as the server does
    return {**pod, "initContainers": [*pod.get("initContainers", ()), beside], "volumes": [*pod["volumes"], *added]}


def _keys(log: Stored) -> tuple[SecretMount, ...]:
    """Return the Secret as files: the variables of a container that runs as long as the server stay what they were."""
    secret = log.storage.get("secretRef")
    return (SecretMount(secret["name"]),) if secret else ()


def _resources(servers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what sending takes; a limit of CPUs where the server has one, as a quota may ask all containers for it."""
    if not any("cpu" in server["resources"].get("limits", {}) for server in servers):
        return SMALL
    return {**SMALL, "limits": {**SMALL["limits"], "cpu": CPU_LIMIT}}


def fetched_instead(pod: Mapping[str, Any], whose: Mapping[str, str], requests: int) -> dict[str, Any]:
    """Return the pod of a server in which the sender fetches what a revision recorded before all else, and ends.

    Where no requests are wanted nothing is fetched: a store that is away is then no matter.
    """
    told = canonical({**whose, "requests": requests})
    before = [
        _fetching(init, told) if init["name"] == PAYLOADS else init
        for init in pod.get("initContainers", ())
        if requests or init["name"] != PAYLOADS
    ]
    mounted = {mount["name"] for one in (*before, *pod["containers"]) for mount in one["volumeMounts"]}
    volumes = [volume for volume in pod["volumes"] if volume["name"] in mounted]  # of the keys, without the sender
    rest = {**{key: value for key, value in pod.items() if key != "initContainers"}, "volumes": volumes}
    return {**rest, "initContainers": before} if before else rest


def _fetching(sender: Mapping[str, Any], told: str) -> dict[str, Any]:
    env = [{**one, "value": told} if one["name"] == VARIABLE else one for one in sender["env"]]
    kept = {key: value for key, value in sender.items() if key != "restartPolicy"}
    return {**kept, "name": FETCH_PAYLOADS, "args": [FETCH_PAYLOADS], "env": env}
