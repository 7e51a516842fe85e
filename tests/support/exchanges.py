"""Ask the server's application in-process: no socket, no HTTP, only what a connection would tell it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlwright.server.application import Application
from mlwright.server.problems import RefusedError
from mlwright.server.wire import Head, Reply


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    closes: bool

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        sentence = self.json["error"]
        assert isinstance(sentence, str)
        return sentence


async def get(app: Application, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Ask for a path."""
    answer = await ask(app, "GET", path, headers=headers)
    assert answer is not None
    return answer


async def infer(
    app: Application,
    document: object,
    path: str = "/v2/models/flights/infer",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a prediction request; bytes are sent as they are, everything else as JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = await ask(app, "POST", path, chunks=[body], headers=headers)
    assert answer is not None
    return answer


async def ask(
    app: Application,
    method: str,
    path: str,
    *,
    chunks: Sequence[bytes | None] = (b"",),
    headers: Mapping[str, str] | None = None,
) -> Answer | None:
    """Send one request in chunks, where None is a client that leaves; None comes back when nothing was answered."""
    named = {name.lower().encode(): value.encode() for name, value in (headers or {}).items()}
    exchange = app.open(Head(method, path, named))
    for chunk in chunks:
        if chunk is None:
            app.close(exchange, None)
            return None
        try:
            exchange.feed(chunk)
        except RefusedError as refusal:
            exchange.refuse(refusal)
    outcome = app.answer(exchange)
    reply = outcome if isinstance(outcome, Reply) else await outcome
    app.close(exchange, reply)
    return Answer(
        reply.status, {name.decode(): value.decode() for name, value in reply.headers}, reply.body, reply.closes
    )
