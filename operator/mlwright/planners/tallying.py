"""Trials and successes from two counters of somebody's own program, for each side of an experiment. Pure.

Every increase counts at the scrape that shows it, as what pods of ours count does; which programs there are nobody
knows, so one that is not scraped for a while is caught up with when it is.

| what is found | what follows |
|---|---|
| no series of the trials at all | trouble that names the counter and the label: nothing is counted |
| values that no counter has | trouble: who lies once is not believed |
| the same series from both servers of a pair | the one that reaches back further counts |
| a series that begins before the second scrape of its program | it begins the count: what it held before nobody saw |
| series of other versions | they are left out by the question itself |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mlwright.api.experiments import Counter, QueriesGoal
from mlwright.plan.experiments import Arm, Tally
from mlwright.plan.measuring import Selection, Series
from mlwright.planners.counting import lies, rises
from mlwright.planners.selections import LOOKBACK

REPLICAS: Final = frozenset({"__name__", "prometheus", "prometheus_replica", "replica", "__replica__"})
"""Labels by which the servers of a pair differ, not what they scraped."""
PROGRAM: Final = ("job", "pod", "instance")
"""Labels that tell apart the programs that were scraped."""


@dataclass(frozen=True, slots=True)
class Tallied:
    """What was counted, by revision."""

    trials: Mapping[str, float] = field(default_factory=dict)
    successes: Mapping[str, float] = field(default_factory=dict)
    trouble: str = ""
    """Why nothing could be counted."""


def tally(asked: QueriesGoal, namespace: str, arms: Sequence[Arm], since: float) -> Tally:
    """Return the series to ask for: of the namespace and of the versions that are compared.

    Args:
        asked: Settings of the goal.
        namespace: That of the deployment; counters of no other one are read.
        arms: The sides of the experiment.
        since: Seconds since 1970 from which on is counted.
    """
    revisions = {arm.version.rpartition("-v")[2]: arm.revision for arm in arms}

    def selection(counter: Counter) -> Selection:
        fixed = {label.name: (label.value,) for label in counter.labels}
        ours = {asked.version_label: tuple(revisions), "namespace": (namespace,)}
        return Selection(counter.metric, {**fixed, **ours}, since - LOOKBACK)

    return Tally(selection(asked.trials), selection(asked.successes), asked.version_label, revisions)


def tallied(asked: Tally, trials: Sequence[Series], successes: Sequence[Series], since: float, until: float) -> Tallied:
    """Return what both counters counted from `since` to `until`, seconds since 1970."""
    for wanted, found in ((asked.trials, trials), (asked.successes, successes)):
        if any(lies(series) for series in found):
            words = f"Prometheus returned samples of {wanted.metric} that no counter has"
            return Tallied(trouble=f"{words}, so nothing of this reading is believed")
    if not any(series.samples for series in trials):
        return Tallied(trouble=_absent(asked))
    own, won = _each_once(trials), _each_once(successes)
    begun = _begun((*own, *won))
    return Tallied(_counted(asked, own, begun, since, until), _counted(asked, won, begun, since, until))


def _absent(asked: Tally) -> str:
    values = " or ".join(asked.revisions)
    where = ", ".join(f"{name}={value[0]!r}" for name, value in asked.trials.labels.items() if name != asked.label)
    return (
        f"Prometheus has no series of {asked.trials.metric} with {where} whose label {asked.label} is {values}: correct"
        " spec.experiment.goal.queries, or let the program that counts be scraped"
    )


def _each_once(several: Sequence[Series]) -> list[Series]:
    """Return one of the same series of several servers: the one that reaches back furthest."""
    kept: dict[tuple[tuple[str, str], ...], Series] = {}
    there = (series for series in several if series.samples)
    for series in sorted(there, key=lambda one: (one.samples[0][0], sorted(one.labels.items()))):
        own = {name: value for name, value in series.labels.items() if name not in REPLICAS}
        kept.setdefault(tuple(sorted(own.items())), series)
    return list(kept.values())


def _program(series: Series) -> tuple[str, ...]:
    return tuple(series.labels.get(name, "") for name in PROGRAM)


def _begun(several: Sequence[Series]) -> dict[tuple[str, ...], float]:
    """Return until when a series of each program is none that was born: its second scrape.

    What both counters held at the first scrape nobody saw begin. An order of then may be written down one scrape later.
    """
    times: dict[tuple[str, ...], set[float]] = defaultdict(set)
    for series in several:
        times[_program(series)].update(at for at, _ in series.samples)
    return {program: sorted(seen)[:2][-1] for program, seen in times.items()}


def _counted(
    asked: Tally, several: Sequence[Series], begun: Mapping[tuple[str, ...], float], since: float, until: float
) -> dict[str, float]:
    counts = dict.fromkeys(asked.revisions.values(), 0.0)
    for series in several:
        revision = asked.revisions.get(series.labels.get(asked.label, ""))
        if revision is None:
            continue
        counts[revision] += sum(gain for _, at, gain in rises(series, begun[_program(series)]) if since < at <= until)
    return counts
