"""What was found wrong: what was expected of which column, and which rows fail it, by number; never a value."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
"""Numbers of rows from 1, in the order of the files."""

SHOWN: Final = 10
"""Numbers of rows that are kept of each finding."""
TOLD: Final = 3
"""Numbers of rows that a sentence names."""
_KEPT_BYTES: Final = 1_500
"""Of the list in the results: the rest of the termination message needs its room."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation that the data does not meet."""

    field: str  # path in the pipeline's spec
    sentence: str
    column: str | None = None
    count: int = 0  # rows that fail it
    share: float = 1.0  # of all rows; what concerns the whole data counts as all of it
    rows: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The sentence and where to look first."""
        if not self.rows:
            return self.sentence
        told = ", ".join(f"{row:,}" for row in self.rows[:TOLD])
        more = ", ..." if self.count > TOLD else ""
        return f"{self.sentence} ({'row' if self.count == 1 else 'rows'} {told}{more})"

    def to_document(self, most: int = SHOWN) -> dict[str, Any]:
        """As the results and `checks.json` hold it."""
        document: dict[str, Any] = {"field": self.field, "sentence": self.sentence}
        if self.column is not None:
            document["column"] = self.column
        if self.count:
            document |= {"count": self.count, "rows": list(self.rows[:most])}
        return document


@dataclass(slots=True)
class Tally:
    """Counts rows that fail an expectation and keeps the first numbers."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, failing: NDArray[np.bool_], numbers: Rows) -> None:
        """Count a batch.

        Args:
            failing: `[n]`, true where a row fails.
            numbers: `[n]`, the rows' numbers.
        """
        found = int(np.count_nonzero(failing))
        if not found:
            return
        self.count += found
        if len(self.first) < SHOWN:
            self.first.extend(numbers[np.flatnonzero(failing)[: SHOWN - len(self.first)]].tolist())


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings in the order in which somebody should read them: what concerns the most rows first."""
    return tuple(sorted(findings, key=lambda finding: -finding.share))


def compact(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """As many findings as a termination message has room for, the worst first."""
    kept: list[dict[str, Any]] = []
    for finding in findings:
        kept.append(finding.to_document(TOLD))
        if len(str(kept).encode()) > _KEPT_BYTES:
            return kept[:-1]
    return kept


def told(findings: Sequence[Finding]) -> str:
    """The worst finding and the number of the others, as one sentence."""
    others = len(findings) - 1
    if not others:
        return f"a data check failed: {findings[0].text}"
    return f"{len(findings)} data checks failed, the worst: {findings[0].text}"
