"""Answers: from the model's arrays to the JSON of the protocol. A NaN becomes null, since JSON has none."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from mlwright.server.requests import InferRequest
from mlwright.server.settings import Identity


class AnswerEncoder:
    """Writes answers for one model."""

    def __init__(self, identity: Identity, outputs: Mapping[str, str]) -> None:
        """Take who answers and the datatype of each output by name."""
        self._head = {"model_name": identity.deployment, "model_version": identity.version}
        self._datatypes = dict(outputs)

    def encode(
        self, request: InferRequest, outputs: Mapping[str, npt.NDArray[Any]], parameters: Mapping[str, str]
    ) -> bytes:
        """Write the outputs asked for, each flattened row by row as the protocol wants it."""
        document: dict[str, object] = dict(self._head)
        if request.id is not None:
            document["id"] = request.id
        if parameters:
            document["parameters"] = dict(parameters)
        document["outputs"] = [self._tensor(name, outputs[name]) for name in request.outputs]
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)

    def _tensor(self, name: str, values: npt.NDArray[Any]) -> dict[str, object]:
        flat = values.ravel()
        return {
            "name": name,
            "shape": values.shape,
            "datatype": self._datatypes[name],
            "data": flat.tolist() if flat.dtype.kind in "OU" else np.ascontiguousarray(flat),
        }
