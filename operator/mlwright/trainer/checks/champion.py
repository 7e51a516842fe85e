"""The data beside that which the champion was trained on, as its `profile.json` remembers it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlwright.bundle import addresses
from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profile import Distribution, Profile, read_profile
from mlwright.bundle.verification import verify
from mlwright.stats.distance import Distance, distance, holm
from mlwright.trainer.checks.expectations import CHECKS, Checks
from mlwright.trainer.checks.findings import Finding
from mlwright.trainer.checks.summaries import Bins, Summary
from mlwright.trainer.checks.values import Kind
from mlwright.trainer.step import Champion

LEVEL: Final = 0.01
"""How often data that has moved just as far as is allowed may be refused, over all features together."""

_CHAMPION: Final = f"{CHECKS}.againstChampion"
_KINDS: Final = {
    Datatype.BOOL: {Kind.BOOLEANS},
    Datatype.INT64: {Kind.NUMBERS},
    Datatype.FP64: {Kind.NUMBERS, Kind.BOOLEANS},  # booleans with gaps are learned from as numbers
    Datatype.BYTES: {Kind.TEXTS},
}
_WORDS: Final = {
    Datatype.BOOL: "booleans",
    Datatype.INT64: "numbers",
    Datatype.FP64: "numbers",
    Datatype.BYTES: "texts",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the data stands to that of the champion."""

    sentence: str
    version: str = ""
    distances: Mapping[str, Distance] | None = None  # of the features that could be judged
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """The champion's profile, or why there is none."""

    version: str = ""
    profile: Profile | None = None
    problem: str = ""

    @classmethod
    def of(cls, champion: Champion | None, root: Path) -> "Reference":
        """Read the profile from the champion's bundle, whose files must be those of its digest."""
        if champion is None:
            return cls()
        try:
            folder = addresses.locate(addresses.parse(champion.uri, field="champion.uri", schemes=addresses.DATA), root)
            verify(folder, champion.digest)
            return cls(champion.version, read_profile(folder))
        except (BundleError, OSError) as problem:
            said = str(problem) if isinstance(problem, BundleError) else "its files cannot be read"
            return cls(champion.version, None, said)

    def bins(self, features: Sequence[str]) -> dict[str, Bins]:
        """Empty counts for each feature that the champion knows too."""
        known = self.profile.features if self.profile else ()
        return {feature.name: Bins(feature) for feature in known if feature.name in features}


def compare(
    checks: Checks,
    reference: Reference,
    features: Sequence[str],
    summaries: Mapping[str, Summary],
    bins: Mapping[str, Bins],
) -> Comparison:
    """Judge the data against the champion's.

    Args:
        checks: What is expected.
        reference: The champion's profile.
        features: Names of the features.
        summaries: What each column looks like.
        bins: The features' counts in the champion's bins.
    """
    if not reference.version:
        return Comparison("there is no champion to compare with")
    if reference.profile is None:
        sentence = f"the profile of the champion {reference.version} cannot be used: {reference.problem}"
        return Comparison(sentence, reference.version, None, (Finding(_CHAMPION, sentence),))
    fitting = {name: counts for name, counts in bins.items() if _same_kind(counts.reference, summaries[name])}
    allowed = checks.champion_drift if checks.champion_drift is not None else 0.0
    judged = {name: distance(counts.pairs(), allowed=allowed) for name, counts in fitting.items()}
    distances = {name: found for name, found in judged.items() if found is not None}
    findings = [*_schema(checks, reference, features, summaries), *_drift(checks, reference, distances)]
    return Comparison(_sentence(reference.version, distances), reference.version, distances, tuple(findings))


def _sentence(version: str, distances: Mapping[str, Distance]) -> str:
    if not distances:
        return f"there are too few rows to tell how far the data is from that of the champion {version}"
    farthest = max(distances, key=lambda name: distances[name].estimate)
    found = f"{farthest!r} with a distance of {distances[farthest].estimate:.2g}"
    return f"of {len(distances)} features compared with those of the champion {version}, {found} has moved farthest"


def _same_kind(feature: Distribution, summary: Summary) -> bool:
    return summary.kind in _KINDS[feature.datatype]


def _schema(
    checks: Checks, reference: Reference, features: Sequence[str], summaries: Mapping[str, Summary]
) -> list[Finding]:
    if not checks.champion_schema or reference.profile is None:
        return []
    earlier = {feature.name: feature for feature in reference.profile.features}
    whose = f"the champion {reference.version}"
    gone = [f"feature {name!r} of {whose} is not in the data" for name in earlier if name not in features]
    new = [f"feature {name!r} is new: {whose} was trained without it" for name in features if name not in earlier]
    other = [
        f"feature {name!r} holds {summaries[name].kind}, {whose} was trained on {_WORDS[feature.datatype]}"
        for name, feature in earlier.items()
        if name in features and not _same_kind(feature, summaries[name])
    ]
    return [Finding(f"{_CHAMPION}.schema", sentence) for sentence in (*gone, *other, *new)]


def _drift(checks: Checks, reference: Reference, distances: Mapping[str, Distance]) -> list[Finding]:
    if checks.champion_drift is None:
        return []
    over = holm([found.exceeds for found in distances.values()], LEVEL)
    return [
        Finding(
            f"{_CHAMPION}.maxDrift",
            f"feature {name!r} has moved from the data of the champion {reference.version} by a distance of"
            f" {found.estimate:.2g}, at most {checks.champion_drift:.4g} is allowed: {found.moved * 100:.2g} % of the"
            " rows lie elsewhere",
            column=name,
            share=found.moved,
        )
        for (name, found), moved in zip(distances.items(), over, strict=True)
        if moved
    ]
