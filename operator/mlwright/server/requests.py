"""Inference requests: from the bytes of a body to one checked column per feature.

What passes can be given to the model as it is: right names, right types, the same number of rows everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mlwright.bundle.manifest import Datatype
from mlwright.bundle.tensors import Array
from mlwright.server.columns import read_column
from mlwright.server.phrases import json_name, listed, nearest, quoted
from mlwright.server.problems import bad_request


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One decoded request."""

    id: str | None
    columns: Mapping[str, Array]  # every input of the model, [rows, 1]
    outputs: tuple[str, ...]  # the outputs asked for, in the order asked


class RequestDecoder:
    """Reads requests for one signature."""

    def __init__(self, inputs: Mapping[str, Datatype], outputs: Sequence[str]) -> None:
        """Take the datatype of each input by name, and the names of the outputs."""
        self._inputs = dict(inputs)
        self._outputs = tuple(outputs)

    def decode(self, body: bytes) -> InferRequest:
        """Check and convert a body.

        Raises:
            RefusedError: The body does not fit the signature (400).
        """
        document = _document(body)
        return InferRequest(
            id=_id(document.get("id")),
            columns=self._columns(document.get("inputs")),
            outputs=self._asked(document.get("outputs")),
        )

    def _columns(self, tensors: object) -> dict[str, Array]:
        if type(tensors) is not list or not tensors:
            came = "an empty list" if tensors == [] else json_name(tensors)
            raise bad_request(f'the request needs "inputs", a list with one tensor per feature; got {came}')
        columns: dict[str, Array] = {}
        for tensor in tensors:
            name = self._input_name(tensor)
            if name in columns:
                raise bad_request(f"input {name} is there twice: send each feature once, with one value per row")
            columns[name] = read_column(name, self._inputs[name], tensor)
        self._check_complete(columns)
        _check_rows(columns)
        return columns

    def _input_name(self, tensor: object) -> str:
        name = _name(tensor, 'every input must be an object with "name", "shape", "datatype" and "data"')
        if name not in self._inputs:
            raise bad_request(f"input {quoted(name)} is unknown: {nearest(name, self._inputs)}")
        return name

    def _check_complete(self, columns: Mapping[str, Array]) -> None:
        if len(columns) == len(self._inputs):
            return
        missing = [f"{name} ({datatype})" for name, datatype in self._inputs.items() if name not in columns]
        raise bad_request(f"missing from the inputs: {listed(missing)}; every feature of the model must be sent")

    def _asked(self, outputs: object) -> tuple[str, ...]:
        if outputs is None or outputs == []:
            return self._outputs
        if type(outputs) is not list:
            raise bad_request(f'"outputs" must be a list of objects with a "name", got {json_name(outputs)}')
        names = tuple(map(self._output_name, outputs))
        if len(set(names)) != len(names):
            raise bad_request("an output is asked for twice: name each output once")
        return names

    def _output_name(self, output: object) -> str:
        name = _name(output, 'every output asked for must be an object with a "name"')
        if name not in self._outputs:
            raise bad_request(f"output {quoted(name)} is unknown: {nearest(name, self._outputs)}")
        return name


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise bad_request(f"the body is not JSON: {problem}" if body else "the body is empty, expected JSON") from None
    if type(document) is not dict:
        raise bad_request(f'the body must be a JSON object with "inputs", got {json_name(document)}')
    parameters = document.get("parameters")
    if parameters is not None and type(parameters) is not dict:
        raise bad_request(f'"parameters" must be an object, got {json_name(parameters)}')
    return document


def _id(identifier: object) -> str | None:
    if identifier is None or type(identifier) is str:
        return identifier
    raise bad_request(f'"id" must be a text, got {json_name(identifier)}')


def _name(entry: object, expected: str) -> str:
    if type(entry) is not dict:
        raise bad_request(f"{expected}, got {json_name(entry)}")
    name = entry.get("name")
    if type(name) is not str:
        raise bad_request(f"{expected}; the name of one is {json_name(name)}")
    return name


def _check_rows(columns: Mapping[str, Array]) -> None:
    first, *others = columns
    for name in others:
        if len(columns[name]) != len(columns[first]):
            raise bad_request(
                f"input {name} has {len(columns[name])} rows, input {first} has {len(columns[first])}: "
                "all inputs need the same number"
            )
