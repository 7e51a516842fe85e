"""`golden.jsonl`: rows that nobody sent and the answers they must get.

The rows are drawn from the profile, feature by feature, so they hold no row of the data; rare texts are not in the
profile and therefore never appear. A server compares its answers with these before it says that it is ready.
"""

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlwright.bundle.canonical import canonical_json
from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import GOLDEN, Datatype
from mlwright.bundle.profile import Distribution, Profile

ROWS: Final = 64  # enough to meet each side of the first splits of a tree, still answered in milliseconds
SIGNIFICANT_DIGITS: Final = 6  # drawn numbers stay readable

Scalar = bool | int | float | str | None
"""One value of a row; None is a missing number."""


@dataclass(frozen=True, slots=True)
class GoldenRow:
    """One invented row and its answer: `probabilities` is a list, everything else one value."""

    inputs: Mapping[str, Scalar]
    outputs: Mapping[str, object]


def synthesise(profile: Profile, *, seed: int, rows: int = ROWS) -> tuple[dict[str, Scalar], ...]:
    """Draw rows from a profile, each feature by itself; the same seed gives the same rows."""
    # Not for secrets: the same bundle must come out of the same inputs.
    chance = random.Random(seed)  # noqa: S311
    return tuple({feature.name: _draw(feature, chance) for feature in profile.features} for _ in range(rows))


def to_lines(rows: Sequence[GoldenRow]) -> bytes:
    """Canonical bytes of `golden.jsonl`."""
    return b"".join(canonical_json({"inputs": row.inputs, "outputs": row.outputs}) + b"\n" for row in rows)


def read_golden(folder: Path) -> tuple[GoldenRow, ...]:
    """Read the golden rows of a bundle whose files have been verified.

    Raises:
        BundleError: The file is not a list of golden rows, or is empty.
        OSError: The file cannot be read.
    """
    try:
        documents = [json.loads(line) for line in (folder / GOLDEN).read_bytes().splitlines()]
        rows = tuple(GoldenRow(dict(document["inputs"]), dict(document["outputs"])) for document in documents)
    except (KeyError, TypeError, ValueError) as problem:
        raise BundleError(f"{GOLDEN} does not hold golden rows: {type(problem).__name__}") from problem
    if not rows:
        raise BundleError(f"{GOLDEN} is empty")
    return rows


def _draw(feature: Distribution, chance: random.Random) -> Scalar:
    counts = feature.counts
    where = chance.choices(range(len(counts.bins) + 1), weights=(*counts.bins, counts.missing))[0]
    if where == len(counts.bins):
        return _missing(feature)
    if feature.edges:
        return _number(feature, where, chance)
    # The bin after the last category holds the rare texts, which are not known here.
    return feature.categories[where] if where < len(feature.categories) else _missing(feature)


def _missing(feature: Distribution) -> Scalar:
    return "" if feature.datatype is Datatype.BYTES else None


def _number(feature: Distribution, where: int, chance: random.Random) -> Scalar:
    low, high = feature.edges[where], feature.edges[where + 1]
    if feature.datatype is Datatype.INT64:
        return chance.randint(min(math.floor(low) + 1, math.floor(high)), math.floor(high))
    drawn = float(f"{chance.uniform(low, high):.{SIGNIFICANT_DIGITS}g}")
    return drawn if low < drawn <= high else high
