"""Model: what versions there are, and whether each alias names a good one. It starts nothing."""

from __future__ import annotations

from dataclasses import dataclass

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


def decide(seen: ModelSeen) -> StatusDraft:
    """Return the status of a model; an alias that names no good version is told, and does no harm by itself."""
    passed = [version.name for version in seen.versions if version.passed]
    sentence = f"{len(seen.versions)} versions, {len(passed)} passed their gates" if seen.versions else "no version yet"
    conditions = (ready(Reason.SETTLED, sentence), *_dangling(seen))
    fields = {
        "versions": len(seen.versions),
        "latest": seen.versions[-1].name if seen.versions else None,
        "latestPassed": passed[-1] if passed else None,
    }
    return StatusDraft(sentence, conditions, fields)


def _dangling(seen: ModelSeen) -> tuple[Verdict, ...]:
    good = {version.number for version in seen.versions if version.passed}
    bad = [alias for alias in seen.spec.aliases if alias.version not in good]
    if not bad:
        return ()
    named = ", ".join(f"{alias.name} names version {alias.version}" for alias in bad)
    sentence = f"spec.aliases: {named}, which does not exist or did not pass its gates; name a version that passed"
    return (Verdict("AliasDangling", "True", Reason.ALIAS_DANGLING, sentence),)
