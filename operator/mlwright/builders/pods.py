"""Pods under restricted Pod Security, with the surface that people may set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mlwright.bundle.addresses import Address, Scheme, parse
from mlwright.constants import MOUNT_ROOT
from mlwright.plan.digests import child_name

USER: Final = 65532
"""Number of the unprivileged user of all our images."""

_COPIED: Final = (
    "nodeSelector",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
    "serviceAccountName",
    "imagePullSecrets",
    "priorityClassName",
    "runtimeClassName",
)


def pod_spec(container: Mapping[str, Any], surface: Mapping[str, Any], mounts: Iterable[Mount]) -> dict[str, Any]:
    """Return a pod spec around one container.

    No API token, no service links, no privileges, a read-only root; `/tmp` is the one writable place beside
    the mounts.
    """
    wanted = tuple(mounts)
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [{**container, **_container_surface(container, surface), "volumeMounts": _volume_mounts(wanted)}],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *(mount.volume() for mount in wanted)],
    }
    return spec | {key: surface[key] for key in _COPIED if surface.get(key)}


def _container_surface(container: Mapping[str, Any], surface: Mapping[str, Any]) -> dict[str, Any]:
    limit = (surface.get("resources") or {}).get("limits", {}).get("cpu", "")
    return {
        "env": [*container["env"], *_threads(limit), *(_variable(v) for v in surface.get("env") or ())],
        "resources": _resources(container["resources"], surface.get("resources") or {}),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _resources(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Merge per resource; a request above the default limit lifts that limit, so that asking for more is one
    line.
    """
    requests = {**defaults["requests"], **own.get("requests", {})}
    limits = {name: amount for name, amount in defaults["limits"].items() if name not in own.get("requests", {})}
    return {"requests": _no_more_than(requests, own), "limits": {**limits, **own.get("limits", {})}}


def _no_more_than(requests: Mapping[str, str], own: Mapping[str, Any]) -> dict[str, str]:
    """A limit that people set below the default request sets that request too:

    the API server refuses requests above limits.
    """
    limits = own.get("limits", {})
    return {
        name: amount if name in own.get("requests", {}) else limits.get(name, amount)
        for name, amount in requests.items()
    }


def _threads(cpu_limit: str) -> list[dict[str, str]]:
    """Tell numeric libraries how many threads to use:

    more than whole cores of the limit only wait for each other.
    """
    threads = str(whole_cores(cpu_limit))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MLWRIGHT_CPU_LIMIT")
    return [{"name": name, "value": threads} for name in names]


def whole_cores(limit: str) -> int:
    """Return the whole cores of a CPU limit, at least 1; 1 without a limit.

    >>> whole_cores("2500m"), whole_cores("4"), whole_cores("")
    (2, 4, 1)
    """
    if not limit:
        return 1
    cores = float(limit[:-1]) / 1000 if limit.endswith("m") else float(limit)
    return max(1, int(cores))


def _variable(variable: Mapping[str, Any]) -> dict[str, Any]:
    if variable.get("secretRef"):
        return {"name": variable["name"], "valueFrom": {"secretKeyRef": dict(variable["secretRef"])}}
    return {"name": variable["name"], "value": variable.get("value", "")}


@dataclass(frozen=True, slots=True)
class Mount:
    """A claim or a ConfigMap that an address names, where a pod finds it."""

    address: Address
    read_only: bool

    @classmethod
    def of(cls, uri: str, *, field: str, read_only: bool) -> Mount:
        """Return the mount for an address that stands in a field of a spec."""
        return cls(parse(uri, field=field), read_only)

    @property
    def name(self) -> str:
        """Name of the volume."""
        return child_name(self.address.scheme, self.address.volume.replace(".", "-"))

    def volume(self) -> dict[str, Any]:
        """Return the volume of the pod."""
        if self.address.scheme is Scheme.CONFIGMAP:
            return {"name": self.name, "configMap": {"name": self.address.volume}}
        return {"name": self.name, "persistentVolumeClaim": {"claimName": self.address.volume}}

    def mount(self) -> dict[str, Any]:
        """Return the volume mount of the container."""
        path = f"{MOUNT_ROOT}/{self.address.scheme}/{self.address.volume}"
        return {"name": self.name, "mountPath": path, **({"readOnly": True} if self.read_only else {})}


def merged(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """Return one mount per claim or ConfigMap, writable if any of them is."""
    found: dict[str, Mount] = {}
    for mount in mounts:
        known = found.setdefault(mount.name, mount)
        if known.read_only and not mount.read_only:
            found[mount.name] = mount
    return tuple(found.values())


def _volume_mounts(mounts: Iterable[Mount]) -> list[dict[str, Any]]:
    return [{"name": "tmp", "mountPath": "/tmp"}, *(mount.mount() for mount in mounts)]  # noqa: S108  # an emptyDir of the pod
