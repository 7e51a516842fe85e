"""One loaded model: from the bytes of a request to the bytes of its answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlwright.bundle import models
from mlwright.bundle.manifest import PROBABILITIES, Core, Format
from mlwright.bundle.profile import Profile
from mlwright.bundle.tensors import Arrays
from mlwright.server.answers import AnswerEncoder
from mlwright.server.recording import PREDICTION_ID, Context, Recorder, Silent
from mlwright.server.requests import RequestDecoder
from mlwright.server.settings import Identity

_PLATFORMS = {Format.ONNX: "onnxruntime_onnx", Format.SKOPS: "sklearn_skops"}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says, and what is said with it."""

    outputs: Arrays
    parameters: Mapping[str, str]

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The parameters that are headers as well."""
        if PREDICTION_ID not in self.parameters:
            return ()
        return ((b"x-mlwright-prediction-id", self.parameters[PREDICTION_ID].encode()),)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request: its body, and headers beside those that every answer has."""

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class Model:
    """A model with its codecs. `answer` is safe to call from several threads."""

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
        self._decoder = RequestDecoder({tensor.name: tensor.datatype for tensor in core.signature.inputs}, [*outputs])
        self._encoder = AnswerEncoder(identity, outputs)

    def predict(self, columns: Arrays, context: Context) -> Prediction:
        """Answer checked columns, `[n, 1]` each: where every protocol ends."""
        outputs = self.predictor.predict(columns)
        return Prediction(outputs, self.recorder.record(columns, outputs, context))

    def answer(self, body: bytes, traceparent: str | None = None) -> Answer:
        """Answer one request; raises RefusedError for a body that does not fit the signature."""
        request = self._decoder.decode(body)
        prediction = self.predict(request.columns, Context(request.id, traceparent))
        return Answer(
            self._encoder.encode(request, prediction.outputs, prediction.parameters),
            prediction.headers,
        )

    def output_shape(self, name: str) -> list[int]:
        """Shape of an output in the protocol's metadata; -1 stands for the number of rows."""
        return [-1, len(self.signature.classes)] if name == PROBABILITIES else [-1]
