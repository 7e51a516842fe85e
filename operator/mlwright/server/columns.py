"""One tensor of a request, checked and turned into the `[n, 1]` array that the model takes.

Every check answers with a sentence that names the input, what was expected and what came. What is right passes with
few steps: this is most of what a small request costs.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import orjson

from mlwright.bundle.manifest import Datatype
from mlwright.bundle.tensors import DTYPES, LARGEST, Array
from mlwright.server import binary
from mlwright.server.datatypes import ACCEPTED, Declared
from mlwright.server.phrases import json_name, listed, quoted
from mlwright.server.problems import bad_request

# A one-feature body of 4 MiB could hold two million rows, whose answer would be 40 times as large.
MAX_ROWS = 65_536


def declared_as(name: str, wanted: Datatype, datatype: object) -> Declared:
    """The datatype that a request declares for an input; raises RefusedError (400) when it does not fit."""
    accepted = ACCEPTED[wanted]
    if type(datatype) is str and datatype in accepted:
        return accepted[datatype]
    came = quoted(datatype) if type(datatype) is str else json_name(datatype)
    narrower = listed([other for other in accepted if other != wanted])
    raise bad_request(
        f"input {name}: expected datatype {wanted}{f' (or a narrower one: {narrower})' if narrower else ''}, got {came}"
    )


def rows_of(name: str, shape: object) -> int:
    """The number of rows that a shape says; raises RefusedError (400) when it is not that of a column."""
    if not _is_column(shape):
        came = quoted(orjson.dumps(shape).decode()) if type(shape) is list else json_name(shape)
        raise bad_request(
            f"input {name}: expected shape [n, 1] with n rows, at least one; got {came}; each feature is an input"
        )
    rows: int = shape[0]  # type: ignore[index] # _is_column has seen that this is a list
    if rows > MAX_ROWS:
        raise bad_request(f"input {name}: {rows} rows; at most {MAX_ROWS} are answered at once, split the batch")
    return rows


def _is_column(shape: object) -> bool:
    if type(shape) is not list or len(shape) not in {1, 2}:
        return False
    return type(shape[0]) is int and shape[0] > 0 and shape[1:] in ([], [1])


def read_list(name: str, declared: Declared, rows: int, data: object) -> list[Any]:
    """The values of a column, each of a type that its datatype may hold; raises RefusedError (400) otherwise."""
    values = _flat(name, data)
    if len(values) != rows:
        raise bad_request(f"input {name}: the shape says {rows} rows, the data holds {len(values)} values")
    if not declared.elements.issuperset(map(type, values)):
        raise bad_request(misfit(name, declared, values))
    return values


def from_list(name: str, wanted: Datatype, declared: Declared, values: list[Any]) -> Array:
    """Values that have been checked as a column; raises RefusedError (400) for a number that is out of range."""
    if wanted is Datatype.BYTES:
        values = ["" if value is None else value for value in values]
    column = np.empty((len(values), 1), dtype=DTYPES[wanted])
    try:
        column[:, 0] = values
    except OverflowError:  # beyond any INT64
        raise bad_request(_out_of_range(name, declared)) from None
    return _in_range(name, declared, column)


def from_bytes(name: str, wanted: Datatype, declared: Declared, rows: int, data: memoryview) -> Array:
    """Bytes as a column; raises RefusedError (400) when they are not what the datatype says."""
    if wanted is Datatype.BYTES:
        texts: list[Any] = binary.read_texts(name, rows, data)
        return np.array(texts, dtype=object).reshape(rows, 1)
    values = binary.read_numbers(name, declared.name, rows, data)
    if declared.name == "UINT64":  # the one that may hold what INT64 cannot
        _in_range(name, declared, values)
    column = values.astype(DTYPES[wanted])
    if wanted is Datatype.FP64:
        _check_size([name], column, rows)
    return column.reshape(rows, 1)


def _in_range(name: str, declared: Declared, column: Array) -> Array:
    if declared.high and not (declared.low <= column.min() and column.max() <= declared.high):
        raise bad_request(_out_of_range(name, declared))
    return column


def _flat(name: str, data: object) -> list[Any]:
    """The values of a column; the protocol lets a client nest them row by row."""
    if type(data) is not list:
        raise bad_request(f'input {name}: "data" must be a list of values, got {json_name(data)}')
    if not data or type(data[0]) is not list:
        return data
    if not all(type(row) is list and len(row) == 1 for row in data):
        raise bad_request(f"input {name}: nested data must hold one list of one value per row")
    return [row[0] for row in data]


def misfit(name: str, declared: Declared, data: Sequence[object]) -> str:
    """Which value is not of its datatype, by its row and its kind."""
    row = next(row for row, value in enumerate(data) if type(value) not in declared.elements)
    return f"input {name}: {declared.name} expects {declared.expects}; row {row} holds {json_name(data[row])}"


def _out_of_range(name: str, declared: Declared) -> str:
    return (
        f"input {name}: a value lies outside of {declared.low} to {declared.high}, which {declared.name} may hold here"
    )


def side_by_side(columns: Mapping[str, list[Any]], rows: int) -> dict[str, Array]:
    """Columns of numbers that have been checked as one block of memory: one conversion instead of one for each."""
    return divided(columns, [*chain.from_iterable(columns.values())], rows)


def divided(names: Collection[str], values: list[Any], rows: int) -> dict[str, Array]:
    """The same, from the numbers of all columns, one column after the other."""
    # numpy reads one flat list in half the time of a list of lists
    block = np.array(values, dtype=np.float64)
    _check_size(names, block, rows)
    return dict(zip(names, block.reshape(len(names), rows, 1), strict=True))


def _check_size(names: Collection[str], block: Array, rows: int) -> None:
    """Raise RefusedError (400) for a number that no model can compute with; `block` is one column after the other."""
    if _is_small(block):
        return
    beyond = np.flatnonzero(np.abs(block) > LARGEST)
    if beyond.size:
        place, row = divmod(int(beyond[0]), rows)
        raise bad_request(
            f"input {[*names][place]}: the number of row {row} is infinite or huge; expected at most {LARGEST:.2g} in"
            " size, null where it is missing"
        )


@np.errstate(over="ignore")  # as large as that it is not small
def _is_small(block: Array) -> bool:
    """Whether no number can be beyond the largest, in the least time: the usual case, and no number is missing."""
    return bool(block.dot(block) <= LARGEST**2)
