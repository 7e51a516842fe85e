"""What shards counted of stored rows becomes one count: the same, however many there were. Pure.

Counts are whole numbers and are added, so neither the number of shards nor their order changes anything. What a pod
says is believed only if it has the form that our program gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlwright.bundle.packed import unpack
from mlwright.plan.drift import Counts, LookSeen, Surfaces
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
    counts = {
        name: dict(zip(slots, (sum(column) for column in zip(*own, strict=True)), strict=True))
        for name, (slots, _, _) in learned.items()
        if (own := [part.counts[name] for part in every if len(part.counts.get(name, ())) == len(slots)])
    }
    names = {name: tuple(words) for name, (_, _, words) in learned.items() if words}
    rows = sum(part.rows for part in every)
    return Merged(reference, names, {**counts, **_labels(every)}, rows, every[0].data)


def _labels(parts: Iterable[_Part]) -> dict[str, Counts]:
    """Return how many answers were right and wrong, as labels of requests are counted."""
    told = [part.counts["labels"] for part in parts if len(part.counts.get("labels", ())) == _PAIR]
    right, labelled = (sum(one[place] for one in told) for place in range(_PAIR))
    return {LABELS: {"true": right, "false": labelled - right}} if told else {}


_PAIR = 2


def _parts(look: LookSeen) -> Iterable[_Part]:
    for pod in look.pods:
        result = parse_result(pod.exit_message)
        told: Mapping[str, Any] = (result.results.get("count") or {}) if result else {}
        shard, rows, data = told.get("shard"), told.get("rows"), told.get("data")
        counts = _unpacked(told.get("counts"))
        if isinstance(shard, int) and isinstance(rows, int) and isinstance(data, str) and _are_counts(counts):
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
    return isinstance(found, dict) and all(
        isinstance(one, list) and all(type(count) is int and count >= 0 for count in one) for one in found.values()
    )
