"""A runtime of MLServer for bundles of mlwright: the features are inputs by their names, ONNX Runtime answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

DATATYPES = {"bool": "BOOL", "int64": "INT64", "float64": "FP64", "object": "BYTES"}
KINDS: dict[str, Any] = {"BOOL": np.bool_, "INT64": np.int64, "FP64": np.float64, "BYTES": object}


class BundleModel(MLModel):  # type: ignore[misc] # MLServer is in the image, not where types are checked
    """Answers with the model of a bundle."""

    async def load(self) -> bool:
        """Load the model from where the deployment mounts the bundle."""
        folder = Path(os.environ.get("BUNDLE", "/mnt/models"))
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer one request."""
        columns = {one.name: _column(one) for one in payload.inputs}
        names = [output.name for output in self._session.get_outputs()]
        answers = self._session.run(names, columns)
        return InferenceResponse(
            model_name=self.name,
            id=payload.id,
            outputs=[_output(name, values) for name, values in zip(names, answers, strict=True)],
        )


def _column(tensor: Any) -> Any:
    return np.array(list(tensor.data), dtype=KINDS[tensor.datatype]).reshape(-1, 1)


def _output(name: str, values: Any) -> ResponseOutput:
    datatype = DATATYPES[values.dtype.name]
    return ResponseOutput(name=name, shape=list(values.shape), datatype=datatype, data=values.ravel().tolist())
