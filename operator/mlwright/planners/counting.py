"""Raw samples become looks: what both sides counted from one instant to the next. Pure.

| what happens | what is done |
|---|---|
| a counter falls: its process began anew | its new value counts, nothing is subtracted |
| the weight was just changed | samples count from the second scrape of every pod on |
| a pod is younger than the warm-up | its samples are left out |
| a series appears beside others of its pod | it counts in full: it was born with its first event |
| a series appears with its pod | its first sample only begins the count |
| the same series is there twice (two Prometheus servers of a pair) | one of them counts |
| a series of a pod that is not ours | it is left out |
| a count is negative, infinite or no number | the reading fails: who lies once is not believed |
| a pod is not scraped any more | looks end before its last sample, and the reading says so |
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from mlwright.api.analysis import Check
from mlwright.plan.analysis import Counted, Failed, Reading, Spread
from mlwright.plan.measuring import Measure, Phase, Series, Side, Watched
from mlwright.planners.selections import Part, part, revision
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look

LOOK: Final = 15.0
"""Seconds of a look. The guarantee does not depend on it; shorter ones than scrapes would only be empty."""
LATE: Final = 150.0
"""Seconds after which a pod without a scrape is missed: two scrapes a minute apart, and one that failed."""
MINUTE: Final = 60.0
HORIZON: Final = 6 * 3600.0
QUARTER: Final = 900.0
SCRAPES: Final = 2
"""Scrapes of every pod before a phase counts: the first may still show what was before."""

Found = Mapping[str, Sequence[Series]]
"""Series by metric."""


@dataclass(frozen=True, slots=True)
class _Gain:
    """What one series counted between two scrapes."""

    at: float
    amount: float
    candidate: bool
    part: Part
    bin: str = ""


def count(measure: Measure, check: Check, found: Found, now: float) -> Reading:
    """Return the looks of a check.

    Args:
        measure: What is wanted.
        check: One of its checks; no query.
        found: The series that its selections returned.
        now: Seconds since 1970.
    """
    pods = {pod.name: pod for side in (measure.candidate, measure.stable) for pod in side.pods}
    own = {metric: _own(series, pods) for metric, series in found.items()}
    everything = [series for several in own.values() for series in several]
    if lie := next((_lie(metric, one) for metric, several in own.items() for one in several if lies(one)), ""):
        return Failed(lie)
    if check.latency is not None and everything and not _has_edge(check, everything):
        return Failed(_no_edge(check, everything))
    gains = [gain for metric, several in own.items() for gain in _gains(measure, check, metric, several, pods)]
    scrapes = _scrapes(everything)
    grids = [_grid(measure, check, phase, scrapes) for phase in measure.phases]
    counted = [_looks(grid, gains) for grid in grids if grid is not None]
    trouble = _trouble(measure, check, found, scrapes, now)
    if check.type == "PredictionDrift":
        spreads = tuple(spread for grid in grids if grid is not None for spread in _spreads(grid, gains))
        return Counted(spreads=spreads, trouble=trouble)
    return Counted(tuple(look for looks in counted for look in looks), trouble=trouble)


def recent(measure: Measure, now: float) -> Measure:
    """Leave out what lies more than six hours back, so that neither an answer nor a record grows without end.

    What was proven by older counts must be proven again. The horizon moves by a quarter of an hour at a time: until it
    does, the same looks are counted again.
    """
    horizon = math.floor((now - HORIZON) / QUARTER) * QUARTER
    kept = [replace(phase, since=max(phase.since, horizon)) for phase in measure.phases]
    newest = kept[-1]
    return replace(measure, phases=(*(one for one in kept[:-1] if one.since < (one.until or now)), newest))


def gains_of_stable(measure: Measure, check: Check, found: Found) -> list[tuple[float, float, float]]:
    """Return (scrape, requests, bad ones) of stable within the last phase; good ones are bad ones below 0.

    A lie among them is no answer: nothing is returned.
    """
    pods = {pod.name: pod for side in (measure.candidate, measure.stable) for pod in side.pods}
    own = {metric: _own(series, pods) for metric, series in found.items()}
    if any(lies(series) for several in own.values() for series in several):
        return []
    phase = measure.phases[-1]
    gains = (gain for metric, several in own.items() for gain in _gains(measure, check, metric, several, pods))
    within = (gain for gain in gains if phase.since <= gain.at <= (phase.until or math.inf) and not gain.candidate)
    return [(gain.at, *_of_side({(False, gain.part): gain.amount})) for gain in within]


def increases(several: Sequence[Series], pods: Mapping[str, Watched]) -> Iterable[tuple[Series, float, float]]:
    """Yield (series, scrape, increase) of one metric, of our pods alone and each once."""
    own = _own(several, pods)
    first_scrapes = {pod: times[0] for pod, times in _scrapes(own).items()}
    for series in own:
        for _, at, amount in rises(series, first_scrapes[series.labels["pod"]]):
            yield series, at, amount


def untrue(found: Found, pods: Mapping[str, Watched]) -> str:
    """Return what among the series of our pods no counter can have, in a sentence; empty when all can be true."""
    own = ((metric, one) for metric, several in found.items() for one in _own(several, pods))
    return next((_lie(metric, one) for metric, one in own if lies(one)), "")


# which series count


def _own(several: Iterable[Series], pods: Mapping[str, Watched]) -> list[Series]:
    """Return the series of our pods, each once, whichever of the servers of a pair it comes from."""
    kept: dict[tuple[tuple[str, str], ...], Series] = {}
    for series in sorted(several, key=lambda one: sorted(one.labels.items())):
        if series.labels.get("pod") in pods and series.samples:
            kept.setdefault(_identity(series), series)
    return list(kept.values())


_IDENTITY: Final = (
    "pod",
    "revision",
    "code",
    "le",
    "output",
    "bin",
    "predicted_revision",
    "correct",
    "shadow_revision",
)
"""Labels that tell our series apart; any other was added on the way, such as the name of the server that scraped."""


def _identity(series: Series) -> tuple[tuple[str, str], ...]:
    return tuple((name, series.labels[name]) for name in _IDENTITY if name in series.labels)


def lies(series: Series) -> bool:
    """Tell whether its samples are such as no counter has: negative, no number, or not in the order of time."""
    times = [time for time, _ in series.samples]
    values = [value for _, value in series.samples]
    wrong = any(not math.isfinite(value) or value < 0 for value in values)
    return wrong or any(later <= earlier for earlier, later in pairwise(times))


def _lie(metric: str, series: Series) -> str:
    values = (value for _, value in series.samples)
    wrong = next((value for value in values if not math.isfinite(value) or value < 0), None)
    what = "samples that are not in the order of time" if wrong is None else f"the value {wrong:g}"
    return (
        f"Prometheus returned {what} for {metric} of pod {series.labels.get('pod')}: no counter has that, so nothing of"
        " this reading is believed"
    )


def _has_edge(check: Check, several: Iterable[Series]) -> bool:
    return any(part(check, "", series.labels) is Part.GOOD for series in several)


def _no_edge(check: Check, several: Sequence[Series]) -> str:
    bound = check.latency.bound if check.latency else ""
    pod = several[0].labels.get("pod")
    return f"pod {pod} counts no answers up to {bound}: let bound be an edge of mlwright_request_seconds of its runtime"


# what they count


def _gains(
    measure: Measure, check: Check, metric: str, several: Sequence[Series], pods: Mapping[str, Watched]
) -> Iterable[_Gain]:
    first_scrapes = {pod: times[0] for pod, times in _scrapes(several).items()}
    for series in several:
        what = part(check, metric, series.labels)
        side = _side(measure, revision(check, series.labels))
        if what is None or side is None:
            continue
        pod = pods[series.labels["pod"]]
        warm = pod.ready + measure.warmup.total_seconds()
        for before, at, amount in rises(series, first_scrapes[pod.name]):
            if before >= warm:
                yield _Gain(at, amount, side is measure.candidate, what, _bin(series))


def _side(measure: Measure, name: str) -> Side | None:
    return next((side for side in (measure.candidate, measure.stable) if side.revision == name), None)


def _bin(series: Series) -> str:
    return series.labels.get("bin", "")


def rises(series: Series, first_scrape: float) -> Iterable[tuple[float, float, float]]:
    """Yield (scrape before, scrape, increase). A counter that fell began anew, with what it counted since.

    One that appears after the `first_scrape` of its program counts in full: it was born with its first event.
    """
    born, value = series.samples[0]
    if born > first_scrape and value:
        yield born, born, value
    for (before, old), (at, new) in pairwise(series.samples):
        yield before, at, new - old if new >= old else new


# when they count


@dataclass(frozen=True, slots=True)
class _Grid:
    """The looks of a phase: from `start`, `looks` of them."""

    phase: Phase
    start: float
    looks: int

    @property
    def end(self) -> float:
        return self.start + self.looks * LOOK


def _scrapes(several: Iterable[Series]) -> dict[str, list[float]]:
    """Return the instants at which each pod was scraped."""
    times: dict[str, set[float]] = defaultdict(set)
    for series in several:
        times[series.labels["pod"]].update(time for time, _ in series.samples)
    return {pod: sorted(found) for pod, found in times.items()}


def _grid(measure: Measure, check: Check, phase: Phase, scrapes: Mapping[str, Sequence[float]]) -> _Grid | None:
    """Return the looks of a phase, or None while it does not count yet."""
    until = phase.until if phase.until is not None else math.inf
    begins, ends = [], [until]
    for pod in _counting(measure, check):
        warm = max(phase.since, pod.ready + measure.warmup.total_seconds())
        times = scrapes.get(pod.name, ())
        after = [time for time in times if time >= warm]
        if pod.ready <= phase.since:  # one that came later joins without holding up the others
            if len(after) >= SCRAPES:
                begins.append(after[SCRAPES - 1])
            elif not pod.gone:
                return None
        if phase.until is None and times and not pod.gone:
            ends.append(times[-1])
    if not begins:
        return None
    start = max(begins)
    looks = math.floor((min(ends) - start) / LOOK) if math.isfinite(min(ends)) else 0
    return _Grid(phase, start, looks) if looks > 0 else None


def _counting(measure: Measure, check: Check) -> tuple[Watched, ...]:
    """Return the pods that count: stable's pods compare copies; all others count for themselves."""
    return measure.stable.pods if check.disagreement is not None else measure.candidate.pods + measure.stable.pods


def _looks(grid: _Grid, gains: Iterable[_Gain]) -> list[Look]:
    sums: dict[int, dict[tuple[bool, Part], float]] = defaultdict(lambda: defaultdict(float))
    for gain in gains:
        if grid.start < gain.at <= grid.end:
            sums[math.ceil((gain.at - grid.start) / LOOK) - 1][gain.candidate, gain.part] += gain.amount
    return [
        Look(grid.phase.step, (place + 1) * LOOK, _counts(sums[place])) for place in range(grid.looks) if place in sums
    ]


def _counts(sums: Mapping[tuple[bool, Part], float]) -> Counts:
    own, stable = _of_side(sums, candidate=True), _of_side(sums)
    return Counts(own[0], max(0.0, own[1]), stable[0], max(0.0, stable[1]))


def _of_side(sums: Mapping[tuple[bool, Part], float], *, candidate: bool = False) -> tuple[float, float]:
    whole, bad, good, both = (sums.get((candidate, one), 0.0) for one in (Part.ALL, Part.BAD, Part.GOOD, Part.BOTH))
    return whole + both, bad + both - good


def _spreads(grid: _Grid, gains: Sequence[_Gain]) -> list[Spread]:
    """Return one for each full minute: of distributions, hundreds of answers are needed before anything shows."""
    places = {name: place for place, name in enumerate(sorted({gain.bin for gain in gains}))}
    minutes = [[[0.0, 0.0] for _ in places] for _ in range(int(grid.looks * LOOK // MINUTE))]
    for gain in gains:
        minute = math.ceil((gain.at - grid.start) / MINUTE) - 1
        if 0 <= minute < len(minutes):
            minutes[minute][places[gain.bin]][gain.candidate] += gain.amount
    return [Spread(grid.phase.step, tuple((stable, own) for stable, own in bins)) for bins in minutes]


def _trouble(measure: Measure, check: Check, found: Found, scrapes: Mapping[str, Sequence[float]], now: float) -> str:
    """Return why nothing newer was counted, or nothing."""
    begun = measure.phases[-1].since
    metrics = ", ".join(sorted(found))
    for pod in (one for one in _counting(measure, check) if not one.gone):
        last = scrapes.get(pod.name, (None,))[-1]
        silent = now - max(begun, pod.ready, last or 0.0)
        if silent <= LATE:
            continue
        if last is None:
            return (
                f"Prometheus has no {metrics} of pod {pod.name}: it is not scraped, or its runtime does not count that"
            )
        return f"Prometheus has not scraped pod {pod.name} for {silent:.0f} s: nothing is decided without it"
    return ""
