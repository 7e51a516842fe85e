"""`notify` against a real receiver: one CloudEvent, tried again while the receiver is busy, and never led elsewhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.notify import tell
from mlwright.trainer.program import main

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "churn-notify-0a1b2c3d4e", "type": "dev.mlwright.drift.found"}
FIELD = "spec.actions[tell].notify.url"


@dataclass
class Receiver:
    """Takes events, after answering with other statuses first."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    taken: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.taken.append((dict(self.headers), json.loads(body)))
            status = found.answers.pop(0) if found.answers else 202
            self.send_response(status)
            if status == 307:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join(20)


def document(receiver: Receiver, hosts: tuple[str, ...] = ()) -> str:
    """Return what the pod is told; the receiver is allowed unless others are."""
    told = {"schemaVersion": 1, "url": f"{receiver.url}/hook?key=hidden", "field": FIELD, "event": EVENT}
    return json.dumps(told | {"hosts": list(hosts or (receiver.url,))})


def no_pause(_: float) -> None:
    """Wait for nobody."""


def test_an_event_is_sent_as_it_is(receiver: Receiver) -> None:
    """With the token that opens the receiver, and the media type of CloudEvents."""
    sentence, results = tell(document(receiver), {"MLWRIGHT_WEBHOOK_TOKEN": "made-here\n"})

    ((headers, event),) = receiver.taken
    assert event == EVENT
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["Authorization"] == "Bearer made-here"
    assert (sentence, results) == (f"{receiver.url} has taken it (202)", {"notify": {"status": 202}})


def test_a_receiver_that_is_busy_is_asked_again(receiver: Receiver) -> None:
    """The same event arrives each time."""
    receiver.answers = [503, 429]
    pauses: list[float] = []

    tell(document(receiver), {}, pauses.append)

    assert [event["id"] for _, event in receiver.taken] == [EVENT["id"]] * 3
    assert pauses == [2.0, 4.0]


def test_a_receiver_that_stays_busy_is_left_to_another_pod(receiver: Receiver) -> None:
    """That is no fault of who asked."""
    receiver.answers = [503] * 9

    with pytest.raises(SurroundingsError, match="answers 503: tried 3 times, and tried again by itself"):
        tell(document(receiver), {}, no_pause)


@pytest.mark.parametrize("status", [401, 404, 307], ids=["refused", "no such address", "led elsewhere"])
def test_a_receiver_that_refuses_is_named_without_its_path(receiver: Receiver, status: int) -> None:
    """It is asked once, and goes nowhere else."""
    receiver.answers = [status]

    with pytest.raises(UserError) as refusal:
        tell(document(receiver), {}, no_pause)

    assert refusal.value.sentence == f"{receiver.url} answers {status} and does not take it"
    assert (len(receiver.taken), "hidden" in str(refusal.value)) == (1, False)


def test_a_host_that_nobody_allowed_is_not_asked(receiver: Receiver) -> None:
    """Whatever the operator thought of it."""
    with pytest.raises(UserError, match=r"is not among the hosts that pods may ask here"):
        tell(document(receiver, ("https://hooks.example.com",)), {}, no_pause)

    assert receiver.taken == []


def test_the_program_ends_as_its_job_expects(receiver: Receiver) -> None:
    """0 when it was taken, 64 when it was refused."""
    env = {"MLWRIGHT_STEP": document(receiver)}
    receiver.answers = [202, 400]

    assert [main(["notify"], env), main(["notify"], env)] == [0, 64]
