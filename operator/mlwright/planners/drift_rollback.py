"""Whether what was found speaks for the version before: a Decision that sends a deployment back to it. Pure.

An older version is no better where what is asked has changed, nor is one that had drifted itself. So nothing is sent
back unless it is known that what is asked looks as the training did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mlwright.api.drift import Action, Rollback
from mlwright.api.fields import parse_duration
from mlwright.plan.drift import MonitorSeen, ServedSeen
from mlwright.plan.drift_intents import Acted, SendBack
from mlwright.plan.serving import DeploymentSeen, Target
from mlwright.planners.decisions import decision_question, promotion, record_name
from mlwright.planners.drift_shown import observed, shown
from mlwright.planners.drift_verdicts import Finding, Found
from mlwright.planners.going_back import good_before, hindrance
from mlwright.stats.drift import State


def send_back(
    seen: MonitorSeen,
    served: ServedSeen,
    action: Action,
    because: Sequence[Found],
    judged: Sequence[Found],
    evidence: Mapping[str, Any],
) -> Acted:
    """Return what follows from what a version answers.

    Worked example: v2 took over yesterday, what it answers has drifted, what is asked has not, and v1 served before ->
    a Decision sends the deployment back to v1.
    """
    deployment, taken_back = seen.deployment, promotion(seen.deployment) if seen.deployment else None
    if deployment is None or taken_back is None or taken_back.revision != served.revision:
        return Acted()
    question = decision_question("Rollback", taken_back.name, "", "", "")
    name = record_name(seen.namespace, deployment.name, "Rollback", question)
    if any(decision.name == name for decision in deployment.decisions):
        return Acted(shown=shown(action, name, f"{served.version} was sent back"))
    good = good_before(deployment)
    why = hindrance(deployment) or _unjustified(seen, served, action, judged, str(evidence["until"]))
    why = why or _no_better(seen, good)
    if why or good is None:
        return Acted(trouble=f"{deployment.name} is not sent back: {why}")
    if seen.spec.mode == "Observe":
        told = f"would have sent {served.version} back to {good.version.name}, because {because[0].sentence}"
        return Acted(shown=observed(seen, action, told))
    sentence = f"{served.version} is sent back to {good.version.name}: {because[0].sentence}"
    record = SendBack(name, deployment, taken_back, sentence, {**evidence, **_versions(deployment, good)})
    return Acted((record,), shown(action, name, f"{served.version} was sent back to {good.version.name}"))


def _versions(deployment: DeploymentSeen, good: Target) -> dict[str, Any]:
    stable = promotion(deployment)
    digests = {revision.name: revision.digest for revision in deployment.revisions}
    own = {"digest": digests[stable.revision]} if stable and stable.revision in digests else {}
    return {**own, "to": {"version": good.version.name, "revision": good.revision}}


def _unjustified(seen: MonitorSeen, served: ServedSeen, action: Action, judged: Sequence[Found], until: str) -> str:
    """Return why what was found does not speak against the version; empty when it does."""
    within = (action.rollback or Rollback()).within
    if datetime.fromisoformat(until) - served.since > parse_duration(within):
        field = f"spec.actions[{action.name}].rollback.within"
        return f"{served.version} took over more than {within} ago ({field})"
    asked = {check.name for check in seen.spec.checks if check.type == "DataDrift"}
    own = [one for one in judged if isinstance(one, Finding) and one.check in asked]
    if moved := [one.name for one in own if one.votes.lasting or one.votes.over]:
        names = ", ".join(moved[:3]) + (", ..." if len(moved) > 3 else "")  # noqa: PLR2004  # as sentences name
        return f"what is asked has drifted as well ({names}), which an older version has not learned either"
    unknown = [one for one in own if one.shift.state is State.NOT_ENOUGH_DATA]
    if unknown or not own:
        told = unknown[0].shift.sentence if unknown else "no check of type DataDrift judges a feature"
        return f"whether what is asked has drifted is not known: {told}"
    return ""


def _no_better(seen: MonitorSeen, good: Target | None) -> str:
    """Return that the version before had drifted itself; empty when nothing tells so."""
    names = {
        name: pipeline
        for pipeline, known in seen.pipelines.items()
        if good and (name := seen.retrain_name(pipeline, good.revision)) in known
    }
    decision = next(iter(names), "")
    return f"{good.version.name} had drifted itself (Decision {decision})" if good and decision else ""
