"""Telling a mirror of versions and aliases: one small Job at a time, until it shows what it is to show.

Invariants: what a mirror does changes no run; nothing that it shows is read back; when it is told again, it shows the
same (docs/mlflow.md says by which tags it finds what it knows).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import Verdict, timestamp
from mlwright.api.mirrors import Mirror
from mlwright.api.reasons import Reason
from mlwright.bundle.origins import entries
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import canonical, digest
from mlwright.plan.pods import plain
from mlwright.plan.training import JobState, MirrorJob, PipelineSeen, RemoveJob, StartMirror, TrainingIntent
from mlwright.planners.outside import check_host
from mlwright.planners.results import parse_result
from mlwright.planners.template import LARGEST_STEP, dump, training_image
from mlwright.settings import Settings

CONDITION: Final = "Mirrored"
FIRST_PAUSE: Final = timedelta(minutes=1)
LAST_PAUSE: Final = timedelta(hours=1)
"""The pause before a mirror is told again is doubled each time, up to this."""
LOOK_AGAIN: Final = timedelta(seconds=30)
"""A Job may get no pod, and no event would tell."""
TOLD: Final = 8
"""Digits of the digest in names and labels."""
_KEPT: Final = ("modelRef", "version", "bundle", "lineage", "metrics", "verdict")
"""What a mirror is told of a version."""


@dataclass(frozen=True, slots=True)
class Mirroring:
    """What is done about the mirror, and how it stands."""

    intents: tuple[TrainingIntent, ...] = ()
    conditions: tuple[Verdict, ...] = ()
    fields: Mapping[str, Any] | None = None
    again: timedelta | None = None


def mirroring(seen: PipelineSeen, settings: Settings, now: datetime) -> Mirroring:
    """Return the next move of a pipeline's mirror.

    Worked example: version 8 is new and the mirror was told of everything through 7 -> a Job starts, Mirrored is False
    (Mirroring); it completes -> Mirrored is True, and the status holds the digest of what was told.
    """
    wanted = seen.spec.mirror
    if wanted is None:
        return Mirroring(intents=tuple(RemoveJob(job.name, job.uid) for job in seen.mirror.jobs))
    try:
        check_host(wanted.mlflow.uri, "spec.mirror.mlflow.uri", settings)
    except InvalidSpecError as refusal:  # a mirror stands in no run's way, whatever the administrator allows
        return _beside(seen, str(refusal), Reason.MIRROR_FAILED, None)
    whole = _digest(seen, wanted)
    before = seen.status.get("mirror") or {}
    if before.get("digest") == whole or not (seen.mirror.versions or before.get("digest")):
        return _settled(seen, before)
    mine = [job for job in seen.mirror.jobs if job.told == _short(whole)]
    newest = max(mine, key=lambda job: job.attempt, default=None)
    if newest is not None and newest.state is JobState.COMPLETE:
        return _told(seen, whole, newest, now)
    busy = next((job for job in seen.mirror.jobs if job.state is JobState.ACTIVE), None)
    if busy is not None:
        return _beside(seen, "the mirror is being told", Reason.MIRRORING, LOOK_AGAIN)
    if newest is not None and (left := _left(newest, now)) > timedelta(0):
        return _beside(seen, f"{_trouble(seen, newest)}; tried again by itself", Reason.MIRROR_FAILED, left)
    return _start(seen, settings, wanted, newest)


def _settled(seen: PipelineSeen, before: Mapping[str, Any]) -> Mirroring:
    """Nothing is new; the newest Job stays, for its log."""
    sentence = str(before.get("sentence") or "there is no version to show yet")
    verdict = Verdict(CONDITION, "True", Reason.MIRRORED, sentence)
    return Mirroring(_removals(seen), (verdict,), dict(before) or None)


def _told(seen: PipelineSeen, whole: str, job: MirrorJob, now: datetime) -> Mirroring:
    result = parse_result(job.said)
    sentence = result.sentence if result else "the mirror shows all versions and aliases"
    fields = {"digest": whole, "through": seen.mirror.through, "at": timestamp(job.ended or now), "sentence": sentence}
    return Mirroring(_removals(seen), (Verdict(CONDITION, "True", Reason.MIRRORED, sentence),), fields)


def _start(seen: PipelineSeen, settings: Settings, wanted: Mirror, last: MirrorJob | None) -> Mirroring:
    if seen.spec.suspend:
        return _beside(seen, "the mirror is told when spec.suspend is false", Reason.MIRRORING, None)
    again = last is not None
    sentence = f"{_trouble(seen, last)}; tried again now" if last else "the mirror is about to be told"
    start = StartMirror(
        digest=_short(_digest(seen, wanted)),
        attempt=last.attempt + 1 if last else 0,
        document=_document(seen, settings, wanted),
        image=training_image(seen, settings),
        image_pull_policy=settings.image_pull_policy,
    )
    found = _beside(seen, sentence, Reason.MIRROR_FAILED if again else Reason.MIRRORING, None)
    return Mirroring((*found.intents, start), found.conditions, found.fields)


def _beside(seen: PipelineSeen, sentence: str, reason: Reason, again: timedelta | None) -> Mirroring:
    """Return how a mirror stands that does not show everything yet; what it was told before stays in the status."""
    verdict = Verdict(CONDITION, "False", reason, sentence)
    return Mirroring(_removals(seen), (verdict,), seen.status.get("mirror"), again)


def _removals(seen: PipelineSeen) -> tuple[TrainingIntent, ...]:
    """Return the removal of all Jobs that ended but the newest; it stays for its log."""
    whole = _digest(seen, seen.spec.mirror) if seen.spec.mirror else ""
    ended = [job for job in seen.mirror.jobs if job.ended is not None]
    order = sorted(ended, key=lambda job: (job.told == _short(whole), job.ended, job.attempt))
    return tuple(RemoveJob(job.name, job.uid) for job in order[:-1])


def _left(job: MirrorJob, now: datetime) -> timedelta:
    """Return how long to wait before the mirror is told again; nothing after a clock was set back."""
    pause = min(LAST_PAUSE, FIRST_PAUSE * 2 ** min(job.attempt, 10))
    left = (job.ended or now) + pause - now
    return left if left <= 2 * pause else timedelta(0)


def _trouble(seen: PipelineSeen, job: MirrorJob) -> str:
    """Return why the mirror could not be told."""
    result = parse_result(job.said)
    why = f"{result.field + ': ' if result.field else ''}{result.sentence}" if result else plain(job.said)
    remedy = f"; {result.remedy}" if result and result.remedy else ""
    log = f"kubectl logs -n {seen.namespace} job/{job.name}"
    return f"the mirror could not be told: {why or 'it ended without a result'}{remedy} ({log})"


def _digest(seen: PipelineSeen, wanted: Mirror) -> str:
    """Return the digest of what the mirror is to show: changed by a version, an alias, or another server."""
    server = {"uri": wanted.mlflow.uri, "experiment": wanted.mlflow.experiment}
    return digest({"server": server, "through": seen.mirror.through, "aliases": dict(seen.mirror.aliases)})


def _short(whole: str) -> str:
    return whole.removeprefix("sha256:")[:TOLD]


def _document(seen: PipelineSeen, settings: Settings, wanted: Mirror) -> dict[str, Any]:
    versions = [{key: spec[key] for key in _KEPT if key in spec} for spec in seen.mirror.versions]
    return {
        "schemaVersion": 1,
        "namespace": seen.namespace,
        "pipeline": seen.name,
        "model": seen.model,
        "mlflow": dump(wanted.mlflow),
        "hosts": list(entries(settings.outside_hosts)),
        "versions": _within(versions, LARGEST_STEP),
        "aliases": dict(seen.mirror.aliases),
    }


def _within(versions: list[dict[str, Any]], largest: int) -> list[dict[str, Any]]:
    """Return the versions, without their parameters and the like where all would be longer than a step reads."""
    if len(canonical(versions).encode()) <= largest:
        return versions
    long = {"parameters", "tuning", "environment", "dataset"}
    short = [{key: value for key, value in spec["lineage"].items() if key not in long} for spec in versions]
    return [{**spec, "lineage": lineage} for spec, lineage in zip(versions, short, strict=True)]
