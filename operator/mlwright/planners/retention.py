"""Which versions of a model may go: those beyond the newest that are kept and that nothing uses. Pure.

Invariants: what is in use is never removed; the order in which things are told does not matter; a second look at what
is left removes nothing. The version of the highest number always stays, so a number is never given twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import Verdict
from mlwright.api.fields import parse_duration
from mlwright.api.reasons import Reason
from mlwright.plan.models import ModelSeen, RemoveVersion
from mlwright.plan.resources import MODEL_VERSION
from mlwright.plan.versions import VersionSeen
from mlwright.plan.writes import Witness
from mlwright.planners.champion import judged_against

AT_ONCE: Final = 20
"""Versions that are removed in one look: where retention is set late there may be a thousand."""
NAMED: Final = 5
"""Versions that a sentence names."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What became of the versions beyond the newest."""

    newest: int
    kept: tuple[tuple[str, str], ...]
    """Versions that stay because they are in use, with why, by number."""
    removed: tuple[VersionSeen, ...]
    """Versions that go, by number."""
    next: timedelta | None = None
    """When one is no longer recent; None where none is."""


def retention(seen: ModelSeen, now: datetime) -> Retention | None:
    """Return what is kept and what goes; None where nobody asked for it.

    Worked example: keepVersions is 2, v1 to v5 exist, the alias champion names v2 -> v1 and v3 go, v2 is kept.
    """
    if seen.spec.retention is None:
        return None
    versions = sorted((version for version in seen.versions if not version.leaving), key=lambda version: version.number)
    beyond = versions[: -seen.spec.retention.keep_versions]
    why = reasons(seen, now)
    kept = tuple((version.name, why[version.name]) for version in beyond if version.name in why)
    removed = tuple(version for version in beyond if version.name not in why)
    left = [time for version in beyond if (time := _recent_for(seen, version, now)) > timedelta(0)]
    return Retention(seen.spec.retention.keep_versions, kept, removed[:AT_ONCE], min(left, default=None))


def _recent_for(seen: ModelSeen, version: VersionSeen, now: datetime) -> timedelta:
    """Return how long a version is still recent: what uses it may be about to come back, or to be created."""
    if version.created is None or seen.spec.retention is None:
        return timedelta(0)
    return version.created + parse_duration(seen.spec.retention.grace_period) - now


def reasons(seen: ModelSeen, now: datetime) -> dict[str, str]:
    """Return why versions are in use, by name."""
    named: dict[str, str] = {}
    for version, why in (*_needed(seen), *_recent(seen, now)):
        named.setdefault(version, why)
    for version, why in [*_compared(seen, named)]:
        named.setdefault(version, why)
    return named


def _needed(seen: ModelSeen) -> Iterator[tuple[str, str]]:
    """Return the versions that something or somebody needs, with why."""
    for alias in sorted(seen.spec.aliases, key=lambda alias: alias.name):
        yield f"{seen.name}-v{alias.version}", f"alias {alias.name} names it"
    for use in sorted(seen.uses, key=lambda use: (use.version, use.why)):
        yield use.version, use.why
    versions = sorted(seen.versions, key=lambda version: version.number, reverse=True)
    for version in versions:
        if version.approved:
            yield version.name, "it is the newest that may be served"
            break
    for version in versions:
        if version.awaited:
            yield version.name, "it waits for approval"
    for version in versions[:1]:
        yield version.name, "it has the highest number"


def _recent(seen: ModelSeen, now: datetime) -> Iterator[tuple[str, str]]:
    """Return the versions whose record was made, applied again or restored within the grace period."""
    for version in seen.versions:
        if seen.spec.retention is not None and _recent_for(seen, version, now) > timedelta(0):
            yield version.name, f"it was recorded less than {seen.spec.retention.grace_period} ago"


def _compared(seen: ModelSeen, used: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return the versions that the record of a comparison needs.

    Of a version in use one may ask whom it was compared with. And each comparison with the champion makes the next
    one stricter, so those that were compared with it count as long as it is the champion.
    """
    in_use = frozenset(used)
    for version in sorted(seen.versions, key=lambda version: version.number):
        for gate in version.gates:
            if gate.get("champion") and version.name in in_use:
                yield f"{seen.name}-v{gate['champion']}", f"{version.name} was compared with it"
        if seen.champion and any(judged_against(seen.champion, gate) for gate in version.gates):
            yield version.name, f"it was compared with the champion {seen.name}-v{seen.champion}, which counts"


def removals(seen: ModelSeen, found: Retention | None) -> tuple[RemoveVersion, ...]:
    """Return the removals, each bound to all that it rests on."""
    return tuple(_removal(seen, version) for version in (found.removed if found else ()))


def _removal(seen: ModelSeen, version: VersionSeen) -> RemoveVersion:
    itself = Witness(MODEL_VERSION, seen.namespace, version.name, version.resource_version)
    return RemoveVersion(version.name, version.uid, (*seen.witnesses, itself))


def told(seen: ModelSeen, found: Retention | None, last: int) -> dict[str, Any] | None:
    """Return what the status tells when `last` is the highest number ever; None where nobody asked for retention."""
    if found is None:
        return None
    return {"sentence": sentence(found), "gone": last - len(seen.versions) + len(found.removed)}


def announced(found: Retention | None) -> tuple[Verdict, ...]:
    """Return the condition that tells of removals: of a moment only, but kept by the history and told as an Event."""
    if found is None or not found.removed:
        return ()
    return (Verdict("VersionsRemoved", "True", Reason.VERSIONS_REMOVED, sentence(found)),)


def sentence(found: Retention) -> str:
    """Say what is removed and what is kept beside the newest, and why."""
    newest = f"the newest {found.newest}" if found.newest > 1 else "the newest"
    removed = _some([version.name for version in found.removed])
    kept = _some([f"{name} because {why}" for name, why in found.kept])
    parts = [f"removed {removed}: not among {newest} and not in use"] if removed else []
    parts += [f"kept beside {newest}: {kept}"] if kept else []
    return "; ".join(parts) or f"{newest} {'are' if found.newest > 1 else 'is'} kept, and there is nothing beyond"


def _some(words: list[str]) -> str:
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return ", ".join(words[:NAMED]) + more
