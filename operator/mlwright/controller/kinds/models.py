"""Model: gather, decide, render."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mlwright.api.models import ModelSpec
from mlwright.builders import models
from mlwright.controller.kinds import parsing
from mlwright.controller.kinds.champions import champion
from mlwright.controller.kinds.sweeps import sweeps
from mlwright.controller.kinds.uses import folders, makers, uses, witnesses
from mlwright.controller.kinds.versions import locks, records
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.models import ModelSeen, TrainerSeen
from mlwright.plan.plan import Plan
from mlwright.plan.resources import MODEL, TRAINING_PIPELINE, Body, Key
from mlwright.planners import model
from mlwright.planners.sweeping import is_wanted
from mlwright.settings import Settings


def gather(body: Body, cache: CacheView) -> ModelSeen:
    """Return a model and its versions; what uses them only where one of them may go."""
    meta = body["metadata"]
    found = records(cache, meta["namespace"], meta["name"])
    seen = ModelSeen(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        spec=parsing.spec(ModelSpec, body),
        versions=tuple(version for version in found if locks(version, meta["name"])),
        misnamed=tuple(version.name for version in found if not locks(version, meta["name"])),
        status=body.get("status") or {},
        sweeps=sweeps(cache, Key(MODEL.name, meta["namespace"], meta["name"])),
    )
    seen = _with_uses(seen, body, cache) if _too_many(seen) else seen
    return _with_folders(seen, cache) if is_wanted(seen) else seen


def _too_many(seen: ModelSeen) -> bool:
    return seen.spec.retention is not None and len(seen.versions) > seen.spec.retention.keep_versions


def _with_uses(seen: ModelSeen, body: Body, cache: CacheView) -> ModelSeen:
    return replace(
        seen,
        uses=(*uses(cache, seen.namespace, seen.name), *makers(cache, seen.namespace, seen.versions)),
        champion=champion(cache, seen.namespace, seen.name).get("version", 0),
        witnesses=witnesses(cache, body),
    )


def _with_folders(seen: ModelSeen, cache: CacheView) -> ModelSeen:
    found = cache.related(TRAINING_PIPELINE, seen.namespace, "model", seen.name)
    trainers = tuple(
        TrainerSeen(
            name=body["metadata"]["name"],
            artifacts=(body["spec"].get("artifacts") or {}).get("uri", ""),
            image=body["spec"].get("image") or "",
            pod=body["spec"].get("pod") or {},
            storage=(body["spec"].get("artifacts") or {}).get("storage") or {},
        )
        for body in found
    )
    return replace(seen, trainers=trainers, folders=folders(cache, seen.namespace, seen.name))


def plan(seen: ModelSeen, settings: Settings, now: datetime) -> Plan:
    """Decide and render."""
    return model.decide(seen, settings, now).rendered(models.for_model(seen))


RECONCILER = Reconciler(kind=MODEL, gather=gather, plan=plan)
