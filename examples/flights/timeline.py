"""What happened when, read from the objects that keep it: runs, versions, decisions, conditions, Events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Json = Mapping[str, Any]

WIDTH: Final = 150
"""Characters of a sentence that are shown; the report holds all of it."""
CONDITIONS: Final = {"DriftMonitor": ("Drifted",), "TrainingRun": ("Complete", "Failed")}
"""Whose changes are told, by kind."""
REASONS: Final = ("Holding", "Baking")
"""Events that are told: each share that a version gets."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened.

    Attributes:
        at: When, as the API server wrote it: RFC 3339 in UTC.
        what: The object that tells it.
        sentence: What it says.
    """

    at: str
    what: str
    sentence: str


def timeline(things: Iterable[Json]) -> tuple[Entry, ...]:
    """Return what objects tell, by time; the same object may be there as it was at several moments."""
    found = {entry for thing in things for entry in _TOLD[thing["kind"]](thing)}
    return tuple(sorted(found, key=lambda entry: (entry.at, entry.what, entry.sentence)))


def shown(entries: Iterable[Entry]) -> str:
    """Return a timeline for people: the time since its first entry, who tells it, and what."""
    lines, first = [], None
    for entry in entries:
        at = datetime.fromisoformat(entry.at)
        first = first or at
        minutes, seconds = divmod(int((at - first).total_seconds()), 60)
        sentence = entry.sentence if len(entry.sentence) <= WIDTH else f"{entry.sentence[: WIDTH - 3]}..."
        lines.append(f"  {minutes:3}:{seconds:02}  {entry.what:<30}  {sentence}")
    return "\n".join(lines)


def _run(thing: Json) -> Iterator[Entry]:
    trigger = thing["spec"]["trigger"]
    why = f": {trigger['reason']}" if trigger.get("reason") else ""
    yield Entry(_created(thing), _name(thing), f"starts, by {trigger['type']}{why}")
    yield from _conditions(thing)


def _version(thing: Json) -> Iterator[Entry]:
    gates = [gate["sentence"] for gate in thing["spec"].get("verdict", {}).get("gates", ())]
    yield Entry(_created(thing), _name(thing), "; ".join(["is recorded", *gates]))


def _decision(thing: Json) -> Iterator[Entry]:
    spec = thing["spec"]
    yield Entry(_created(thing), f"Decision {spec['type']}", spec["sentence"])


def _conditions(thing: Json) -> Iterator[Entry]:
    for told in thing.get("status", {}).get("conditions", ()):
        if told["type"] in CONDITIONS[thing["kind"]] and told["status"] in {"True", "False"}:
            what = f"{_name(thing)} {told['type']}={told['status']}"
            yield Entry(told["lastTransitionTime"], what, told["message"])


def _event(thing: Json) -> Iterator[Entry]:
    about = thing["involvedObject"]
    if thing["reason"] in REASONS:
        yield Entry(thing["firstTimestamp"], f"{about['kind']} {about['name']}", thing["message"])


def _created(thing: Json) -> str:
    return str(thing["metadata"]["creationTimestamp"])


def _name(thing: Json) -> str:
    return f"{thing['kind']} {thing['metadata']['name']}"


_TOLD: Final[Mapping[str, Callable[[Json], Iterator[Entry]]]] = {
    "TrainingRun": _run,
    "ModelVersion": _version,
    "Decision": _decision,
    "DriftMonitor": _conditions,
    "Event": _event,
}
