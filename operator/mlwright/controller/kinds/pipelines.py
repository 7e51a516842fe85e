"""TrainingPipeline: gather, decide, render."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal, TypedDict

from mlwright.api.conditions import find
from mlwright.api.pipelines import TrainingPipelineSpec
from mlwright.api.reasons import Reason
from mlwright.builders import training
from mlwright.constants import ANNOTATION_APPROVE, ANNOTATION_RUN, STEP_CONTAINER
from mlwright.controller.kinds import jobs, mirrors, parsing
from mlwright.controller.kinds.versions import newest_versions
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.plan.digests import child_name
from mlwright.plan.pipelines import OwnRun, PipelineSeen, ProbeSeen, RetrainSeen, RunBrief
from mlwright.plan.plan import Plan
from mlwright.plan.pods import PodSeen, moment, pod_seen
from mlwright.plan.resources import (
    CONTROLLER_REVISION,
    DECISION,
    JOB,
    MODEL,
    POD,
    TRAINING_PIPELINE,
    TRAINING_RUN,
    Body,
    Key,
)
from mlwright.plan.versions import VersionSeen
from mlwright.planners import pipeline, run_history
from mlwright.planners.runs import GOING, is_stuck, newest_from
from mlwright.settings import Settings

SLOT_DIGITS: Final = 12
"""Digits of seconds since 1970 in a name."""
LONGEST_NAME: Final = 63
"""Characters of a run's name: it is a label of its children. One with a longer name never starts."""

RunState = Literal["Running", "Waiting", "Succeeded", "Rejected", "Failed"]


def gather(body: Body, cache: CacheView) -> PipelineSeen:
    """Return a pipeline, its newest runs and the newest versions of its model."""
    seen = definition(body, cache)
    made = newest_versions(cache, seen.namespace, seen.model)
    by_run = {version.run: version for version in made if version.run}
    runs = [_brief(run, number, by_run) for number, run in in_order(seen.name, _newest_runs(seen, cache))]
    return replace(
        seen,
        runs=tuple(_with_newest_frozen(runs, seen.namespace, cache)),
        versions=made,
        next_number=_next_number(seen, made, cache),
        probes=_probes(seen, cache),
        history=tuple(_history(seen, cache)),
        mirror=mirrors.seen(seen, cache),
        **_retrain(seen, cache),
    )


class _Asked(TypedDict):
    retrain: RetrainSeen | None
    passed_over: tuple[str, ...]


def _retrain(seen: PipelineSeen, cache: CacheView) -> _Asked:
    """Return the newest Decision that asks for a run, and the names of those that do not say until when they saw.

    The newest by what it rests on, for timestamps are new after a restore.
    """
    found = cache.related(DECISION, seen.namespace, "subject", f"{TRAINING_PIPELINE.name}/{seen.name}")
    asking = {body["metadata"]["name"]: body for body in found if body["spec"].get("type") == "Retrain"}
    ends = {name: _until(body) for name, body in asking.items()}
    read = (
        RetrainSeen(name, asking[name]["spec"]["sentence"], asking[name]["spec"].get("by", ""), until)
        for name, until in ends.items()
        if until is not None
    )
    return {
        "retrain": max(read, key=lambda one: (one.until, one.name), default=None),
        "passed_over": tuple(sorted(name for name, until in ends.items() if until is None)),
    }


def _until(decision: Body) -> datetime | None:
    """Return until when a Decision has seen, None where it does not say.

    That is not after it was recorded, whatever it says: else one that names a year to come would hide all others.
    """
    until = parsing.zoned((decision["spec"].get("evidence") or {}).get("until"))
    return until and min(until, moment(decision["metadata"].get("creationTimestamp")))


def _probes(seen: PipelineSeen, cache: CacheView) -> tuple[ProbeSeen, ...]:
    """Return the Jobs that look at the data, in the order of their slots."""
    owner = Key(TRAINING_PIPELINE.name, seen.namespace, seen.name)
    found = cache.children(JOB, owner)
    pods = [pod_seen(pod, STEP_CONTAINER) for pod in cache.children(POD, owner)] if found else []
    probes = (_probe(job, seen.name, pods) for job in found)
    return tuple(sorted((probe for probe in probes if probe is not None), key=lambda probe: probe.slot))


def _probe(body: Body, pipeline_name: str, pods: Sequence[PodSeen]) -> ProbeSeen | None:
    slot = parsing.number_after(f"{pipeline_name}-probe-", body["metadata"]["name"], longest=SLOT_DIGITS)
    return jobs.probe_seen(body, slot, pods) if slot else None


def _history(seen: PipelineSeen, cache: CacheView) -> Iterator[OwnRun]:
    """Return how the pipeline's own runs ended; nothing when all of them are kept anyway, for there may be many."""
    names = cache.related_names(TRAINING_RUN, seen.namespace, "pipeline", seen.name)
    numbers = {name: number for name in names if (number := number_of(name, seen.name))}
    for name in numbers if run_history.matters(seen.spec.policy, len(numbers)) else ():
        run = cache.get(TRAINING_RUN, seen.namespace, name)
        if run is not None:
            token = ((run.get("spec") or {}).get("trigger") or {}).get("token", "")
            yield OwnRun(name, run["metadata"]["uid"], numbers[name], _how_it_ended(run.get("status") or {}), token)


def _how_it_ended(status: Mapping[str, Any]) -> Literal["Complete", "Failed", ""]:
    return "Complete" if _is(status, "Complete") else "Failed" if _is(status, "Failed") else ""


def _newest_runs(seen: PipelineSeen, cache: CacheView) -> Iterator[Body]:
    """Return the runs that still matter: saves reading a thousand that ended long ago.

    These are the pipeline's own from the newest down to one that ended by itself (an earlier one has ended too, or has
    given way), and all that somebody created. While a request is not known to be answered, any of them may answer it;
    and the guard wants to know all that its memory does not hold yet.
    """
    names = cache.related_names(TRAINING_RUN, seen.namespace, "pipeline", seen.name)
    numbered = {name: number_of(name, seen.name) for name in names if len(name) <= LONGEST_NAME}
    answered = seen.request in {"", seen.status.get("handledRequest")}
    unknown = (seen.status.get("guard") or {}).get("run", 0) if seen.spec.guard else max(numbered.values(), default=0)
    ended = False
    for name in sorted(numbered, key=lambda name: numbered[name], reverse=True):
        if ended and answered and 0 < numbered[name] <= unknown:
            continue
        run = cache.get(TRAINING_RUN, seen.namespace, name)
        if run is not None:
            ended = ended or (_ended(run.get("status") or {}) and not _overridden(run))
            yield run


def definition(body: Body, cache: CacheView) -> PipelineSeen:
    """Return a pipeline without its runs and versions: all that a run needs to know of it."""
    meta, spec = body["metadata"], parsing.spec(TrainingPipelineSpec, body)
    model = spec.model_ref.name if spec.model_ref else meta["name"]
    record = cache.get(MODEL, meta["namespace"], model)
    artifacts = ((record or {}).get("spec") or {}).get("artifacts") or {}
    return PipelineSeen(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        created=moment(meta.get("creationTimestamp")),
        spec=spec,
        request=parsing.annotation(body, ANNOTATION_RUN),
        status=body.get("status") or {},
        approved_ahead=parsing.annotation(body, ANNOTATION_APPROVE),
        model=model,
        model_exists=record is not None,
        model_uid=record["metadata"]["uid"] if record else "",
        model_artifacts=artifacts.get("uri", ""),
        model_storage=artifacts.get("storage") or {},
    )


def number_of(run: str, pipeline_name: str) -> int:
    """Return the number in the name of a run that a pipeline started; 0 for any other name.

    >>> number_of("flights-12", "flights"), number_of("flights-by-hand", "flights")
    (12, 0)
    """
    return parsing.number_after(f"{pipeline_name}-", run)


def in_order(pipeline_name: str, runs: Iterable[Body]) -> list[tuple[int, Body]]:
    """Return the runs of a pipeline with their numbers, in the order in which they were made.

    Numbers tell the order of the pipeline's own runs, for timestamps are new after a restore from a backup. A run that
    somebody created stands behind those that existed then.
    """
    numbered = [(number_of(run["metadata"]["name"], pipeline_name), run) for run in runs]
    births = [(born(run), number) for number, run in numbered if number]

    def place(entry: tuple[int, Body]) -> tuple[int, int, datetime, str]:
        number, run = entry
        birth = born(run)
        before = number or max((n for earlier, n in births if earlier < birth), default=0)
        return before, 0 if number else 1, birth, run["metadata"]["name"]

    return sorted(numbered, key=place)


def born(run: Body) -> datetime:
    """Return when a run was created."""
    return moment(run["metadata"].get("creationTimestamp"))


def _brief(body: Body, number: int, by_run: Mapping[str, VersionSeen]) -> RunBrief:
    name, status = body["metadata"]["name"], body.get("status") or {}
    trigger, overridden = (body.get("spec") or {}).get("trigger") or {}, _overridden(body)
    going = find(status, "Reconciling") is not None
    # a name that somebody chose may come again: while such a run goes on, a version of that name is an earlier one's
    version = by_run.get(name) if number or not going else None
    state = _state(status, version)
    return RunBrief(
        name=name,
        number=0 if overridden else number,
        token=trigger.get("token", ""),
        state=state,
        sentence=status.get("summary", ""),
        version=version.name if version else (status.get("modelVersionRef") or {}).get("name", ""),
        created=born(body),
        ended=_end(status),
        stuck=state in GOING and is_stuck(status),
        deleting="deletionTimestamp" in body["metadata"],
        replaced=state == "Failed" and _replaced(status),
        asked=not number or overridden or trigger.get("type") == "Request",
        overridden=overridden,
        data=parsing.data_read(status.get("dataset")),
        slot=parsing.zoned(trigger.get("scheduledTime")),  # an older schema let in what is no time
    )


def _overridden(run: Body) -> bool:
    return bool((run.get("spec") or {}).get("overrides"))


def _ended(status: Mapping[str, Any]) -> bool:
    return _is(status, "Complete") or (_is(status, "Failed") and not _replaced(status))


def _end(status: Mapping[str, Any]) -> datetime | None:
    """Return when a run ended."""
    ends = (find(status, type_) for type_ in ("Complete", "Failed"))
    return next((moment(end.get("lastTransitionTime")) for end in ends if end and end["status"] == "True"), None)


def _replaced(status: Mapping[str, Any]) -> bool:
    return (find(status, "Failed") or {}).get("reason") == Reason.SUPERSEDED


def _state(status: dict[str, Any], version: VersionSeen | None) -> RunState:
    if version is not None:
        return "Succeeded" if version.approved or version.awaited else "Rejected"
    if _is(status, "Failed"):
        return "Failed"
    if _is(status, "Complete"):  # its version was deleted since
        good = all(gate.get("outcome") in {"Passed", "Held"} for gate in status.get("gates") or ())
        return "Succeeded" if good else "Rejected"
    waiting = (find(status, "Reconciling") or {}).get("reason") == Reason.WAITING
    return "Waiting" if waiting else "Running"


def _is(status: Mapping[str, Any], type_: str) -> bool:
    return (find(status, type_) or {}).get("status") == "True"


def _with_newest_frozen(runs: list[RunBrief], namespace: str, cache: CacheView) -> list[RunBrief]:
    """Look up what the newest runs use: of all others nobody asks."""
    first = newest_from(runs)
    newest = (
        run if run.overridden else replace(run, frozen=parsing.frozen(run.name, namespace, cache))
        for run in runs[first:]
    )
    return [*runs[:first], *newest]


def _next_number(seen: PipelineSeen, made: tuple[VersionSeen, ...], cache: CacheView) -> int:
    """Return a number that no run had, and whose name nothing else bears.

    Children of a run that was deleted may still be there; a new run of that name would take them for its own.
    """
    names = cache.related_names(TRAINING_RUN, seen.namespace, "pipeline", seen.name)
    told = (number_of(name, seen.name) for name in (*names, *(version.run for version in made)))
    number = max(seen.status.get("runs") or 0, 0, *told) + 1
    while _taken(Key(TRAINING_RUN.name, seen.namespace, child_name(seen.name, str(number))), cache):
        number += 1
    return number


def _taken(run: Key, cache: CacheView) -> bool:
    if cache.get(TRAINING_RUN, run.namespace, run.name) is not None:
        return True
    return any(cache.children(kind, run) for kind in (CONTROLLER_REVISION, JOB))


def plan(seen: PipelineSeen, settings: Settings, now: datetime) -> Plan:
    """Decide and render."""
    return pipeline.decide(seen, settings, now).rendered(training.for_pipeline(seen))


RECONCILER = Reconciler(kind=TRAINING_PIPELINE, gather=gather, plan=plan)
