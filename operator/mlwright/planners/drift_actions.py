"""What follows when something has drifted: Decisions, each recorded once, upon which others act. Pure.

Invariants: the monitor starts no run; the pipeline does, as its guard allows. Monitors that watch the same deployment
and name the same pipeline ask for one run together. Nor does it change a deployment: that goes back by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mlwright.api.drift import Action
from mlwright.plan.drift import MonitorSeen, ServedSeen
from mlwright.plan.drift_intents import Acted, AskForRun
from mlwright.planners.drift_notify import notify
from mlwright.planners.drift_rollback import send_back
from mlwright.planners.drift_shown import observed, shown
from mlwright.planners.drift_verdicts import SUDDEN, Found
from mlwright.settings import Settings

SHOWN: Final = 20
"""Features that the evidence holds."""


def acting(
    seen: MonitorSeen,
    settings: Settings,
    served: ServedSeen,
    judged: Sequence[Found],
    told: Mapping[str, Any],
    *,
    broken: str = "",
) -> Acted:
    """Return what follows from what was found.

    Worked example: age has drifted, the action again names pipeline churn, and no Decision asks it for a run because of
    this revision yet -> one does.

    Args:
        seen: The monitor.
        settings: Of the operator.
        served: What is watched.
        judged: What was found.
        told: Fields of the status: the newest window, and the newest minutes.
        broken: Why nothing may follow from what is asked now: it is broken; empty where it is not.
    """
    types = {check.name: check.type for check in seen.spec.checks}
    found = Acted()
    for action in seen.spec.actions:
        because = [one for one in judged if one.lasting and types[one.check] in action.when]
        if action.type != "Notify":  # an hour of broken values is no reason to learn from it, nor to go back
            because = [one for one in because if one.part != SUDDEN]
        window = told["fast"] if all(one.part == SUDDEN for one in because) else told["window"]
        if because and window:
            evidence = _found(seen, because, window)
            if action.type == "Notify":  # tells no more than the status does
                found = _with(found, notify(seen, settings, served, action, because, evidence))
            elif not (proven := [one for one in because if one.known]):
                found = _with(found, Acted(trouble=_dependent(seen)))
            elif action.type == "Rollback":
                sent = send_back(seen, served, action, proven, judged, evidence)
                found = _with(found, _held(seen, sent, broken))
            else:
                found = _with(found, _asked(seen, served, action, proven, evidence, broken))
    return found


def _dependent(seen: MonitorSeen) -> str:
    """Return why nothing is done about what rows of few users may have made, and the way out."""
    learnt = "is learnt of distributions alone, from spans of 30m to 6h (spec.windows.slow.every)"
    why = "is not learnt of stored rows (spec.target.batch)" if seen.spec.target.batch else learnt
    more = f"rows of few users vary more than chance explains, and how much more {why}"
    return f"nothing but telling is done: {more}; set spec.independentRows if each row is one of its own"


def _with(before: Acted, more: Acted) -> Acted:
    known = {one.name for one in before.records}
    records = (*before.records, *(one for one in more.records if one.name not in known))
    return Acted(
        records=records,
        shown=more.shown or before.shown,
        trouble=before.trouble if more.trouble in before.trouble else _joined(before.trouble, more.trouble),
        intents=(*before.intents, *more.intents),
        notified=(*before.notified, *more.notified),
    )


def _joined(*sentences: str) -> str:
    return "; ".join(filter(None, sentences))


def _held(seen: MonitorSeen, sent: Acted, broken: str) -> Acted:
    """Hold what would send a deployment back because of broken values: an older version answers them no better."""
    news = sent.records or (sent.shown is not None and "decision" not in sent.shown)
    return (
        Acted(trouble=f"{seen.watched} is not sent back, for what is asked is broken: {broken}")
        if broken and news
        else sent
    )


def _found(seen: MonitorSeen, because: Sequence[Found], window: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a Decision keeps of what was found."""
    evidence: dict[str, Any] = {"deployment": seen.watched, "since": window["since"], "until": window["until"]}
    for one in because[:SHOWN]:
        evidence.setdefault(one.part, []).append(one.evidence)
    return evidence


def _asked(
    seen: MonitorSeen,
    served: ServedSeen,
    action: Action,
    because: Sequence[Found],
    evidence: Mapping[str, Any],
    broken: str,
) -> Acted:
    """Ask a pipeline for a run."""
    pipeline = action.retrain.pipeline_ref.name if action.retrain else ""
    if pipeline not in seen.pipelines:
        field = f"spec.actions[{action.name}].retrain.pipelineRef"
        missing = f"TrainingPipeline {pipeline} ({field}) does not exist: it is asked for a run when it does"
        return Acted(trouble=missing)
    name = seen.retrain_name(pipeline, served.revision)
    if broken and name not in seen.pipelines[pipeline]:
        held = f"pipeline {pipeline} is not asked for a run, which would learn from broken values: {broken}"
        return Acted(trouble=held)
    if seen.spec.mode == "Observe":
        told = f"would have asked pipeline {pipeline} for a run, because {because[0].sentence}"
        return Acted(shown=observed(seen, action, told))
    done = f"pipeline {pipeline} was asked for a run because {served.version} {because[0].what}"
    last = shown(action, name, done)
    if name in seen.pipelines[pipeline]:
        return Acted(shown=last)
    sentence = f"{served.version} {because[0].what}: {because[0].sentence}"
    return Acted((AskForRun(name, pipeline, served.revision, served.version, sentence, evidence),), last)
