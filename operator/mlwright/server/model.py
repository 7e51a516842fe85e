"""One loaded model: from the bytes of a request to the bytes of its answer."""

from mlwright.bundle import models
from mlwright.bundle.manifest import PROBABILITIES, Core, Format
from mlwright.server.answers import AnswerEncoder
from mlwright.server.requests import RequestDecoder
from mlwright.server.settings import Identity

_PLATFORMS = {Format.ONNX: "onnxruntime_onnx", Format.SKOPS: "sklearn_skops"}


class Model:
    """A model with its codecs. `answer` is safe to call from several threads."""

    def __init__(self, identity: Identity, core: Core, predictor: models.Model) -> None:
        """Take what the bundle says of itself and what runs it."""
        self.identity = identity
        self.signature = core.signature
        self.platform = _PLATFORMS[core.format]
        self.predictor = predictor
        # Bodies up to this size are answered quickly enough for the event loop; measured at warm-up.
        self.cheap_bytes = 0
        outputs = {tensor.name: tensor.datatype for tensor in core.signature.outputs}
        self._decoder = RequestDecoder({tensor.name: tensor.datatype for tensor in core.signature.inputs}, [*outputs])
        self._encoder = AnswerEncoder(identity, outputs)

    def answer(self, body: bytes) -> bytes:
        """Answer one request; raises RefusedError for a body that does not fit the signature."""
        request = self._decoder.decode(body)
        return self._encoder.encode(request, self.predictor.predict(request.columns))

    def output_shape(self, name: str) -> list[int]:
        """Shape of an output in the protocol's metadata; -1 stands for the number of rows."""
        return [-1, len(self.signature.classes)] if name == PROBABILITIES else [-1]
