"""A Plan: what one look at the world decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from mlwright.api.conditions import StatusDraft
from mlwright.plan.writes import Write


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one decision.

    `records` are written first, one after the other, and must be in the world before anything in `writes` is tried: they are what
    cannot be derived again. The next look sees what happened; a plan never assumes it.
    """

    sentence: str
    status: StatusDraft
    records: tuple[Write, ...] = ()
    writes: tuple[Write, ...] = ()
    again: timedelta | None = None
    """When to look again even if nothing is heard of."""
