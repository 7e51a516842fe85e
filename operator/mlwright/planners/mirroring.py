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
from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import MirrorJob, PipelineSeen
from mlwright.plan.plan import LOOK_AGAIN
from mlwright.plan.pods import moment, plain
from mlwright.plan.training import RemoveJob, StartMirror, StepResult, TrainingIntent
from mlwright.planners.outside import check_host
from mlwright.planners.results import parse_result
from mlwright.planners.template import LARGEST_STEP, dump, fetching_image, training_image
from mlwright.settings import Settings

CONDITION: Final = "Mirrored"
FIRST_PAUSE: Final = timedelta(minutes=1)
LAST_PAUSE: Final = timedelta(hours=1)
"""The pause before a mirror is told again is doubled each time, up to this; so long do single versions wait."""
FAILED: Final = 10
"""Versions that could not be shown and are tried again."""
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
    doubt = _doubt(seen, wanted, settings)
    if doubt is not None:  # a mirror stands in no run's way, whatever the administrator allows
        return doubt
    whole, before = _digest(seen, wanted), seen.status.get("mirror") or {}
    same, wait = before.get("digest") == whole, _wait(before, now)
    if same and (wait is None or wait > timedelta(0)):
        return _settled(seen, before, wait)
    if not (seen.mirror.versions or before.get("digest")):
        return _settled(seen, before, None)
    return _going(seen, settings, whole, str(before.get("at")) if same else "", now)


def _doubt(seen: PipelineSeen, wanted: Mirror, settings: Settings) -> Mirroring | None:
    """Return why nothing can be told; None if it can."""
    try:
        check_host(wanted.mlflow.uri, "spec.mirror.mlflow.uri", settings)
    except InvalidSpecError as refusal:
        return _beside(seen, str(refusal), Reason.MIRROR_FAILED, None)
    if not seen.model_uid:
        return _beside(seen, f"the mirror is told when Model {seen.model} exists", Reason.MIRRORING, None)
    return None


def _going(seen: PipelineSeen, settings: Settings, whole: str, again: str, now: datetime) -> Mirroring:
    """Tell it, wait for the Job that does, or try again after one that failed."""
    short = _short(whole, again)
    mine = [job for job in seen.mirror.jobs if job.told == short]
    newest = max(mine, key=lambda job: job.attempt, default=None)
    if newest is not None and newest.state is JobState.COMPLETE:
        return _told(seen, whole, newest, now)
    busy = next((job for job in seen.mirror.jobs if job.state is JobState.ACTIVE), None)
    if busy is not None:
        return _beside(seen, "the mirror is being told", Reason.MIRRORING, LOOK_AGAIN)
    if newest is not None and (left := _left(newest, now)) > timedelta(0):
        return _beside(seen, f"{_trouble(seen, newest)}; tried again by itself", Reason.MIRROR_FAILED, left)
    return _start(seen, settings, short, newest)


def _wait(before: Mapping[str, Any], now: datetime) -> timedelta | None:
    """Return how long versions still wait that could not be shown; None if there are none."""
    if not before.get("failed"):
        return None
    left = moment(before.get("at")) + LAST_PAUSE - now
    return left if left <= LAST_PAUSE else timedelta(0)  # a clock was set back


def _settled(seen: PipelineSeen, before: Mapping[str, Any], again: timedelta | None) -> Mirroring:
    """Nothing is new; the newest Job stays, for its log."""
    return Mirroring(_removals(seen), (_standing(before),), dict(before) or None, again)


def _standing(told: Mapping[str, Any]) -> Verdict:
    """Return how a mirror stands that was told of everything."""
    sentence = str(told.get("sentence") or "there is no version to show yet")
    if told.get("failed"):
        return Verdict(CONDITION, "False", Reason.MIRROR_FAILED, sentence)
    return Verdict(CONDITION, "True", Reason.MIRRORED, sentence)


def _told(seen: PipelineSeen, whole: str, job: MirrorJob, now: datetime) -> Mirroring:
    result = parse_result(job.said)
    sentence = result.sentence if result else "the mirror shows all versions and aliases"
    told = {"digest": whole, "through": seen.mirror.through, "at": timestamp(job.ended or now), "sentence": sentence}
    failed = _not_shown(seen, result)
    fields = told | ({"failed": failed} if failed else {})
    return Mirroring(_removals(seen), (_standing(fields),), fields, LAST_PAUSE if failed else None)


def _not_shown(seen: PipelineSeen, result: StepResult | None) -> list[int]:
    """Return the numbers of the newest versions that could not be shown, as far as a Job told of them."""
    said = (result.results.get("mirror") if result else None) or {}
    failed = said.get("failed") if isinstance(said, dict) else None
    known = [int(spec["version"]) for spec in seen.mirror.versions]
    return [number for number in known if isinstance(failed, list) and number in failed][-FAILED:]


def _start(seen: PipelineSeen, settings: Settings, short: str, last: MirrorJob | None) -> Mirroring:
    if seen.spec.suspend:
        return _beside(seen, "the mirror is told when spec.suspend is false", Reason.MIRRORING, None)
    again = last is not None
    sentence = f"{_trouble(seen, last)}; tried again now" if last else "the mirror is about to be told"
    document = _document(seen, settings)
    images = (fetching_image(spec["bundle"]["uri"], settings) for spec in document["versions"])
    start = StartMirror(
        digest=short,
        attempt=last.attempt + 1 if last else 0,
        document=document,
        image=training_image(seen, settings),
        image_pull_policy=settings.image_pull_policy,
        fetching_image=max(images, default=""),
    )
    found = _beside(seen, sentence, Reason.MIRROR_FAILED if again else Reason.MIRRORING, None)
    return Mirroring((*found.intents, start), found.conditions, found.fields)


def _beside(seen: PipelineSeen, sentence: str, reason: Reason, again: timedelta | None) -> Mirroring:
    """Return how a mirror stands that does not show everything yet; what it was told before stays in the status.

    One that never got through remembers where it began: versions that come meanwhile are shown when it does.
    """
    verdict = Verdict(CONDITION, "False", reason, sentence)
    return Mirroring(_removals(seen), (verdict,), seen.status.get("mirror") or {"through": seen.mirror.since}, again)


def _removals(seen: PipelineSeen) -> tuple[TrainingIntent, ...]:
    """Return the removal of all Jobs that ended but the newest that tells what is wanted now; it stays for its log."""
    before = seen.status.get("mirror") or {}
    whole = _digest(seen, seen.spec.mirror) if seen.spec.mirror else ""
    wanted = (_short(whole, ""), _short(whole, str(before.get("at"))))  # the second where it is told again
    rank = {short: place for place, short in enumerate(wanted)}
    ended = [(rank.get(job.told, -1), job.ended, job.attempt, job) for job in seen.mirror.jobs if job.ended is not None]
    order = [job for *_, job in sorted(ended, key=lambda entry: entry[:3])]
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
    """Return the digest of what the mirror is to show: changed by a version, an alias, another Model or server."""
    server = {"uri": wanted.mlflow.uri, "experiment": wanted.mlflow.experiment}
    shown = {"through": seen.mirror.through, "aliases": dict(seen.mirror.aliases), "kept": list(seen.mirror.kept)}
    return digest({"server": server, "model": seen.model_uid, **shown})


def _short(whole: str, again: str) -> str:
    """Return the digits by which its Jobs are known; others when the same is told again after some moment."""
    text = digest({"told": whole, "again": again}) if again else whole
    return text.removeprefix("sha256:")[:TOLD]


def _document(seen: PipelineSeen, settings: Settings) -> dict[str, Any]:
    versions = [{key: spec[key] for key in _KEPT if key in spec} for spec in seen.mirror.versions]
    return {
        "schemaVersion": 1,
        "namespace": seen.namespace,
        "pipeline": seen.name,
        "model": seen.model,
        "uid": seen.model_uid,
        "mlflow": dump(seen.spec.mirror.mlflow) if seen.spec.mirror else {},
        "hosts": list(entries(settings.outside_hosts)),
        "versions": _within(versions, LARGEST_STEP),
        "aliases": dict(seen.mirror.aliases),
        "kept": list(seen.mirror.kept),
    }


def _within(versions: list[dict[str, Any]], largest: int) -> list[dict[str, Any]]:
    """Return the versions, without their parameters and the like where all would be longer than a step reads."""
    if len(canonical(versions).encode()) <= largest:
        return versions
    long = {"parameters", "tuning", "environment", "dataset"}
    short = [{key: value for key, value in spec["lineage"].items() if key not in long} for spec in versions]
    return [{**spec, "lineage": lineage} for spec, lineage in zip(versions, short, strict=True)]
