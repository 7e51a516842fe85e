"""DriftMonitor: gather, decide, render."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mlwright.api.drift import DriftMonitorSpec
from mlwright.builders import drift as builders
from mlwright.constants import LABEL_REVISION
from mlwright.controller.kinds import parsing
from mlwright.controller.kinds.deployments import decisions
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.drift import Block, MonitorSeen, Reference, ServedSeen
from mlwright.plan.plan import Plan
from mlwright.plan.pods import moment
from mlwright.plan.resources import (
    CONTROLLER_REVISION,
    DECISION,
    DRIFT_MONITOR,
    MODEL_DEPLOYMENT,
    POD,
    TRAINING_PIPELINE,
    Body,
    Key,
)
from mlwright.planners import drift
from mlwright.planners.decisions import chain
from mlwright.settings import Settings


def gather(body: Body, cache: CacheView) -> MonitorSeen:
    """Return a monitor, what its deployment serves, and what was recorded."""
    meta, spec = body["metadata"], parsing.spec(DriftMonitorSpec, body)
    owner = Key(DRIFT_MONITOR.name, meta["namespace"], meta["name"])
    served = _served(spec, owner.namespace, cache)
    records = cache.children(CONTROLLER_REVISION, owner)
    return MonitorSeen(
        namespace=owner.namespace,
        name=owner.name,
        uid=meta["uid"],
        spec=spec,
        status=body.get("status") or {},
        served=served if isinstance(served, ServedSeen) else None,
        missing=served if isinstance(served, str) else "",
        blocks=tuple(sorted(_blocks(records), key=lambda block: block.until)),
        references=tuple(_references(records)),
        tallied=cache.tallied(owner),
        pipelines=_pipelines(spec, owner.namespace, cache),
    )


def _pipelines(spec: DriftMonitorSpec, namespace: str, cache: CacheView) -> dict[str, frozenset[str]]:
    """Return the Decisions about each pipeline that an action names and that exists."""
    named = {action.retrain.pipeline_ref.name for action in spec.actions if action.retrain}
    return {
        name: frozenset(cache.related_names(DECISION, namespace, "subject", f"{TRAINING_PIPELINE.name}/{name}"))
        for name in sorted(named)
        if cache.get(TRAINING_PIPELINE, namespace, name) is not None
    }


def _served(spec: DriftMonitorSpec, namespace: str, cache: CacheView) -> ServedSeen | str:
    """Return what serves; what is missing, in words, where nothing does."""
    name = spec.target.live.deployment_ref.name if spec.target.live else ""
    field = "spec.target.live.deploymentRef"
    body = cache.get(MODEL_DEPLOYMENT, namespace, name)
    if body is None:
        return f"ModelDeployment {name} ({field}) does not exist; it is watched when it serves"
    promoted = chain(decisions(cache, body))
    if not promoted:
        return f"ModelDeployment {name} ({field}) serves no version yet; it is watched when it does"
    serving = promoted[-1]
    pods = (
        (pod["metadata"]["name"], moment(pod["metadata"].get("creationTimestamp")).timestamp())
        for pod in cache.children(POD, Key(MODEL_DEPLOYMENT.name, namespace, name))
        if pod["metadata"]["labels"].get(LABEL_REVISION) == serving.revision
    )
    return ServedSeen(serving.revision, serving.version, serving.created, tuple(pods))


def _blocks(records: tuple[Body, ...]) -> Iterator[Block]:
    for body in records:
        data = (body.get("data") or {}).get(builders.COUNTED)
        if data:
            meta = body["metadata"]
            revision = meta["labels"].get(LABEL_REVISION, "")
            yield Block(revision, data["since"], data["until"], data["surfaces"], meta["name"], meta["uid"])


def _references(records: tuple[Body, ...]) -> Iterator[Reference]:
    for body in records:
        data = (body.get("data") or {}).get(builders.LEARNED)
        if data:
            meta = body["metadata"]
            yield Reference(meta["labels"].get(LABEL_REVISION, ""), data["surfaces"], meta["name"], meta["uid"])


def plan(seen: MonitorSeen, _: Settings, now: datetime) -> Plan:
    """Decide and render."""
    return drift.decide(seen, now).rendered(builders.renderer(seen))


RECONCILER = Reconciler(kind=DRIFT_MONITOR, gather=gather, plan=plan)
"""How drift monitors are looked after."""
