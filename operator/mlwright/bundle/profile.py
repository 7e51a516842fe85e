"""`profile.json`: the distribution of each feature on the training rows and of the outputs on the held-out rows.

Numbers are counted in half-open bins: bin `i` holds `edges[i] < x <= edges[i + 1]`, `below` holds `x <= edges[0]`,
`above` holds `x > edges[-1]`. The first edge lies just under the smallest training value, so both are 0 here and a
value outside the training range shows at once. Booleans, texts and labels are counted per category; `bins` then has
one more entry than `categories` if there are rare values, whose texts are stored as hashes only.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlwright.bundle.canonical import canonical_json
from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import PROFILE, Datatype, Label

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows fell where. Everything together is the number of rows counted."""

    bins: tuple[int, ...]
    below: int = 0
    above: int = 0
    missing: int = 0
    unseen: int = 0

    @property
    def total(self) -> int:
        """Rows counted."""
        return sum(self.bins) + self.below + self.above + self.missing + self.unseen


@dataclass(frozen=True, slots=True)
class Distribution:
    """The distribution of one feature or output."""

    name: str
    datatype: Datatype
    counts: Counts
    edges: tuple[float, ...] = ()  # k + 1 edges of k bins; empty where categories are counted
    categories: tuple[Label, ...] = ()  # most frequent first, except booleans and labels: those in their own order
    rare: tuple[str, ...] | None = ()  # hashes of the rare texts; None when there are too many to list
    minimum: float | None = None
    maximum: float | None = None
    rank: int | None = None  # 1 is the most important feature
    ranked_by: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """All distributions of a bundle; `rows` is the number of training rows."""

    rows: int
    features: tuple[Distribution, ...]
    outputs: tuple[Distribution, ...]

    def to_json(self) -> bytes:
        """Canonical bytes of `profile.json`."""
        document: dict[str, object] = {
            "schemaVersion": SCHEMA_VERSION,
            "rows": self.rows,
            "features": [_to_document(distribution) for distribution in self.features],
            "outputs": [_to_document(distribution) for distribution in self.outputs],
        }
        return canonical_json(document) + b"\n"


def read_profile(folder: Path) -> Profile:
    """Read the profile of a bundle whose files have been verified.

    Raises:
        BundleError: The file is not a profile of version 1.
        OSError: The file cannot be read.
    """
    return parse_profile((folder / PROFILE).read_bytes())


def parse_profile(content: bytes) -> Profile:
    """Read a profile.

    Raises:
        BundleError: It is not one of version 1.
    """
    try:
        document = json.loads(content)
        if document["schemaVersion"] != SCHEMA_VERSION:
            raise BundleError(f"{PROFILE}: this version reads schemaVersion {SCHEMA_VERSION}")
        features = tuple(_from_document(entry) for entry in document["features"])
        outputs = tuple(_from_document(entry) for entry in document["outputs"])
        return Profile(document["rows"], features, outputs)
    except (KeyError, TypeError, ValueError) as problem:
        raise BundleError(f"{PROFILE} is not a profile: {type(problem).__name__}") from problem


def rare_hash(text: str) -> str:
    """How a rare text is stored: 16 hex digits that tell it from an unseen one without showing it."""
    return hashlib.blake2b(text.encode(), digest_size=8, person=b"mlwright-rare").hexdigest()


def _to_document(distribution: Distribution) -> dict[str, object]:
    counts = distribution.counts
    document: dict[str, object] = {
        "name": distribution.name,
        "datatype": str(distribution.datatype),
        "edges": list(distribution.edges),
        "categories": list(distribution.categories),
        "rare": None if distribution.rare is None else list(distribution.rare),
        "counts": {
            "bins": list(counts.bins),
            "below": counts.below,
            "above": counts.above,
            "missing": counts.missing,
            "unseen": counts.unseen,
        },
        "n": counts.total,
        "min": distribution.minimum,
        "max": distribution.maximum,
    }
    if distribution.rank is not None:
        document |= {"rank": distribution.rank, "rankedBy": distribution.ranked_by}
    return document


def _from_document(document: Mapping[str, Any]) -> Distribution:
    counts = document["counts"]
    rare = document["rare"]
    return Distribution(
        name=document["name"],
        datatype=Datatype(document["datatype"]),
        counts=Counts(tuple(counts["bins"]), counts["below"], counts["above"], counts["missing"], counts["unseen"]),
        edges=tuple(document["edges"]),
        categories=tuple(document["categories"]),
        rare=None if rare is None else tuple(rare),
        minimum=document["min"],
        maximum=document["max"],
        rank=document.get("rank"),
        ranked_by=document.get("rankedBy"),
    )
