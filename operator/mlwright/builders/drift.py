"""Objects of drift monitors: the records of distributions and of what was counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import repeat
from typing import Any, Final

from mlwright.builders import drift_batch, drift_notify, meta
from mlwright.builders.decisions import Told, decision
from mlwright.constants import LABEL_DEPLOYMENT, LABEL_REVISION, LABEL_VERSION
from mlwright.plan.digests import child_name
from mlwright.plan.drift import MonitorSeen
from mlwright.plan.drift_counts import Bet, Block, Hours, Reference, Usual, Variation, Varied
from mlwright.plan.drift_intents import (
    AskForRun,
    DriftIntent,
    ForgetNote,
    ForgetRecord,
    KeepBlock,
    KeepReference,
    KeepUsual,
    KeepVaried,
    Note,
    RemoveLook,
    RemoveMessage,
    SendBack,
    StartLook,
    StartMessage,
)
from mlwright.plan.resources import CONTROLLER_REVISION, Body, Key
from mlwright.plan.writes import Create, Delete, Write
from mlwright.stats.wobble import Wobble

COUNTED: Final = "counted"
LEARNED: Final = "learned"
VARIED: Final = "varied"
USUAL: Final = "usual"
"""What a record holds, as a part of its name and as the one key of its data."""
_DIGITS: Final = 6
"""Decimal places of a sum of covariances."""


def renderer(seen: MonitorSeen) -> Callable[[DriftIntent], Write]:
    """Return the renderer of a monitor's intents."""

    def render(intent: DriftIntent) -> Write:
        match intent:
            case AskForRun():
                return Create(_decision(seen, intent))
            case SendBack():
                return Create(_rollback(seen, intent), intent.deployment.witnesses)
            case Note() | StartMessage() | RemoveMessage() | ForgetNote():
                return drift_notify.rendered(seen, intent)
            case StartLook() | RemoveLook():
                return drift_batch.rendered(seen, intent)
            case KeepReference() | KeepVaried() | KeepUsual() | KeepBlock() | ForgetRecord():
                return _recorded(seen, intent)

    return render


def _recorded(seen: MonitorSeen, intent: KeepReference | KeepVaried | KeepUsual | KeepBlock | ForgetRecord) -> Write:
    """Return the write of a record."""
    match intent:
        case KeepReference(reference):
            return Create(_record(seen, _learned(reference)))
        case KeepVaried(varied):
            return Create(_record(seen, _varied(varied)))
        case KeepUsual(usual):
            return Create(_record(seen, _usual(usual)))
        case KeepBlock(block):
            return Create(_record(seen, _counted(block)))
        case ForgetRecord(name, uid):
            return Delete(CONTROLLER_REVISION, seen.namespace, name, uid)


@dataclass(frozen=True, slots=True)
class _Record:
    """What is recorded of a revision, and the end of its name."""

    what: str
    revision: str
    data: Mapping[str, Any]
    number: int = 0
    suffix: tuple[str, ...] = ()


def _learned(reference: Reference) -> _Record:
    data: dict[str, Any] = {"surfaces": {name: dict(counts) for name, counts in reference.surfaces.items()}}
    if reference.names:
        data["names"] = {surface: list(names) for surface, names in reference.names.items()}
    return _Record(LEARNED, reference.revision, data)


def _counted(block: Block) -> _Record:
    surfaces = {name: {slot: n for slot, n in counts.items() if n} for name, counts in block.counts.items()}
    data: dict[str, Any] = {"since": block.since, "until": block.until, "surfaces": surfaces}
    if block.bet is not None:
        data["labels"] = asdict(block.bet)
    if block.data:
        data |= {"data": block.data, "token": block.token}
    return _Record(COUNTED, block.revision, data, block.until, (f"{block.until}-{block.until - block.since}",))


def _varied(varied: Varied) -> _Record:
    """Return the record; a millionth of a covariance is no matter, and digits cost space."""
    found = {
        name: {
            "slots": list(one.slots),
            "pairs": one.wobble.pairs,
            "sums": [*map(round, one.wobble.sums, repeat(_DIGITS))],
        }
        for name, one in varied.variation.items()
    }
    data = {"until": varied.until, "surfaces": found}
    return _Record(VARIED, varied.revision, data, varied.until, (str(varied.until),))


def _usual(usual: Usual) -> _Record:
    """Return the record; hours are keys, as texts."""
    found = {
        name: {
            "slots": list(one.slots),
            "learned": one.learned,
            "counts": {str(hour): list(rows) for hour, rows in sorted(one.counts.items())},
            "pairs": one.wobble.pairs,
            "sums": [*map(round, one.wobble.sums, repeat(_DIGITS))],
        }
        for name, one in usual.hours.items()
    }
    data = {"until": usual.until, "length": usual.length, "surfaces": found}
    return _Record(USUAL, usual.revision, data, usual.until, (str(usual.until),))


def _record(seen: MonitorSeen, record: _Record) -> dict[str, Any]:
    owner = Key("DriftMonitor", seen.namespace, seen.name)
    name = child_name(seen.name, record.what, record.revision, *record.suffix)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": meta.child(name, owner, seen.uid, {LABEL_REVISION: record.revision}),
        "revision": record.number,
        "data": {record.what: record.data},
    }


def _decision(seen: MonitorSeen, asked: AskForRun) -> dict[str, Any]:
    owner = Key("DriftMonitor", seen.namespace, seen.name)
    told = Told(
        type="Retrain",
        subject=Key("TrainingPipeline", seen.namespace, asked.pipeline),
        revision=asked.revision,
        version=asked.version,
        sentence=asked.sentence,
        evidence=asked.evidence,
        by=f"DriftMonitor {seen.name}",
    )
    return decision(meta.child(asked.name, owner, seen.uid, {}), told)


def _rollback(seen: MonitorSeen, intent: SendBack) -> dict[str, Any]:
    """Return a Decision of the deployment's own: it outlives the monitor, else what was sent back would come back."""
    deployment, taken_back = intent.deployment, intent.promotion
    owner = Key("ModelDeployment", deployment.namespace, deployment.name)
    labels = {LABEL_DEPLOYMENT: deployment.name, LABEL_REVISION: taken_back.revision, LABEL_VERSION: taken_back.version}
    told = Told(
        type="Rollback",
        subject=owner,
        revision=taken_back.revision,
        version=taken_back.version,
        sentence=intent.sentence,
        evidence=intent.evidence,
        by=f"DriftMonitor {seen.name}",
        question={"epoch": deployment.epoch, "after": taken_back.name},
    )
    return decision(meta.child(intent.name, owner, deployment.uid, labels), told)


def blocks(records: Iterable[Body]) -> tuple[Block, ...]:
    """Return the rows of spans that were recorded, by their ends."""
    return tuple(sorted(_blocks(records), key=lambda block: block.until))


def _blocks(records: Iterable[Body]) -> Iterator[Block]:
    for body in records:
        data = (body.get("data") or {}).get(COUNTED)
        if data:
            meta = body["metadata"]
            revision = meta["labels"].get(LABEL_REVISION, "")
            bet = Bet(**data["labels"]) if "labels" in data else None
            span = (revision, data["since"], data["until"], data["surfaces"])
            yield Block(*span, meta["name"], meta["uid"], bet, data.get("data", ""), data.get("token", ""))


def references(records: Collection[Body]) -> Iterator[Reference]:
    """Return the distributions that were recorded of what revisions learned, and how they vary."""
    newest = {one.revision: one for one in variations(records)}
    for body in records:
        data = (body.get("data") or {}).get(LEARNED)
        if data:
            meta = body["metadata"]
            revision = meta["labels"].get(LABEL_REVISION, "")
            names = {surface: tuple(words) for surface, words in (data.get("names") or {}).items()}
            known = newest.get(revision, Varied(revision, 0, {}))
            own = (revision, data["surfaces"], meta["name"], meta["uid"])
            yield Reference(*own, names, known.variation, known.until)


def variations(records: Iterable[Body]) -> tuple[Varied, ...]:
    """Return what was recorded of how distributions vary, the newest last."""
    return tuple(sorted(_variations(records), key=lambda varied: varied.until))


def _variations(records: Iterable[Body]) -> Iterator[Varied]:
    for body in records:
        data = (body.get("data") or {}).get(VARIED)
        if data:
            meta = body["metadata"]
            found = {
                name: Variation(tuple(one["slots"]), Wobble(len(one["slots"]), one["pairs"], tuple(one["sums"])))
                for name, one in data["surfaces"].items()
            }
            revision = meta["labels"].get(LABEL_REVISION, "")
            yield Varied(revision, data["until"], found, meta["name"], meta["uid"])


def usuals(records: Iterable[Body]) -> tuple[Usual, ...]:
    """Return what was recorded of what is usual at each hour, the newest last."""
    return tuple(sorted(_usuals(records), key=lambda usual: usual.until))


def _usuals(records: Iterable[Body]) -> Iterator[Usual]:
    for body in records:
        data = (body.get("data") or {}).get(USUAL)
        if data:
            meta = body["metadata"]
            found = {name: _hours(one) for name, one in data["surfaces"].items()}
            revision = meta["labels"].get(LABEL_REVISION, "")
            yield Usual(revision, data["until"], data["length"], found, meta["name"], meta["uid"])


def _hours(one: Mapping[str, Any]) -> Hours:
    slots = tuple(one["slots"])
    counts = {int(hour): tuple(rows) for hour, rows in one["counts"].items()}
    return Hours(slots, one["learned"], counts, Wobble(len(slots), one["pairs"], tuple(one["sums"])))
