"""Whether a comparison with the champion is fair: neither of the two may have seen the rows that judge them.

The new version's are unseen by the making of its run. Of the champion its lineage must prove it; what is not proven is
left to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mlwright.api.pipelines import TrainingPipelineSpec
from mlwright.plan.frozen import Frozen
from mlwright.plan.versions import VersionSeen

Record = Mapping[str, Any]
"""What a lineage says of a dataset (a DatasetRecord, as JSON)."""

STABLE: Final = "Hash"
"""The split that holds the same rows out whatever rows come."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What is known of the champion when a gate is judged."""

    champion: Mapping[str, Any] = field(default_factory=dict)
    """The version that was the champion when the run started; empty when there was none."""
    now: str = ""
    """The version that is the champion now."""
    doubt: str = ""
    """Why the rows may not be unseen by the champion; empty when its lineage proves that they are."""
    earlier: int = 0
    """How many versions were compared with this champion on the same rows before."""


OWN_TRAINING: Final = "a container of your own that trains can read all rows, those held out included"
"""The doubt about a version that was not fitted by the step train."""
NOBODY: Final = Contest()
"""There is no champion."""


def asks(spec: TrainingPipelineSpec) -> bool:
    """Tell whether anything of a pipeline compares with the champion."""
    checks = spec.dataset.checks
    compared = checks is not None and checks.against_champion is not None
    return compared or any(gate.champion is not None for gate in spec.evaluation.gates)


def compares(frozen: Frozen) -> bool:
    """Tell whether a gate of a run compares with the champion."""
    return any(gate["type"] == "Champion" for gate in frozen.gates)


def doubt(frozen: Frozen, ours: Record) -> str:
    """Return why the rows held out of a run may have been learned from by it or by its champion; empty if they cannot.

    Args:
        frozen: what the run uses, the champion included.
        ours: what the run read.
    """
    if not frozen.champion:
        return ""
    if frozen.training.get("type") == "Container" or frozen.champion.get("ownTraining"):
        return OWN_TRAINING
    return seen_by(frozen.champion.get("dataset") or {}, ours)


def seen_by(theirs: Record, ours: Record) -> str:
    """Return why the rows held out of this run may have been learned from by the champion; empty if they cannot.

    Worked example: both split by the hash of idColumn with the same seed, and the champion held out as large a share
    -> "": whatever rows came since, these were never learned from.
    """
    split, before = ours.get("split") or {}, theirs.get("split") or {}
    if not before:
        return "the champion's lineage does not say which rows it learned from"
    if ours.get("digest") == theirs.get("digest") and split == before:
        return ""
    if (split.get("type"), split.get("by")) != (before.get("type"), before.get("by")):
        return "the champion's rows were held out in another way (spec.dataset.split, idColumn or features)"
    if split["type"] == STABLE:
        return _hash_doubt(ours, theirs)
    if split["type"] == "Temporal":
        return _time_doubt(ours, theirs)
    return f"a split of type {split['type']} holds other rows out when the data changes, and the data has changed"


def _hash_doubt(ours: Record, theirs: Record) -> str:
    split, before = ours["split"], theirs["split"]
    if split.get("seed") != before.get("seed") or before["test"] < split["test"]:
        return "the champion's rows were held out with another seed or a smaller share"
    if str(split["by"]).startswith("id ") and ours.get("uri") != theirs.get("uri"):
        return "the champion learned from another address (spec.dataset.uri), where the same id may be another row"
    return ""


def _time_doubt(ours: Record, theirs: Record) -> str:
    if ours.get("uri") != theirs.get("uri"):
        return "the champion learned from another address (spec.dataset.uri)"
    numbers = str(ours["split"].get("by")).endswith("(number)")
    mine, its = (_place(record["split"].get("until"), numbers=numbers) for record in (ours, theirs))
    if mine is None or its is None:
        return "a lineage does not say until when rows were learned from, in the form of its time column"
    if not mine >= its:  # NaN is no proof
        return "the champion learned from rows that are newer than the oldest held out here"
    return ""


def _place(text: str | None, *, numbers: bool) -> float | None:
    """Return a time as a number, None for what is none: records that people write hold anything."""
    try:
        return float(text or "") if numbers else datetime.fromisoformat(text or "").timestamp()
    except (ValueError, OverflowError):
        return None


def compared_before(champion: int, ours: Record, versions: Iterable[VersionSeen], run: str) -> int:
    """Return how many versions of other runs were compared with a champion on the same held-out rows.

    Rows held out by their hash stay held out, so sets of different days are the same rows for the most part.
    """
    return sum(
        version.run != run and any(judged_against(champion, gate) for gate in version.gates) and _same(ours, version)
        for version in versions
    )


def judged_against(champion: int, gate: Mapping[str, Any]) -> bool:
    """Tell whether a gate was judged by a comparison with that champion."""
    return gate.get("champion") == champion and gate.get("outcome") in {"Passed", "Failed"}


def _same(ours: Record, version: VersionSeen) -> bool:
    split, other = ours.get("split") or {}, version.dataset.get("split") or {}
    return split == other and (split.get("type") == STABLE or ours.get("digest") == version.dataset.get("digest"))
