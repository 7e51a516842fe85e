"""The Open Inference Protocol, version 2, over HTTP with JSON: which path answers what, as a plain ASGI application.

It is up before the model is: health and metrics answer from the first moment, everything else says that the model is
still loading. Prediction requests that are cheap run on the event loop, where handing them to a thread would cost more
than the answer; others run on threads, so that health is answered whatever the model does.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import Executor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from mlwright.server import bodies, metadata
from mlwright.server.admission import MAX_HELD_BYTES, Admission
from mlwright.server.feedback import MAX_FEEDBACK_BYTES, Feedback
from mlwright.server.model import Answer, Model
from mlwright.server.problems import RefusedError, come_back
from mlwright.server.settings import Identity
from mlwright.server.telemetry import CONTENT_TYPE, Telemetry

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

_JSON: Headers = ((b"content-type", b"application/json"),)
_TEXT: Headers = ((b"content-type", CONTENT_TYPE),)
_CLOSE = (b"connection", b"close")
_READ = ("GET", "HEAD")
_WRITE = ("POST",)
_LOADING_RETRY_SECONDS = 2
_INFER = "/infer"
_FEEDBACK = "/feedback"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, complete."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    headers: Headers = _JSON


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take."""

    timeout_seconds: float
    max_body_bytes: int


@dataclass(frozen=True, slots=True)
class _Route:
    methods: tuple[str, ...]
    answer: Callable[[Scope, Receive], Awaitable[Reply]]


class Application:
    """Answers requests for one model, before, while and after it can be served."""

    def __init__(self, identity: Identity, limits: Limits, workers: Executor) -> None:
        """Take who answers, what a request may take, and the threads on which costly requests run."""
        self.telemetry = Telemetry(identity)
        self.model: Model | None = None  # set once, when the model has proven itself
        self.feedback: Feedback | None = None  # set once, where the deployment takes any
        self.draining = False
        self._identity = identity
        self._limits = limits
        self._workers = workers
        self._admission = Admission(max_held_bytes=max(MAX_HELD_BYTES, limits.max_body_bytes))
        self._routes = self._build_routes(f"/v2/models/{identity.deployment}", identity.version)

    @property
    def ready(self) -> bool:
        """Whether new clients should come here."""
        return self.model is not None and not self.draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = time.perf_counter()
        try:
            reply = await self._reply(scope, receive)
        except bodies.DisconnectedError:
            return
        await self._send(reply, send)
        if scope["path"].endswith(_INFER):
            self.telemetry.count(reply.status, started)

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        try:
            return await self._route(scope).answer(scope, receive)
        except RefusedError as refusal:
            return Reply(_error(str(refusal)), refusal.status, _JSON + refusal.headers)
        except bodies.DisconnectedError:
            raise
        except Exception:
            log.exception("the model failed on a request")
            return Reply(
                _error("the model failed on this request; the server's log says why"),
                HTTPStatus.INTERNAL_SERVER_ERROR,
            )

    async def _send(self, reply: Reply, send: Send) -> None:
        length = (b"content-length", str(len(reply.body)).encode())
        # A client that keeps its connection would never notice that the server is about to go.
        closing = (_CLOSE,) if self.draining else ()
        await send(
            {
                "type": "http.response.start",
                "status": reply.status.value,
                "headers": (*reply.headers, length, *closing),
            }
        )
        await send({"type": "http.response.body", "body": reply.body})

    def _build_routes(self, model: str, version: str) -> Mapping[str, _Route]:
        routes = {
            "/v2": _Route(_READ, self._server_metadata),
            "/v2/health/live": _Route(_READ, self._live),
            "/v2/health/ready": _Route(_READ, self._ready),
            "/metrics": _Route(_READ, self._metrics),
        }
        for path in (model, f"{model}/versions/{version}"):
            routes[path] = _Route(_READ, self._model_metadata)
            routes[f"{path}/ready"] = _Route(_READ, self._model_ready)
            routes[f"{path}{_INFER}"] = _Route(_WRITE, self._infer)
            routes[f"{path}{_FEEDBACK}"] = _Route(_WRITE, self._take_feedback)
        return routes

    def _route(self, scope: Scope) -> _Route:
        route = self._routes.get(scope["path"])
        if route is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, metadata.explain_missing(scope["path"], self._identity))
        if scope["method"] not in route.methods:
            allowed = ", ".join(route.methods)
            raise RefusedError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"{scope['path']} answers {allowed}, not {scope['method']}",
                headers=((b"allow", allowed.encode()),),
            )
        return route

    async def _live(self, _scope: Scope, _receive: Receive) -> Reply:
        return Reply(b'{"live":true}')

    async def _ready(self, _scope: Scope, _receive: Receive) -> Reply:
        return _health({"ready": self.ready})

    async def _model_ready(self, _scope: Scope, _receive: Receive) -> Reply:
        return _health({"name": self._identity.deployment, "ready": self.ready})

    async def _metrics(self, _scope: Scope, _receive: Receive) -> Reply:
        return Reply(self.telemetry.exposition(), headers=_TEXT)

    async def _server_metadata(self, _scope: Scope, _receive: Receive) -> Reply:
        return Reply(orjson.dumps(metadata.server()))

    async def _model_metadata(self, _scope: Scope, _receive: Receive) -> Reply:
        return Reply(orjson.dumps(metadata.model(self._loaded())))

    async def _infer(self, scope: Scope, receive: Receive) -> Reply:
        model = self._loaded()
        announced = bodies.announced_bytes(scope["headers"])
        late = _late_body
        try:
            with self._admission.ticket() as ticket:
                async with asyncio.timeout(self._limits.timeout_seconds):
                    body = await bodies.read(receive, ticket, announced, self._limits.max_body_bytes)
                    late = _late_answer
                    answer = await self._predict(model, body, _traceparent(scope["headers"]))
                    return Reply(answer.body, headers=_JSON + answer.headers)
        except TimeoutError:
            raise late() from None

    async def _predict(self, model: Model, body: bytes, traceparent: str | None) -> Answer:
        if len(body) <= model.cheap_bytes:
            return model.answer(body, traceparent)
        return await asyncio.get_running_loop().run_in_executor(self._workers, model.answer, body, traceparent)

    async def _take_feedback(self, scope: Scope, receive: Receive) -> Reply:
        if self.feedback is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "no feedback is taken here: see spec.feedback of the deployment")
        announced = bodies.announced_bytes(scope["headers"])
        limit = min(MAX_FEEDBACK_BYTES, self._limits.max_body_bytes)
        try:
            with self._admission.ticket() as ticket:
                async with asyncio.timeout(self._limits.timeout_seconds):
                    body = await bodies.read(receive, ticket, announced, limit)
        except TimeoutError:
            raise _late_body() from None
        return Reply(self.feedback.take(body, time.time()))

    def _loaded(self) -> Model:
        if self.model is None:
            raise come_back(
                HTTPStatus.SERVICE_UNAVAILABLE, "the model is still loading", seconds=_LOADING_RETRY_SECONDS
            )
        return self.model


def _traceparent(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"traceparent"), None)


def _late_body() -> RefusedError:
    # What comes later on a connection whose body never ended cannot be told from that body.
    return RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time", headers=(_CLOSE,))


def _late_answer() -> RefusedError:
    return RefusedError(HTTPStatus.GATEWAY_TIMEOUT, "the model did not answer in time")


def _health(document: dict[str, object]) -> Reply:
    status = HTTPStatus.OK if document["ready"] else HTTPStatus.SERVICE_UNAVAILABLE
    return Reply(orjson.dumps(document), status)


def _error(sentence: str) -> bytes:
    return orjson.dumps({"error": sentence})
