"""The port to the Lease that says which replica acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease as the API server holds it. `version` changes with every write: a change shows without clocks."""

    holder: str
    """Identity of the holder; empty when it was released."""
    duration_seconds: int
    transitions: int
    """How often the holder changed."""
    acquired: str
    """When the holder took it, RFC 3339; for people."""
    version: str = ""
    """resourceVersion; empty for a Lease that is to be created."""


class Leases(Protocol):
    """Reads and writes one Lease."""

    async def read(self) -> Record | None:
        """Return the Lease, or None when it does not exist. Raises UnavailableError, RefusedError."""
        ...

    async def write(self, record: Record) -> Record:
        """Create or replace it at `record.version`.

        Raises ConflictError (somebody was faster), UnavailableError, RefusedError.
        """
        ...
