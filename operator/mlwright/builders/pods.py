"""Pods under restricted Pod Security, with the surface that people may set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from mlwright.bundle.addresses import Address, Scheme, parse
from mlwright.constants import MOUNT_ROOT
from mlwright.plan.digests import child_name, short
from mlwright.plan.quantities import parse as amount

USER: Final = 65532
"""Number of the unprivileged user of all our images."""
TMP: Final = "tmp"
"""Name of the volume at `/tmp`, which is also the home of our programs."""

_Variable = dict[str, Any]
"""An environment variable as it stands in a container."""

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


def pod_spec(container: Mapping[str, Any], surface: Mapping[str, Any], mounts: Iterable[AnyMount]) -> dict[str, Any]:
    """Return a pod spec around one container.

    No API token, no service links, no privileges, a read-only root; `/tmp` is the one writable place beside the mounts.

    Args:
        container: the container with its own `env` and default `resources`.
        surface: what people may set, as the JSON of a PodSurface.
        mounts: the volumes, each once.
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
        "volumes": [{"name": TMP, "emptyDir": {}}, *(mount.volume() for mount in wanted)],
    }
    return spec | {key: surface[key] for key in _COPIED if surface.get(key)}


def _container_surface(container: Mapping[str, Any], surface: Mapping[str, Any]) -> dict[str, Any]:
    limit = (surface.get("resources") or {}).get("limits", {}).get("cpu", "")
    return {
        "env": _env(container["env"], _threads(limit), [_variable(v) for v in surface.get("env") or ()]),
        "resources": _resources(container["resources"], surface.get("resources") or {}),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _env(own: Iterable[_Variable], tuning: Iterable[_Variable], wanted: Iterable[_Variable]) -> list[_Variable]:
    """Return the variables, each name once: people may tune, but not change what we tell our program.

    The API server refuses to apply a list in which a name stands twice.
    """
    named = {variable["name"]: variable for group in (tuning, wanted, own) for variable in group}
    return list(named.values())


def _resources(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Merge per resource, so that asking for more or for less is one line.

    A default never stands against what people set: a request above the default limit lifts that limit, and a limit
    below the default request lowers that request; the API server refuses requests above limits.
    """
    requests, limits = own.get("requests") or {}, own.get("limits") or {}
    kept = {name: limit for name, limit in defaults["limits"].items() if not _above(requests.get(name), limit)}
    lowered = {
        name: limits[name] if name in limits and _above(request, limits[name]) else request
        for name, request in defaults["requests"].items()
    }
    return {"requests": {**lowered, **requests}, "limits": {**kept, **limits}}


def _above(one: str | None, other: str) -> bool:
    """Tell whether a quantity is larger than another; False when there is none."""
    left, right = amount(one or ""), amount(other)
    return left is not None and right is not None and left > right


def _threads(cpu_limit: str) -> list[_Variable]:
    """Tell numeric libraries how many threads to use: more than the whole cores of the limit only wait."""
    threads = str(whole_cores(cpu_limit))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MLWRIGHT_CPU_LIMIT")
    return [{"name": name, "value": threads} for name in names]


def whole_cores(limit: str) -> int:
    """Return the whole cores of a CPU limit, at least 1; 1 without a limit.

    >>> whole_cores("2500m"), whole_cores("4"), whole_cores("")
    (2, 4, 1)
    """
    return max(1, int(amount(limit) or 0))


def _variable(variable: Mapping[str, Any]) -> _Variable:
    if variable.get("secretRef"):
        return {"name": variable["name"], "valueFrom": {"secretKeyRef": dict(variable["secretRef"])}}
    return {"name": variable["name"], "value": literal(variable.get("value", ""))}


def literal(text: str) -> str:
    """Return a text so written that the container sees it as it is: Kubernetes expands `$(NAME)` and halves `$$`.

    >>> literal("price_in_$$")
    'price_in_$$$$'
    """
    return text.replace("$", "$$")


@dataclass(frozen=True, slots=True)
class Mount:
    """A claim or a ConfigMap that an address names, where a pod finds it; of a bucket the folder for copies."""

    address: Address
    read_only: bool

    @classmethod
    def of(cls, uri: str, *, field: str, read_only: bool) -> Mount:
        """Return the mount for an address that stands in a field of a spec."""
        return cls(parse(uri, field=field), read_only)

    @property
    def name(self) -> str:
        """Name of the volume: a DNS label, so a dot in the claim's name goes and a hash tells a.b from a-b."""
        parts = (self.address.scheme, self.address.volume.replace(".", "-"))
        return child_name(*parts, *([short(self.address.volume)] if "." in self.address.volume else []))

    def volume(self) -> dict[str, Any]:
        """Return the volume of the pod."""
        if self.address.scheme is Scheme.CONFIGMAP:
            # optional: the step then says which dataset is missing, a pod that never starts says nothing
            return {"name": self.name, "configMap": {"name": self.address.volume, "optional": True}}
        if self.address.scheme is Scheme.S3:
            return {"name": self.name, "emptyDir": {}}  # for copies: no pod mounts a bucket
        return {"name": self.name, "persistentVolumeClaim": {"claimName": self.address.volume}}

    @property
    def folder(self) -> str:
        """Folder in which the container finds it."""
        return f"{MOUNT_ROOT}/{self.address.scheme}/{self.address.volume}"

    def mount(self) -> dict[str, Any]:
        """Return the volume mount of the container."""
        return {"name": self.name, "mountPath": self.folder, **({"readOnly": True} if self.read_only else {})}


@dataclass(frozen=True, slots=True)
class Placed:
    """A folder of a claim, read-only, where a container of somebody's own wants it."""

    inner: Mount
    path: str
    read_only: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Name of the volume."""
        return self.inner.name

    def volume(self) -> dict[str, Any]:
        """Return the volume of the pod."""
        return self.inner.volume()

    def mount(self) -> dict[str, Any]:
        """Return the volume mount of the container."""
        return {"name": self.name, "mountPath": self.path, "subPath": self.inner.address.path, "readOnly": True}


@dataclass(frozen=True, slots=True)
class SecretMount:
    """A Secret as a folder with a file for each key, which the kubelet changes when the Secret changes."""

    secret: str
    read_only: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Name of the volume, as that of a claim is made."""
        dotted = [short(self.secret)] if "." in self.secret else []
        return child_name("secret", self.secret.replace(".", "-"), *dotted)

    @property
    def folder(self) -> str:
        """Where the container finds it."""
        return f"{MOUNT_ROOT}/secret/{self.secret}"

    def volume(self) -> dict[str, Any]:
        """Return the volume of the pod."""
        # optional: the program then says which Secret is missing, a pod that never starts says nothing
        return {"name": self.name, "secret": {"secretName": self.secret, "optional": True}}

    def mount(self) -> dict[str, Any]:
        """Return the volume mount of the container."""
        return {"name": self.name, "mountPath": self.folder, "readOnly": True}


AnyMount = Mount | Placed | SecretMount
"""What a container may find."""


def merged(mounts: Iterable[Mount | SecretMount]) -> tuple[Mount | SecretMount, ...]:
    """Return one mount per claim, ConfigMap or Secret, writable if any of them is."""
    found: dict[str, Mount | SecretMount] = {}
    for mount in mounts:
        known = found.setdefault(mount.name, mount)
        if known.read_only and not mount.read_only:
            found[mount.name] = mount
    return tuple(found.values())


def _volume_mounts(mounts: Iterable[AnyMount]) -> list[dict[str, Any]]:
    return [{"name": TMP, "mountPath": "/tmp"}, *(mount.mount() for mount in mounts)]  # noqa: S108  # an emptyDir of the pod
