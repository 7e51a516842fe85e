"""Templates of the steps of a run: what a run was started to do, resolved and frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class StepTemplate:
    """One step of the graph, as frozen when the run starts."""

    name: str
    uses: str
    """Which built-in step it is: Validate, Train or Evaluate."""
    depends_on: tuple[str, ...] = ()
    """Names of the steps that must be done before it starts."""

    @property
    def folder(self) -> str:
        """Return the name, without the attempt, of its folder in the run's: the trainer knows its steps by these."""
        return self.uses.lower()


BUILT_IN: Final = (
    StepTemplate("validate", "Validate"),
    StepTemplate("train", "Train", ("validate",)),
    StepTemplate("evaluate", "Evaluate", ("validate", "train")),
)
"""What a run does unless its pipeline says otherwise."""


def templates(stored: Iterable[Mapping[str, Any]]) -> tuple[StepTemplate, ...]:
    """Return templates as they were frozen; fields that a newer release wrote are passed over."""
    known = frozenset(field.name for field in fields(StepTemplate))
    return tuple(
        StepTemplate(**{key: _value(value) for key, value in entry.items() if key in known}) for entry in stored
    )


def _value(stored: Any) -> Any:
    return tuple(stored) if isinstance(stored, list) else stored
