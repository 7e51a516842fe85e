"""Model: what versions there are, which of them may go, and whether each alias names a good one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from mlwright.api.conditions import StatusDraft, Verdict, ready
from mlwright.api.reasons import Reason
from mlwright.plan.models import ModelIntent, ModelSeen
from mlwright.plan.plan import Decided
from mlwright.plan.versions import VersionSeen
from mlwright.planners import retention
from mlwright.planners.retention import Retention
from mlwright.planners.sweeping import sweeping
from mlwright.settings import Settings

Decision = Decided[ModelIntent]


def decide(seen: ModelSeen, settings: Settings, now: datetime) -> Decision:
    """Return the next move of a model; an alias that names no good version is told, and does no harm by itself.

    Worked example: versions 1 and 2, of which 1 passed -> "2 versions, 1 of them may be served".
    """
    kept, swept = retention.retention(seen, now), sweeping(seen, settings, now)
    sentence = "; ".join(part for part in (_counted(seen), _retained(kept), swept.sentence) if part)
    conditions = (ready(Reason.SETTLED, sentence), *_dangling(seen), *retention.announced(kept), *swept.verdicts)
    status = StatusDraft(sentence, conditions, _fields(seen, kept) | {"artifacts": swept.fields})
    moments = [moment for moment in (swept.next, kept.next if kept else None) if moment is not None]
    intents = (*retention.removals(seen, kept), *swept.intents)
    return Decided(status, intents=intents, again=min(moments, default=None))


def _fields(seen: ModelSeen, kept: Retention | None) -> dict[str, Any]:
    good = [version.name for version in seen.versions if version.approved]
    last = last_number(seen.status, seen.versions, (alias.version for alias in seen.spec.aliases))
    return {
        "versions": len(seen.versions),
        "highest": last,
        "latest": seen.versions[-1].name if seen.versions else None,
        "latestPassed": good[-1] if good else None,
        "retention": retention.told(seen, kept, last),
    }


def _retained(kept: Retention | None) -> str:
    """Return what is to be told of old versions; nothing where there are none."""
    return retention.sentence(kept) if kept is not None and (kept.kept or kept.removed) else ""


def last_number(status: Mapping[str, Any], versions: tuple[VersionSeen, ...], aliased: Iterable[int] = ()) -> int:
    """Return the highest number that a version of the model ever had, as far as anything remembers.

    The number of a version that was deleted must not come again: an alias or a pinned deployment would serve another
    bundle without anybody having asked for it. Aliases remember what a status that was lost does not.
    """
    return max(status.get("highest") or 0, 0, *aliased, *(version.number for version in versions))


def _counted(seen: ModelSeen) -> str:
    versions, good = len(seen.versions), sum(version.approved for version in seen.versions)
    counted = f"{versions} version{'s' if versions > 1 else ''}, {good} of them may be served"
    if not seen.misnamed:
        return counted if versions else "no version yet"
    misnamed = f"not counted: {', '.join(seen.misnamed[:3])}, a version must be named {seen.name}-vN by its number"
    return f"{counted if versions else 'no version yet'}; {misnamed}"


def _dangling(seen: ModelSeen) -> tuple[Verdict, ...]:
    good = {version.number for version in seen.versions if version.approved}
    bad = [alias for alias in seen.spec.aliases if alias.version not in good]
    if not bad:
        return ()
    named = ", ".join(f"{alias.name} names version {alias.version}" for alias in bad)
    sentence = f"spec.aliases: {named}, which does not exist or may not be served; name a version that may"
    return (Verdict("AliasDangling", "True", Reason.ALIAS_DANGLING, sentence),)
