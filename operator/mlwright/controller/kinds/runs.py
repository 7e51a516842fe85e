"""TrainingRun: gather, decide, render."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from mlwright.api.conditions import find
from mlwright.api.runs import TrainingRunSpec
from mlwright.builders import training
from mlwright.builders.looks import look_name
from mlwright.builders.training import COLLECTS
from mlwright.constants import (
    ANNOTATION_ABORT,
    ANNOTATION_APPROVE,
    ANNOTATION_CRASHES,
    ANNOTATION_RETRY,
    EXIT_USER_ERROR,
    LABEL_ATTEMPT,
    LABEL_OWNER_KIND,
    LABEL_PROBE,
    LABEL_STEP,
    STEP_CONTAINER,
)
from mlwright.controller.kinds import endings, jobs, parsing, pipelines
from mlwright.controller.kinds.champions import champion
from mlwright.controller.kinds.versions import versions
from mlwright.controller.ownership import is_still, left_behind
from mlwright.controller.reconciler import CacheView, Reconciler
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import child_name
from mlwright.plan.frozen import Frozen
from mlwright.plan.jobs import JobSeen, JobState
from mlwright.plan.pipelines import PipelineSeen, ProbeSeen
from mlwright.plan.plan import Plan
from mlwright.plan.pods import PodSeen, moment, pod_seen
from mlwright.plan.resources import (
    CONTROLLER_REVISION,
    JOB,
    MODEL,
    POD,
    TRAINING_PIPELINE,
    TRAINING_RUN,
    Body,
    Key,
    ResourceKind,
)
from mlwright.plan.training import Kept, ModelKnown, RunSeen
from mlwright.planners import run
from mlwright.planners.champion import asks, compares
from mlwright.planners.model import last_number
from mlwright.planners.runs import is_stuck
from mlwright.settings import Settings

LOOKED_THROUGH: Final = 20
"""Earlier runs in which steps with a cache are looked for."""


def gather(body: Body, cache: CacheView) -> RunSeen:
    """Return a run, its Jobs and their pods, its frozen template, and the versions of the model.

    Raises:
        InvalidSpecError: the run's name cannot be a label.
    """
    meta, spec, status = body["metadata"], parsing.spec(TrainingRunSpec, body), body.get("status") or {}
    owner = Key(TRAINING_RUN.name, meta["namespace"], meta["name"])
    if len(owner.name) > pipelines.LONGEST_NAME:
        longest = f"a run's name has at most {pipelines.LONGEST_NAME} characters"
        raise InvalidSpecError("metadata.name", f"{longest}: create another with a shorter one")
    retry = parsing.annotation(body, ANNOTATION_RETRY)
    over = is_over(body)
    pods = () if over else tuple(pod_seen(pod, STEP_CONTAINER) for pod in cache.children(POD, owner))
    left = _left(body, cache)
    children = () if left else cache.children(JOB, owner)
    found = (_job(job, owner.name, pods) for job in children)
    seen = RunSeen(
        namespace=owner.namespace,
        name=owner.name,
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        created=moment(meta.get("creationTimestamp")),
        spec=spec,
        status=status,
        pipeline=None,
        frozen=None,
        jobs=tuple(job for job in found if job is not None),
        retry=retry,
        abort=parsing.annotation(body, ANNOTATION_ABORT),
        looks=tuple(sorted(_looks(children, owner.name, pods), key=lambda look: look.slot)),
        left=left,
    )
    return seen if over else _going(seen, body, cache)


def _left(body: Body, cache: CacheView) -> tuple[str, ...]:
    """Return what an earlier run of this name left, which is not this one's."""
    meta = body["metadata"]
    if (body.get("status") or {}).get("templateRevision"):
        return ()
    owner = Key(TRAINING_RUN.name, meta["namespace"], meta["name"])
    others = (child for kind in (JOB, *cache.foreign()) for child in cache.children(kind, owner))
    return left_behind(body, cache.children(CONTROLLER_REVISION, owner), others, lambda record: _holds(record, cache))


def _holds(record: Body, cache: CacheView) -> bool:
    """Tell whether what a run froze is of the Model that is there now, and not of one that was restored."""
    frozen = record.get("data") or {}
    model = cache.get(MODEL, record["metadata"]["namespace"], frozen.get("model", ""))
    return is_still(model, frozen.get("model_uid", ""))


def _going(seen: RunSeen, body: Body, cache: CacheView) -> RunSeen:
    """Add what matters only while a run goes on; thousands have ended."""
    if seen.spec.import_from is not None:
        seen = replace(seen, model=_model(seen.namespace, seen.spec.import_from.model_ref.name, cache))
    pipeline = cache.get(TRAINING_PIPELINE, seen.namespace, seen.spec.pipeline)
    newer = _newer(body, pipeline, cache) if pipeline else ""
    suspended = bool(pipeline and pipeline["spec"].get("suspend"))
    replaced = bool(newer) and _replaces(pipeline)
    seen = replace(seen, newer=newer, suspended=suspended, replaced=replaced)
    frozen = None if seen.left else parsing.frozen(seen.name, seen.namespace, cache)
    if frozen is None:
        definition = _defined(pipeline, cache) if pipeline else None
        cached = definition is not None and any(step.cache for step in definition.spec.steps)
        return replace(seen, pipeline=definition, kept=tuple(_kept(seen, cache)) if cached else ())
    if any(template.cache for template in frozen.steps):
        seen = replace(seen, kept=tuple(_kept(seen, cache)))
    others = tuple(job for job in _others(seen, frozen, cache) if job is not None)
    seen = replace(seen, jobs=(*seen.jobs, *others))
    if not _may_be_recorded(seen, frozen):
        return replace(seen, frozen=frozen)
    made = versions(cache, seen.namespace, frozen.model)
    model = cache.get(MODEL, seen.namespace, frozen.model) or {}
    aliased = (alias["version"] for alias in (model.get("spec") or {}).get("aliases") or [])
    last = last_number(model.get("status") or {}, made, aliased)
    ahead = parsing.annotation(pipeline, ANNOTATION_APPROVE) if pipeline else ""
    now = champion(cache, seen.namespace, frozen.model).get("name", "") if compares(frozen) else ""
    return replace(seen, frozen=frozen, versions=made, last_number=last, approved_ahead=ahead, champion=now)


def _model(namespace: str, name: str, cache: CacheView) -> ModelKnown:
    body = cache.get(MODEL, namespace, name)
    store = ((body or {}).get("spec") or {}).get("artifacts") or {}
    uid = body["metadata"]["uid"] if body else ""
    return ModelKnown(name, body is not None, store.get("uri", ""), uid, store.get("storage") or {})


def _defined(pipeline: Body, cache: CacheView) -> PipelineSeen:
    """Return a pipeline as a run freezes it: with the champion of its model, where anything compares with it."""
    try:
        found = pipelines.definition(pipeline, cache)
    except InvalidSpecError as error:
        raise error.of(f"TrainingPipeline {pipeline['metadata']['name']}") from error
    return replace(found, champion=champion(cache, found.namespace, found.model)) if asks(found.spec) else found


def _may_be_recorded(seen: RunSeen, frozen: Frozen) -> bool:
    """Tell whether a version of the run may exist or be made now: it has got to the step before that."""
    last = {template.name for template in frozen.steps if template.uses in {"Evaluate", "Import"}}
    told = (entry["name"] for entry in seen.status.get("steps") or () if entry["state"] not in {"Pending", "Running"})
    return not seen.jobs or not last.isdisjoint((*(job.step for job in seen.jobs), *told))


def is_over(body: Body) -> bool:
    """Tell whether a run has ended and nobody asks for another try of it."""
    status, retry = body.get("status") or {}, parsing.annotation(body, ANNOTATION_RETRY)
    ended = any((find(status, type_) or {}).get("status") == "True" for type_ in ("Complete", "Failed"))
    return ended and retry in {"", status.get("handledRetry")}


def _replaces(pipeline: Body | None) -> bool:
    spec = (pipeline or {}).get("spec") or {}
    return (spec.get("policy") or {}).get("overlap") == "Replace"


def _newer(body: Body, pipeline: Body, cache: CacheView) -> str:
    """Return the run that the pipeline started in the place of this one, "" if there is none.

    The pipeline starts a run only when the one before has ended or is stuck, so any later number tells; numbers between
    may be those of runs that were removed, and the pipeline's status may be lost. A run with a name of somebody's own
    gives way only while it is stuck: it may have been created at the same moment.
    """
    meta, name = body["metadata"], pipeline["metadata"]["name"]
    number = pipelines.number_of(meta["name"], name)
    if not number and not is_stuck(body.get("status") or {}):
        return ""
    names = cache.related_names(TRAINING_RUN, meta["namespace"], "pipeline", name)
    later = {other: place for other in names if (place := pipelines.number_of(other, name)) > number}
    nearest = sorted(later, key=lambda other: later[other], reverse=not number)
    runs = (cache.get(TRAINING_RUN, meta["namespace"], other) for other in nearest)
    following = next((run for run in runs if run is not None and _is_own(run)), None)
    if following is None or not (number or pipelines.born(following) > pipelines.born(body)):
        return ""
    return str(following["metadata"]["name"])


def _is_own(run: Body) -> bool:
    """Tell whether a pipeline made a run, and nobody who chose such a name."""
    return bool((run["metadata"].get("labels") or {}).get(LABEL_OWNER_KIND) == TRAINING_PIPELINE.name)


def _job(body: Body, run: str, pods: tuple[PodSeen, ...]) -> JobSeen | None:
    """Return a Job as seen; None for one that is labelled as a child of the run but is no attempt of a step."""
    meta, status = body["metadata"], body.get("status") or {}
    place = _place(meta, run)
    if place is None:
        return None
    state, final = jobs.state(status)
    own = tuple(pod for pod in pods if jobs.made(pod, meta))
    told = (
        final.get("reason") == "PodFailurePolicy"
    )  # the one rule that fails a Job is the exit code of the user's error
    return JobSeen(
        name=meta["name"],
        uid=meta["uid"],
        step=place[0],
        attempt=place[1],
        collects=COLLECTS in meta["labels"],
        state=state,
        message=final.get("message", ""),
        by_user=told or any(pod.exit_code == EXIT_USER_ERROR for pod in own),
        crashes=_count((meta.get("annotations") or {}).get(ANNOTATION_CRASHES, "")),
        started=moment(status.get("startTime") or meta.get("creationTimestamp")),
        ended=moment(status.get("completionTime") or final.get("lastTransitionTime")) if final else None,
        pods=own,
        suspended=bool((body.get("spec") or {}).get("suspend")),
        late=final.get("reason") == "DeadlineExceeded",
        retry=(meta.get("annotations") or {}).get(ANNOTATION_RETRY, ""),
    )


def _looks(children: Iterable[Body], run: str, pods: tuple[PodSeen, ...]) -> Iterator[ProbeSeen]:
    """Return the Jobs that look at how far a tuning is."""
    for body in children:
        meta = body["metadata"]
        slot = _count(meta["labels"].get(LABEL_PROBE, ""), longest=pipelines.SLOT_DIGITS)
        if slot and meta["name"] == look_name(run, slot):
            yield jobs.probe_seen(body, slot, pods)


def _kept(seen: RunSeen, cache: CacheView) -> Iterator[Kept]:
    """Return what steps with a cache left in the newest earlier runs of the pipeline, the newest first."""
    pipeline = seen.spec.pipeline
    names = cache.related_names(TRAINING_RUN, seen.namespace, "pipeline", pipeline)
    newest = sorted(names, key=lambda name: pipelines.number_of(name, pipeline), reverse=True)
    for name in [name for name in newest if name != seen.name][:LOOKED_THROUGH]:
        body = cache.get(TRAINING_RUN, seen.namespace, name) or {}
        for entry in (body.get("status") or {}).get("steps") or ():
            if entry.get("cacheKey") and entry.get("state") in {"Succeeded", "Cached"}:
                yield _entry(name, entry)


def _entry(run: str, entry: Mapping[str, Any]) -> Kept:
    said = str(entry.get("sentence", ""))
    return Kept(
        run=run,
        key=entry["cacheKey"],
        origin=entry.get("origin", ""),
        finished=moment(entry.get("finishedAt")),
        sentence=said.partition(": ")[2] if entry["state"] == "Cached" else said,
        results=entry.get("results") or {},
    )


def _others(seen: RunSeen, frozen: Frozen, cache: CacheView) -> Iterator[JobSeen | None]:
    """Return what other controllers do for the run, as if it were a Job."""
    owner = Key(TRAINING_RUN.name, seen.namespace, seen.name)
    resources = {template.name: template.resource for template in frozen.steps if template.resource}
    for kind in cache.foreign() if resources else ():
        for body in cache.children(kind, owner):
            place = _place(body["metadata"], seen.name)
            if place is not None and place[0] in resources:
                yield _other(body, kind, place, resources[place[0]])


def _other(body: Body, kind: ResourceKind, place: tuple[str, int], resource: Mapping[str, Any]) -> JobSeen:
    meta, annotations = body["metadata"], body["metadata"].get("annotations") or {}
    failure, success = (endings.found(body.get("status") or {}, resource[end]) for end in ("failure", "success"))
    final = failure or success
    state = JobState.FAILED if failure else JobState.COMPLETE if success else JobState.ACTIVE
    return JobSeen(
        name=meta["name"],
        uid=meta["uid"],
        step=place[0],
        attempt=place[1],
        collects=False,
        state=state,
        message=final.sentence if final else "",
        by_user=False,
        crashes=_count(annotations.get(ANNOTATION_CRASHES, "")),
        started=moment(meta.get("creationTimestamp")),
        ended=moment(final.since or meta.get("creationTimestamp")) if final else None,
        retry=annotations.get(ANNOTATION_RETRY, ""),
        kind=kind,
    )


def _place(meta: Body, run: str) -> tuple[str, int] | None:
    """Return step and attempt of a Job: by its labels or, if somebody edited them, by its name."""
    step, attempt = meta["labels"].get(LABEL_STEP, ""), meta["labels"].get(LABEL_ATTEMPT, "")
    if re.fullmatch(r"\d{1,6}", attempt) and meta["name"] in _names(run, step, attempt):
        return step, int(attempt)
    named = re.fullmatch(rf"{re.escape(run)}-([a-z][-a-z0-9]*)-(\d{{1,6}})(-read)?", meta["name"])
    return (named.group(1), int(named.group(2))) if named else None


def _names(run: str, step: str, attempt: str) -> tuple[str, str]:
    """Return the names that Jobs of an attempt have; a label that somebody edited names no such Job."""
    return child_name(run, step, attempt), child_name(run, step, attempt, "read")


def _count(text: str, longest: int = 6) -> int:
    return int(text) if re.fullmatch(rf"\d{{1,{longest}}}", text) else 0


def plan(seen: RunSeen, settings: Settings, now: datetime) -> Plan:
    """Decide and render."""
    return run.decide(seen, settings, now).rendered(training.for_run(seen))


RECONCILER = Reconciler(kind=TRAINING_RUN, gather=gather, plan=plan)
