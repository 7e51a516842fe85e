"""Rows with named fields: what a person types behind curl, and the answer that a person can read.

One object is one row, a list of objects is several. Every feature of the model is a field of each row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mlwright.bundle.manifest import PROBABILITIES, Datatype, Label, Signature
from mlwright.bundle.tensors import Array, Arrays
from mlwright.server.columns import MAX_ROWS, from_list, misfit, side_by_side
from mlwright.server.datatypes import OWN
from mlwright.server.phrases import json_name, listed, nearest, quoted
from mlwright.server.problems import bad_request
from mlwright.server.requests import read_json
from mlwright.server.settings import Identity

_BEYOND_INT64 = 2.0**63


@dataclass(frozen=True, slots=True)
class RowRequest:
    """One decoded request."""

    columns: Mapping[str, Array]  # every input of the model, [rows, 1]
    single: bool  # one object came, not a list


class RowReader:
    """Reads rows for one signature."""

    def __init__(self, inputs: Mapping[str, Datatype]) -> None:
        """Take the datatype of each input by name."""
        self._inputs = dict(inputs)

    def read(self, body: bytes) -> RowRequest:
        """Check and convert a body; raises RefusedError (400) when it does not fit the signature."""
        document = read_json(body)
        rows: list[Any] = document if type(document) is list else [document]
        if not 0 < len(rows) <= MAX_ROWS:
            raise bad_request(f"{len(rows)} rows; send 1 to {MAX_ROWS} at once")
        for place, row in enumerate(rows):
            self._check(place, row)
        return RowRequest(self._columns(rows), single=type(document) is not list)

    def _columns(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
        numbers: dict[str, list[Any]] = {}
        columns: dict[str, Array] = {}
        for name, datatype in self._inputs.items():
            values = [row[name] for row in rows]
            if not OWN[datatype].elements.issuperset(map(type, values)) and datatype is Datatype.INT64:
                values = [_whole(value) for value in values]
            if not OWN[datatype].elements.issuperset(map(type, values)):
                raise bad_request(misfit(name, OWN[datatype], values))
            if datatype is Datatype.FP64:
                numbers[name] = values
            else:
                columns[name] = from_list(name, datatype, OWN[datatype], values)
        return columns | side_by_side(numbers, len(rows)) if numbers else columns

    def _check(self, place: int, row: object) -> None:
        if type(row) is not dict:
            raise bad_request(f"row {place} must be an object with one field per feature, got {json_name(row)}")
        if row.keys() == self._inputs.keys():
            return
        unknown = next((name for name in row if name not in self._inputs), None)
        if unknown is not None:
            raise bad_request(f"row {place}: field {quoted(unknown)} is unknown: {nearest(unknown, self._inputs)}")
        missing = [f"{name} ({datatype})" for name, datatype in self._inputs.items() if name not in row]
        raise bad_request(f"row {place} lacks {listed(missing)}; every feature of the model must be sent")


class RowAnswers:
    """Writes answers for one model."""

    def __init__(self, identity: Identity, signature: Signature) -> None:
        """Take who answers, and what the columns of the probabilities stand for."""
        self._identity = {"model_name": identity.deployment, "model_version": identity.version}
        self._classes = [_word(label) for label in signature.classes]

    def write(self, request: RowRequest, outputs: Arrays, parameters: Mapping[str, str]) -> bytes:
        """One object for one row, else the list of them, with who answered and what is said with it."""
        rows = self._rows(outputs)
        answer = rows[0] if request.single else {"predictions": rows}
        return orjson.dumps({**answer, **self._identity, **parameters}, option=orjson.OPT_SERIALIZE_NUMPY)

    def _rows(self, outputs: Arrays) -> list[dict[str, object]]:
        plain = {name: self._plain(name, values) for name, values in outputs.items()}
        return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]

    def _plain(self, name: str, values: Array) -> list[Any]:
        if name != PROBABILITIES:
            return [*values.tolist()]
        return [dict(zip(self._classes, row, strict=True)) for row in values.tolist()]


def _whole(value: object) -> object:
    """A whole number that somebody wrote as 7.0, as a number without a point; anything else as it came.

    To JSON Schema both are integers, and tables whose column had a gap write such numbers. Beyond INT64 the reader of
    JSON makes a number with a point of any, which is none of these.
    """
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _BEYOND_INT64
    return int(value) if whole else value  # type: ignore[call-overload] # it is a float


def _word(label: Label) -> str:
    return label if isinstance(label, str) else orjson.dumps(label).decode()
