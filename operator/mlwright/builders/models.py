"""Writes of a model."""

from __future__ import annotations

from collections.abc import Callable

from mlwright.builders.sweeps import sweep
from mlwright.plan.models import ModelIntent, ModelSeen, RemoveSweep, RemoveVersion, StartSweep
from mlwright.plan.resources import JOB, MODEL_DEPLOYMENT, MODEL_VERSION
from mlwright.plan.writes import Census, Create, Delete, Write


def for_model(seen: ModelSeen) -> Callable[[ModelIntent], Write]:
    """Return the renderer of a model's intents."""

    def render(intent: ModelIntent) -> Write:
        match intent:
            case RemoveVersion(name, uid, witnesses):
                deployments = Census(MODEL_DEPLOYMENT, seen.namespace, seen.name)
                return Delete(MODEL_VERSION, seen.namespace, name, uid, witnesses, deployments)
            case StartSweep():
                return Create(sweep(seen, intent))
            case RemoveSweep(name, uid):
                return Delete(JOB, seen.namespace, name, uid)

    return render
