"""One loaded model: from the bytes of a request to its answer, in every form in which it may be asked."""

from collections.abc import Mapping
from typing import NamedTuple

from mlwright.bundle import models
from mlwright.bundle.errors import GapsError
from mlwright.bundle.manifest import PROBABILITIES, Core, Format
from mlwright.bundle.profile import Profile
from mlwright.bundle.tensors import Arrays
from mlwright.server.answers import JSON_LENGTH, AnswerEncoder
from mlwright.server.phrases import listed
from mlwright.server.problems import bad_request, no_such_rows
from mlwright.server.recording import PREDICTION_ID, Context, Recorder, Silent
from mlwright.server.requests import RequestDecoder
from mlwright.server.rows import RowAnswers, RowReader
from mlwright.server.settings import Identity
from mlwright.server.wire import JSON, Head, Headers, Reply

_PLATFORMS = {
    Format.ONNX: "onnxruntime_onnx",
    Format.SKOPS: "sklearn_skops",
    Format.PICKLE: "sklearn_pickle",
}


class Prediction(NamedTuple):
    """What the model says, and what is said with it."""

    outputs: Arrays
    parameters: Mapping[str, str]

    @property
    def headers(self) -> Headers:
        """The parameters that are headers as well."""
        if PREDICTION_ID not in self.parameters:
            return ()
        return ((b"x-mlwright-prediction-id", self.parameters[PREDICTION_ID].encode()),)


class Model:
    """A model with its codecs. All that answers is safe to call from several threads."""

    def __init__(self, identity: Identity, core: Core, predictor: models.Model) -> None:
        """Take what the bundle says of itself and what runs it."""
        self.identity = identity
        self.signature = core.signature
        self.platform = _PLATFORMS[core.format]
        self.predictor = predictor
        self.profile = Profile(0, (), ())  # set by whoever loads
        self.recorder: Recorder = Silent()  # set once, before the first client is answered
        # Bodies up to this size are answered quickly enough for the event loop; measured at warm-up.
        self.cheap_bytes = 0
        outputs = {tensor.name: tensor.datatype for tensor in core.signature.outputs}
        inputs = {tensor.name: tensor.datatype for tensor in core.signature.inputs}
        self.decoder = RequestDecoder(inputs, [*outputs])
        self._encoder = AnswerEncoder(identity, outputs)
        self._rows = RowReader(inputs)
        self._row_answers = RowAnswers(identity, core.signature)

    def predict(self, columns: Arrays, context: Context) -> Prediction:
        """Answer checked columns, `[n, 1]` each: where every protocol ends.

        Raises:
            RefusedError: Numbers are missing, and the model takes none such (422).
        """
        try:
            outputs = self.predictor.predict(columns)
        except GapsError as gaps:
            raise no_such_rows(
                f"a number is missing in {listed(gaps.inputs)}, and this model answers no such rows: send a number for"
                " each row"
            ) from gaps
        return Prediction(outputs, self.recorder.record(columns, outputs, context))

    def infer(self, head: Head, body: bytes) -> Reply:
        """Answer a request of the protocol; raises RefusedError for one that does not fit the signature."""
        request = self.decoder.decode(body, _json_bytes(head.headers))
        prediction = self.predict(request.columns, Context(request.id, _traceparent(head.headers)))
        answer, headers = self._encoder.encode(request, prediction.outputs, prediction.parameters)
        return Reply(answer, headers=headers + prediction.headers)

    def answer_rows(self, head: Head, body: bytes) -> Reply:
        """Answer a request with named fields; raises RefusedError for one that does not fit the signature."""
        request = self._rows.read(body)
        prediction = self.predict(request.columns, Context(None, _traceparent(head.headers)))
        answer = self._row_answers.write(request, prediction.outputs, prediction.parameters)
        return Reply(answer, headers=JSON + prediction.headers)

    def output_shape(self, name: str) -> list[int]:
        """Shape of an output in the protocol's metadata; -1 stands for the number of rows."""
        return [-1, len(self.signature.classes)] if name == PROBABILITIES else [-1]


def _json_bytes(headers: Mapping[bytes, bytes]) -> int | None:
    text = headers.get(JSON_LENGTH)
    if text is None:
        return None
    if not text.isdigit():
        raise bad_request("the header Inference-Header-Content-Length must be a number of bytes")
    return int(text)


def _traceparent(headers: Mapping[bytes, bytes]) -> str | None:
    value = headers.get(b"traceparent")
    return None if value is None else value.decode("latin-1")
