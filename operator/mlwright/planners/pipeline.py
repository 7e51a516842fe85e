"""TrainingPipeline: when a run is due, and what the runs so far say about the pipeline.

At most one run goes on at a time. A request or a change that comes meanwhile waits for its end; nothing is
lost, because both are found
again by looking: a request whose token no run carries, a template whose digest the newest run does not have.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from mlwright.api.conditions import StatusDraft, Verdict, find, ready, reconciling, stalled
from mlwright.api.reasons import Reason
from mlwright.api.training import Trigger
from mlwright.plan.plan import Decided
from mlwright.plan.training import MakeModel, PipelineSeen, RunBrief, StartRun, TrainingIntent
from mlwright.planners.template import artifacts_uri, template_digest
from mlwright.settings import Settings

Decision = Decided[TrainingIntent]


def decide(seen: PipelineSeen, settings: Settings, _: datetime) -> Decision:
    """Return the next move of a pipeline.

    Worked example: the newest run flights-3 succeeded on template A, the spec now says B -> StartRun(4), "run flights-4 starts: the
    spec changed".

    Raises:
        InvalidSpecError: nobody says where artifacts go.
    """
    artifacts_uri(seen, settings)
    records: tuple[TrainingIntent, ...] = () if seen.model_exists else (MakeModel(seen.model),)
    for rule in RULES:
        trigger = rule(seen)
        if trigger is not None:
            start = StartRun(_next_number(seen), trigger)
            return Decided(_starting(seen, start), records=(*records, start))
    return Decided(_settled(seen), records=records)


def _held(seen: PipelineSeen) -> bool:
    """While a run goes on, or the pipeline is paused, no other starts."""
    return seen.spec.paused or any(run.state in {"Running", "Waiting"} for run in seen.runs)


def _requested(seen: PipelineSeen) -> Trigger | None:
    """Somebody asked with an annotation, and no run answers it yet."""
    known = {run.token for run in seen.runs} | {seen.status.get("handledRequest")}
    if _held(seen) or not seen.request or seen.request in known:
        return None
    return Trigger(type="Request", reason=f"asked for with {seen.request!r}", token=seen.request)


def _changed(seen: PipelineSeen) -> Trigger | None:
    """The template is not that of the newest run. A digest that is not known is no change."""
    if _held(seen) or not seen.spec.triggers.spec_change:
        return None
    newest = _newest_digest(seen)
    if newest in {template_digest(seen), ""}:
        return None
    return Trigger(type="SpecChange", reason="the pipeline is new" if newest is None else "the spec changed")


def _newest_digest(seen: PipelineSeen) -> str | None:
    """Return the template of the newest run:

    its own record, else that of the version it made; "" if unknown, None if nothing ever ran.
    """
    if seen.runs and seen.runs[-1].digest:
        return seen.runs[-1].digest
    made = [version.template_digest for version in seen.versions if version.pipeline == seen.name]
    if made:
        return made[-1]
    return "" if seen.runs or seen.status.get("runs") else None


RULES: Final = (_requested, _changed)


def _next_number(seen: PipelineSeen) -> int:
    return max([seen.status.get("runs") or 0, *(run.number for run in seen.runs)]) + 1


def _starting(seen: PipelineSeen, start: StartRun) -> StatusDraft:
    sentence = f"run {seen.name}-{start.number} starts: {start.trigger.reason}"
    return StatusDraft(sentence, (_ready(seen), reconciling(Reason.RUN_IN_PROGRESS, sentence)), _fields(seen))


def _settled(seen: PipelineSeen) -> StatusDraft:
    """Nothing to start: tell how the newest run stands."""
    own, sentence = _standing(seen)
    conditions = (_ready(seen), *own)
    if seen.spec.paused:
        sentence = f"paused: no run starts until spec.paused is false; {sentence}"
        conditions = (*conditions, Verdict("Paused", "True", Reason.PAUSED, sentence))
    return StatusDraft(sentence, conditions, _fields(seen))


def _standing(seen: PipelineSeen) -> tuple[tuple[Verdict, ...], str]:
    if not seen.runs:
        return (), "no run was asked for yet"
    run = seen.runs[-1]
    sentence = f"{run.name}: {run.sentence}" if run.sentence else f"{run.name} starts"
    if run.state in {"Running", "Waiting"}:
        reason = Reason.WAITING if run.state == "Waiting" else Reason.RUN_IN_PROGRESS
        return (reconciling(reason, sentence),), sentence
    if run.state == "Failed":
        return (stalled(Reason.RUN_FAILED, sentence),), sentence
    if run.state == "Rejected" and _latest_passed(seen) is None:
        return (stalled(Reason.NO_APPROVED_VERSION, sentence),), sentence
    if run.state == "Rejected":
        kept = f"{sentence}; {_latest_passed(seen)} stays the newest good version"
        return (Verdict("LastVersionRejected", "True", Reason.LAST_VERSION_REJECTED, kept),), kept
    return (), sentence


def _ready(seen: PipelineSeen) -> Verdict:
    """Ready speaks of the last run that ended; while the first is going on it is Unknown."""
    newest = seen.runs[-1] if seen.runs else None
    if newest is not None and newest.state == "Waiting":
        return ready(Reason.WAITING, newest.sentence, "False")
    done = next((run for run in reversed(seen.runs) if run.state not in {"Running", "Waiting"}), None)
    if done is None:
        return _before_first(seen)
    if done.state == "Failed":
        return ready(Reason.RUN_FAILED, f"{done.name}: {done.sentence}", "False")
    if _latest_passed(seen) is None:
        return ready(Reason.NO_APPROVED_VERSION, f"{done.name}: {done.sentence}", "False")
    reason = Reason.LAST_VERSION_REJECTED if done.state == "Rejected" else Reason.RUN_SUCCEEDED
    return ready(reason, f"{_latest_passed(seen)} is the newest good version")


def _before_first(seen: PipelineSeen) -> Verdict:
    if seen.runs or any(rule(seen) for rule in RULES):
        return ready(Reason.RUN_IN_PROGRESS, "the first run is going on", "Unknown")
    before = find(seen.status, "Ready")
    if (
        before is not None and before["status"] != "Unknown"
    ):  # the runs were deleted by hand: what they proved still holds
        return ready(Reason.named(before["reason"], Reason.IDLE), before["message"], before["status"])
    return ready(Reason.IDLE, "no run was asked for yet")


def _latest_passed(seen: PipelineSeen) -> str | None:
    return next((version.name for version in reversed(seen.versions) if version.passed), None)


def _fields(seen: PipelineSeen) -> dict[str, Any]:
    run = seen.runs[-1] if seen.runs else None
    tokens = {r.token for r in seen.runs}
    handled = seen.request if seen.request in tokens else seen.status.get("handledRequest")
    return {
        "lastRun": _brief(run) if run else seen.status.get("lastRun"),
        "runs": max([seen.status.get("runs") or 0, *(r.number for r in seen.runs)]),
        "handledRequest": handled or None,
        "latestVersion": _latest_passed(seen),
    }


def _brief(run: RunBrief) -> dict[str, Any]:
    brief = {"name": run.name, "state": run.state, "sentence": run.sentence}
    return {**brief, "version": run.version} if run.version else brief
