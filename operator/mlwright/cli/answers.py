"""What a command answers, for people and for programs, and with which exit code it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from mlwright.errors import MlwrightError


class Code(IntEnum):
    """Exit codes."""

    DONE = 0
    NOT_SO = 1
    """It cannot be done as things stand, or a check found a difference."""
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    """The API server refused it: a right is missing, or a policy forbids it."""
    AWAY = 5
    """kubectl or the API server cannot be reached."""


class CommandError(MlwrightError):
    """A command that could not be done; the sentence says what to do."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """What is printed."""

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs, with `-o json`."""
    code: Code = Code.DONE


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Return rows as aligned columns; the last column is as wide as it likes."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    cells = ([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]] for row in rows)
    return "\n".join(indent + "  ".join(row).rstrip() for row in cells)
