"""One pass over the rows: every expectation is held against them, and every column is summed up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlwright.trainer import sources
from mlwright.trainer.checks.champion import Comparison, Reference, compare
from mlwright.trainer.checks.columns import ColumnWatch, Repeats, percent
from mlwright.trainer.checks.expectations import CHECKS, Checks, ColumnType
from mlwright.trainer.checks.findings import Finding, Rows, worst_first
from mlwright.trainer.checks.fingerprints import of_rows
from mlwright.trainer.checks.summaries import Bins, Summary
from mlwright.trainer.checks.values import Kind, Values
from mlwright.trainer.columns import Roles
from mlwright.trainer.errors import CHANGED, SurroundingsError, UserError
from mlwright.trainer.wording import did_you_mean, rows

Mask = NDArray[np.bool_]

SKEW: Final = timedelta(minutes=5)
"""Clocks of machines differ; times that lie further ahead are no clock's fault."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged.

    Attributes:
        source: The files.
        names: All columns of the data.
        roles: Which of them do what.
        kept: `[all rows]`, true for the rows of the time range; None where all are used.
        asked_at: When the run was asked for.
    """

    source: sources.Source
    names: tuple[str, ...]
    roles: Roles
    kept: Mask | None
    asked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the data looks like and what is wrong with it, the worst first.

    `files` holds the number of each file's first row: rows are counted through all files, from 1.
    """

    rows: int
    files: Mapping[str, int]
    summaries: tuple[Summary, ...]
    bins: Mapping[str, Bins]
    comparison: Comparison
    findings: tuple[Finding, ...]


def judge(checks: Checks, subject: Subject, reference: Reference) -> Judgement:
    """Hold all expectations against the data; all that fails is found, not only the first.

    Raises:
        UserError: The data cannot be read, or an expectation cannot be judged.
    """
    there = [name for name in checks.names if name in subject.names]
    wanted = tuple(dict.fromkeys((*subject.roles.used, *there)))
    survey = _Survey(checks, subject.roles, wanted, reference)
    for piece in sources.stream(subject.source, wanted):
        survey.starts.setdefault(piece.file, piece.first)
        survey.add(piece.table, np.arange(piece.first, piece.first + len(piece.table)), subject.kept)
    comparison = compare(checks, reference, subject.roles.features, survey.summaries, survey.bins)
    findings = [
        *_absent(checks, subject.names),
        *survey.findings(),
        *_age(checks, survey, subject.asked_at),
        *comparison.findings,
    ]
    return Judgement(
        survey.rows, survey.starts, tuple(survey.summaries.values()), survey.bins, comparison, worst_first(findings)
    )


class _Survey:
    """Everything that is counted on the way."""

    def __init__(self, checks: Checks, roles: Roles, wanted: Sequence[str], reference: Reference) -> None:
        self.rows = 0
        self.starts: dict[str, int] = {}
        self.newest: float | None = None  # of the column that must be fresh, in microseconds since 1970
        self.summaries = {name: Summary(name) for name in wanted}
        self.bins = reference.bins(roles.features)
        self._checks = checks
        self._watches = {name: ColumnWatch(checks.of(name)) for name in wanted}
        self._repeats = Repeats()
        self._used = roles.used

    def add(self, table: Any, numbers: Rows, kept: Mask | None) -> None:
        """Look at a batch of the data, `[n]` rows with their numbers."""
        if kept is not None:
            if len(numbers) and numbers[-1] > len(kept):
                raise SurroundingsError(CHANGED)
            inside = kept[numbers - 1]
            table, numbers = table.filter(pa.array(inside)), numbers[inside]
        self.rows += len(numbers)
        if not len(numbers):
            return
        looked_at = {name: Values.of(sources.plain_column(table, name)) for name in self.summaries}
        for name, values in looked_at.items():
            self.summaries[name].add(values)
            self._watches[name].add(values, numbers)
            if name in self.bins:
                self.bins[name].add(values)
            if self._checks.freshness and name == self._checks.freshness.column:
                self._look_at_times(values)
        if self._checks.max_duplicate_rows is not None:
            self._repeats.add(of_rows([looked_at[name] for name in self._used]), numbers)

    def _look_at_times(self, values: Values) -> None:
        if values.kind not in {Kind.TIMES, Kind.TEXTS}:
            return
        times = values.as_numbers(ColumnType.TIME)
        if times is not None and not np.isnan(times).all():
            newest = float(np.nanmax(times))
            self.newest = newest if self.newest is None else max(self.newest, newest)

    def findings(self) -> Iterable[Finding]:
        """What fails, after the last batch."""
        least = self._checks.min_rows
        if least is not None and self.rows < least:
            yield Finding(f"{CHECKS}.minRows", f"the data has {rows(self.rows)}, at least {least:,} are needed")
        for watch in self._watches.values():
            yield from watch.findings()
        yield from self._duplicates()

    def _duplicates(self) -> Iterable[Finding]:
        most, tally = self._checks.max_duplicate_rows, self._repeats.tally()
        if most is None or tally.count <= most * self.rows:
            return
        sentence = (
            f"{percent(tally.count, self.rows)} of the rows repeat an earlier one in {rows(tally.count)},"
            f" at most {most * 100:.4g} % may"
        )
        share = tally.count / max(1, self.rows)
        yield Finding(f"{CHECKS}.maxDuplicateRows", sentence, None, tally.count, share, tuple(tally.first))


def _absent(checks: Checks, names: Sequence[str]) -> Iterable[Finding]:
    """Columns that are named and not there."""
    for check in checks.columns:
        if check.name not in names:
            sentence = f"the data has no column {check.name!r}; {did_you_mean(check.name, names)}"
            yield Finding(check.field("name"), sentence, check.name)
    if checks.freshness and checks.freshness.column not in names:
        name = checks.freshness.column
        sentence = f"the data has no column {name!r}; {did_you_mean(name, names)}"
        yield Finding(f"{CHECKS}.freshness.column", sentence, name)


def _age(checks: Checks, survey: "_Survey", asked_at: datetime | None) -> Iterable[Finding]:
    """Whether the newest time is new enough."""
    fresh = checks.freshness
    if fresh is None or fresh.column not in survey.summaries:
        return
    if survey.newest is None:
        sentence = f"column {fresh.column!r} holds {survey.summaries[fresh.column].kind}, none of them a time"
        yield Finding(f"{CHECKS}.freshness.column", sentence, fresh.column)
    elif asked_at is None:
        raise UserError("run.triggeredAt", "is not given, and dataset.checks.freshness needs it", "give it")
    else:
        age = (asked_at - _EPOCH) - timedelta(
            microseconds=survey.newest
        )  # the newest, a float, may round to year 10000
        problem = _stale(age, fresh.max_age)
        if problem:
            sentence = f"the newest time of column {fresh.column!r} lies {problem}"
            yield Finding(f"{CHECKS}.freshness.maxAge", sentence, fresh.column)


def _stale(age: timedelta, most: timedelta) -> str:
    if age > most:
        return f"{_span(age)} before the run was asked for, at most {_span(most)} may"
    if age < -SKEW:
        return f"{_span(-age)} after the run was asked for: a clock or a time zone is wrong"
    return ""


def _span(time: timedelta) -> str:
    """A length of time as people write it.

    >>> _span(timedelta(days=3, minutes=5)), _span(timedelta(minutes=90)), _span(timedelta(seconds=40))
    ('72h', '90m', '40s')
    """
    seconds = int(time.total_seconds())
    for unit, length, least in (("h", 3600, 2), ("m", 60, 2)):
        if seconds >= least * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
