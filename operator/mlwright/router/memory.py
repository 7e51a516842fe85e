"""What an agent must find again after a restart: numbers of variants, the shape, routes and pods.

A file in the folder that HAProxy and the agent share: it lives as long as the pod. When it is lost, numbers are given
anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlwright.router.servers import Address, Endpoints, State
from mlwright.router.slots import Shape, Slots, from_json


@dataclass(frozen=True, slots=True)
class Memory:
    """All of it."""

    slots: Slots = field(default_factory=Slots)
    shape: Shape = field(default_factory=Shape)
    routes: Mapping[str, str] = field(default_factory=dict)
    """Route documents by model, for a start while the API server is away."""
    endpoints: Mapping[str, Endpoints] = field(default_factory=dict)
    """Pods of each headless Service, for the same."""
    began: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """What HAProxy had counted when a variant got its backend."""


def load(file: Path) -> Memory:
    """Return what was kept; the beginning when nothing was, or when it cannot be read."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        shape = found["shape"]
        return Memory(
            slots=from_json(found["slots"]),
            shape=Shape(int(shape["backends"]), int(shape["servers"]), tuple(shape["headers"]), tuple(shape["rules"])),
            routes=dict(found["routes"]),
            began={name: dict(counts) for name, counts in found["began"].items()},
            endpoints={name: _read(pods) for name, pods in found["endpoints"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Memory()


def keep(file: Path, memory: Memory) -> None:
    """Write it; a reader sees the old or the new, never half."""
    shape = memory.shape
    told = {
        "slots": memory.slots.to_json(),
        "shape": {
            "backends": shape.backends,
            "servers": shape.servers,
            "headers": list(shape.headers),
            "rules": list(shape.rules),
        },
        "routes": dict(memory.routes),
        "began": {name: dict(counts) for name, counts in memory.began.items()},
        "endpoints": {
            name: [[address.ip, address.port, state] for address, state in pods.items()]
            for name, pods in memory.endpoints.items()
        },
    }
    replace_file(file, json.dumps(told))


def _read(pods: Iterable[tuple[str, int, str]]) -> Endpoints:
    return {Address(ip, port): State(state) for ip, port, state in pods}


def replace_file(file: Path, text: str) -> None:
    """Replace a file at once."""
    new = file.with_suffix(f"{file.suffix}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, file)  # noqa: PTH105  # what is needed is the system call of this name
