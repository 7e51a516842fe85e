"""What the cache keeps of an object. Pure.

Everything goes that no snapshot reads, because memory per object decides how many objects an installation can have:
- of all kinds: `managedFields`, and kubectl's copy of the object in an annotation (each may be as large as the object);
  of a Deployment stays who else set its number of pods;
- of a Pod: its spec but node and container names, its status but phase, conditions and container states;
- of a Job: the pod template (a Job is created once and never compared).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from mlwright.constants import FIELD_MANAGER
from mlwright.plan.resources import DEPLOYMENT, JOB, POD, Body, ResourceKind

KUBECTL_COPY: Final = "kubectl.kubernetes.io/last-applied-configuration"

_CONTAINERS: Final = ("initContainerStatuses", "containerStatuses")
_POD_STATUS: Final = ("phase", "reason", "message", "conditions", *_CONTAINERS, "startTime", "podIP")
_CONTAINER_STATUS: Final = ("name", "ready", "restartCount", "state", "lastState")


def pruned(kind: ResourceKind, body: Body) -> Body:
    """Return a copy of the object that holds only what snapshots read."""
    kept = {**body, "metadata": _metadata(body["metadata"])}
    if kind is DEPLOYMENT and (setter := _setter(body["metadata"].get("managedFields") or ())):
        kept["metadata"]["managedFields"] = [setter]
    if kind is POD:
        return kept | {"spec": _pod_spec(body.get("spec") or {}), "status": _pod_status(body.get("status") or {})}
    if kind is JOB:
        return kept | {"spec": {key: value for key, value in (body.get("spec") or {}).items() if key != "template"}}
    return kept


def _metadata(metadata: Body) -> Body:
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations and KUBECTL_COPY in annotations:
        kept["annotations"] = {key: value for key, value in annotations.items() if key != KUBECTL_COPY}
    return kept


def _setter(entries: Iterable[Body]) -> Body | None:
    """Return the manager of spec.replicas; None when the operator is one of them."""
    owners = [entry for entry in entries if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})]
    if not owners or any(entry.get("manager") == FIELD_MANAGER for entry in owners):
        return None
    return _selected(owners[-1], ("manager",))


def _pod_spec(spec: Body) -> Body:
    containers = [{"name": container["name"]} for container in spec.get("containers") or ()]
    return {"nodeName": spec.get("nodeName", ""), "containers": containers}


def _pod_status(status: Body) -> Body:
    kept: dict[str, Any] = {key: status[key] for key in _POD_STATUS if key in status}
    for containers in kept.keys() & set(_CONTAINERS):
        kept[containers] = [_selected(entry, _CONTAINER_STATUS) for entry in kept[containers]]
    return kept


def _selected(values: Body, names: tuple[str, ...]) -> Body:
    return {name: values[name] for name in names if name in values}
