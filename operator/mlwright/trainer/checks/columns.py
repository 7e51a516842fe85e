"""The expectations of one column, held against it batch by batch."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mlwright.trainer.checks.expectations import ColumnCheck, ColumnType
from mlwright.trainer.checks.findings import SHOWN, Finding, Rows, Tally
from mlwright.trainer.checks.fingerprints import Prints, of_values
from mlwright.trainer.checks.values import Values
from mlwright.trainer.times import time_text
from mlwright.trainer.wording import rows

_HOLDS_NO: Final = {
    ColumnType.NUMBER: "number",
    ColumnType.INTEGER: "whole number",
    ColumnType.TEXT: "text",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TIME: "time",
}


@dataclass(slots=True)
class Repeats:
    """Finds rows that repeat an earlier one, in 16 bytes a row: its fingerprint and its number."""

    prints: list[Prints] = field(default_factory=list)
    numbers: list[Rows] = field(default_factory=list)

    def add(self, prints: Prints, numbers: Rows) -> None:
        """Remember a batch of `n` rows, `[n]` each."""
        self.prints.append(prints)
        self.numbers.append(numbers)

    def tally(self) -> Tally:
        """The rows that repeat an earlier one."""
        if not self.prints:
            return Tally()
        prints, numbers = np.concatenate(self.prints), np.concatenate(self.numbers)
        order = np.argsort(prints, kind="stable")  # of equal ones the earliest row comes first
        again = np.zeros(len(prints), dtype=np.bool_)
        again[order[1:]] = prints[order[1:]] == prints[order[:-1]]
        return Tally(int(np.count_nonzero(again)), np.sort(numbers[again])[:SHOWN].tolist())


@dataclass(slots=True)
class ColumnWatch:
    """Counts what of one column fails its check."""

    check: ColumnCheck
    total: int = 0
    missing: Tally = field(default_factory=Tally)
    wrong_type: Tally = field(default_factory=Tally)
    below: Tally = field(default_factory=Tally)
    above: Tally = field(default_factory=Tally)
    foreign: Tally = field(default_factory=Tally)
    repeats: Repeats = field(default_factory=Repeats)

    def add(self, values: Values, numbers: Rows) -> None:
        """Look at a batch.

        Args:
            values: The column's values, `n` rows.
            numbers: `[n]`, the rows' numbers.
        """
        check = self.check
        self.total += len(numbers)
        self.missing.add(values.missing, numbers)
        if check.type is not None:
            self.wrong_type.add(values.not_of(check.type), numbers)
        if check.minimum is not None or check.maximum is not None:
            self._bounds(values, numbers)
        if check.allowed is not None:
            self.foreign.add(~values.missing & ~values.among(check.allowed), numbers)
        if check.unique:
            present = ~values.missing
            self.repeats.add(of_values(values)[present], numbers[present])

    def findings(self) -> list[Finding]:
        """What fails, after the last batch."""
        check, name = self.check, repr(self.check.name)
        repeated = self.repeats.tally() if check.unique else Tally()
        holds = f"column {name} holds no {_HOLDS_NO.get(check.type or ColumnType.TEXT, '')}"
        allowed = f"column {name} holds none of the {len(check.allowed or ())} allowed values"
        found = [
            self._finding("type", self.wrong_type, holds),
            self._finding("min", self.below, f"column {name} lies below {_shown(check, check.minimum)}"),
            self._finding("max", self.above, f"column {name} lies above {_shown(check, check.maximum)}"),
            self._finding("allowed", self.foreign, allowed),
            self._finding("unique", repeated, f"column {name} repeats an earlier value"),
            self._gaps(),
        ]
        return [finding for finding in found if finding is not None]

    def _bounds(self, values: Values, numbers: Rows) -> None:
        found = values.as_numbers(self.check.type)
        if found is None:
            return
        with np.errstate(invalid="ignore"):
            if self.check.minimum is not None:
                self.below.add(found < self.check.minimum, numbers)
            if self.check.maximum is not None:
                self.above.add(found > self.check.maximum, numbers)

    def _finding(self, member: str, tally: Tally, sentence: str) -> Finding | None:
        if not tally.count:
            return None
        return Finding(
            self.check.field(member),
            f"{sentence} in {rows(tally.count)}",
            column=self.check.name,
            count=tally.count,
            share=tally.count / max(1, self.total),
            rows=tuple(tally.first),
        )

    def _gaps(self) -> Finding | None:
        most = self.check.max_missing
        if most is None or self.missing.count <= most * self.total:
            return None
        sentence = (
            f"column {self.check.name!r} is missing in {percent(self.missing.count, self.total)} of the rows,"
            f" at most {most * 100:.4g} % may be"
        )
        count, share = self.missing.count, self.missing.count / max(1, self.total)
        return Finding(
            self.check.field("maxMissing"), sentence, self.check.name, count, share, tuple(self.missing.first)
        )


def _shown(check: ColumnCheck, bound: float | None) -> str:
    if bound is None:
        return ""
    return time_text(int(bound)) if check.type is ColumnType.TIME else f"{bound:.15g}"


def percent(count: int, total: int) -> str:
    """A share in words: `2.1 %`; never rounded down to nothing.

    >>> percent(21, 1000), percent(1, 1_000_000)
    ('2.1 %', '0.0001 %')
    """
    return f"{100 * count / max(1, total):.2g} %" if count * 2 < total else f"{100 * count / max(1, total):.3g} %"
