"""Requests in their commonest form, in a third of the time that any other takes.

That is: every input once, with the very datatype of the model, all of one shape, and flat lists. A client sends the
same names, shapes and datatypes again and again: seen to be right once, they are compared as a whole, and only the data
are looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from mlwright.bundle.manifest import Datatype
from mlwright.bundle.tensors import Array
from mlwright.server.columns import divided, from_list, rows_of
from mlwright.server.datatypes import OWN
from mlwright.server.problems import RefusedError

Heads = list[tuple[Any, Any, Any]]
"""Name, shape and datatype of each tensor, as they came."""

_HEAD: Final = itemgetter("name", "shape", "datatype")
_DATA: Final = itemgetter("data")
_MEMBERS: Final = 4  # these; a tensor with more, as parameters, is none of the usual
_LISTS: Final = frozenset({list})
_NUMBER: Final = OWN[Datatype.FP64].elements


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is the same in many requests."""

    heads: Heads
    rows: int
    numbers: tuple[str, ...]
    """Inputs that are FP64, in the order of the request."""
    pick: Callable[[Sequence[Any]], Sequence[Any]]
    """From the data of all tensors to those of the numbers."""
    others: tuple[tuple[int, str, Datatype], ...]
    """Place, name and datatype of the other inputs."""


class UsualReader:
    """Reads such requests for one signature; may be called on several threads."""

    def __init__(self, inputs: Mapping[str, Datatype]) -> None:
        """Take the datatype of each input by name."""
        self._inputs = dict(inputs)
        self._last = _Layout([], 0, (), tuple, ())

    def read(self, tensors: list[Any]) -> dict[str, Array] | None:
        """The columns, `[n, 1]` by name; None for a request of any other form, right or wrong."""
        try:
            heads, data = [*map(_HEAD, tensors)], [*map(_DATA, tensors)]
            if sum(map(len, tensors)) != _MEMBERS * len(tensors):
                return None
            layout = self._last
            # To Python 1, 1.0 and true are equal, and only the first is a number of rows.
            if heads != layout.heads or type(heads[0][1][0]) is not int:
                layout = self._last = self._seen(heads)
            if not _LISTS.issuperset(map(type, data)) or {*map(len, data)} != {layout.rows}:
                return None
            return _columns(layout, data)
        except (TypeError, LookupError, _UnusualError, RefusedError):
            return None

    def _seen(self, heads: Heads) -> _Layout:
        """The layout of tensors that were not compared yet."""
        rows = rows_of("", shape := heads[0][1])
        kinds = {name: self._inputs[name] for name, _, _ in heads}
        if not len(kinds) == len(heads) == len(self._inputs):
            raise _UnusualError
        if any(its != shape or datatype != OWN[kinds[name]].name for name, its, datatype in heads):
            raise _UnusualError
        places = [place for place, kind in enumerate(kinds.values()) if kind is Datatype.FP64]
        others = [(place, *one) for place, one in enumerate(kinds.items()) if place not in places]
        numbers = tuple(heads[place][0] for place in places)
        return _Layout(heads, rows, numbers, _picking(places, len(heads)), tuple(others))


class _UnusualError(Exception):
    """This is none of the usual requests."""


def _picking(places: list[int], total: int) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(places) == total:
        return lambda data: data
    return itemgetter(*places) if len(places) > 1 else lambda data: [data[place] for place in places]


def _columns(layout: _Layout, data: Sequence[list[Any]]) -> dict[str, Array]:
    columns: dict[str, Array] = {}
    if layout.numbers:
        values = [*chain.from_iterable(layout.pick(data))]
        if not _NUMBER.issuperset(map(type, values)):
            raise _UnusualError
        columns = divided(layout.numbers, values, layout.rows)
    for place, name, datatype in layout.others:
        own = OWN[datatype]
        if not own.elements.issuperset(map(type, data[place])):
            raise _UnusualError
        columns[name] = from_list(name, datatype, own, data[place])
    return columns
