"""Asking a loaded model again what others were asked, line by line of a payload log."""

from collections.abc import Iterable

import orjson

from mlwright.server.agreement import agree
from mlwright.server.model import Model
from mlwright.server.problems import RefusedError
from mlwright.server.replay import Agreement
from mlwright.server.requests import RequestDecoder


def ask_again(model: Model, lines: Iterable[bytes], tolerance: float) -> Agreement:
    """Ask the model every request, and compare its answer with the one that stands beside it.

    Args:
        model: Who is asked.
        lines: Each a request and its answer, as `PayloadLog` writes them.
        tolerance: How far numbers may lie apart, as in `agreement.agree`.
    """
    found = Agreement()
    signature = model.signature
    inputs = {tensor.name: tensor.datatype for tensor in signature.inputs}
    decoder = RequestDecoder(inputs, [tensor.name for tensor in signature.outputs])
    for line in lines:
        at = orjson.loads(line)["at"]
        found.requests += 1
        found.oldest = at if found.oldest is None else found.oldest
        found.newest = at
        try:
            _ask_one(model, decoder, line, tolerance, found)
        except (RefusedError, ValueError) as problem:
            found.failed += 1
            found.problem = found.problem or str(problem)
    return found


def _ask_one(model: Model, decoder: RequestDecoder, line: bytes, tolerance: float, found: Agreement) -> None:
    columns = decoder.decode(orjson.dumps({"inputs": orjson.loads(line).get("inputs")})).columns
    outputs = model.predictor.predict(columns)
    same = agree(outputs, line, tolerance)
    found.rows += len(next(iter(outputs.values())))
    found.agreed += same
    found.disagreed += not same
