"""Whose an object is: by labels and controller reference, and by the field managers that wrote it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from mlwright.api.kinds import GROUP
from mlwright.constants import FIELD_MANAGER, LABEL_MANAGED_BY, MANAGED_BY, ROUTER
from mlwright.controller.indexes import key_of, owner_of
from mlwright.errors import NameConflictError
from mlwright.plan.resources import (
    CONTROLLER_REVISION,
    DECISION,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    HTTP_ROUTE,
    JOB,
    NETWORK_POLICY,
    SERVICE,
    TRAINING_RUN,
    Body,
)

ADOPTED: Final = (
    CONTROLLER_REVISION,
    JOB,
    DEPLOYMENT,
    SERVICE,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    HTTP_ROUTE,
    DECISION,
    TRAINING_RUN,
)
"""Kinds that we control directly. Pods are controlled by Jobs and ReplicaSets, whose controllers adopt them."""


def controller(body: Body) -> Body | None:
    """Return the owner reference of the controller, None without one."""
    refs = body["metadata"].get("ownerReferences") or ()
    return next((ref for ref in refs if ref.get("controller")), None)


def lost(child: Body, owner: Body) -> bool:
    """Tell whether the controller reference is absent, or names the owner with another uid than it has."""
    ref = controller(child)
    if ref is None:
        return True
    named = (ref.get("apiVersion", "").split("/")[0], ref.get("kind"), ref.get("name"))
    return named == (GROUP, owner["kind"], owner["metadata"]["name"]) and ref["uid"] != owner["metadata"]["uid"]


def _of_another(child: Body, owner: Body) -> bool:
    """Tell whether the controller reference names the owner with another uid than it has."""
    return controller(child) is not None and lost(child, owner)


def left_behind(
    owner: Body, records: Sequence[Body], others: Iterable[Body], holds: Callable[[Body], bool]
) -> tuple[str, ...]:
    """Return by kind and name what an earlier object of the owner's name left; it goes as that one has gone.

    Its controller reference tells another uid. So it does after a restore from a backup, when all is the owner's own:
    then what was recorded does not hold, for what it rests on was restored as well.

    Args:
        owner: the object, of which nothing says that it has begun anything itself.
        records: children by label that say what was begun.
        others: the other children by label.
        holds: whether what a record rests on is there still, with the uid that was recorded; see `is_still`.
    """
    if not all(_of_another(record, owner) and holds(record) for record in records):
        return ()
    left = (child for child in (*records, *others) if _of_another(child, owner))
    return tuple(f"{child['kind']} {child['metadata']['name']}" for child in left)


def is_still(live: Body | None, uid: str) -> bool:
    """Tell whether an object is there, and the one whose uid was recorded; False where none was."""
    return bool(uid) and live is not None and live["metadata"].get("uid") == uid


def is_child(found: Body, owner: Body) -> bool:
    """Tell whether an object is the owner's child, or was and may be adopted."""
    if owner_of(found) != key_of(owner):
        return False
    ref = controller(found)
    return lost(found, owner) or (ref is not None and ref["uid"] == owner["metadata"]["uid"])


def belongs(found: Body, wanted: Body, owner: Body) -> bool:
    """Tell whether an object may be written as `wanted`: it is a child of the owner, or a part of the router."""
    whose = owner_of(wanted)
    shared = whose is not None and whose.kind == ROUTER
    return owner_of(found) == whose if shared else is_child(found, owner)


def same_users(found: Body, wanted: Body) -> bool:
    """Tell whether a part of the router names those for whom it is there; True of all other objects."""
    whose = owner_of(wanted)
    return whose is None or whose.kind != ROUTER or _uids(found) == _uids(wanted)


def _uids(body: Body) -> set[str]:
    return {str(ref["uid"]) for ref in body["metadata"].get("ownerReferences") or ()}


def is_watched(body: Body) -> bool:
    """Tell whether events tell of the object: of children only while they carry our label."""
    labels = body["metadata"].get("labels") or {}
    return is_record(body) or labels.get(LABEL_MANAGED_BY) == MANAGED_BY


def is_record(body: Body) -> bool:
    """Tell whether an object is of our own group: such names are locks, not property."""
    return str(body["apiVersion"]).startswith(f"{GROUP}/")


def same_record(found: Body, wanted: Body) -> bool:
    """Tell whether a record says what was about to be recorded."""
    run = _run(wanted)
    return bool(found.get("spec") == wanted.get("spec")) or (bool(run) and run == _run(found))


def _run(body: Body) -> str:
    return str(((body.get("spec") or {}).get("lineage") or {}).get("run", ""))


def name_conflict(found: Body) -> NameConflictError:
    """Return the error that tells people whose object is in the way and what to do."""
    kind, metadata = found["kind"], found["metadata"]
    ref = controller(found)
    whose = f"is controlled by {ref['kind']} {ref['name']}" if ref else "was not made by mlwright for this object"
    return NameConflictError(
        f"{kind} {metadata['name']} {whose} and is left alone; delete or rename it"
        f" (kubectl get {kind.lower()} -n {metadata['namespace']} {metadata['name']}), the rest happens by itself"
    )


def alias_conflict(wanted: Body, live: Body, manager: str) -> str:
    """Say whose the alias is that was asked for, what it names, and what it would name.

    Args:
        wanted: a Model with the one entry that was applied.
        live: the Model as it is.
        manager: field manager of the one who asked.
    """
    model, [entry] = live["metadata"]["name"], wanted["spec"]["aliases"]
    found: Body = next((alias for alias in live["spec"].get("aliases") or () if alias["name"] == entry["name"]), {})
    whose = " and ".join(sorted(_owners_of_alias(live, entry["name"]) - {manager})) or "somebody else"
    named = f"alias {entry['name']} of Model {model} names version {found.get('version', 'none')}, set by {whose}"
    remedy = "remove that entry of the Model, or set another alias"
    return f"spec.rollout.setAlias: {named}, and version {entry['version']} serves here; {remedy}"


def _owners_of_alias(live: Body, alias: str) -> set[str]:
    """Return the field managers that own the version which an alias names."""
    key = f"k:{json.dumps({'name': alias}, separators=(',', ':'))}"
    found = set()
    for entry in live["metadata"].get("managedFields") or ():
        aliases = ((entry.get("fieldsV1") or {}).get("f:spec") or {}).get("f:aliases") or {}
        if "f:version" in (aliases.get(key) or {}):
            found.add(str(entry.get("manager")))
    return found


def editor(live: Body) -> str:
    """Return who else wrote to an object last, by field manager; "somebody" when that is not told."""
    others = [
        entry
        for entry in live["metadata"].get("managedFields") or ()
        if entry.get("manager") != FIELD_MANAGER and entry.get("subresource") != "status"
    ]
    newest: Body = max(others, key=lambda entry: entry.get("time", ""), default={})
    return str(newest.get("manager", "somebody"))


def as_applied(live: Body) -> list[Any] | None:
    """Return managedFields in which what our POST set counts as applied by us; None when that is so already.

    A field leaves an object when the only manager that applied it stops applying it. What was set by the POST belongs
    to the POST, so without this a field that a builder no longer names would stay for ever. The number of pods stays
    with the POST: it is never applied, and nobody's field would fall back to its default.
    """
    entries = live["metadata"].get("managedFields") or ()
    ours = next((entry for entry in entries if _posted(entry)), None)
    if ours is None or any(_applied(entry) for entry in entries):
        return None
    fields = ours.get("fieldsV1") or {}
    spec = fields.get("f:spec") or {}
    taken = {**fields, "f:spec": {key: value for key, value in spec.items() if key != "f:replicas"}}
    kept = {"f:spec": {"f:replicas": spec["f:replicas"]}} if "f:replicas" in spec else None
    rest = [entry for entry in entries if entry is not ours]
    left = [{**ours, "fieldsV1": kept}] if kept else []
    return [{**ours, "operation": "Apply", "fieldsV1": taken}, *left, *rest]


def _posted(entry: Body) -> bool:
    return _ours(entry) and entry.get("operation") == "Update"


def _applied(entry: Body) -> bool:
    return _ours(entry) and entry.get("operation") == "Apply"


def _ours(entry: Body) -> bool:
    return entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")
