"""The script that asks models in tests and in the demo: what it sends, and what it counts."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from examples.flights import load
from examples.flights.load import Count, Question, Target, ask, questions, summary

ANSWER = {
    "model_version": "2",
    "parameters": {"prediction_id": "id-1"},
    "outputs": [{"name": "label", "data": [True, False]}],
}
QUESTION = Question(b"{}", (True, True))


class Model(ThreadingHTTPServer):
    """Answers as a model that says twice the same, and remembers what it was told."""

    told: list[tuple[str, Any]]
    refuses = ""
    """What it answers with 500."""
    content = json.dumps(ANSWER).encode()


@pytest.fixture
def model() -> Iterator[Model]:
    """A model that is served on this machine."""
    with Model(("127.0.0.1", 0), _Handler) as server:
        server.told = []
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        """Answer everything alike."""
        verb = self.path.rpartition("/")[2]
        self.server.told.append((verb, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        content = self.server.content
        self.send_response(500 if verb == self.server.refuses else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def asked(model: Model, *, rewards: bool) -> dict[str, object]:
    """Ask once, and return what was counted."""
    count = Count()
    connection = http.client.HTTPConnection("127.0.0.1", model.server_address[1], timeout=30)
    ask(Target(connection, "/v2/models/flights", rewards), QUESTION, count)
    connection.close()
    return summary([count])


def test_an_answer_is_followed_by_what_it_was_worth(model: Model) -> None:
    """An experiment on rewards rests on it: 1 where the label came true, 0 where it did not."""
    counted = asked(model, rewards=True)

    assert model.told == [("infer", {}), ("feedback", {"prediction_id": "id-1", "rewards": [1.0, 0.0]})]
    assert (counted["requests"], counted["failed"], counted["versions"]) == (1, 0, {"2": 1})


def test_nothing_is_told_unless_it_is_asked_for(model: Model) -> None:
    """Most loads know no truth."""
    asked(model, rewards=False)

    assert [verb for verb, _ in model.told] == ["infer"]


@pytest.mark.parametrize("verb", ["infer", "feedback"])
def test_what_is_refused_is_a_failure(model: Model, verb: str) -> None:
    """The demo says that no request failed, so none may be overlooked."""
    model.refuses = verb

    assert asked(model, rewards=True)["failed"] == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<html>welcome</html>", id="no JSON"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b"{}", id="nobody's"),
        pytest.param(json.dumps(ANSWER | {"outputs": []}).encode(), id="no outputs"),
        pytest.param(json.dumps(ANSWER | {"outputs": [{"name": "label", "data": []}]}).encode(), id="no values"),
    ],
)
def test_what_is_no_answer_is_a_failure(model: Model, content: bytes) -> None:
    """Whoever sends it says 200; the next request is sent all the same."""
    model.content = content

    counted = asked(model, rewards=False)

    assert (counted["requests"], counted["failed"], counted["versions"]) == (1, 1, {})


def test_an_answer_to_another_question_is_a_failure(model: Model) -> None:
    """Rewards are told for as many rows as were asked."""
    one = [{"name": "label", "data": [True]}]
    model.content = json.dumps(ANSWER | {"outputs": one}).encode()

    assert asked(model, rewards=True)["failed"] == 1


def test_a_mistake_of_the_script_is_no_success(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A connection that ended by itself has counted nothing: there is no summary, which whoever started it misses."""

    def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(load, "ask", fail)
    question = tmp_path / "question.json"
    question.write_text("{}", "utf-8")

    with pytest.raises(RuntimeError, match="a mistake"):
        load.main("http://127.0.0.1:9/v2/models/flights", str(question), 2, 1.0, 0.0)


def test_a_file_of_lines_holds_questions_and_what_came_true(tmp_path: Path) -> None:
    """Any other file is one request that is asked again and again."""
    lines, one = tmp_path / "asked.jsonl", tmp_path / "question.json"
    lines.write_text('{"request": {"a": 1}, "truth": [true]}\n{"request": {"a": 2}, "truth": [false]}', "utf-8")
    one.write_text('{"a": 3}', "utf-8")

    assert questions(lines) == [Question(b'{"a": 1}', (True,)), Question(b'{"a": 2}', (False,))]
    assert questions(one) == [Question(b'{"a": 3}')]
