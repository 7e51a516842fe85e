"""TrainingPipeline: gather, decide, render."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from mlwright.api.conditions import find
from mlwright.api.reasons import Reason
from mlwright.api.training import TrainingPipelineSpec
from mlwright.builders import training
from mlwright.constants import ANNOTATION_RUN
from mlwright.controller.kinds import parsing
from mlwright.controller.kinds.models import versions
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.plan import Plan
from mlwright.plan.resources import CONTROLLER_REVISION, MODEL, TRAINING_PIPELINE, TRAINING_RUN, Body
from mlwright.plan.training import PipelineSeen, RunBrief, VersionSeen
from mlwright.planners import pipeline
from mlwright.settings import Settings


def gather(body: Body, cache: CacheView) -> PipelineSeen:
    """Return a pipeline, its runs and the versions of its model."""
    meta, spec = body["metadata"], parsing.spec(TrainingPipelineSpec, body)
    namespace, name = meta["namespace"], meta["name"]
    model = spec.model_ref.name if spec.model_ref else name
    record = cache.get(MODEL, namespace, model)
    made = versions(cache, namespace, model)
    found = cache.related(TRAINING_RUN, namespace, "pipeline", name)
    return PipelineSeen(
        namespace=namespace,
        name=name,
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        spec=spec,
        request=parsing.annotation(body, ANNOTATION_RUN),
        status=body.get("status") or {},
        model=model,
        model_exists=record is not None,
        model_artifacts=(((record or {}).get("spec") or {}).get("artifacts") or {}).get("uri", ""),
        runs=tuple(sorted((_brief(run, name, made, cache) for run in found), key=lambda run: (run.number, run.name))),
        versions=made,
    )


def _brief(body: Body, pipeline_name: str, made: tuple[VersionSeen, ...], cache: CacheView) -> RunBrief:
    meta, status = body["metadata"], body.get("status") or {}
    version = next((v for v in made if v.run == meta["name"]), None)
    frozen = cache.get(CONTROLLER_REVISION, meta["namespace"], meta["name"])
    number = re.fullmatch(re.escape(pipeline_name) + r"-(\d+)", meta["name"])
    return RunBrief(
        name=meta["name"],
        number=int(number.group(1)) if number else 0,
        token=((body.get("spec") or {}).get("trigger") or {}).get("token", ""),
        digest=((frozen or {}).get("data") or {}).get("digest", ""),
        state=_state(status, version),
        sentence=status.get("summary", ""),
        version=version.name if version else "",
    )


def _state(status: dict[str, Any], version: VersionSeen | None) -> Any:  # one of RunBrief's literals
    if version is not None:
        return "Succeeded" if version.passed else "Rejected"
    if (find(status, "Failed") or {}).get("status") == "True":
        return "Failed"
    waiting = (find(status, "Reconciling") or {}).get("reason") == Reason.WAITING.value
    return "Waiting" if waiting else "Running"


def plan(seen: PipelineSeen, settings: Settings, now: datetime) -> Plan:
    """Decide and render."""
    return pipeline.decide(seen, settings, now).rendered(training.for_pipeline(seen))


RECONCILER = Reconciler(kind=TRAINING_PIPELINE, gather=gather, plan=plan)
