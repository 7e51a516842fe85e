"""Moments of a play: it can go on from any of them, and a play that comes to a moment of another one ends like it.

All that an operator and the others will do follows from what is in a moment. So a play with a fault need not repeat
what was before the fault, nor what comes once the world is again as it was in a play whose end is known.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from hashlib import blake2b
from typing import Final

from pydantic_core import to_json

from mlwright.plan.resources import Body
from tests.support.replay.operator import Fault, Operator
from tests.support.replay.world import World, copied

PAST: Final = frozenset({"written", "of_status", "looks", "trace", "fault", "late"})
"""What an operator keeps of what was, for tests; late writes are still to come, and such a moment is none."""
TOLD: Final = frozenset({"writes", "watchers", "tell", "version"})
"""The same of a world: words, who listens, and how many changes there were."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^\"]*")


def moment(operator: Operator) -> bytes:
    """Return all that the future depends on: whatever an operator or a world gets beside the past belongs to it."""
    assert not operator.late, "a write is on its way"
    world = {name: value for name, value in vars(operator.world).items() if name not in TOLD}
    world["objects"] = {kind: _unnumbered(found) for kind, found in operator.world.objects.items()}
    names = [field.name for field in fields(operator) if field.name not in {"world", *PAST}]
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=5)
    pickler.fast = True  # the same bytes for the same values, whether or not one stands in two places
    pickler.dump((world, {name: getattr(operator, name) for name in names}))
    return file.getvalue()


def resumed(from_: bytes, fault: Fault, written: int) -> Operator:
    """Return an operator that goes on from a moment, nobody watching it.

    Args:
        from_: the moment.
        fault: which strikes afterwards.
        written: writes tried until then.
    """
    found, mine = pickle.loads(from_)  # noqa: S301  # our own
    world = World()
    vars(world).update(found)
    for body in world.everything():
        world.version += 1
        body["metadata"]["resourceVersion"] = str(world.version)
    operator = Operator(world, fault=fault, written=written)
    for name, value in mine.items():
        setattr(operator, name, value)
    return operator


def _unnumbered(objects: dict[str, Body]) -> dict[str, Body]:
    """Return objects without their versions: a look compares them with what it saw itself, and keeps none."""
    return {name: {**body, "metadata": {**body["metadata"], "resourceVersion": ""}} for name, body in objects.items()}


class Rests:
    """Where the world rests from each moment that was played, by `end`: then a play is over."""

    def __init__(self, end: datetime) -> None:
        self._end = end
        self._known: dict[bytes, str] = {}

    def after(self, operator: Operator, tell: Callable[[bytes], object] = lambda _: None) -> str:
        """Play on until all rests, or until the rest is known; return the world then, in comparable form.

        Args:
            operator: who plays.
            tell: hears of every moment after which no fault is to come.
        """
        passed: list[bytes] = []
        rest: str | None = None
        for _ in operator.rounds(self._end):
            if not _calm(operator):
                continue
            now = moment(operator)
            tell(now)
            passed.append(blake2b(now).digest())
            if (rest := self._known.get(passed[-1])) is not None:
                break
        rest = rest or comparable(operator.world)
        self._known.update(dict.fromkeys(passed, rest))
        return rest


def _calm(operator: Operator) -> bool:
    """Tell whether no fault is to come."""
    return not operator.late and (operator.fault is None or operator.fault.at <= operator.written)


def comparable(world: World) -> str:
    """Return all that is in a world, without what differs by nature: times, versions, and transitions told."""
    found = {f"{body['kind']}/{body['metadata']['name']}": _essence(copied(body)) for body in world.everything()}
    return _TIME.sub("T", to_json(found, indent=1).decode())


def _essence(body: Body) -> Body:
    for key in ("resourceVersion", "creationTimestamp"):
        body["metadata"].pop(key, None)
    status = body.get("status") or {}
    status.pop("history", None)
    (status.get("scaling") or {}).pop("sentence", None)  # tells the last move; how many there are follows from what is
    return body
