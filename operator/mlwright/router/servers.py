"""Which pods each backend of HAProxy should have, and the commands that make it so. Pure.

Every look compares with `show servers state`, so whatever happened to HAProxy or to the agent is repaired.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mlwright.router.config import HOLD
from mlwright.router.maps import backend
from mlwright.router.slots import Slots

_RUNNING: Final = 2
"""srv_op_state of a server that takes requests, as far as its check knows."""
_FORCED_MAINTENANCE: Final = 0x01
_FORCED_DRAIN: Final = 0x08


class State(StrEnum):
    """What HAProxy is told of a server."""

    READY = "ready"
    DRAIN = "drain"
    """Requests under way go on, no new ones come."""
    MAINTENANCE = "maint"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a pod listens."""

    ip: str
    port: int


Endpoints = Mapping[Address, State]
"""Pods of one revision."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a backend as HAProxy tells of it."""

    backend: str
    name: str
    address: Address
    state: State
    running: bool
    """Whether its check, too, finds that it may be sent requests."""

    @property
    def usable(self) -> bool:
        """Whether a request can be sent to it now."""
        return self.running and self.state is State.READY


def parse(text: str) -> tuple[Server, ...]:
    """Read the answer to `show servers state`; the server that is the agent is left out."""
    lines = [line for line in text.splitlines() if line.strip()]
    head = next(index for index, line in enumerate(lines) if line.startswith("# be_id"))
    names = lines[head].lstrip("# ").split(" ")
    rows = (dict(zip(names, line.split(" "), strict=False)) for line in lines[head + 1 :])
    return tuple(_server(row) for row in rows if row.get("srv_name", HOLD) != HOLD)


def _server(row: Mapping[str, str]) -> Server:
    admin = int(row["srv_admin_state"])
    draining = State.DRAIN if admin & _FORCED_DRAIN else State.READY
    return Server(
        backend=row["be_name"],
        name=row["srv_name"],
        address=Address(row["srv_addr"], int(row["srv_port"])),
        state=State.MAINTENANCE if admin & _FORCED_MAINTENANCE else draining,
        running=int(row["srv_op_state"]) == _RUNNING,
    )


def wanted(slots: Slots, services: Mapping[str, str], endpoints: Mapping[str, Endpoints]) -> dict[str, Endpoints]:
    """Return the pods that each backend should have.

    Args:
        slots: who has which backend.
        services: the headless Service of each variant.
        endpoints: the pods of each headless Service.
    """
    return {backend(number): endpoints.get(services.get(name, ""), {}) for name, number in slots.variants.items()}


def repair(servers: Iterable[Server], desired: Mapping[str, Endpoints]) -> list[str]:
    """Return the commands after which HAProxy has the wanted pods; none when it has them.

    Pods that come or go do not move the others: each keeps its server for its life.
    """
    by_backend: dict[str, list[Server]] = {}
    for server in servers:
        by_backend.setdefault(server.backend, []).append(server)
    return [command for name, known in by_backend.items() for command in _repaired(known, dict(desired.get(name, {})))]


def _repaired(known: list[Server], desired: dict[Address, State]) -> Iterator[str]:
    """Return the commands for one backend: who is there already, who takes a free place, who goes."""
    free: list[Server] = []
    for server in known:
        state = desired.pop(server.address, State.MAINTENANCE)
        if state is not server.state:
            yield f"set server {server.backend}/{server.name} state {state}"
        if state is State.MAINTENANCE:
            free.append(server)
    for server, (address, state) in zip(free, sorted(desired.items()), strict=False):
        name = f"{server.backend}/{server.name}"
        yield f"set server {name} addr {address.ip} port {address.port}"
        yield f"set server {name} state {state}"
