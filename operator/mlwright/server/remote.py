"""The Open Inference Protocol over gRPC, on a port of its own: same model, limits, errors and counts as over HTTP.

Every call is served as one whose requests are a stream, of which the first is the request: on the wire that is the
same, and the message is read when its client is known and there is room for it. Until then flow control keeps it with
its client, but for some 64 KiB.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, Self

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from mlwright.bundle.tensors import Array
from mlwright.server import binary, metadata
from mlwright.server.admission import MAX_HELD_BYTES, MAX_UNDER_WAY
from mlwright.server.application import Application
from mlwright.server.arrivals import Room
from mlwright.server.encryption import Encryption
from mlwright.server.model import Model, Prediction
from mlwright.server.problems import RefusedError, bad_request
from mlwright.server.protocol import open_inference_pb2 as messages
from mlwright.server.recording import Context
from mlwright.server.requests import InferRequest

log = logging.getLogger(__name__)

SERVICE: Final = "inference.GRPCInferenceService"

_CODES: Final[Mapping[HTTPStatus, grpc.StatusCode]] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
        HTTPStatus.UNPROCESSABLE_ENTITY: grpc.StatusCode.INVALID_ARGUMENT,
        HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
        HTTPStatus.REQUEST_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
        HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
        HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
        HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
_CONTENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "BOOL": "bool_contents",
        **{f"INT{bits}": "int_contents" for bits in (8, 16, 32)},
        "INT64": "int64_contents",
        **{f"UINT{bits}": "uint_contents" for bits in (8, 16, 32)},
        "UINT64": "uint64_contents",
        "FP32": "fp32_contents",
        "FP64": "fp64_contents",
        "BYTES": "bytes_contents",
    }
)
# A request in bytes is about a third of the same in JSON, by which the size of cheap ones is known.
_DENSER: Final = 3

# What has no limit of its own over HTTP: calls of one connection and, with health among them, of all.
MAX_STREAMS: Final = 128
MAX_CALLS: Final = 3 * MAX_UNDER_WAY
# Calls whose messages wait for a place: as many as may be under way, so that both leave some for health.
MAX_WAITING: Final = MAX_UNDER_WAY
# Messages that arrive at once, where even as many of the largest size must not end the container.
_LEAST_ARRIVING: Final = 8
_LEAST_AGE_SECONDS: Final = 0.5
# What a call may have come before its time began to count, and its answer may take to be read.
_LATE_SECONDS: Final = 5.0


def build(app: Application, drain_seconds: float) -> grpc.aio.Server:
    """A server that is not started and has no port yet.

    A server that stops loses the calls that clients send before they hear of it, and cannot tell them earlier. So
    connections are ended all the time, which loses none, so soon that none is left at the end of the drain, where there
    is one.
    """
    max_bytes = app.limits.max_body_bytes
    service = Service(app, max(_LEAST_ARRIVING, MAX_HELD_BYTES // max_bytes))
    handlers = {
        "ServerLive": service.live,
        "ServerReady": service.ready,
        "ModelReady": service.model_ready,
        "ServerMetadata": service.server_metadata,
        "ModelMetadata": service.model_metadata,
        "ModelInfer": service.infer,
    }
    age = [("grpc.max_connection_age_ms", round(1000 * max(_LEAST_AGE_SECONDS, drain_seconds / 2)))]
    server = grpc.aio.server(
        maximum_concurrent_rpcs=MAX_CALLS,
        options=[
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_concurrent_streams", MAX_STREAMS),
            *(age if drain_seconds else ()),
            ("grpc.max_connection_age_grace_ms", round(1000 * (app.timeout_seconds + _LATE_SECONDS))),
            ("grpc.so_reuseport", 0),  # a taken port is an error, not a port that two share
        ],
    )
    routes = {
        name: grpc.stream_unary_rpc_method_handler(
            method, response_serializer=lambda answer: answer.SerializeToString()
        )
        for name, method in handlers.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, routes),))
    return server


class RemoteListener:
    """The server while it runs."""

    def __init__(self, server: grpc.aio.Server, port: int) -> None:
        self._server = server
        self.port = port

    @classmethod
    async def on(cls, port: int, app: Application, encryption: Encryption | None, drain_seconds: float) -> Self:
        """Listen on a port, 0 for a free one.

        Raises:
            OSError: The port is taken.
        """
        server = build(app, drain_seconds)
        address = f"[::]:{port}"
        try:
            found = (
                server.add_secure_port(address, _credentials(encryption))
                if encryption
                else (server.add_insecure_port(address))
            )
        except RuntimeError as problem:
            raise OSError(f"the port {port} for gRPC cannot be had: {problem}") from problem
        await server.start()
        return cls(server, found)

    async def stop(self, seconds: float) -> None:
        """Take no more calls, and return when those under way are answered, or so many seconds have passed."""
        await self._server.stop(seconds)


def _credentials(encryption: Encryption) -> grpc.ServerCredentials:
    """The certificate as it is when a connection is made."""

    def newest() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([encryption.pair])

    return grpc.dynamic_ssl_server_credentials(newest(), newest, require_client_authentication=False)


class Service:
    """Answers the calls of the protocol."""

    def __init__(self, app: Application, arriving: int) -> None:
        """Take what answers over HTTP as well, and how many messages may arrive at once."""
        self._app = app
        self._room = Room(arriving, MAX_WAITING)
        # For clients that need not be known: they keep the others from no place, and wait for none.
        self._lobby = Room(_LEAST_ARRIVING, 0)

    async def live(self, _messages: object, _context: object) -> messages.ServerLiveResponse:
        """Whether the process works."""
        return messages.ServerLiveResponse(live=True)

    async def ready(self, _messages: object, _context: object) -> messages.ServerReadyResponse:
        """Whether new clients should come here."""
        return messages.ServerReadyResponse(ready=self._app.ready)

    async def model_ready(self, _messages: object, context: Any) -> Any:
        """Whether the model is ready."""

        async def ask() -> messages.ModelReadyResponse:
            request, _ = await self._received(context, messages.ModelReadyRequest, self._lobby, self._end())
            self._check_name(request.name, request.version)
            return messages.ModelReadyResponse(ready=self._app.ready)

        return await _answered(context, ask)

    async def server_metadata(self, _messages: object, context: Any) -> Any:
        """Name and version of the server."""

        async def describe() -> messages.ServerMetadataResponse:
            self._app.let_in(_headers(context))
            return messages.ServerMetadataResponse(**metadata.server())

        return await _answered(context, describe)

    async def model_metadata(self, _messages: object, context: Any) -> Any:
        """Inputs and outputs."""

        async def describe() -> messages.ModelMetadataResponse:
            self._app.let_in(_headers(context))
            request, _ = await self._received(context, messages.ModelMetadataRequest, self._room, self._end())
            self._check_name(request.name, request.version)
            described = metadata.model(self._app.loaded())
            described.pop("parameters")  # the protocol has none here
            return messages.ModelMetadataResponse(**described)

        return await _answered(context, describe)

    async def infer(self, _messages: object, context: Any) -> Any:
        """Predictions, counted as those over HTTP are."""
        started = time.perf_counter()
        try:
            answer = await self._infer(context)
        except Exception as problem:  # noqa: BLE001 - told to the client and to the log
            refusal = _refusal(problem)
            self._app.telemetry.count(refusal.status, started)
            await _abort(context, refusal)
        else:
            self._app.telemetry.count(HTTPStatus.OK, started)
            return answer

    async def _infer(self, context: Any) -> Any:
        headers = _headers(context)
        self._app.let_in(headers)
        model = self._app.loaded()
        ticket, end = self._app.admission.expect(), self._end()
        try:
            request, size = await self._received(context, messages.ModelInferRequest, self._room, end)
            ticket.hold(size)
            ticket.begin()
            self._check_name(request.model_name, request.model_version)
            if size * _DENSER <= model.cheap_bytes:
                return answer(model, request, headers)
            async with asyncio.timeout_at(end):
                return await self._app.on_thread(lambda: answer(model, request, headers))
        except TimeoutError:
            raise RefusedError(HTTPStatus.GATEWAY_TIMEOUT, "the model did not answer in time") from None
        finally:
            ticket.give_back()

    def _end(self) -> float:
        """When a call that begins now has to be answered, with its message, as the loop counts seconds."""
        return asyncio.get_running_loop().time() + self._app.timeout_seconds

    async def _received(self, context: Any, kind: Any, room: Room, end: float) -> tuple[Any, int]:
        """The message of a call, when there is room for it, and its size in bytes."""
        try:
            async with asyncio.timeout_at(end), room.place():
                content = await context.read()
        except TimeoutError:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the message did not arrive in time") from None
        if content is grpc.aio.EOF:
            raise bad_request("the call ended before its message came")
        try:
            return kind.FromString(content), len(content)
        except DecodeError:
            raise bad_request(f"the message is no {kind.DESCRIPTOR.full_name}") from None

    def _check_name(self, name: str, version: str) -> None:
        path = f"/v2/models/{name}" + (f"/versions/{version}" if version else "")
        if not self._app.serves(path):
            raise RefusedError(HTTPStatus.NOT_FOUND, self._app.explain_missing(path))


async def _answered(context: Any, ask: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await ask()
    except RefusedError as refusal:
        await _abort(context, refusal)


def answer(model: Model, request: messages.ModelInferRequest, headers: Mapping[bytes, bytes]) -> Any:
    """Answer one request, in bytes if it came in bytes."""
    outputs = [{"name": output.name} for output in request.outputs]
    asked = model.decoder.decode_tensors(request.id or None, _tensors(request), outputs)
    traceparent = headers.get(b"traceparent")
    context = Context(asked.id, traceparent.decode("latin-1") if traceparent else None)
    return _encode(model, asked, model.predict(asked.columns, context), raw=bool(request.raw_input_contents))


def _tensors(request: messages.ModelInferRequest) -> Iterator[tuple[Mapping[str, Any], memoryview | None]]:
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise bad_request(f"{len(request.inputs)} inputs, {len(raw)} raw contents: send one for each input, or none")
    for place, tensor in enumerate(request.inputs):
        members: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": [*tensor.shape]}
        if raw:
            yield members, memoryview(raw[place])
        else:
            yield members | {"data": _contents(tensor)}, None


def _contents(tensor: messages.ModelInferRequest.InferInputTensor) -> list[Any]:
    field = _CONTENTS.get(tensor.datatype)
    if field is None:
        raise bad_request(f"input {tensor.name}: values of this datatype are sent as raw contents")
    values = [*getattr(tensor.contents, field)]
    if field != "bytes_contents":
        return values
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError:
        raise bad_request(f"input {tensor.name}: a value is not UTF-8") from None


def _encode(model: Model, request: InferRequest, prediction: Prediction, *, raw: bool) -> messages.ModelInferResponse:
    found = messages.ModelInferResponse(
        model_name=model.identity.deployment,
        model_version=model.identity.version,
        id=request.id or "",
        parameters={name: messages.InferParameter(string_param=value) for name, value in prediction.parameters.items()},
    )
    datatypes = {tensor.name: tensor.datatype for tensor in model.signature.outputs}
    for name in request.outputs:
        values = prediction.outputs[name]
        output = found.outputs.add(name=name, datatype=datatypes[name], shape=values.shape)
        if raw:
            found.raw_output_contents.append(binary.write(datatypes[name], values))
        else:
            getattr(output.contents, _CONTENTS[datatypes[name]]).extend(_plain(datatypes[name], values))
    return found


def _plain(datatype: str, values: Array) -> list[Any]:
    flat = np.ravel(values).tolist()
    return [str(value).encode() for value in flat] if datatype == "BYTES" else flat


def _headers(context: Any) -> dict[bytes, bytes]:
    """What came beside the request, by name as in HTTP."""
    pairs = context.invocation_metadata() or ()
    return {key.encode(): value if isinstance(value, bytes) else value.encode() for key, value in pairs}


def _refusal(problem: Exception) -> RefusedError:
    if isinstance(problem, RefusedError):
        return problem
    log.error("the model failed on a request", exc_info=problem)
    return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "the model failed on this request; the server's log says why")


def _abort(context: Any, refusal: RefusedError) -> Awaitable[None]:
    code = _CODES.get(refusal.status, grpc.StatusCode.INTERNAL)
    ending: Awaitable[None] = context.abort(code, str(refusal))
    return ending
