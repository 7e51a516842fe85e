"""The text of HAProxy's configuration, for a shape. Pure. What changes every day is in maps and server states."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlwright.router.slots import Shape

MAPS: Final = ("limits", "timeouts", "sticky", "overrides", "force", "split", "models", "state")
"""Maps in the order in which they are changed: a model is named only when all else of it is known."""
HOLD: Final = "agent"
"""Name of the servers that are the agent: it holds requests, and tells metrics."""
MOST_WAITING: Final = 1000
"""Requests of one variant that wait for a pod; more are refused at once."""
QUEUE_SECONDS: Final = 60
"""How long a request waits for a pod."""


TEMPLATE: Final = Path(__file__).with_name("haproxy.cfg")
_CONDITION: Final = re.compile(r"^  \?(!?)(\w+) (.*\n)", re.MULTILINE)
"""A line that stands only where some route asks for the rules of a name, or with `!` only where none does."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are: a folder that HAProxy and the agent share, and ports."""

    folder: Path
    port: int = 8080
    metrics_port: int = 8405
    threads: int = 1
    connections: int = 8000

    @property
    def config(self) -> Path:
        """HAProxy's configuration."""
        return self.folder / "haproxy.cfg"

    @property
    def admin(self) -> Path:
        """The socket of the worker."""
        return self.folder / "admin.sock"

    @property
    def master(self) -> Path:
        """The socket of the master."""
        return self.folder / "master.sock"

    @property
    def hold(self) -> Path:
        """The socket of the agent on which requests wait that have no pod."""
        return self.folder / "hold.sock"

    @property
    def metrics(self) -> Path:
        """The socket on which the agent tells its metrics."""
        return self.folder / "metrics.sock"

    @property
    def memory(self) -> Path:
        """What the agent must know again after a restart."""
        return self.folder / "memory.json"

    def map(self, name: str) -> Path:
        """The file of a map."""
        return self.folder / f"{name}.map"


def render(shape: Shape, place: Place) -> str:
    """Return the configuration; `haproxy.cfg` beside this module is its text, with words in brackets to be replaced."""
    whole, _, rest = TEMPLATE.read_text(encoding="utf-8").partition("# headers\n")
    headers, _, backend = rest.partition("# repeated\n")
    values = {
        "headers": _headers(shape, headers),
        "folder": str(place.folder),
        "port": str(place.port),
        "metrics": str(place.metrics_port),
        "threads": str(place.threads),
        "connections": str(place.connections),
        "queue": str(QUEUE_SECONDS),
        "waiting": str(MOST_WAITING),
        "hold": HOLD,
        "servers": str(shape.servers),
    }
    text = "\n".join([whole, *(backend.replace("<name>", f"v{n}") for n in range(shape.backends))])
    text = _CONDITION.sub(lambda found: _line(shape, *found.groups()), text)
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def _line(shape: Shape, absent: str, rule: str, line: str) -> str:
    return f"  {line}" if (rule in shape.rules) is not bool(absent) else ""


def _headers(shape: Shape, rest: str) -> str:
    """Return the rules for headers that some route looks at: HAProxy wants their names in its configuration."""
    if not shape.headers:
        return ""
    named = "  http-request set-var(txn.want) req.hdr({h}) if {{ var(txn.number),map_str({overrides}) -m str {h} }}"
    users = "  http-request set-var(txn.user) req.hdr({h}) if {{ var(txn.number),map_str({sticky}) -m str header:{h} }}"
    maps = {"overrides": "<folder>/overrides.map", "sticky": "<folder>/sticky.map"}
    return "\n".join(rule.format(h=header, **maps) for rule in (named, users) for header in shape.headers) + "\n" + rest
