"""How pods reach the data: mounts for what can be mounted, keys and certificates for object stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mlwright.builders.pods import Mount
from mlwright.bundle.addresses import DATA, parse

KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Names of the keys in the Secret, and of the variables that programs look for."""


def data_mounts(dataset: Mapping[str, Any]) -> tuple[Mount, ...]:
    """Return what a pod that reads the data mounts: the volume that it lies on, or the store's certificates."""
    address = parse(dataset["uri"], field="spec.dataset.uri", schemes=DATA)
    if address.is_mounted:
        return (Mount(address, read_only=True),)
    bundle = (dataset.get("storage") or {}).get("caBundleRef")
    if not bundle:
        return ()
    uri = f"configmap://{bundle['name']}/{bundle['key']}"
    return (Mount.of(uri, field="spec.dataset.storage.caBundleRef", read_only=True),)


def data_keys(dataset: Mapping[str, Any], before: str = "") -> list[dict[str, Any]]:
    """Return the variables by which a pod gets the keys of a store; the kubelet reads the Secret.

    Args:
        dataset: where the data lies, and how the store is reached.
        before: what stands before the names of the variables.
    """
    secret = (dataset.get("storage") or {}).get("secretRef")
    if not secret:
        return []
    return [{"name": before + key, "valueFrom": {"secretKeyRef": {"name": secret["name"], "key": key}}} for key in KEYS]
