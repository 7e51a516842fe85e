"""A toy kind for tests of the core: a TrainingRun wants one Service with the colour of its trigger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mlwright.api.conditions import StatusDraft, ready
from mlwright.api.reasons import Reason
from mlwright.builders import meta
from mlwright.controller.indexes import key_of
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.plan import Plan
from mlwright.plan.resources import SERVICE, TRAINING_RUN, Body
from mlwright.plan.writes import Apply, Write
from mlwright.settings import Settings


@dataclass(frozen=True, slots=True)
class Seen:
    """A run and its Services."""

    body: Body
    services: tuple[Body, ...]


def gather(body: Body, cache: CacheView) -> Seen:
    """Return what the toy looks at."""
    return Seen(body, cache.children(SERVICE, key_of(body)))


def service(owner: Body, **spec: Any) -> Body:
    """Return the Service that an owner wants."""
    key = key_of(owner)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta.child(key.name, key, owner["metadata"]["uid"], {}),
        "spec": {"ports": [{"name": "http", "port": 80}], **spec},
    }


@dataclass
class Toy:
    """Decides what a test tells it to; by default one Service, and a status that counts Services."""

    records: Callable[[Seen], tuple[Write, ...]] = lambda _: ()
    writes: Callable[[Seen], tuple[Write, ...]] = lambda seen: (Apply(service(seen.body, **colour(seen.body))),)
    again: timedelta | None = None
    raises: Exception | None = None
    asks: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the plan."""
    plans: list[Plan] = field(default_factory=list)

    @property
    def reconciler(self) -> Reconciler[Seen]:
        """Return the toy in the form that the core takes."""
        return Reconciler(TRAINING_RUN, gather, self.plan)

    def plan(self, seen: Seen, _: Settings, __: datetime) -> Plan:
        """Decide."""
        if self.raises is not None:
            raise self.raises
        sentence = f"{len(seen.services)} services"
        status = StatusDraft(sentence, (ready(Reason.SETTLED, sentence),), {"progress": str(len(seen.services))})
        plan = Plan(sentence, status, self.records(seen), self.writes(seen), self.again, **self.asks)
        self.plans.append(plan)
        return plan


def colour(body: Body) -> Body:
    """Return the part of the Service that follows the run's spec."""
    return {"selector": {"colour": body["spec"]["trigger"]["reason"]}}


def run(name: str = "flights-1", reason: str = "blue", pipeline: str = "flights") -> Body:
    """Return a TrainingRun in namespace `demo`."""
    return {
        "apiVersion": TRAINING_RUN.api_version,
        "kind": "TrainingRun",
        "metadata": {"namespace": "demo", "name": name},
        "spec": {"pipelineRef": {"name": pipeline}, "trigger": {"type": "Request", "reason": reason}},
    }
