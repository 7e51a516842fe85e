"""Ask an ASGI application in-process: no socket, no HTTP library, only messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlwright.server.application import Application, Message


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

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


async def get(app: Application, path: str) -> Answer:
    """Ask for a path."""
    answer = await ask(app, "GET", path)
    assert answer is not None
    return answer


async def infer(app: Application, document: object, path: str = "/v2/models/flights/infer") -> Answer:
    """Send a prediction request; bytes are sent as they are, everything else as JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = await ask(app, "POST", path, chunks=[body])
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
    incoming = [_chunk(chunk, more=place < len(chunks) - 1) for place, chunk in enumerate(chunks)]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(
        {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        },
        receive,
        send,
    )
    return _answer(sent) if sent else None


def _chunk(body: bytes | None, *, more: bool) -> Message:
    if body is None:
        return {"type": "http.disconnect"}
    return {"type": "http.request", "body": body, "more_body": more}


def _answer(sent: Sequence[Message]) -> Answer:
    start, body = sent
    return Answer(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"])
