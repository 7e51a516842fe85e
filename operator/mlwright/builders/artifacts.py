"""How pods reach runs: a claim is mounted; of an object store they are told, and get an empty folder for copies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mlwright.builders.pods import TMP, Mount, literal, merged, pod_spec
from mlwright.builders.storage import data_keys
from mlwright.bundle.addresses import ARTIFACTS, Address, Scheme, parse
from mlwright.constants import FETCH
from mlwright.plan.digests import canonical

KEYS: Final = "MLWRIGHT_ARTIFACTS_{}_"
"""Stands before the variables with the keys of a store: those of the data may be others."""
SMALL: Final = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
"""What fetching takes: it copies files piece by piece."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An address of artifacts, and how its store is reached."""

    uri: str
    where: str
    """What in which object says so, without `.uri`."""
    storage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> Address:
        """The address; the planner has checked it."""
        return parse(self.uri, field=f"{self.where}.uri", schemes=ARTIFACTS)

    @property
    def is_remote(self) -> bool:
        """Whether it lies in an object store."""
        return self.address.scheme is Scheme.S3


def mounts(stored: Stored, *, read_only: bool) -> tuple[Mount, ...]:
    """Return what the containers of a pod mount: the claim, or the folder to copy into."""
    return (Mount(stored.address, read_only),)


def certificates(stored: Iterable[Stored]) -> tuple[Mount, ...]:
    """Return what a container mounts besides that fetches or sends: certificates of the stores."""
    told = ((one.storage.get("caBundleRef"), one.where) for one in stored if one.is_remote)
    return tuple(
        Mount.of(f"configmap://{ref['name']}/{ref['key']}", field=f"{where}.storage.caBundleRef", read_only=True)
        for ref, where in told
        if ref
    )


def variables(stored: Sequence[Stored], fetch: Iterable[str]) -> list[dict[str, Any]]:
    """Return what a container is told that fetches or sends; nothing where all lies on claims.

    Args:
        stored: where artifacts lie, the more special address first.
        fetch: addresses of what it works on, in any of these stores.
    """
    remote = [one for one in stored if one.is_remote]
    if not remote:
        return []
    stores = [
        {"uri": one.uri, "field": one.where, "storage": dict(one.storage), "keys": KEYS.format(number)}
        for number, one in enumerate(remote)
    ]
    wanted = [uri for uri in dict.fromkeys(fetch) if uri.startswith(f"{Scheme.S3}://")]
    told = {"name": "MLWRIGHT_ARTIFACTS", "value": literal(canonical({"stores": stores, "fetch": wanted}))}
    keys = (data_keys({"storage": one.storage}, KEYS.format(number)) for number, one in enumerate(remote))
    return [told, *(variable for of_one in keys for variable in of_one)]


@dataclass(frozen=True, slots=True)
class Fetcher:
    """What fetches bundles for a pod."""

    image: str
    """That of the trainer, as the installation has it."""
    policy: str
    """When it is pulled."""
    told: Mapping[str, str] = field(default_factory=dict)
    """More of its variables."""
    cached: tuple[Mount, ...] = ()
    """Where other pods leave copies."""


def with_bundles(
    pod: Mapping[str, Any], stored: Sequence[Stored], surface: Mapping[str, Any], fetcher: Fetcher
) -> dict[str, Any]:
    """Return a pod whose bundles are fetched before all else, as far as they lie in object stores.

    What runs in the pod needs no client of a store, and never sees the keys: whoever defines it may not be allowed to
    read them. So what fetches is the installation's own image, and nothing that people set concerns its container.

    Args:
        pod: the pod, which mounts the bundles' folders.
        stored: where the bundles lie.
        surface: what people may set, as the JSON of a PodSurface; of this the pod's own is for all its containers.
        fetcher: what fetches them.
    """
    remote = tuple(one for one in stored if one.is_remote)
    if not remote:
        return dict(pod)
    more = [{"name": name, "value": value} for name, value in fetcher.told.items()]
    container = {
        "name": FETCH,
        "image": fetcher.image,
        "imagePullPolicy": fetcher.policy,
        "args": [FETCH],
        "env": [*variables(remote, (one.uri for one in remote)), *more],
        "resources": SMALL,
        "terminationMessagePolicy": "File",
    }
    of_pod = {key: value for key, value in surface.items() if key not in {"resources", "env"}}
    folders = (mount for one in remote for mount in mounts(one, read_only=False))
    before = pod_spec(container, of_pod, merged((*folders, *certificates(remote), *fetcher.cached)))
    fetch = apart(before["containers"][0])
    known = {volume["name"] for volume in pod["volumes"]}
    added = [volume for volume in before["volumes"] if volume["name"] not in known]
    init = [fetch, *pod.get("initContainers", ())]
    return {**pod, "initContainers": init, "volumes": [*pod["volumes"], *added]}


def apart(container: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container that knows keys without the `/tmp` of its pod.

    What the other containers leave there must not be found by it: neither beside them, nor when it starts again as
    after a restart of the node.
    """
    return {**container, "volumeMounts": [mount for mount in container["volumeMounts"] if mount["name"] != TMP]}
