"""Metadata of children: names, labels that say whose they are, owner references."""

from __future__ import annotations

from typing import Any

from mlwright.api.kinds import API_VERSION
from mlwright.constants import LABEL_MANAGED_BY, LABEL_OWNER, LABEL_OWNER_KIND, MANAGED_BY
from mlwright.plan.resources import Key


def owner_labels(owner: Key) -> dict[str, str]:
    """Return the labels by which a child is found and its owner told."""
    return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_OWNER_KIND: owner.kind, LABEL_OWNER: owner.name}


def owner_reference(owner: Key, uid: str) -> dict[str, Any]:
    """Return the reference that makes the owner the controller of a child: deleting the owner deletes the child."""
    return {
        "apiVersion": API_VERSION,
        "kind": owner.kind,
        "name": owner.name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def child(name: str, owner: Key, uid: str, labels: dict[str, str]) -> dict[str, Any]:
    """Return the metadata of a child."""
    return {
        "name": name,
        "namespace": owner.namespace,
        "labels": {**owner_labels(owner), **labels},
        "ownerReferences": [owner_reference(owner, uid)],
    }


def record(name: str, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    """Return the metadata of a record that nobody owns: deleting a pipeline never removes a served version."""
    return {"name": name, "namespace": namespace, "labels": labels}
