"""What a call over gRPC may take, told by a call whose client and model are made here."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
import pytest

from mlwright.server import remote
from mlwright.server.application import Application, Limits
from mlwright.server.model import Model
from mlwright.server.protocol import open_inference_pb2 as messages
from mlwright.server.remote import Service
from tests.unit.server.conftest import IDENTITY

SECONDS = 0.3


class AbortedError(Exception):
    """The call ended with a status instead of an answer."""


class SlowCall:
    """A call whose message takes its time."""

    def invocation_metadata(self) -> tuple[()]:
        """Nothing comes beside the request."""
        return ()

    async def read(self) -> bytes:
        """Return the message."""
        await asyncio.sleep(SECONDS)
        return messages.ModelInferRequest(model_name="flights").SerializeToString()

    async def abort(self, code: grpc.StatusCode, sentence: str) -> NoReturn:
        """End the call."""
        raise AbortedError(f"{code.name}: {sentence}")


async def test_message_and_answer_share_one_time_limit(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes less than the limit, both take more: the pod's grace allows for one limit only."""

    def slowly(*_: Any) -> messages.ModelInferResponse:
        time.sleep(SECONDS)
        return messages.ModelInferResponse()

    monkeypatch.setattr(remote, "answer", slowly)
    monkeypatch.setattr(model, "cheap_bytes", 0)
    with ThreadPoolExecutor(1) as workers:
        app = Application(IDENTITY, Limits(timeout_seconds=1.5 * SECONDS, max_body_bytes=4096), workers)
        app.model = model
        with pytest.raises(AbortedError, match="DEADLINE_EXCEEDED"):
            await Service(app, 1).infer(None, SlowCall())
