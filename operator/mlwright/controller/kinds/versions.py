"""The versions of a model, as they are found."""

from __future__ import annotations

from collections.abc import Collection

from mlwright.controller.kinds import parsing
from mlwright.controller.reconciler import CacheView
from mlwright.plan.resources import MODEL_VERSION
from mlwright.plan.versions import VersionSeen


def versions(cache: CacheView, namespace: str, name: str) -> tuple[VersionSeen, ...]:
    """Return the versions of a model, by number.

    The name is the lock on the number, so a record of another name is no version: there could be two of a number.
    """
    return tuple(version for version in records(cache, namespace, name) if locks(version, name))


def newest_versions(cache: CacheView, namespace: str, name: str, also: Collection[int] = ()) -> tuple[VersionSeen, ...]:
    """Return the newest versions of a model down to the newest good one, and those of some numbers, by number.

    That is all that is asked about most models, and saves reading a thousand records to look at the last.
    """
    known = sorted(numbers(cache, namespace, name), reverse=True)
    found = {number: _read(cache, namespace, name, number) for number in known if number in also}
    for number in known:
        found[number] = version = _read(cache, namespace, name, number)
        if version is not None and version.approved:
            break
    return tuple(version for _, version in sorted(found.items()) if version is not None)


def _read(cache: CacheView, namespace: str, model: str, number: int) -> VersionSeen | None:
    body = cache.get(MODEL_VERSION, namespace, f"{model}-v{number}")
    version = parsing.version_seen(body) if body else None
    return version if version is not None and locks(version, model) else None


def numbers(cache: CacheView, namespace: str, name: str) -> list[int]:
    """Return the numbers of the versions of a model, as their names tell."""
    names = cache.related_names(MODEL_VERSION, namespace, "model", name)
    return [number for found in names if (number := parsing.number_after(f"{name}-v", found))]


def records(cache: CacheView, namespace: str, model: str) -> list[VersionSeen]:
    """Return all records that say that they are versions of a model, by number."""
    found = (parsing.version_seen(body) for body in cache.related(MODEL_VERSION, namespace, "model", model))
    return sorted(found, key=lambda version: version.number)


def locks(version: VersionSeen, model: str) -> bool:
    """Tell whether a record has the name that belongs to its number."""
    return version.name == f"{model}-v{version.number}"
