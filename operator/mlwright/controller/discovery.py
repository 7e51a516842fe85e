"""What kopf is told that the API server serves. Pure.

kopf asks for this once, before it watches, and never watches a kind that is missing then. Right after an installation
the API server may list and watch a kind already but not yet tell of it. We know our kinds, so nobody needs to ask.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from mlwright.plan.resources import Body, ResourceKind

NEEDED: Final = (
    ResourceKind("", "v1", "namespaces", "Namespace", owned=False),
    ResourceKind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", owned=False),
)
"""Kinds that kopf insists on knowing; with its scanning switched off it does nothing with them."""

_VERBS: Final = ("get", "list", "watch", "patch")


def documents(kinds: Iterable[ResourceKind]) -> dict[str, Body]:
    """Return the discovery documents by URL path."""
    known = sorted((*kinds, *NEEDED), key=lambda kind: (kind.group, kind.version, kind.plural))
    versions = {root: tuple(group) for root, group in groupby(known, key=lambda kind: kind.root)}
    groups = [_group(kinds_[0]) for kinds_ in versions.values() if kinds_[0].group]
    return {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
        **{root: _resources(kinds_) for root, kinds_ in versions.items()},
    }


def _group(kind: ResourceKind) -> Body:
    version = {"groupVersion": kind.api_version, "version": kind.version}
    return {"name": kind.group, "versions": [version], "preferredVersion": version}


def _resources(kinds: tuple[ResourceKind, ...]) -> Body:
    return {
        "kind": "APIResourceList",
        "groupVersion": kinds[0].api_version,
        "resources": [
            {
                "name": kind.plural,
                "singularName": kind.name.lower(),
                "kind": kind.name,
                "namespaced": kind not in NEEDED,
                "verbs": list(_VERBS),
            }
            for kind in kinds
        ],
    }
