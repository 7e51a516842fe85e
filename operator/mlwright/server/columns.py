"""One tensor of a request, checked and turned into the `[n, 1]` array that the model takes.

Every check answers with a sentence that names the input, what was expected and what came.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from mlwright.bundle.manifest import Datatype
from mlwright.bundle.tensors import DTYPES, Array
from mlwright.server.datatypes import ACCEPTED, Declared
from mlwright.server.phrases import json_name, listed, quoted
from mlwright.server.problems import bad_request

# A one-feature body of 4 MiB could hold two million rows, whose answer would be 40 times as large.
MAX_ROWS = 65_536


def read_column(name: str, wanted: Datatype, tensor: Mapping[str, Any]) -> Array:
    """Check one tensor against the input of that name and convert it.

    Raises:
        RefusedError: The tensor does not fit (400).
    """
    declared = _declared(name, wanted, tensor.get("datatype"))
    rows = _rows(name, tensor.get("shape"))
    data = _flat(name, tensor.get("data"))
    if len(data) != rows:
        raise bad_request(f"input {name}: the shape says {rows} rows, the data holds {len(data)} values")
    kinds = set(map(type, data))
    if not kinds <= declared.elements:
        raise bad_request(_misfit(name, declared, data))
    if wanted is Datatype.BYTES and kinds != {str}:
        data = ["" if value is None else value for value in data]
    return _array(name, declared, DTYPES[wanted], data)


def _declared(name: str, wanted: Datatype, datatype: object) -> Declared:
    accepted = ACCEPTED[wanted]
    if type(datatype) is str and datatype in accepted:
        return accepted[datatype]
    came = quoted(datatype) if type(datatype) is str else json_name(datatype)
    narrower = listed([other for other in accepted if other != wanted])
    raise bad_request(
        f"input {name}: expected datatype {wanted}{f' (or a narrower one: {narrower})' if narrower else ''}, got {came}"
    )


def _rows(name: str, shape: object) -> int:
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


def _flat(name: str, data: object) -> list[Any]:
    """The values of a column; the protocol lets a client nest them row by row."""
    if type(data) is not list:
        binary = "; binary tensors are not supported" if data is None else ""
        raise bad_request(f'input {name}: "data" must be a list of values, got {json_name(data)}{binary}')
    if not data or type(data[0]) is not list:
        return data
    if not all(type(row) is list and len(row) == 1 for row in data):
        raise bad_request(f"input {name}: nested data must hold one list of one value per row")
    return [row[0] for row in data]


def _misfit(name: str, declared: Declared, data: Sequence[object]) -> str:
    row = next(row for row, value in enumerate(data) if type(value) not in declared.elements)
    return f"input {name}: {declared.name} expects {declared.expects}; row {row} holds {json_name(data[row])}"


def _array(name: str, declared: Declared, dtype: type[np.generic], data: list[Any]) -> Array:
    column = np.empty((len(data), 1), dtype=dtype)
    try:
        column[:, 0] = data
    except OverflowError:  # beyond any INT64
        raise bad_request(_out_of_range(name, declared)) from None
    if declared.high and not (declared.low <= column.min() and column.max() <= declared.high):
        raise bad_request(_out_of_range(name, declared))
    return column


def _out_of_range(name: str, declared: Declared) -> str:
    return (
        f"input {name}: a value lies outside of {declared.low} to {declared.high}, which {declared.name} may hold here"
    )
