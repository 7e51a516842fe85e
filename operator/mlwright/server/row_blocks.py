"""Rows of many small requests put side by side, at a microsecond or two for a row of twenty numbers.

Numbers are copied into a piece of memory when a request is answered, while they are still in the processor's cache:
to look at them later, one small array after the other, would take several times as long.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import numpy as np

from mlwright.bundle.tensors import Array, Arrays

Block = Any
"""The rows of one request as a gatherer keeps them."""

_ONE: Final = 1
_EMPTY: Final[Any] = b""  # its `join` takes arrays, which their types do not say


@dataclass(frozen=True, slots=True)
class Numbers:
    """Gathers arrays of one dtype that is not text, each with one value per row."""

    names: tuple[str, ...]
    dtype: np.dtype[Any]
    pick: Callable[[Arrays], Sequence[Array]]
    """From the arrays of a request to those of the names, in their order."""

    @classmethod
    def of(cls, names: tuple[str, ...], dtype: np.dtype[Any]) -> "Numbers":
        """Gather these arrays."""
        only = names[0]
        # Half the time of looking up one name after the other; of one name it gives no sequence.
        return cls(names, dtype, (lambda arrays: (arrays[only],)) if len(names) == _ONE else itemgetter(*names))

    def block(self, arrays: Arrays) -> Block:
        """Copy the rows of one request: all rows of the first name, then of the next."""
        parts = self.pick(arrays)
        try:
            return _EMPTY.join(parts)
        except BufferError:  # one of them lies in memory in another order
            return _EMPTY.join([np.ascontiguousarray(part) for part in parts])

    def columns(self, blocks: Sequence[Block], rows: Sequence[int]) -> Iterable[Array]:
        """All rows of all requests, `[n]` for each name."""
        single = [block for block, count in zip(blocks, rows, strict=True) if count == _ONE]
        parts = [self._matrix(b"".join(single), len(single), by_row=True)] if single else []
        parts += [
            self._matrix(block, count, by_row=False) for block, count in zip(blocks, rows, strict=True) if count != _ONE
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _matrix(self, content: bytes, rows: int, *, by_row: bool) -> Array:
        """The numbers as `[names, rows]`."""
        numbers = np.frombuffer(content, dtype=self.dtype)
        if by_row:
            return np.ascontiguousarray(numbers.reshape(rows, len(self.names)).T)
        return numbers.reshape(len(self.names), rows)


@dataclass(frozen=True, slots=True)
class Table:
    """Gathers one array with several numbers per row, and makes one number of each row."""

    name: str
    width: int
    score: Callable[[Array], Array]

    def block(self, arrays: Arrays) -> Block:
        """Copy the rows of one request."""
        return arrays[self.name].tobytes()

    def columns(self, blocks: Sequence[Block], rows: Sequence[int]) -> Iterable[Array]:
        """One number for each row of all requests, `[n]`, as the only column."""
        del rows
        return (self.score(np.frombuffer(b"".join(blocks)).reshape(-1, self.width)),)


@dataclass(frozen=True, slots=True)
class Texts:
    """Gathers arrays of texts; they are kept as they are."""

    names: tuple[str, ...]

    def block(self, arrays: Arrays) -> Block:
        """Keep the rows of one request."""
        return [arrays[name] for name in self.names]

    def columns(self, blocks: Sequence[Block], rows: Sequence[int]) -> Iterable[Array]:
        """All rows of all requests, `[n]` for each name."""
        del rows
        return [np.concatenate(parts, axis=None) for parts in zip(*blocks, strict=True)]


Gatherer = Numbers | Table | Texts
