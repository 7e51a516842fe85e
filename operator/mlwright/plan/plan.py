"""What one look at the world decided: in the words of the domain (Decided), and ready to be sent (Plan)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, TypeVar

from mlwright.api.conditions import StatusDraft
from mlwright.plan.drift_counts import Wanted
from mlwright.plan.experiments import Survey
from mlwright.plan.loads import Bounds, Question
from mlwright.plan.measuring import Measure
from mlwright.plan.scaling import Memory
from mlwright.plan.serving import Standing
from mlwright.plan.writes import Write

Intent = TypeVar("Intent")

LOOK_AGAIN: Final = timedelta(seconds=30)
"""When to look again at what may change without an event: pods in trouble, a Job without a pod, what is collected."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one decision.

    `records` are written first, one after the other, and must be in the world before anything in `writes` is tried:
    they are what cannot be derived again. The next look sees what happened; a plan never assumes it.
    """

    sentence: str
    status: StatusDraft
    records: tuple[Write, ...] = ()
    writes: tuple[Write, ...] = ()
    again: timedelta | None = None
    """When to look again even if nothing is heard of."""
    measure: Measure | Survey | None = None
    """What is to be counted; the next look after it was finds it."""
    questions: tuple[Question, ...] = ()
    """What is asked about the load, again and again; whenever an answer changes anything, there is another look."""
    bounds: Bounds | None = None
    """What routers may know of; above it there is another look. None: nobody asks them."""
    memory: Memory | None = None
    """What the next look at the load looks back at."""
    standing: Standing | None = None
    """By which an answer that changes nothing is known without another look; None: each answer leads to one."""
    wanted: Wanted | None = None
    """Rows that are to be counted by their bins; whenever they were, there is another look."""
    adopts: bool = True
    """Whether children are taken back that name another uid than the owner has."""


@dataclass(frozen=True, slots=True)
class Decided(Generic[Intent]):
    """A Plan before its intents are rendered into objects; the fields mean the same."""

    status: StatusDraft
    records: tuple[Intent, ...] = ()
    intents: tuple[Intent, ...] = ()
    again: timedelta | None = None
    measure: Measure | Survey | None = None
    questions: tuple[Question, ...] = ()
    bounds: Bounds | None = None
    memory: Memory | None = None
    standing: Standing | None = None
    wanted: Wanted | None = None
    adopts: bool = True

    def rendered(self, render: Callable[[Intent], Write]) -> Plan:
        """Return the Plan, each intent turned into a write by `render`."""
        return Plan(
            sentence=self.status.summary,
            status=self.status,
            records=tuple(render(intent) for intent in self.records),
            writes=tuple(render(intent) for intent in self.intents),
            again=self.again,
            measure=self.measure,
            questions=self.questions,
            bounds=self.bounds,
            memory=self.memory,
            standing=self.standing,
            wanted=self.wanted,
            adopts=self.adopts,
        )
