"""Answers: from the model's arrays to the JSON of the protocol, and bytes for outputs that are asked for so.

A NaN becomes null in JSON, which has none.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from mlwright.server import binary
from mlwright.server.requests import InferRequest
from mlwright.server.settings import Identity
from mlwright.server.wire import Headers

JSON_LENGTH: Final = b"inference-header-content-length"


class AnswerEncoder:
    """Writes answers for one model."""

    def __init__(self, identity: Identity, outputs: Mapping[str, str]) -> None:
        """Take who answers and the datatype of each output by name."""
        self._head = {"model_name": identity.deployment, "model_version": identity.version}
        self._datatypes = dict(outputs)

    def encode(
        self, request: InferRequest, outputs: Mapping[str, npt.NDArray[Any]], parameters: Mapping[str, str]
    ) -> tuple[bytes, Headers]:
        """Write the outputs asked for, each flattened row by row as the protocol wants it, and headers that say how."""
        document: dict[str, object] = dict(self._head)
        if request.id is not None:
            document["id"] = request.id
        if parameters:
            document["parameters"] = parameters
        if request.binary:
            return self._with_bytes(document, request, outputs)
        document["outputs"] = [self._tensor(name, outputs[name]) for name in request.outputs]
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), _JSON

    def _tensor(self, name: str, values: npt.NDArray[Any]) -> dict[str, object]:
        flat = values.ravel()
        return {
            "name": name,
            "shape": values.shape,
            "datatype": self._datatypes[name],
            "data": flat.tolist() if flat.dtype.kind in "OU" else np.ascontiguousarray(flat),
        }

    def _with_bytes(
        self, document: dict[str, object], request: InferRequest, outputs: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[bytes, Headers]:
        blobs = {name: binary.write(self._datatypes[name], outputs[name]) for name in request.binary}
        document["outputs"] = [
            self._announced(name, outputs[name], len(blobs[name]))
            if name in blobs
            else self._tensor(name, outputs[name])
            for name in request.outputs
        ]
        head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        body = b"".join((head, *(blobs[name] for name in request.outputs if name in blobs)))
        return body, (*_BYTES, (JSON_LENGTH, str(len(head)).encode()))

    def _announced(self, name: str, values: npt.NDArray[Any], size: int) -> dict[str, object]:
        return {
            "name": name,
            "shape": values.shape,
            "datatype": self._datatypes[name],
            "parameters": {"binary_data_size": size},
        }


_JSON: Final[Headers] = ((b"content-type", b"application/json"),)
_BYTES: Final[Headers] = ((b"content-type", b"application/octet-stream"),)
