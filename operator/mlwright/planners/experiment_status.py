"""What a deployment tells of its experiment. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlwright.api.conditions import StatusDraft, Verdict, ready, stalled
from mlwright.api.reasons import Reason
from mlwright.plan.experiments import Trial, trial_told
from mlwright.plan.plan import Decided
from mlwright.plan.serving import ServingIntent, Target
from mlwright.planners.decisions import outcome, rejection
from mlwright.planners.experiment_outcome import outlook
from mlwright.planners.serving_status import draft, serving, stable_conditions, variant_told
from mlwright.planners.situation import Situation
from mlwright.planners.stages import enough

Decision = Decided[ServingIntent]

RUNNING = "ExperimentRunning"


def begun(at: Situation) -> Trial | None:
    """Return the experiment that has begun, as the status tells; None where none has."""
    asked = at.seen.spec.experiment
    found = trial_told(at.seen.status, asked.name) if asked else None
    return found if asked and found and found.begun and _same(found, [one.name for one in asked.variants]) else None


def _same(trial: Trial, names: list[str]) -> bool:
    return [arm.name for arm in trial.arms[1:]] == names


def going_on(at: Situation, trial: Trial, what: str, *, judged: bool = False, trouble: str = "") -> StatusDraft:
    """Return the status of an experiment that goes on or is about to begin.

    `judged`: `what` is how the counts were judged; then it is said how long it takes as well.
    """
    asked = at.seen.spec.experiment
    assert asked is not None  # noqa: S101  # asked by the caller
    seconds = (trial.counted - trial.since).total_seconds() if trial.counted and trial.since else 0.0
    parts = [what, trouble, outlook(asked, trial.arms, seconds) if judged else "", _waiting(at)]
    said = "; ".join(part for part in parts if part)
    sentence = f"experiment {trial.name}: {said}; {serving(at)}"
    running = Verdict(RUNNING, "True", Reason.EXPERIMENTING, sentence)
    missing = (Verdict("MetricsAvailable", "False", Reason.METRICS_UNAVAILABLE, trouble),) if trouble else ()
    found = draft(at, sentence, *stable_conditions(at), running, *missing, *_refused(at))
    told = trial.told() | {"state": "Running" if trial.begun else "Waiting", "sentence": said}
    return replace(found, fields={**found.fields, "experiment": told, "variants": _variants(at, trial)})


def impossible(at: Situation, why: str) -> StatusDraft:
    """Return the status when the spec asks for an experiment that cannot be."""
    asked = at.seen.spec.experiment
    sentence = f"{why}; {serving(at)}"
    verdicts = (ready(Reason.INVALID_SPEC, sentence, "False"), stalled(Reason.INVALID_SPEC, sentence))
    found = draft(at, sentence, *verdicts)
    told = {"name": asked.name, "state": "Waiting", "sentence": why} if asked else None
    return replace(found, fields={**found.fields, "experiment": told})


def beside(decision: Decision, at: Situation, waits: str) -> Decision:
    """Return a decision about something else, with what is to be said of the experiment: it has ended, or waits."""
    asked, told = at.seen.spec.experiment, decision.status
    if asked is None or told.fields.get("experiment") or at.stable is None:
        return decision
    ended, trial = outcome(at.seen), trial_told(at.seen.status, asked.name)
    if ended is not None:
        sentence, reason = ended.sentence, Reason.EXPERIMENT_ENDED
        fields: dict[str, Any] = {"name": asked.name, "state": "Ended", "sentence": sentence}
    else:
        word = "goes on" if trial and trial.begun else "begins"
        sentence, reason = f"experiment {asked.name} {word} later: {waits}", Reason.EXPERIMENT_WAITS
        kept = (
            replace(trial, counted=None, lacking=None, steady=None).told()
            if trial and trial.begun
            else {"name": asked.name}
        )
        fields = kept | {"state": "Waiting", "sentence": sentence}
    verdict = Verdict(RUNNING, "False", reason, sentence)
    status = StatusDraft(
        f"{told.summary}; {sentence}", (*told.conditions, verdict), {**told.fields, "experiment": fields}
    )
    return replace(decision, status=status)


def _waiting(at: Situation) -> str:
    """Say which version waits for the experiment."""
    if at.stable is None or not isinstance(at.goal, Target) or at.goal.revision == at.stable.name:
        return ""
    return "" if rejection(at.seen, at.goal.revision) else f"{at.goal.version.name} waits until that is decided"


def _refused(at: Situation) -> tuple[Verdict, ...]:
    """Return that a newer version was rejected before the experiment began, as long as it is asked for."""
    found = rejection(at.seen, at.goal.revision) if isinstance(at.goal, Target) else None
    if found is None or at.stable is None or found.revision == at.stable.name:
        return ()
    return (Verdict("CandidateRejected", "True", Reason.CANDIDATE_REJECTED, found.sentence),)


def _variants(at: Situation, trial: Trial) -> list[dict[str, Any]]:
    asked, known = at.seen.spec.experiment, {revision.name: revision for revision in at.seen.revisions}
    weights = {one.name: one.weight for one in asked.variants} if asked else {}
    replicas = at.seen.spec.replicas
    sizes = {name: enough(weight, replicas) for name, weight in weights.items()}
    return [
        variant_told(at, arm.name, known[arm.revision], sizes.get(arm.name, replicas))
        for arm in trial.arms
        if arm.revision in known
    ]
