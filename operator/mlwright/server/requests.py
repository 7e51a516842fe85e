"""Inference requests: from the bytes of a body to one checked column per feature.

What passes can be given to the model as it is: right names, right types, the same number of rows everywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from mlwright.bundle.manifest import Datatype
from mlwright.bundle.tensors import Array
from mlwright.server.columns import declared_as, from_bytes, from_list, read_list, rows_of, side_by_side
from mlwright.server.phrases import json_name, listed, nearest, quoted
from mlwright.server.problems import bad_request
from mlwright.server.usual import UsualReader

_NO_BYTES = memoryview(b"")
_NONE: frozenset[str] = frozenset()


class InferRequest(NamedTuple):
    """One decoded request."""

    id: str | None
    columns: Mapping[str, Array]  # every input of the model, [rows, 1]
    outputs: tuple[str, ...]  # the outputs asked for, in the order asked
    binary: frozenset[str] = frozenset()  # those of them that are sent as bytes


class RequestDecoder:
    """Reads requests for one signature."""

    def __init__(self, inputs: Mapping[str, Datatype], outputs: Sequence[str]) -> None:
        """Take the datatype of each input by name, and the names of the outputs."""
        self._inputs = dict(inputs)
        self._usual = UsualReader(inputs)
        self._outputs = tuple(outputs)

    def decode(self, body: bytes, json_bytes: int | None = None) -> InferRequest:
        """Check and convert a body; with `json_bytes`, so many bytes are JSON and the rest is binary tensors.

        Raises:
            RefusedError: The body does not fit the signature (400).
        """
        document, rest = _split(body, json_bytes)
        parameters = _parameters(document)
        binary = parameters.get("binary_data_output") is True
        return InferRequest(
            _id(document.get("id")),
            self._columns(document.get("inputs"), rest),
            *self._asked(document.get("outputs"), binary=binary),
        )

    def decode_tensors(
        self, identifier: str | None, tensors: Iterable[tuple[Mapping[str, Any], memoryview | None]], outputs: object
    ) -> InferRequest:
        """Check and convert tensors that came otherwise than in JSON, each with its bytes or with `data` in it.

        Raises:
            RefusedError: They do not fit the signature (400).
        """
        reading = _Reading(self._inputs, _NO_BYTES)
        for tensor, blob in tensors:
            reading.add(tensor, blob)
        return InferRequest(identifier, reading.columns(), *self._asked(outputs, binary=False))

    def _columns(self, tensors: object, rest: memoryview) -> dict[str, Array]:
        if type(tensors) is not list or not tensors:
            came = "an empty list" if tensors == [] else json_name(tensors)
            raise bad_request(f'the request needs "inputs", a list with one tensor per feature; got {came}')
        if (columns := self._usual.read(tensors)) is not None:
            return columns
        reading = _Reading(self._inputs, rest)
        for tensor in tensors:
            reading.add(tensor)
        return reading.columns()

    def _asked(self, outputs: object, *, binary: bool) -> tuple[tuple[str, ...], frozenset[str]]:
        """The outputs asked for, and those of them that are wanted as bytes."""
        if outputs is None or outputs == []:
            return self._outputs, frozenset(self._outputs) if binary else _NONE
        if type(outputs) is not list:
            raise bad_request(f'"outputs" must be a list of objects with a "name", got {json_name(outputs)}')
        named = {}
        for output in outputs:
            members = _object(output, 'every output asked for must be an object with a "name"')
            if members["name"] not in self._outputs:
                raise bad_request(
                    f"output {quoted(members['name'])} is unknown: {nearest(members['name'], self._outputs)}"
                )
            named[members["name"]] = _parameters(members).get("binary_data", binary) is True
        if len(named) != len(outputs):
            raise bad_request("an output is asked for twice: name each output once")
        return tuple(named), frozenset(name for name, wanted in named.items() if wanted)


class _Reading:
    """The tensors of one request on their way to columns."""

    __slots__ = ("_columns", "_inputs", "_numbers", "_place", "_rest", "_rows", "_shape")

    def __init__(self, inputs: Mapping[str, Datatype], rest: memoryview) -> None:
        self._inputs = inputs
        self._rest = rest
        self._place = 0  # in the bytes behind the JSON
        self._columns: dict[str, Array | None] = {}  # None stands for one of the numbers
        self._numbers: dict[str, list[Any]] = {}
        self._shape: object = None
        self._rows = 0

    def add(self, tensor: object, blob: memoryview | None = None) -> None:
        """Check one tensor, whose data is in it, or behind the JSON, or is `blob`."""
        members = _object(tensor, 'every input must be an object with "name", "shape", "datatype" and "data"')
        name = self._name_of(members)
        wanted = self._inputs[name]
        if members.get("shape") != self._shape or self._shape is None:
            self._take_shape(name, members.get("shape"))
        declared = declared_as(name, wanted, members.get("datatype"))
        if (size := _binary_size(name, members)) is not None:
            blob = self._take(name, size)
        if blob is not None:
            self._columns[name] = from_bytes(name, wanted, declared, self._rows, blob)
            return
        values = read_list(name, declared, self._rows, members.get("data"))
        if wanted is Datatype.FP64 and not declared.high:
            self._columns[name] = None
            self._numbers[name] = values
        else:
            self._columns[name] = from_list(name, wanted, declared, values)

    def columns(self) -> dict[str, Array]:
        """Every input of the model; raises RefusedError (400) when one is missing, or bytes are left over."""
        if len(self._columns) != len(self._inputs):
            missing = [f"{name} ({datatype})" for name, datatype in self._inputs.items() if name not in self._columns]
            raise bad_request(f"missing from the inputs: {listed(missing)}; every feature of the model must be sent")
        if self._place != len(self._rest):
            raise bad_request(f"{len(self._rest) - self._place} bytes behind the last binary tensor belong to no input")
        numbers = side_by_side(self._numbers, self._rows) if self._numbers else {}
        return {name: numbers[name] if column is None else column for name, column in self._columns.items()}

    def _name_of(self, members: Mapping[str, Any]) -> str:
        name: str = members["name"]
        if name not in self._inputs:
            raise bad_request(f"input {quoted(name)} is unknown: {nearest(name, self._inputs)}")
        if name in self._columns:
            raise bad_request(f"input {name} is there twice: send each feature once, with one value per row")
        return name

    def _take_shape(self, name: str, shape: object) -> None:
        rows = rows_of(name, shape)
        if self._columns and rows != self._rows:
            first = next(iter(self._columns))
            raise bad_request(
                f"input {name} has {rows} rows, input {first} has {self._rows}: all inputs need the same number"
            )
        self._shape, self._rows = shape, rows

    def _take(self, name: str, size: int) -> memoryview:
        piece = self._rest[self._place : self._place + size]
        if len(piece) != size:
            raise bad_request(f"input {name}: {size} bytes are announced, {len(piece)} are there")
        self._place += size
        return piece


def _split(body: bytes, json_bytes: int | None) -> tuple[dict[str, Any], memoryview]:
    if json_bytes is None:
        return _document(body), _NO_BYTES
    if json_bytes > len(body):
        raise bad_request(f"the JSON is announced to be {json_bytes} bytes long, the body has {len(body)}")
    view = memoryview(body)
    return _document(view[:json_bytes]), view[json_bytes:]


def _document(body: bytes | memoryview) -> dict[str, Any]:
    document = read_json(body)
    if type(document) is not dict:
        raise bad_request(f'the body must be a JSON object with "inputs", got {json_name(document)}')
    return document


def read_json(body: bytes | memoryview) -> object:
    """The JSON of a body; raises RefusedError (400) when it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        said = f"the body is not JSON: {problem}" if body else "the body is empty, expected JSON"
        raise bad_request(said) from None


def _parameters(of: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = of.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise bad_request(f'"parameters" must be an object, got {json_name(parameters)}')
    return parameters


def _binary_size(name: str, tensor: Mapping[str, Any]) -> int | None:
    """How many bytes behind the JSON belong to a tensor; None for one whose data is in the JSON."""
    parameters = _parameters(tensor)
    if "shared_memory_region" in parameters:
        raise bad_request(f"input {name}: shared memory is not supported: send the data")
    size = parameters.get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise bad_request(f'input {name}: "binary_data_size" must be a number of bytes, got {json_name(size)}')
    return size


def _id(identifier: object) -> str | None:
    if identifier is None or type(identifier) is str:
        return identifier
    raise bad_request(f'"id" must be a text, got {json_name(identifier)}')


def _object(entry: object, expected: str) -> Mapping[str, Any]:
    """An object with a name."""
    if type(entry) is not dict:
        raise bad_request(f"{expected}, got {json_name(entry)}")
    if type(entry.get("name")) is not str:
        raise bad_request(f"{expected}; the name of one is {json_name(entry.get('name'))}")
    return entry
