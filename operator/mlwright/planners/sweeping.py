"""When the folders of runs are swept, and what came of it: a small Job for each slot, in the namespace of the model.

Invariants: one sweep at a time, only the newest that ended is kept; each is told what is in use at the moment in which
it is made, and given up before that could be out of date. What may be removed it judges by the marks in the folders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import Verdict, timestamp
from mlwright.api.fields import parse_duration
from mlwright.api.reasons import Reason
from mlwright.bundle.addresses import ARTIFACTS, VOLUMES, Scheme
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import canonical, child_name
from mlwright.plan.jobs import JobState
from mlwright.plan.models import ModelIntent, ModelSeen, RemoveSweep, StartSweep, SweepSeen
from mlwright.plan.pods import plain
from mlwright.planners.probing import LONGEST, slot_of
from mlwright.planners.results import parse_result
from mlwright.planners.steps import HEARD
from mlwright.planners.template import LARGEST_STEP, dump, parse_address
from mlwright.settings import Settings

OFTEN: Final = timedelta(minutes=30)
SELDOM: Final = timedelta(hours=24)
"""A sweep comes twice in a grace period, but not more often than the first and not more seldom than the second."""
PLACES: Final = 8
"""Addresses that one sweep looks at; each may be a claim of its own."""
COUNTS: Final = ("folders", "inUse", "waiting", "waitingBytes", "removed", "removedBytes", "unmarked", "failed")


@dataclass(frozen=True, slots=True)
class Sweeping:
    """What came of the sweeps so far, and what is to be done."""

    intents: tuple[ModelIntent, ...] = ()
    fields: dict[str, Any] | None = None
    verdicts: tuple[Verdict, ...] = ()
    sentence: str = ""
    next: timedelta | None = None


class _ImpossibleError(Exception):
    """No sweep can be made; the message says why and what to do."""


def is_wanted(seen: ModelSeen) -> bool:
    """Tell whether folders of runs are to be removed."""
    return seen.spec.retention is not None and seen.spec.retention.artifacts == "Delete"


def every(grace: timedelta) -> timedelta:
    """Return the time between two sweeps.

    >>> every(timedelta(hours=24))
    datetime.timedelta(seconds=43200)
    """
    return min(max(grace / 2, OFTEN), SELDOM)


def sweeping(seen: ModelSeen, settings: Settings, now: datetime) -> Sweeping:
    """Return what the sweeps say.

    Worked example: gracePeriod is 24h; at 12:00 a sweep marks a folder, at 0:00 it waits, at 12:00 it is removed.
    """
    if seen.spec.retention is None or not is_wanted(seen):
        return Sweeping(intents=tuple(RemoveSweep(job.name, job.uid) for job in seen.sweeps))
    period = every(_grace(seen))
    slot = slot_of(now, period)
    known = [sweep for sweep in seen.sweeps if sweep.slot <= slot]  # one of a later slot was made by a wrong clock
    ended = [sweep for sweep in known if _is_over(sweep, now)]
    ahead = [sweep for sweep in seen.sweeps if sweep.slot > slot]
    kept = {
        *ended[-1:],
        *known[-1:],
    }  # one of an earlier slot that is still at work was made by a leader that woke late
    removals = tuple(RemoveSweep(sweep.name, sweep.uid) for sweep in (*known, *ahead) if sweep not in kept)
    due = not known or (known[-1].slot < slot and len(ended) == len(known))
    try:
        starts = (_start(seen, settings, slot, _trusted(slot, period, ended), now),) if due else ()
        problem = ""
    except _ImpossibleError as error:
        starts, problem = (), str(error)
    told = _told(seen, ended[-1] if ended else None, problem)
    left = datetime.fromtimestamp(slot, UTC) + period - now
    return Sweeping((*removals, *starts), told.fields, told.verdicts, told.sentence, left)


def _grace(seen: ModelSeen) -> timedelta:
    assert seen.spec.retention is not None  # noqa: S101  # who asks has seen that folders are to be removed
    return parse_duration(seen.spec.retention.grace_period)


def _is_over(sweep: SweepSeen, now: datetime) -> bool:
    """Tell whether a sweep ended and its pod was heard of, or has had the time to be."""
    if sweep.state is not JobState.COMPLETE or sweep.said or sweep.ended is None:
        return sweep.state is not JobState.ACTIVE
    return abs(now - sweep.ended) >= HEARD


def _trusted(slot: int, period: timedelta, ended: Sequence[SweepSeen]) -> int:
    """Return the earliest slot whose marks are believed: a folder was unused only while sweeps saw that it was.

    One may fail, two may not; and what the last one that ended well did not see was put there since, mark and all.
    """
    good = [sweep.slot for sweep in ended if (told := parse_result(sweep.said)) and told.outcome == "Succeeded"]
    return max(slot - 2 * int(period.total_seconds()), *good, 0)


def _start(seen: ModelSeen, settings: Settings, slot: int, trusted: int, now: datetime) -> StartSweep:
    image = settings.trainer_image or next((trainer.image for trainer in seen.trainers if trainer.image), "")
    if not image:
        raise _ImpossibleError("no image sweeps: set the chart's images.trainer")
    places = _places(seen, settings)
    if not settings.trainer_image and any(how.get("secretRef") for how in places.values()):
        raise _ImpossibleError("only the chart's images.trainer may know the keys of an object store: set it")
    stores = [{"uri": uri, "storage": dict(how)} for uri, how in places.items() if uri.startswith(f"{Scheme.S3}://")]
    document = {
        "schemaVersion": 1,
        "name": sweep_name(seen.name, slot),
        "owner": {"namespace": seen.namespace, "model": seen.name, "uid": seen.uid},
        "listedAt": now.isoformat(),
        "slot": slot,
        "trustedSlot": trusted,
        "graceSeconds": int(_grace(seen).total_seconds()),
        "places": list(places),
        **({"stores": stores} if stores else {}),
        "inUse": sorted(seen.folders),
    }
    if len(canonical(document).encode()) > LARGEST_STEP:
        problem = f"the list of the {len(seen.folders):,} folders in use is longer than a pod can be told"
        raise _ImpossibleError(f"{problem}; keep fewer versions (spec.retention.keepVersions) or runs")
    pod = seen.trainers[0].pod if seen.trainers else {}
    return StartSweep(slot, image, settings.image_pull_policy, pod, document, int(LONGEST.total_seconds()))


def sweep_name(model: str, slot: int) -> str:
    """Return the name of the Job for a slot."""
    return child_name(model, "sweep", str(slot))


def _places(seen: ModelSeen, settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Return the folders in which runs of the model have theirs, where pipelines and settings say so now.

    With each stands how its object store is reached.
    """
    # of two who name one place it is told how that one gets there who names keys
    found = dict(sorted(_addresses(seen, settings), key=lambda place: (place[0], "secretRef" in place[1])))
    if not found:
        said = "set artifacts.uri here, in a pipeline, or for the whole installation in the chart"
        raise _ImpossibleError(f"nobody says where runs are written: {said}")
    if len(found) > PLACES:
        raise _ImpossibleError(f"runs are written to {len(found)} places, and at most {PLACES} are swept: use fewer")
    return {f"{uri}/{seen.namespace}/{seen.name}/runs": how for uri, how in found.items()}


def _addresses(seen: ModelSeen, settings: Settings) -> Iterator[tuple[str, Mapping[str, Any]]]:
    own = seen.spec.artifacts
    storage = dump(own.storage) if own and own.storage else {}
    general = (own.uri if own else "") or settings.artifacts_uri, storage
    told = [(trainer.artifacts, trainer.storage) if trainer.artifacts else general for trainer in seen.trainers]
    of_model = [general] if storage or not told else []  # imports may go there
    for uri, how in [*told, *of_model]:
        if not uri:
            continue
        try:
            address = parse_address(uri.rstrip("/"), "artifacts.uri", (*VOLUMES, Scheme.S3))
        except InvalidSpecError as error:
            raise _ImpossibleError(str(error)) from error
        if address.scheme in ARTIFACTS:
            yield uri.rstrip("/"), how


def _told(seen: ModelSeen, newest: SweepSeen | None, problem: str) -> Sweeping:
    """Return what is told of the newest sweep that ended; what is remembered of it if its Job was deleted."""
    before = seen.status.get("artifacts")
    if newest is None and not problem:
        return Sweeping(fields=dict(before) if before else None, sentence=_of_folders(before or {}))
    result = parse_result(newest.said) if newest else None
    counts = (result.results.get("sweep") if result else None) or {}
    shown = {key: counts[key] for key in COUNTS if isinstance(counts.get(key), int)}
    good = result is not None and result.outcome == "Succeeded" and not problem
    sentence = result.sentence if result is not None and good else _trouble(seen, newest, problem)
    fields = shown | {"sentence": sentence}
    if newest is not None and newest.ended is not None:
        fields["checkedAt"] = timestamp(newest.ended)
    if good and not fields.get("failed"):
        return Sweeping(fields=fields, sentence=_of_folders(fields))
    return Sweeping(fields=fields, verdicts=(Verdict("SweepFailed", "True", Reason.SWEEP_FAILED, sentence),))


def _of_folders(fields: dict[str, Any]) -> str:
    """Return the words for the summary: only where there is something to tell."""
    news = fields.get("waiting") or fields.get("removed") or fields.get("unmarked")
    return str(fields["sentence"]) if news and "sentence" in fields else ""


def _trouble(seen: ModelSeen, newest: SweepSeen | None, problem: str) -> str:
    """Return why folders are not swept."""
    if problem or newest is None:
        return f"spec.retention.artifacts: no folder is removed: {problem}"
    result = parse_result(newest.said)
    why = result.sentence if result else plain(newest.said) or "it ended without a result"
    remedy = f"; {result.remedy}" if result and result.remedy else ""
    log = f"kubectl logs -n {seen.namespace} job/{newest.name}"
    return f"spec.retention.artifacts: the last sweep failed: {why}{remedy} ({log}); the next comes by itself"
