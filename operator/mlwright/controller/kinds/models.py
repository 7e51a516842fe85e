"""Model: gather and decide."""

from __future__ import annotations

from datetime import datetime

from mlwright.api.models import ModelSpec
from mlwright.controller.kinds import parsing
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.plan import Plan
from mlwright.plan.resources import MODEL, MODEL_VERSION, Body
from mlwright.plan.training import VersionSeen
from mlwright.planners import model
from mlwright.planners.model import ModelSeen
from mlwright.settings import Settings


def versions(cache: CacheView, namespace: str, name: str) -> tuple[VersionSeen, ...]:
    """Return the versions of a model, by number."""
    found = (parsing.version_seen(body) for body in cache.related(MODEL_VERSION, namespace, "model", name))
    return tuple(sorted(found, key=lambda version: version.number))


def gather(body: Body, cache: CacheView) -> ModelSeen:
    """Return a model and its versions."""
    meta = body["metadata"]
    return ModelSeen(meta["name"], parsing.spec(ModelSpec, body), versions(cache, meta["namespace"], meta["name"]))


def plan(seen: ModelSeen, _: Settings, __: datetime) -> Plan:
    """Decide; a model has nothing to render."""
    status = model.decide(seen)
    return Plan(sentence=status.summary, status=status)


RECONCILER = Reconciler(kind=MODEL, gather=gather, plan=plan)
