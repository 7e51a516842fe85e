"""Raw samples become the rows of a span of time, by bin. Pure.

| what happens | what is done |
|---|---|
| a counter falls: its process began anew | its new value counts, nothing is subtracted |
| a pod is scraped before and after an end of the span | what it had counted at the last scrape before that end counts |
| a pod was created in the span | it counts from zero |
| a pod appears in the middle for another reason | its first sample only begins the count |
| the same series is there twice (two Prometheus servers of a pair) | one of them counts |
| a pod whose name is not one of the revision's | it is left out |
| a label came to a pod of another revision | it counts for the revision that answered |
| a count is negative, infinite or no number | nothing is counted: who lies once is not believed |

Spans that meet leave out nothing and count nothing twice: both ask for the same last scrape.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from mlwright.errors import MetricsError
from mlwright.plan.drift_counts import Counts, Surfaces, Wanted
from mlwright.plan.measuring import Selection, Series
from mlwright.planners.selections import FEEDBACK

FEATURES: Final = "mlwright_feature_bin_total"
OUTPUTS: Final = "mlwright_output_bin_total"
PROFILE: Final = "mlwright_profile_info"
BEFORE: Final = 150.0
"""Seconds before a span in which its first sample is looked for: two scrapes a minute apart, and one that failed."""
RECENT: Final = 300.0
"""Seconds in which a pod must have told its profile."""
MOST_SAMPLES: Final = 60_000
"""Of one answer: it is read at one go, and nothing else happens meanwhile."""
SCRAPE: Final = 15.0
"""Usual seconds between two scrapes."""
SLOTS: Final = 23
"""Most bins of a distribution."""
LABELS: Final = "feedback:accuracy"
"""What late labels are recorded as: the slot is whether the answer was right."""
_SURFACES: Final = {"feature": FEATURES, "output": OUTPUTS}


def profile_of(wanted: Wanted, now: float) -> Selection:
    """Return what is asked to learn the distributions of a revision."""
    return Selection(PROFILE, _labels(wanted), now - RECENT)


def surfaces_of(wanted: Wanted, found: Iterable[Series]) -> Surfaces:
    """Return the distributions that pods of the revision tell; all tell the same.

    Worked example: counts="0:52,1:50,missing:3" of surface feature and name age -> {"feature:age": {"0": 52, ...}}.
    """
    own = (series.labels for series in found if is_own(wanted, series))
    return {
        f"{labels['surface']}:{labels['name']}": counts
        for labels in own
        if labels.get("surface") in _SURFACES and labels.get("name") and (counts := _parsed(labels.get("counts", "")))
    }


def names_of(wanted: Wanted, found: Iterable[Series]) -> Mapping[str, tuple[str, ...]]:
    """Return what the numbered bins of distributions hold, in words, as far as pods tell it.

    Worked example: bins=["18 to 22","22 to 40"] of surface feature and name age -> {"feature:age": ("18 to 22", ...)}.
    """
    own = (series.labels for series in found if is_own(wanted, series))
    return {
        f"{labels['surface']}:{labels['name']}": names
        for labels in own
        if labels.get("surface") in _SURFACES and labels.get("name") and (names := _names(labels.get("bins", "")))
    }


def _names(text: str) -> tuple[str, ...]:
    """Read a JSON list of texts; empty for any other text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    plain = isinstance(found, list) and all(isinstance(name, str) for name in found)
    return tuple(found[:SLOTS]) if plain else ()


def _parsed(text: str) -> Counts:
    """Read `0:52,missing:3`; empty for any other text."""
    pairs = [entry.rpartition(":") for entry in text.split(",")]
    plain = all(slot and count.isascii() and count.isdigit() for slot, _, count in pairs)
    return {slot: int(count) for slot, _, count in pairs} if plain else {}


def questions(wanted: Wanted, names: Iterable[str]) -> tuple[Selection, ...]:
    """Return what is asked to count a span, in answers of bearable size."""
    scrapes = (wanted.until - wanted.since + BEFORE) / SCRAPE
    several = max(1, int(MOST_SAMPLES / (SLOTS * scrapes * max(1, len(wanted.born)))))
    found = []
    for surface, metric in _SURFACES.items():
        own = sorted(name.partition(":")[2] for name in names if name.startswith(f"{surface}:"))
        for place in range(0, len(own), several):
            labels = {**_labels(wanted), surface: tuple(own[place : place + several])}
            found.append(Selection(metric, labels, wanted.since - BEFORE))
    return (*found, *_labels_asked(wanted))


def _labels_asked(wanted: Wanted) -> tuple[Selection, ...]:
    """Return the question for late labels: any pod of the deployment takes those of any revision."""
    if not wanted.labels:
        return ()
    own = {name: value for name, value in _labels(wanted).items() if name != "revision"}
    return (Selection(FEEDBACK, {**own, "predicted_revision": (wanted.revision,)}, wanted.since - BEFORE),)


def _labels(wanted: Wanted) -> dict[str, tuple[str, ...]]:
    return {
        "namespace": (wanted.namespace,),
        "deployment": (wanted.deployment,),
        "revision": (wanted.revision,),
    }


def is_own(wanted: Wanted, series: Series) -> bool:
    """Tell whether a series is of a pod of the revision, as pods of a Deployment are named."""
    told = series.labels
    revision = told.get("revision", "") if told.get("predicted_revision") == wanted.revision else wanted.revision
    return bool(revision) and told.get("pod", "").startswith(f"{wanted.deployment}-{revision}-")


def counted(wanted: Wanted, found: Iterable[Series]) -> dict[str, dict[str, int]]:
    """Return the rows by what they are of and by bin.

    Raises:
        MetricsError: a sample cannot be a count.
    """
    once: dict[tuple[str, str, str], Series] = {}
    for series in found:
        if is_own(wanted, series) and (surface := _surface(series)):
            key = surface, series.labels.get("bin") or series.labels.get("correct", ""), series.labels["pod"]
            once.setdefault(key, series)
    rows: dict[str, dict[str, int]] = {}
    for (surface, slot, _), series in sorted(once.items()):
        own = rows.setdefault(surface, {})
        own[slot] = own.get(slot, 0) + round(increase(wanted, series))
    return rows


def _surface(series: Series) -> str:
    own = (f"{surface}:{name}" for surface in _SURFACES if (name := series.labels.get(surface)))
    return next(own, LABELS if "correct" in series.labels else "")


def increase(wanted: Wanted, series: Series) -> float:
    """Return what one counter counted in a span.

    Raises:
        MetricsError: a sample cannot be a count.
    """
    pod = series.labels.get("pod", "")
    if any(not math.isfinite(value) or value < 0 for _, value in series.samples):
        raise MetricsError(f"pod {pod} tells a number of rows that cannot be one: nothing is counted with it")
    values = _values(wanted, series.samples, dict(wanted.born).get(pod))
    return sum(new - old if new >= old else new for old, new in pairwise(values))


def _values(wanted: Wanted, samples: Sequence[tuple[float, float]], born: float | None) -> list[float]:
    """Return the values at the last scrape before the span and at all scrapes within it."""
    before = [value for at, value in samples if at <= wanted.since]
    within = [value for at, value in samples if wanted.since < at <= wanted.until]
    if before:
        return [before[-1], *within]
    return [0.0, *within] if born is not None and born > wanted.since - BEFORE else within
