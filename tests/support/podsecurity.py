"""The restricted profile of Pod Security, as far as a pod spec of ours can break it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Json = dict[str, Any]

VOLUMES: Final = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
HOST: Final = ("hostNetwork", "hostPID", "hostIPC", "hostUsers")


def violations(spec: Json) -> list[str]:
    """Return what the restricted profile forbids in a pod spec."""
    return [*_of_pod(spec), *(found for container in _containers(spec) for found in _of_container(container, spec))]


def _containers(spec: Json) -> Iterator[Json]:
    for key in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(key, ())


def _of_pod(spec: Json) -> Iterator[str]:
    yield from (f"{key} is set" for key in HOST if spec.get(key))
    for volume in spec.get("volumes", ()):
        if kinds := volume.keys() - {"name"} - VOLUMES:
            yield f"volume {volume['name']} is a {sorted(kinds)}"
    if spec.get("securityContext", {}).get("sysctls"):
        yield "sysctls are set"


def _of_container(container: Json, spec: Json) -> Iterator[str]:
    name, own, pod = container["name"], container.get("securityContext", {}), spec.get("securityContext", {})
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if own.get("privileged"):
        yield f"{name} is privileged"
    if own.get("capabilities", {}).get("drop") != ["ALL"] or own["capabilities"].get("add", []) not in (
        [],
        ["NET_BIND_SERVICE"],
    ):
        yield f"{name} keeps capabilities"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"{name} may run as root"
    if own.get("runAsUser", pod.get("runAsUser")) == 0:
        yield f"{name} runs as root"
    profile = own.get("seccompProfile", pod.get("seccompProfile", {})).get("type")
    if profile not in {"RuntimeDefault", "Localhost"}:
        yield f"{name} has no seccomp profile"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield f"{name} takes a port of the host"
