"""What shards counted of stored rows becomes one count: the same, however many there were. Pure.

Counts are whole numbers and are added, so neither the number of shards nor their order changes anything. A feature for
which a shard had no room is not counted at all: the rows of the others are not all rows. What a pod says is believed
only if it has the form that our program gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from mlwright.bundle.packed import unpack
from mlwright.plan.drift import LookSeen
from mlwright.plan.drift_counts import Counts, Surfaces
from mlwright.planners.drift_counts import LABELS
from mlwright.planners.results import parse_result


@dataclass(frozen=True, slots=True)
class Merged:
    """What the shards of a look counted together.

    Attributes:
        reference: What the version learned.
        names: What numbered bins hold, in words.
        counts: The rows.
        rows: How many these are.
        data: What changes when the stored rows do.
    """

    reference: Surfaces = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    counts: Surfaces = field(default_factory=dict)
    rows: int = 0
    data: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    shard: int
    rows: int
    data: str
    counts: Mapping[str, Sequence[int]]


def merged(look: LookSeen) -> Merged | str:
    """Return what a look that is complete counted; why that cannot be told, in words, where it cannot."""
    parts = {part.shard: part for part in _parts(look)}
    learned = _learned(look.learned)
    if learned is None or set(parts) != set(range(look.shards)):
        silent = [f"{shard}" for shard in range(look.shards) if shard not in parts] or ["0"]
        return f"what shard {', '.join(silent)} counted was lost with its pod; set mlwright.dev/run to count again"
    if len({part.data for part in parts.values()}) > 1:
        return "the rows changed while shards read them, so their counts do not fit together; the next look reads anew"
    reference = {name: dict(zip(slots, counts, strict=True)) for name, (slots, counts, _) in learned.items()}
    every = [parts[shard] for shard in range(look.shards)]
    own = {name: [part.counts.get(name, ()) for part in every] for name in learned}
    counts = {
        name: dict(zip(slots, map(sum, zip(*own[name], strict=True)), strict=True))
        for name, (slots, _, _) in learned.items()
        if all(len(one) == len(slots) for one in own[name])
    }
    names = {name: tuple(words) for name, (_, _, words) in learned.items() if words}
    rows = sum(part.rows for part in every)
    return Merged(reference, names, {**counts, **_labels(every)}, rows, every[0].data)


def _labels(parts: Sequence[_Part]) -> dict[str, Counts]:
    """Return how many answers were right and wrong, as labels of requests are counted."""
    told = [part.counts["labels"] for part in parts if "labels" in part.counts]
    if len(told) != len(parts):
        return {}
    right, labelled = (sum(one[place] for one in told) for place in range(_PAIR))
    return {LABELS: {"true": right, "false": labelled - right}}


_PAIR = 2
_TOO_MANY: Final = 1 << 53
"""Rows: nobody has as many, and what is calculated with them later needs floats."""


def _parts(look: LookSeen) -> Iterable[_Part]:
    for pod in look.pods:
        result = parse_result(pod.exit_message)
        told: object = result.results.get("count") if result else None
        if not isinstance(told, dict):
            continue
        shard, rows, data = told.get("shard"), told.get("rows"), told.get("data")
        counts = _unpacked(told.get("counts"))
        if not (type(shard) is int and _is_count(rows) and isinstance(data, str) and data):
            continue
        if _are_counts(counts) and _are_labels(counts):
            yield _Part(shard, rows, data, counts)


def _learned(text: str) -> dict[str, tuple[list[str], list[int], list[str]]] | None:
    """Read what a version learned: by surface its slots, their counts and the names of bins; None if it is no such."""
    result = parse_result(text)
    told = _unpacked(result.results.get("learned")) if result else None
    if not isinstance(told, list):
        return None
    found = {}
    for entry in told:
        match entry:
            case [str(name), str(slots), list(counts), list(words)] if _are_counts({name: counts}):
                if len(slots.split()) != len(counts):
                    return None
                found[name] = (slots.split(), counts, [str(word) for word in words])
            case _:
                return None
    return found


def _unpacked(text: object) -> Any:
    try:
        return unpack(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _are_counts(found: object) -> bool:
    if not isinstance(found, dict) or not all(isinstance(one, list) for one in found.values()):
        return False
    return all(_is_count(count) for one in found.values() for count in one)


def _are_labels(counts: Mapping[str, Sequence[int]]) -> bool:
    """Tell whether no more answers are right than were labelled, where labels are counted."""
    told = counts.get("labels")
    return told is None or (len(told) == _PAIR and told[0] <= told[1])


def _is_count(found: object) -> TypeGuard[int]:
    """Tell whether something is a number of rows: whole, and so small that a float holds it exactly."""
    return type(found) is int and 0 <= found < _TOO_MANY
