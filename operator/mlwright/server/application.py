"""The Open Inference Protocol, version 2, over HTTP: which path answers what, whatever the connection.

It is up before the model is: health and metrics answer from the first moment, everything else says that the model is
still loading. Prediction requests that are cheap are answered on the event loop, where handing them to a thread would
cost more than the answer; others run on threads, so that health is answered whatever the model does.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

import orjson

from mlwright.server import metadata, openapi
from mlwright.server.access import Gate, Scheme
from mlwright.server.admission import MAX_HELD_BYTES, Admission
from mlwright.server.exchange import Exchange, Route
from mlwright.server.feedback import MAX_FEEDBACK_BYTES, Feedback
from mlwright.server.model import Model
from mlwright.server.problems import RefusedError, come_back, error_body
from mlwright.server.settings import Identity
from mlwright.server.telemetry import CONTENT_TYPE, Telemetry
from mlwright.server.wire import Head, Headers, Reply

T = TypeVar("T")

log = logging.getLogger(__name__)

_TEXT: Final[Headers] = ((b"content-type", CONTENT_TYPE),)
_READ = ("GET", "HEAD")
_WRITE = ("POST",)
_LOADING_RETRY_SECONDS = 2
_PREDICTIONS = ("/infer", "/predict")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take."""

    timeout_seconds: float
    max_body_bytes: int


class Application:
    """Answers requests for one model, before, while and after it can be served."""

    def __init__(self, identity: Identity, limits: Limits, workers: Executor, gate: Gate | None = None) -> None:
        """Take who answers, what a request may take, the threads for costly requests, and who may ask (all)."""
        self.telemetry = Telemetry(identity)
        self.model: Model | None = None  # set once, when the model has proven itself
        self.draining = False
        self.limits = limits
        self.admission = Admission(max_held_bytes=MAX_HELD_BYTES + limits.max_body_bytes)
        self.feedback: Feedback | None = None  # set once, where the deployment takes any
        self._identity = identity
        self._workers = workers
        self._gate = gate
        self._routes = self._build_routes(f"/v2/models/{identity.deployment}", identity.version)

    @property
    def ready(self) -> bool:
        """Whether new clients should come here."""
        return self.model is not None and not self.draining

    @property
    def timeout_seconds(self) -> float:
        """How long a request may take, and a client to send its body or to take its answer."""
        return self.limits.timeout_seconds

    # ------------------------------------------------------------------------------------- what a connection calls

    def open(self, head: Head) -> Exchange:
        """Begin a request whose body has not come yet."""
        exchange = Exchange(head, time.perf_counter())
        try:
            exchange.route = self._route(head)
            if exchange.route.admitted:
                self.loaded()
                exchange.admit(self.admission.expect(), min(self.limits.max_body_bytes, exchange.route.limit))
        except RefusedError as refusal:
            exchange.refuse(refusal)
        return exchange

    def answer(self, exchange: Exchange) -> Reply | asyncio.Task[Reply]:
        """Answer a request that is complete, or was refused before."""
        if exchange.reply is not None or exchange.route is None:
            return exchange.reply or _failed()
        try:
            if exchange.ticket is not None:
                exchange.ticket.begin()
            outcome = exchange.route.handler(exchange.head, exchange.take_body())
        except RefusedError as refusal:
            return refusal.reply()
        except Exception:
            log.exception("the model failed on a request")
            return _failed()
        if isinstance(outcome, Reply):
            return outcome
        left = self.timeout_seconds - (time.perf_counter() - exchange.started)
        return asyncio.get_running_loop().create_task(_settled(outcome, left))

    def late(self, exchange: Exchange) -> None:
        """Refuse a request whose body does not come to its end."""
        # What comes later on a connection whose body never ended cannot be told from that body.
        exchange.refuse(RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive in time", closes=True))

    def close(self, exchange: Exchange, reply: Reply | None) -> None:
        """End a request; without a reply its client has left, and there is no outcome to count."""
        if exchange.ticket is not None:
            exchange.ticket.give_back()
            exchange.ticket = None
        if reply is not None and exchange.head.path.endswith(_PREDICTIONS):
            self.telemetry.count(reply.status, exchange.started)

    # ------------------------------------------------------------------------- what every protocol has in common

    def let_in(self, headers: Mapping[bytes, bytes]) -> None:
        """Raise RefusedError (401) for a client that is not known, where clients must be."""
        if self._gate is not None:
            self._gate.check(headers)

    def loaded(self) -> Model:
        """The model; raises RefusedError (503) while it loads."""
        if self.model is None:
            raise come_back(
                HTTPStatus.SERVICE_UNAVAILABLE, "the model is still loading", seconds=_LOADING_RETRY_SECONDS
            )
        return self.model

    def on_thread(self, work: Callable[[], T]) -> Awaitable[T]:
        """Do costly work where it holds nobody up."""
        return asyncio.get_running_loop().run_in_executor(self._workers, work)

    def serves(self, path: str) -> bool:
        """Whether something is answered at a path."""
        return path in self._routes

    def explain_missing(self, path: str) -> str:
        """Why there is nothing at a path, and what is there instead."""
        return metadata.explain_missing(path, self._identity)

    # ------------------------------------------------------------------------------------------------------ routes

    def _build_routes(self, model: str, version: str) -> Mapping[str, Route]:
        routes = {
            "/v2": Route(_READ, lambda _head, _body: Reply(orjson.dumps(metadata.server()))),
            "/v2/health/live": Route(_READ, lambda _head, _body: Reply(b'{"live":true}'), public=True),
            "/v2/health/ready": Route(_READ, lambda _head, _body: _health({"ready": self.ready}), public=True),
            "/openapi.json": Route(_READ, self._openapi),
            "/predict": Route(_WRITE, self._predict, admitted=True),
            "/metrics": Route(_READ, self._metrics, public=True, literal=True),
        }
        for path in (model, f"{model}/versions/{version}"):
            routes[path] = Route(_READ, self._model_metadata)
            routes[f"{path}/ready"] = Route(_READ, self._model_ready, public=True)
            routes[f"{path}/infer"] = Route(_WRITE, self._infer, admitted=True)
            routes[f"{path}/feedback"] = Route(_WRITE, self._take_feedback, admitted=True, limit=MAX_FEEDBACK_BYTES)
            routes[f"{path}/predict"] = Route(_WRITE, self._predict, admitted=True)
        return routes

    def _route(self, head: Head) -> Route:
        route = self._routes.get(head.path)
        if route is not None and route.literal and head.encoded:
            route = None
        if route is None or not route.public:
            self.let_in(head.headers)
        if route is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, self.explain_missing(head.path))
        if head.method not in route.methods:
            allowed = ", ".join(route.methods)
            raise RefusedError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"{head.path} answers {allowed}, not {head.method}",
                headers=((b"allow", allowed.encode()),),
            )
        return route

    def _metrics(self, _head: Head, _body: bytes) -> Reply:
        return Reply(self.telemetry.exposition(), headers=_TEXT)

    def _model_ready(self, _head: Head, _body: bytes) -> Reply:
        return _health({"name": self._identity.deployment, "ready": self.ready})

    def _model_metadata(self, _head: Head, _body: bytes) -> Reply:
        return Reply(orjson.dumps(metadata.model(self.loaded())))

    def _openapi(self, _head: Head, _body: bytes) -> Reply:
        scheme = self._gate.scheme if self._gate else Scheme.NONE
        told = openapi.describe(self.loaded(), feedback=self.feedback is not None, scheme=scheme)
        return Reply(orjson.dumps(told))

    def _infer(self, head: Head, body: bytes) -> Reply | Awaitable[Reply]:
        return self._run(self.loaded().infer, head, body)

    def _predict(self, head: Head, body: bytes) -> Reply | Awaitable[Reply]:
        return self._run(self.loaded().answer_rows, head, body)

    def _take_feedback(self, _head: Head, body: bytes) -> Reply:
        if self.feedback is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "no feedback is taken here: see spec.feedback of the deployment")
        return Reply(self.feedback.take(body, time.time()))

    def _run(self, answer: Callable[[Head, bytes], Reply], head: Head, body: bytes) -> Reply | Awaitable[Reply]:
        if len(body) <= self.loaded().cheap_bytes:
            return answer(head, body)
        return self.on_thread(lambda: answer(head, body))


async def _settled(outcome: Awaitable[Reply], seconds: float) -> Reply:
    try:
        async with asyncio.timeout(seconds):
            return await outcome
    except TimeoutError:
        return RefusedError(HTTPStatus.GATEWAY_TIMEOUT, "the model did not answer in time").reply()
    except RefusedError as refusal:
        return refusal.reply()
    except Exception:
        log.exception("the model failed on a request")
        return _failed()
    finally:
        # It holds the refusal, which holds this frame: a ring that would keep a large body for as long as it likes.
        del outcome


def _failed() -> Reply:
    sentence = "the model failed on this request; the server's log says why"
    return Reply(error_body(sentence), HTTPStatus.INTERNAL_SERVER_ERROR)


def _health(document: dict[str, object]) -> Reply:
    status = HTTPStatus.OK if document["ready"] else HTTPStatus.SERVICE_UNAVAILABLE
    return Reply(orjson.dumps(document), status)
