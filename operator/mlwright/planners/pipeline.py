"""TrainingPipeline: when a run is due, and what the runs so far say about the pipeline.

At most one run that gets on goes on at a time. A request, a change or a slot that comes meanwhile waits for its end;
nothing is lost, because all are found again by looking: a request whose token no run carries, a template whose digest
the newest run does not have, a slot after the last one that was answered. A run that is stuck (its data, a claim or
its image is missing) holds nothing up: what is asked for next takes its place. So does every run if policy.overlap is
Replace. A run answers all that is due when it starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mlwright.api.runs import Trigger
from mlwright.plan.pipelines import PipelineSeen, RunBrief
from mlwright.plan.plan import Decided
from mlwright.plan.training import MakeModel, RemoveRun, StartRun, TrainingIntent
from mlwright.planners import cron, guard, mirroring, probing
from mlwright.planners.guard import Held
from mlwright.planners.pipeline_status import Aspects, settled, starting
from mlwright.planners.probing import Probing
from mlwright.planners.run_history import outdated
from mlwright.planners.runs import goes_on, newest_digests, plain
from mlwright.planners.template import artifacts_storage, artifacts_uri, check, dump, template_digest, training_image
from mlwright.planners.timetable import Calendar, Slot, Timetable, timetable
from mlwright.settings import Settings

Decision = Decided[TrainingIntent]

REASON_LENGTH: Final = 512


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at."""

    seen: PipelineSeen
    settings: Settings
    now: datetime
    table: Timetable
    looks: Probing


def decide(seen: PipelineSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a pipeline.

    Worked example: the newest run flights-3 succeeded on template A, the spec now says B -> StartRun(4), "run flights-4
    starts: the spec changed".

    Raises:
        InvalidSpecError: no run could start: an address is refused, nobody says where artifacts go or what trains, or
            a schedule has no slots.
    """
    check(seen, settings)
    forget = tuple(RemoveRun(run.name, run.uid) for run in outdated(seen))
    cron.check(seen.spec.triggers.schedules, now)
    probing.check(seen)
    at = Situation(seen, settings, now, timetable(Calendar.of(seen), now), probing.probing(seen, settings, now))
    mirror = mirroring.mirroring(seen, settings, now)
    decision = _moved(at, forget)
    told = replace(decision.status, conditions=(*decision.status.conditions, *mirror.conditions))
    told = replace(told, fields={**told.fields, "mirror": mirror.fields})
    again = min((wait for wait in (decision.again, mirror.again) if wait is not None), default=None)
    return replace(decision, status=told, intents=(*decision.intents, *mirror.intents), again=again)


def _moved(at: Situation, forget: tuple[TrainingIntent, ...]) -> Decision:
    """Start the run that is due, or say how things stand."""
    seen, now = at.seen, at.now
    records: tuple[TrainingIntent, ...] = () if seen.model_exists else (MakeModel(seen.model),)
    trigger = due(at)
    held = guard.held(seen, trigger, now) if trigger else None
    again = _soonest(now, at.table.next, at.looks.next, held.until if held else None)
    if trigger is None or held is not None:
        told = Aspects(now, at.table, at.looks, _because(held, trigger) if held and trigger else None)
        beside = (*forget, *at.looks.intents)
        return Decided(settled(seen, told), records=records, intents=beside, again=again)
    start = StartRun(seen.next_number, trigger)
    told = Aspects(now, at.table, at.looks)
    return Decided(starting(seen, start, told), records=(*records, start), intents=forget, again=again)


def _soonest(now: datetime, *moments: datetime | None) -> timedelta | None:
    return min((moment - now for moment in moments if moment is not None), default=None)


def _because(held: Held, trigger: Trigger) -> Held:
    """Return what holds a run, with what it is due for in front."""
    return replace(held, sentence=f"a run is due ({trigger.reason}) and held: {held.sentence}")


def due(at: Situation) -> Trigger | None:
    """Return why a run is to start now, or None."""
    spec = at.seen.spec
    if spec.paused or spec.suspend or any(_keeps_its_place(run, at.seen) for run in at.seen.runs):
        return None
    trigger = next((trigger for rule in RULES if (trigger := rule(at)) is not None), None)
    return _answering(trigger, at.table.due) if trigger else None


def _keeps_its_place(run: RunBrief, seen: PipelineSeen) -> bool:
    """Tell whether a run goes on that nothing may replace; one under a name of somebody's own is theirs."""
    going = goes_on(run) and not run.stuck
    return going and not (run.number and seen.spec.policy.overlap == "Replace")


def _answering(trigger: Trigger, slot: Slot | None) -> Trigger:
    """Return the trigger of a run that answers a slot as well, if one is due."""
    if slot is None or trigger.scheduled_time is not None:
        return trigger
    reason = f"{trigger.reason}, and {slot.sentence}"[:REASON_LENGTH]
    return trigger.model_copy(update={"reason": reason, "scheduled_time": slot.local})


def _requested(at: Situation) -> Trigger | None:
    """Somebody asked with an annotation, and no run answers it yet."""
    seen = at.seen
    known = {run.token for run in seen.runs} | {seen.status.get("handledRequest")}
    if not seen.request or seen.request in known:
        return None
    reason = f"asked for with {seen.request!r}"[:REASON_LENGTH]
    return Trigger(type="Request", reason=reason, token=seen.request)


def _changed(at: Situation) -> Trigger | None:
    """The template is not that of the newest run. A template that is not known is no change."""
    if not at.seen.spec.triggers.spec_change:
        return None
    known = newest_digests(at.seen)
    if template_digest(at.seen) in known or "" in known:
        return None
    return Trigger(type="SpecChange", reason="the spec changed" if known else "the pipeline is new")


def _mended(at: Situation) -> Trigger | None:
    """The newest run is stuck, and what it was started with was changed since: a claim, a Secret, an image."""
    seen, settings = at.seen, at.settings
    run = next(reversed(plain(seen.runs)), None)
    if run is None or not run.stuck or run.frozen is None or not seen.spec.triggers.spec_change:
        return None
    signing = dump(seen.spec.signing) if seen.spec.signing else {}
    now = (dump(seen.spec.pod), artifacts_uri(seen, settings), artifacts_storage(seen), signing)
    frozen = run.frozen
    same = (frozen.pod, frozen.artifacts_uri, frozen.artifacts_storage, frozen.signing) == now
    # a run that waits for its data does so whatever the image: a new one alone never starts a run
    if same and (run.state == "Waiting" or run.frozen.image == training_image(seen, settings)):
        return None
    return Trigger(type="SpecChange", reason=f"{run.name} could not go on with what it was started with")


def _scheduled(at: Situation) -> Trigger | None:
    """A slot of a schedule has come, and no run answers it yet."""
    slot = at.table.due
    if slot is None:
        return None
    return Trigger(type="Schedule", by=slot.schedule, reason=slot.sentence, token=slot.token, scheduled_time=slot.local)


def _data_changed(at: Situation) -> Trigger | None:
    """The data is not as the newest run read it."""
    return at.looks.trigger


def _drifted(at: Situation) -> Trigger | None:
    """A monitor asked for a run, and none has started since what it saw."""
    seen, asked = at.seen, at.seen.retrain
    if asked is None or asked.name == seen.status.get("handledDrift"):
        return None
    if any(run.token == asked.name or run.created >= asked.until for run in plain(seen.runs)):
        return None
    return Trigger(type="Drift", by=asked.by, reason=asked.sentence[:REASON_LENGTH], token=asked.name)


RULES: Final[tuple[Callable[[Situation], Trigger | None], ...]] = (
    _requested,
    _changed,
    _mended,
    _scheduled,
    _data_changed,
    _drifted,
)
