"""What follows when something has drifted: a Decision that asks a pipeline for a run, once for each revision. Pure.

Invariants: the monitor starts no run; the pipeline does, as its guard allows. Monitors that watch the same deployment
and name the same pipeline ask for one run together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlwright.api.drift import Action
from mlwright.plan.digests import child_name, short
from mlwright.plan.drift import AskForRun, MonitorSeen, ServedSeen
from mlwright.planners.drift_verdicts import Finding

SHOWN: Final = 20
"""Features that the evidence holds."""
DEPENDENT: Final = (
    "no action is taken: rows of few users vary more than chance explains, and how much more is not learnt; set"
    " spec.independentRows if each row is one of its own"
)
_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class Acted:
    """What is done.

    Attributes:
        records: Decisions to record.
        shown: What the status tells of the last action; None without one.
        trouble: Why an action cannot be taken; empty when all can.
    """

    records: tuple[AskForRun, ...] = ()
    shown: Mapping[str, Any] | None = None
    trouble: str = ""


def acting(seen: MonitorSeen, served: ServedSeen, judged: Sequence[Finding], window: Mapping[str, Any] | None) -> Acted:
    """Return what follows from what was found.

    Worked example: age has drifted, the action again names pipeline churn, and no Decision asks it for a run because of
    this revision yet -> one does.
    """
    types = {check.name: check.type for check in seen.spec.checks}
    if seen.spec.actions and not seen.spec.independent_rows:
        drifted = any(one.drifted for one in judged)
        return Acted(trouble=DEPENDENT if drifted else "")
    found = Acted()
    for action in seen.spec.actions:
        because = [one for one in judged if one.drifted and types[one.check] in action.when]
        if because and window:
            found = _with(found, _taken(seen, served, action, because, window))
    return found


def _with(before: Acted, more: Acted) -> Acted:
    known = {one.name for one in before.records}
    records = (*before.records, *(one for one in more.records if one.name not in known))
    return Acted(records, more.shown or before.shown, "; ".join(filter(None, (before.trouble, more.trouble))))


def _taken(
    seen: MonitorSeen, served: ServedSeen, action: Action, because: Sequence[Finding], window: Mapping[str, Any]
) -> Acted:
    pipeline = action.retrain.pipeline_ref.name if action.retrain else ""
    if pipeline not in seen.pipelines:
        field = f"spec.actions[{action.name}].retrain.pipelineRef"
        missing = f"TrainingPipeline {pipeline} ({field}) does not exist: it is asked for a run when it does"
        return Acted(trouble=missing)
    if seen.spec.mode == "Observe":
        told = f"would have asked pipeline {pipeline} for a run, because {because[0].sentence}"
        before = seen.status.get("lastAction") or {}
        kept = before if before.get("decision") is None and before.get("name") == action.name else None
        return Acted(shown=kept or {"name": action.name, "type": action.type, "sentence": told})
    name = decision_name(seen, pipeline, served.revision)
    shown = {
        "name": action.name,
        "type": action.type,
        "decision": name,
        "sentence": f"pipeline {pipeline} was asked for a run because {served.version} has drifted",
    }
    if name in seen.pipelines[pipeline]:
        return Acted(shown=shown)
    sentence = f"{served.version} has drifted: {because[0].sentence}"
    evidence = {
        "deployment": _deployment(seen),
        "since": window["since"],
        "until": window["until"],
        "features": [_evidence(one) for one in because[:SHOWN]],
    }
    return Acted((AskForRun(name, pipeline, served.revision, served.version, sentence, evidence),), shown)


def decision_name(seen: MonitorSeen, pipeline: str, revision: str) -> str:
    """Return the name of the Decision by which a pipeline is asked because of a revision, whoever asks."""
    question = [f"{seen.namespace}/{pipeline}", "Retrain", _deployment(seen), revision]
    return child_name(pipeline, "retrain", short(question, _DIGITS))


def _deployment(seen: MonitorSeen) -> str:
    return seen.spec.target.live.deployment_ref.name if seen.spec.target.live else ""


def _evidence(one: Finding) -> dict[str, Any]:
    shift = one.shift
    return {
        "check": one.check,
        "name": one.name,
        "rows": shift.rows,
        "distance": round(shift.estimate, 4),
        "lower": round(shift.low, 4),
        "upper": round(shift.high, 4),
        "allowed": one.settings.max_distance,
        "moved": round(shift.moved, 4),
        "over": one.votes.over,
        "windows": len(one.votes.last),
    }
