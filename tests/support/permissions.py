"""Which rights the operator's code needs, derived from the code itself.

Three things are read: which objects builders put into which writes and the cycle's own lists of kinds say what is done
to which kind; a table says which calls the cycle makes for a write; the adapters, given a transport that only takes
notes, say which requests these calls are. A right is "verb resource.group", as in `kubectl auth can-i`.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from mlwright import builders, controller, planners
from mlwright.adapters.clock import SystemClock
from mlwright.adapters.kube.client import KubeCluster
from mlwright.adapters.kube.events import KubeEvents
from mlwright.adapters.kube.leases import KubeLeases
from mlwright.adapters.kube.transport import Call, Transport
from mlwright.controller.ownership import ADOPTED
from mlwright.errors import AlreadyExistsError, ClusterError
from mlwright.plan import resources
from mlwright.plan.resources import BY_NAME, KINDS, RECONCILED, WHERE_SERVED, Body, ResourceKind
from mlwright.ports.events import Notice, Subject
from mlwright.ports.leases import Record

CALLS: Final = {
    "Create": ("create", "get"),  # a name that is taken is looked at live
    "Apply": ("create", "get", "apply", "rewrite_managers"),  # made by POST, converged by apply
    "ApplyEntry": ("apply", "get"),
    "Tell": ("create", "apply"),  # never read
    "Scale": ("scale", "get"),
    "Delete": ("delete", "get"),
}
"""Write -> what the cycle calls of the port `Cluster` for it; a conflict makes it read the live object."""

Rights = frozenset[str]


@cache
def of_cluster() -> Rights:
    """Return the rights on the kinds that are watched, reconciled, written and owned."""
    done = {(call, kind) for write, kind in writes() for call in CALLS[write]}
    listed = (*KINDS, *WHERE_SERVED)
    done |= {(call, kind) for call in ("pages", "probe") for kind in listed}
    done |= {(call, kind) for kind in RECONCILED for call in ("get", "write_status")}
    done |= {("adopt", kind) for kind in ADOPTED}
    done |= {("relabel", kind) for write, kind in writes() if write in {"Create", "Apply"} and kind.owned}
    watched = {f"watch {_place(kind.plural, kind.group)}" for kind in listed}
    return _noted(_calls(done)) | watched | guards() | _noted([_tell])


def guards() -> Rights:
    """Return the rights that are never asked for as requests, but by what guards them.

    The admission plugin OwnerReferencesPermissionEnforcement wants the right to delete whatever gets another owner, and
    the right to touch the finalizers of an owner that waits for its children; the chart's own policy wants the right to
    approve of whoever makes a version.
    """
    given_back = {f"delete {_place(kind.plural, kind.group)}" for kind in ADOPTED}
    approved = {f"approve {_place(kind.plural, kind.group)}" for _, kind in writes() if kind == resources.MODEL_VERSION}
    return frozenset(
        given_back | approved | {f"update {_place(f'{kind.plural}/finalizers', kind.group)}" for kind in owners()}
    )


def of_lease() -> Rights:
    """Return the rights on the Lease."""
    return _noted([_lease])


def calls_of_the_cycle() -> frozenset[str]:
    """Return the names of the port's calls that the controller makes."""
    return frozenset(
        node.attr
        for tree in _trees(controller)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value).endswith("cluster")
        and not node.attr.startswith("_")
    )


@cache
def writes() -> frozenset[tuple[str, ResourceKind]]:
    """Return the writes that builders make, with the kind of object in each."""
    return frozenset(
        (node.func.id, kind)
        for tree in _trees(builders)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS
        for kind in _kinds(node.args[0], tree)
    )


@cache
def owners() -> frozenset[ResourceKind]:
    """Return the kinds that builders make the controller of children."""
    return frozenset(
        BY_NAME[ast.literal_eval(node.args[0])]
        for tree in _trees(builders)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Key"
    )


@cache
def _trees(package: ModuleType) -> tuple[ast.Module, ...]:
    paths = sorted(Path(package.__path__[0]).rglob("*.py"))
    return tuple(ast.parse(path.read_text(encoding="utf-8")) for path in paths)


def _kinds(argument: ast.expr, tree: ast.Module) -> Iterable[ResourceKind]:
    """Return what a write is about: a body that a function makes, a constant, or the kind of something forgotten."""
    match argument:
        case ast.Call(func=ast.Name(id="foreign_object")) | ast.Attribute(attr="kind"):
            return []  # kinds of other controllers: the chart gives rights on those that the administrator lists
        case ast.Call(func=ast.Name(id=name)):
            return [_made_by(name, tree)]
        case ast.Name(id=name) if name.isupper():
            return [getattr(resources, name)]
        case ast.Name():
            return [kind for given in _given_for(argument, tree) for kind in _kinds(given, tree)]
        case ast.Subscript(value=ast.Name(id="BY_NAME")):
            return _forgotten()
    raise AssertionError(f"cannot tell the kind of {ast.unparse(argument)}; teach it to tests/support/permissions.py")


def _given_for(parameter: ast.Name, tree: ast.Module) -> list[ast.expr]:
    """Return what the callers of a function or method give for one of its parameters."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    (function,) = [found for found in functions if parameter in ast.walk(found)]
    names = [argument.arg for argument in function.args.args if argument.arg != "self"]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = [call for call in calls if ast.unparse(call.func).split(".")[-1] == function.name]
    return [call.args[names.index(parameter.id)] for call in called]


def _made_by(name: str, tree: ast.Module) -> ResourceKind:
    places = (tree, *_trees(builders))  # the module itself, or the one that it takes the function from
    named = (node for place in places for node in ast.walk(place) if getattr(node, "name", "") == name)
    function = next(node for node in named if isinstance(node, ast.FunctionDef))
    bodies = [node for node in ast.walk(function) if isinstance(node, ast.Dict)]
    keys = [{k.value: v for k, v in zip(b.keys, b.values, strict=True) if isinstance(k, ast.Constant)} for b in bodies]
    kinds = [found["kind"] for found in keys if {"apiVersion", "kind"} <= found.keys()]
    if not kinds:  # it leaves the body to another function
        (called,) = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
        assert isinstance(called, ast.Call), f"cannot tell the kind that {name} makes; teach it to this module"
        return _made_by(ast.unparse(called.func), tree)
    (kind,) = kinds
    return BY_NAME[ast.literal_eval(kind)]


def _forgotten() -> list[ResourceKind]:
    return [
        BY_NAME[ast.literal_eval(node.args[0])]
        for tree in _trees(planners)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Forget"
    ]


# --------------------------------------------------------------------------------------- from calls to requests


class _Notes(Transport):
    """Writes down requests instead of sending them. A POST finds its name taken when `taken`."""

    def __init__(self, *, taken: bool = False) -> None:
        self.rights: set[str] = set()
        self._taken = taken

    async def send(self, call: Call) -> Body:
        self.rights.add(_right(call))
        if self._taken and call.method == "POST":
            raise AlreadyExistsError(str(call))
        return {"items": [], "metadata": {"resourceVersion": "1"}}


def _right(call: Call) -> str:
    """Return verb and resource of a request, as the API server derives them."""
    _, root, *parts = call.path.split("/")
    group, parts = (parts[0], parts[2:]) if root == "apis" else ("", parts[1:])
    if parts[0] == "namespaces" and len(parts) > 2:
        parts = parts[2:]
    plural, name, subresource = (*parts, "", "")[:3]
    verbs = {"GET": "get" if name else "list", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    return f"{verbs[call.method]} {_place('/'.join(filter(None, (plural, subresource))), group)}"


def _place(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource


Ask = Callable[[_Notes], Awaitable[Any]]


def _noted(asks: Iterable[Ask]) -> Rights:
    notes = _Notes(), _Notes(taken=True)

    async def ask_all() -> None:
        for ask in asks:
            for note in notes:
                try:
                    await ask(note)
                except ClusterError:
                    continue

    asyncio.run(ask_all())
    return frozenset().union(*(note.rights for note in notes))


def _calls(done: set[tuple[str, ResourceKind]]) -> list[Ask]:
    return [lambda notes, call=call, kind=kind: _call(notes, call, kind) for call, kind in done]  # type: ignore[misc]


async def _call(notes: _Notes, call: str, kind: ResourceKind) -> None:
    cluster = KubeCluster(notes, kinds=(*KINDS, *WHERE_SERVED))
    metadata = {"namespace": "n", "name": "x", "uid": "u", "resourceVersion": "1"}
    body = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": metadata | {"managedFields": []},
        "status": {},
    }
    match call:
        case "pages":
            _ = [page async for page in cluster.pages(kind)]
        case "probe":
            await cluster.probe(kind)
        case "get":
            await cluster.get(kind, "n", "x")
        case "apply":
            await cluster.apply(body, manager="m", force=True)
        case "adopt":
            await cluster.adopt(body, body)
        case "scale":
            await cluster.scale(kind, "n", "x", 1, "1")
        case "delete":
            await cluster.delete(kind, "n", "x", "u")
        case _:
            await getattr(cluster, call)(body)


async def _tell(notes: _Notes) -> None:
    about = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "n", "name": "x", "uid": "u", "resourceVersion": "1"},
    }
    await KubeEvents(notes, SystemClock(), "i").tell(Notice(Subject.of(about), "Normal", "Reason", "A sentence."))


async def _lease(notes: _Notes) -> None:
    leases = KubeLeases(notes, SystemClock(), "n", "x")
    await leases.read()
    for version in ("1", ""):
        await leases.write(Record("me", 15, 0, "2026-01-01T00:00:00.000000Z", version))
