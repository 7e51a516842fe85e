"""Templates of the steps of a run: what a run was started to do, resolved and frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

ON_EXIT: Final = "on-exit"
"""Name of the step that runs when all others are over."""


@dataclass(frozen=True, slots=True)
class StepTemplate:
    """One step of the graph, as frozen when the run starts. What is written as in the pipeline is its JSON."""

    name: str
    uses: str = ""
    """Which built-in step it is: Validate, Tune, Train, Evaluate or Import; empty for a container of somebody's own."""
    depends_on: tuple[str, ...] = ()
    """Names of the steps that must be over before it starts."""
    needs: tuple[str, ...] = ()
    """Those among them without which it has nothing to work on: when one is skipped, so is this step."""
    container: Mapping[str, Any] = field(default_factory=dict)
    """The container of somebody's own that does its work, if there is one."""
    inputs: tuple[Mapping[str, Any], ...] = ()
    outputs: tuple[Mapping[str, Any], ...] = ()
    when: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    """How often it is tried at most; 0 for as often as the installation says."""
    backoff: float = 10.0
    """Seconds before the second attempt."""
    timeout: float = 0.0
    """Seconds that an attempt may take; 0 for as long as it wants."""
    shards: int = 1
    cache: float = 0.0
    """Seconds for which what it left may be used again; 0 for never."""
    resource: Mapping[str, Any] = field(default_factory=dict)
    """The object of another controller that does its work, if there is one: manifest, success, failure."""
    pod: Mapping[str, Any] = field(default_factory=dict)
    """What stands for the fields of the pipeline's pod."""

    @property
    def folder(self) -> str:
        """Return the name, without the attempt, of its folder in the run's: the trainer knows its steps by these."""
        return self.uses.lower() or self.name


BUILT_IN: Final = (
    StepTemplate("validate", "Validate"),
    StepTemplate("train", "Train", ("validate",), ("validate",)),
    StepTemplate("evaluate", "Evaluate", ("validate", "train"), ("validate", "train")),
)
"""What a run does unless its pipeline says otherwise."""
IMPORTING: Final = (StepTemplate("import", "Import"),)
"""What a run does that takes in a model which was trained elsewhere."""
TUNED: Final = (
    BUILT_IN[0],
    StepTemplate("tune", "Tune", ("validate",), ("validate",)),
    replace(BUILT_IN[1], depends_on=("validate", "tune")),
    BUILT_IN[2],
)
"""What a run with a tuning does. Training does not need it: when it is skipped, the estimator is as the spec says."""


def templates(stored: Iterable[Mapping[str, Any]]) -> tuple[StepTemplate, ...]:
    """Return templates as they were frozen; fields that a newer release wrote are passed over."""
    known = frozenset(entry.name for entry in fields(StepTemplate))
    return tuple(
        StepTemplate(**{key: _value(value) for key, value in entry.items() if key in known}) for entry in stored
    )


def _value(stored: Any) -> Any:
    return tuple(stored) if isinstance(stored, list) else stored
