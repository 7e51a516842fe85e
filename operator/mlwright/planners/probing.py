"""Whether the data is not as the newest run read it: small Jobs look at it now and then.

Invariants: one Job for each slot, none while a run goes on, and only the newest that ended is kept; a look that failed
starts no run; a look counts only for the data at which it looked; a revision starts at most one run, whatever comes of
that run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mlwright.api.conditions import timestamp
from mlwright.api.fields import parse_duration
from mlwright.api.runs import Trigger
from mlwright.api.triggers import DataChange
from mlwright.errors import InvalidSpecError
from mlwright.plan import pods
from mlwright.plan.digests import short
from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import PipelineSeen, ProbeSeen, RunBrief
from mlwright.plan.training import RemoveJob, StartProbe, TrainingIntent
from mlwright.plan.versions import DataRead
from mlwright.planners import placeholders
from mlwright.planners.results import parse_result
from mlwright.planners.runs import goes_on, plain
from mlwright.planners.steps import HEARD
from mlwright.planners.template import essence, training_image
from mlwright.settings import Settings

LONGEST: Final = timedelta(minutes=10)
"""A look that takes longer is given up: its pod does not start, or the volume does not answer."""
TOKEN: Final = "data/"  # noqa: S105  # what a trigger's token begins with


@dataclass(frozen=True, slots=True)
class Known:
    """The data as the newest run read it."""

    run: int
    data: DataRead
    answered: str
    """A newer revision for which a run was started that has not read any."""


@dataclass(frozen=True, slots=True)
class Probing:
    """What came of the looks so far, and what is to be done."""

    intents: tuple[TrainingIntent, ...] = ()
    trigger: Trigger | None = None
    fields: dict[str, Any] | None = None
    trouble: str = ""
    """Why the last look failed."""
    next: datetime | None = None


def check(seen: PipelineSeen) -> None:
    """Refuse to look at data of which no run tells that it read it.

    Raises:
        InvalidSpecError: what a run reads is made by another step, moves with the time, or is pinned.
    """
    if seen.spec.triggers.data_change is not None and (why := _unwatchable(seen)):
        raise InvalidSpecError("spec.triggers.dataChange", why)


def _unwatchable(seen: PipelineSeen) -> str:
    if placeholders.has(seen.spec.dataset.uri):
        return "spec.dataset.uri is another address at each time, so there is nothing to watch: use triggers.schedules"
    if seen.spec.dataset.revision:
        return "spec.dataset.revision pins the data, so nothing new is ever read: remove one of the two"
    if any(step.inputs for step in seen.spec.steps if step.built_in and step.built_in.uses == "Validate"):
        return "validate reads what another step makes, so nobody knows what that step read: use triggers.schedules"
    return ""


def probing(seen: PipelineSeen, settings: Settings, now: datetime) -> Probing:
    """Return what the looks at the data say.

    Worked example: checkEvery is 10m, the run of 12:00 read 900 rows, the Job of 12:10 found 950 of another revision
    -> a run is due; at 12:20 the next Job starts, unless that run still goes on.
    """
    wanted = seen.spec.triggers.data_change
    if wanted is None:
        return Probing(intents=tuple(RemoveJob(probe.name, probe.uid) for probe in seen.probes))
    every = parse_duration(wanted.check_every)
    slot, about = slot_of(now, every), looked_at(seen)
    # one of a later slot was made by a wrong clock, and one of other data says nothing of this
    probes = [probe for probe in seen.probes if probe.slot <= slot and probe.about == about]
    ended = [probe for probe in probes if _over(probe, now)]
    newest = ended[-1] if ended else None
    told = _Told(seen, wanted, known(seen), newest, _late(seen, probes, every, now))
    return Probing(
        intents=(*_removals(seen, probes, ended), *_starts(seen, settings, probes, every, slot)),
        trigger=told.trigger(),
        fields=told.fields(),
        trouble=told.trouble(),
        next=datetime.fromtimestamp(slot, UTC) + every,
    )


def _over(probe: ProbeSeen, now: datetime) -> bool:
    """Tell whether a look ended and its pod was heard of, or has had the time to be."""
    if probe.state is not JobState.COMPLETE or probe.said or probe.ended is None:
        return probe.state is not JobState.ACTIVE
    return abs(now - probe.ended) >= HEARD


def slot_of(now: datetime, every: timedelta) -> int:
    """Return the begin of the current slot, as seconds since 1970: the same whoever asks."""
    seconds = int(every.total_seconds())
    return int(now.timestamp()) // seconds * seconds


def looked_at(seen: PipelineSeen) -> str:
    """Return a short digest of where the data lies and how it is read: all that a look depends on."""
    dataset = essence(seen.spec.dataset)
    return short({key: dataset.get(key) for key in ("uri", "format", "storage")})


def _deadline(every: timedelta) -> timedelta:
    """Return how long a look may take."""
    return min(every, LONGEST)


def _late(seen: PipelineSeen, probes: list[ProbeSeen], every: timedelta, now: datetime) -> str:
    """Return what is to be said of a look that has not ended although its Job would have been given up by now."""
    active = [probe for probe in probes if probe.state is JobState.ACTIVE]
    if not active or seen.spec.suspend or now - active[0].started <= _deadline(every) + HEARD:
        return ""
    job = f"kubectl describe -n {seen.namespace} job/{active[0].name}"
    return (
        f"the look at the data of {timestamp(active[0].started)} has not begun: its Job is suspended or gets no pod"
        f" ({job} says why); no other is taken until it ends or is deleted"
    )


def _starts(
    seen: PipelineSeen, settings: Settings, probes: list[ProbeSeen], every: timedelta, slot: int
) -> tuple[TrainingIntent, ...]:
    busy = any(goes_on(run) and not run.stuck for run in seen.runs)
    at_work = any(probe.state is JobState.ACTIVE for probe in probes)
    taken = any(probe.slot == slot for probe in seen.probes)  # also by one that is removed now
    if seen.spec.paused or seen.spec.suspend or busy or at_work or taken:
        return ()
    deadline = int(_deadline(every).total_seconds())
    image = training_image(seen, settings)
    return (StartProbe(slot, image, settings.image_pull_policy, deadline, looked_at(seen)),)


def _removals(seen: PipelineSeen, probes: list[ProbeSeen], ended: list[ProbeSeen]) -> tuple[TrainingIntent, ...]:
    """Return the removal of looks that ended but for the newest, that do not count, and whose pods are unwanted."""
    others = [probe for probe in seen.probes if probe not in probes]
    active = [probe for probe in probes if probe.state is JobState.ACTIVE] if seen.spec.suspend else []
    return tuple(RemoveJob(probe.name, probe.uid) for probe in (*ended[:-1], *others, *active))


def known(seen: PipelineSeen) -> Known | None:
    """Return what the newest run read that read the data where it lies now; None when none did.

    A run that was deleted is remembered by the status, else by the version that it made; one with overrides trained
    something else than the pipeline says, and does not count.
    """
    uri, runs = seen.spec.dataset.uri, plain(seen.runs)
    readers = [(n, run) for n, run in enumerate(runs) if run.data is not None and run.data.uri == uri]
    place, run = readers[-1] if readers else (-1, None)
    told = seen.status.get("data") or {}
    remembered = told if told.get("uri") == uri and told.get("revision") else {}
    if run is None or run.data is None or 0 < run.number < remembered.get("run", 0):
        return _remembered(seen, remembered)
    answered = _answered(runs[place + 1 :]) or (
        remembered.get("answered", "") if remembered.get("run") == run.number else ""
    )
    return Known(run.number, run.data, answered)


def _remembered(seen: PipelineSeen, told: dict[str, Any]) -> Known | None:
    if told:
        data = DataRead(told["uri"], told["revision"], told.get("rows", 0))
        later = [run for run in seen.runs if run.number > told.get("run", 0)]
        return Known(told.get("run", 0), data, _answered(tuple(later)) or told.get("answered", ""))
    made = (v.data for v in reversed(seen.versions) if v.pipeline == seen.name and v.data is not None)
    data_read = next((data for data in made if data.uri == seen.spec.dataset.uri), None)
    answered = _answered(seen.runs)
    if data_read is None and not answered:
        return None
    return Known(0, data_read or DataRead(seen.spec.dataset.uri, "", 0), answered)


def _answered(runs: tuple[RunBrief, ...]) -> str:
    """Return the revision for which the newest of these runs was started."""
    tokens = [run.token for run in runs if run.number and run.token.startswith(TOKEN)]
    return tokens[-1].removeprefix(TOKEN) if tokens else ""


@dataclass(frozen=True, slots=True)
class _Told:
    """What the newest look that ended says."""

    seen: PipelineSeen
    wanted: DataChange
    known: Known | None
    probe: ProbeSeen | None
    late: str
    """What is to be said of a look that does not get on; empty when there is none."""

    def found(self) -> DataRead | None:
        """Return the data as the look found it."""
        result = parse_result(self.probe.said) if self.probe else None
        found = (result.results.get("dataset") or {}) if result and result.outcome == "Succeeded" else {}
        revision, rows = found.get("revision"), found.get("rows")
        if not isinstance(revision, str) or not revision or not isinstance(rows, int):
            return None
        return DataRead(self.seen.spec.dataset.uri, revision[:128], rows)

    def stale(self) -> bool:
        """Tell whether a run was started after the look: it may have read what the look found."""
        return self.probe is not None and any(run.created >= self.probe.started for run in plain(self.seen.runs))

    def trigger(self) -> Trigger | None:
        """Return why a run is due."""
        found = self.found()
        if found is None or self.stale() or self._same(found) or self._missing(found) > 0:
            return None
        return Trigger(type="DataChange", reason=self._change(found), token=f"{TOKEN}{found.revision}")

    def _same(self, found: DataRead) -> bool:
        return self.known is not None and found.revision in {self.known.data.revision, self.known.answered}

    def _missing(self, found: DataRead) -> int:
        """Return how many new rows are wanting for a run."""
        if self.known is None or not self.known.data.revision or self.wanted.min_new_rows is None:
            return 0
        return self.wanted.min_new_rows - (found.rows - self.known.data.rows)

    def _change(self, found: DataRead) -> str:
        if self.known is None or not self.known.data.revision:
            return f"the data is there, with {found.rows:,} rows"
        more = found.rows - self.known.data.rows
        by = f"{more:,} more than" if more > 0 else f"{-more:,} fewer than" if more else "as many as"
        return f"the data changed: {found.rows:,} rows, {by} {self._reader()} found"

    def _reader(self) -> str:
        return f"{self.seen.name}-{self.known.run}" if self.known and self.known.run else "the newest run"

    def sentence(self) -> str:
        """Say what the look found."""
        found = self.found()
        if self.late or (found is None and not self.stale()):
            return self.trouble()
        if found is None or self.stale():
            return ""
        if self._same(found):
            return f"the data is as {self._reader()} read it"
        if (missing := self._missing(found)) > 0:
            return f"{self._change(found)}; a run starts when {missing:,} more have come"
        return self._change(found)

    def trouble(self) -> str:
        """Return why the look failed or does not get on, "" if neither is so."""
        if self.late or self.probe is None or self.found() is not None:
            return self.late
        result = parse_result(self.probe.said)
        why = pods.plain(self.probe.said) or "it ended without a result"
        if result:
            why = "it told no revision" if result.outcome == "Succeeded" else result.sentence
        remedy = f"; {result.remedy}" if result and result.remedy else ""
        log = f"kubectl logs -n {self.seen.namespace} job/{self.probe.name}"
        return f"the last look at the data failed: {why}{remedy} ({log}); the next comes by itself"

    def fields(self) -> dict[str, Any] | None:
        """Return what the status tells of the data."""
        shown: dict[str, Any] = {"uri": self.seen.spec.dataset.uri}
        if self.known is not None:
            data = self.known.data
            shown |= {"run": self.known.run, "revision": data.revision, "rows": data.rows}
            shown |= {"answered": self.known.answered} if self.known.answered else {}
        if self.probe is not None and self.probe.ended is not None:
            shown["checkedAt"] = timestamp(self.probe.ended)
        return shown | ({"sentence": said} if (said := self.sentence()) else {})
