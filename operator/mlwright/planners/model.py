"""Model: what versions there are, and whether each alias names a good one. It starts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlwright.api.conditions import StatusDraft, Verdict, ready
from mlwright.api.models import ModelSpec
from mlwright.api.reasons import Reason
from mlwright.plan.training import VersionSeen


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """A model and its versions, by number."""

    name: str
    spec: ModelSpec
    versions: tuple[VersionSeen, ...]
    misnamed: tuple[str, ...] = ()
    """Records of this model that are no versions: their name is not that of their number."""
    status: Mapping[str, Any] = field(default_factory=dict)


def decide(seen: ModelSeen) -> StatusDraft:
    """Return the status of a model; an alias that names no good version is told, and does no harm by itself.

    Worked example: versions 1 and 2, of which 1 passed -> "2 versions, 1 of them may be served".
    """
    passed = [version.name for version in seen.versions if version.approved]
    sentence = _counted(len(seen.versions), len(passed))
    fields = {
        "versions": len(seen.versions),
        "highest": last_number(seen.status, seen.versions),
        "latest": seen.versions[-1].name if seen.versions else None,
        "latestPassed": passed[-1] if passed else None,
    }
    if seen.misnamed:
        sentence += (
            f"; not counted: {', '.join(seen.misnamed[:3])}, a version must be named {seen.name}-vN by its number"
        )
    return StatusDraft(sentence, (ready(Reason.SETTLED, sentence), *_dangling(seen)), fields)


def last_number(status: Mapping[str, Any], versions: tuple[VersionSeen, ...]) -> int:
    """Return the highest number that a version of the model ever had, as far as anything remembers.

    The number of a version that was deleted must not come again: an alias or a pinned deployment would serve another
    bundle without anybody having asked for it.
    """
    return max(status.get("highest") or 0, 0, *(version.number for version in versions))


def _counted(versions: int, passed: int) -> str:
    if not versions:
        return "no version yet"
    return f"{versions} version{'s' if versions > 1 else ''}, {passed} of them may be served"


def _dangling(seen: ModelSeen) -> tuple[Verdict, ...]:
    good = {version.number for version in seen.versions if version.approved}
    bad = [alias for alias in seen.spec.aliases if alias.version not in good]
    if not bad:
        return ()
    named = ", ".join(f"{alias.name} names version {alias.version}" for alias in bad)
    sentence = f"spec.aliases: {named}, which does not exist or may not be served; name a version that may"
    return (Verdict("AliasDangling", "True", Reason.ALIAS_DANGLING, sentence),)
