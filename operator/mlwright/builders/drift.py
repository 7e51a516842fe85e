"""Objects of drift monitors: the records of distributions and of what was counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mlwright.api.conditions import MESSAGE_LENGTH
from mlwright.api.kinds import API_VERSION
from mlwright.builders import meta
from mlwright.constants import LABEL_REVISION
from mlwright.plan.digests import child_name
from mlwright.plan.drift import (
    AskForRun,
    Block,
    DriftIntent,
    ForgetRecord,
    KeepBlock,
    KeepReference,
    MonitorSeen,
    Reference,
)
from mlwright.plan.resources import CONTROLLER_REVISION, Key
from mlwright.plan.writes import Create, Delete, Write

COUNTED: Final = "counted"
LEARNED: Final = "learned"
"""What a record holds, as a part of its name and as the one key of its data."""


def renderer(seen: MonitorSeen) -> Callable[[DriftIntent], Write]:
    """Return the renderer of a monitor's intents."""

    def render(intent: DriftIntent) -> Write:
        match intent:
            case AskForRun():
                return Create(_decision(seen, intent))
            case KeepReference(reference):
                return Create(_record(seen, _learned(reference)))
            case KeepBlock(block):
                return Create(_record(seen, _counted(block)))
            case ForgetRecord(name, uid):
                return Delete(CONTROLLER_REVISION, seen.namespace, name, uid)

    return render


@dataclass(frozen=True, slots=True)
class _Record:
    """What is recorded of a revision, and the end of its name."""

    what: str
    revision: str
    data: Mapping[str, Any]
    number: int = 0
    suffix: tuple[str, ...] = ()


def _learned(reference: Reference) -> _Record:
    data = {"surfaces": {name: dict(counts) for name, counts in reference.surfaces.items()}}
    return _Record(LEARNED, reference.revision, data)


def _counted(block: Block) -> _Record:
    surfaces = {name: {slot: n for slot, n in counts.items() if n} for name, counts in block.counts.items()}
    data = {"since": block.since, "until": block.until, "surfaces": surfaces}
    return _Record(COUNTED, block.revision, data, block.until, (f"{block.until}-{block.until - block.since}",))


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
    return {
        "apiVersion": API_VERSION,
        "kind": "Decision",
        "metadata": meta.child(asked.name, owner, seen.uid, {}),
        "spec": {
            "subjectRef": {"kind": "TrainingPipeline", "name": asked.pipeline},
            "type": "Retrain",
            "revision": asked.revision,
            "version": asked.version,
            "sentence": asked.sentence[:MESSAGE_LENGTH],
            "evidence": dict(asked.evidence),
            "by": f"DriftMonitor {seen.name}",
        },
    }
