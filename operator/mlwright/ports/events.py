"""The port to Events: what `kubectl describe` shows below an object. No decision rests on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from mlwright.plan.resources import Body


@dataclass(frozen=True, slots=True)
class Notice:
    """One Event to be told about an object."""

    about: Body
    type: Literal["Normal", "Warning"]
    reason: str
    sentence: str


class Events(Protocol):
    """Tells Events. An Event that was told before is counted up instead."""

    async def tell(self, notice: Notice) -> None:
        """Write the Event. Raises ClusterError kinds."""
        ...
