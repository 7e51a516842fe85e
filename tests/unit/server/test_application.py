"""The paths of the protocol, before, while and after the model can be served."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle.errors import GapsError
from mlwright.bundle.tensors import Array, Arrays
from mlwright.server.admission import MAX_HELD_BYTES
from mlwright.server.application import Application, Limits
from mlwright.server.model import Model
from mlwright.server.problems import RefusedError
from mlwright.server.wire import Head, Reply
from tests.support.bundles import Bundle
from tests.support.exchanges import Answer, ask, get, infer
from tests.support.flights import request, tensor
from tests.unit.server.conftest import IDENTITY

M = "/v2/models/flights"


def data_of(answer: Answer, name: str) -> list[Any]:
    return next(one["data"] for one in answer.json["outputs"] if one["name"] == name)


def counted(app: Application) -> dict[int, int]:
    """Prediction requests counted so far by status, without the zeros."""
    lines = app.telemetry.exposition().decode().splitlines()
    totals = (line for line in lines if line.startswith("mlwright_requests_total{"))
    pairs = ((int(line.split('code="')[1][:3]), int(line.split()[-1])) for line in totals)
    return {code: count for code, count in pairs if count}


async def test_answers_a_batch(app: Application) -> None:
    """Labels and probabilities come back row by row, under the names that the protocol wants."""
    answer = await infer(app, request(id="ride-1"))

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["model_name"] == "flights"
    assert answer.json["model_version"] == "flights-7"
    assert answer.json["id"] == "ride-1"
    assert [(one["name"], one["shape"], one["datatype"]) for one in answer.json["outputs"]] == [
        ("label", [2], "BOOL"),
        ("probabilities", [2, 2], "FP64"),
    ]
    assert data_of(answer, "label") == [False, True]
    assert data_of(answer, "probabilities")[3] == pytest.approx(1 / (1 + math.exp(-0.51975)))


async def test_a_row_gets_the_same_answer_alone_and_in_a_batch(app: Application, bundle: Bundle) -> None:
    """Rows do not influence each other, and the answers are those of the golden rows."""
    for line in (bundle.folder / "golden.jsonl").read_text().splitlines():
        row = json.loads(line)
        inputs = [tensor(name, shape=[1, 1], data=[value]) for name, value in row["inputs"].items()]

        answer = await infer(app, {"inputs": inputs})

        assert data_of(answer, "probabilities") == pytest.approx(row["outputs"]["probabilities"])
        assert data_of(answer, "label") == [row["outputs"]["label"]]


async def test_answers_only_the_outputs_asked_for(app: Application) -> None:
    """An output that nobody asked for is not sent."""
    answer = await infer(app, request(outputs=[{"name": "label"}]))

    assert [one["name"] for one in answer.json["outputs"]] == ["label"]


async def test_a_missing_answer_is_null(app: Application) -> None:
    """NaN is not JSON: a probability that the model cannot give is null."""
    answer = await infer(app, request(tensor("distance", data=[None, 1.0])))

    assert b"NaN" not in answer.body
    assert data_of(answer, "probabilities")[:2] == [None, None]


@pytest.mark.parametrize("path", [M, f"{M}/versions/flights-7"])
async def test_describes_the_model(app: Application, path: str) -> None:
    """Metadata names the inputs, the outputs and the classes behind the columns of the probabilities."""
    answer = await get(app, path)

    assert answer.json == {
        "name": "flights",
        "versions": ["flights-7"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "distance", "datatype": "FP64", "shape": [-1, 1]},
            {"name": "dep_hour", "datatype": "INT64", "shape": [-1, 1]},
            {"name": "weekend", "datatype": "BOOL", "shape": [-1, 1]},
            {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1]},
        ],
        "outputs": [
            {"name": "label", "datatype": "BOOL", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]},
        ],
        "parameters": {"model": "flights", "revision": "a1b2c3d4", "classes": [False, True]},
    }


async def test_describes_itself(app: Application) -> None:
    """Server metadata names the server and its version."""
    assert (await get(app, "/v2")).json["name"] == "mlwright"


async def test_the_version_may_be_named_in_the_path(app: Application) -> None:
    """A client that pins the version gets the same answer."""
    assert (await infer(app, request(), f"{M}/versions/flights-7/infer")).status == 200


HEALTH = {
    "alive while loading": ("loading", "/v2/health/live", 200, {"live": True}),
    "not ready while loading": ("loading", "/v2/health/ready", 503, {"ready": False}),
    "model not ready while loading": ("loading", f"{M}/ready", 503, {"name": "flights", "ready": False}),
    "ready when loaded": ("loaded", "/v2/health/ready", 200, {"ready": True}),
    "model ready when loaded": ("loaded", f"{M}/versions/flights-7/ready", 200, {"name": "flights", "ready": True}),
    "alive while draining": ("draining", "/v2/health/live", 200, {"live": True}),
    "not ready while draining": ("draining", "/v2/health/ready", 503, {"ready": False}),
}


@pytest.mark.parametrize("phase, path, status, document", HEALTH.values(), ids=HEALTH.keys())
async def test_health(
    loading_app: Application, model: Model, phase: str, path: str, status: int, document: object
) -> None:
    """Who asks for health learns whether to wait, to come or to go elsewhere."""
    loading_app.model = None if phase == "loading" else model
    loading_app.draining = phase == "draining"

    answer = await get(loading_app, path)

    assert (answer.status, answer.json) == (status, document)


async def test_a_request_while_loading_may_come_back(loading_app: Application) -> None:
    """Who comes too early is told when to try again."""
    answer = await infer(loading_app, request())

    assert (answer.status, answer.error) == (503, "the model is still loading")
    assert answer.headers["retry-after"] == "2"


async def test_answers_while_draining(app: Application) -> None:
    """A draining server still answers."""
    app.draining = True

    assert (await infer(app, request())).status == 200


MISSING = {
    "another model": ("/v2/models/boats/infer", 'model "boats" is not served here: this is "flights"'),
    "another version": (f"{M}/versions/3", 'version "3" is not served here: this is "flights-7"'),
    "another path": ("/train", '"/train" is not a path of this server: see /v2/models/flights'),
    "a path below a model's": (f"{M}/train", f'"{M}/train" is not a path'),
}


@pytest.mark.parametrize("path, sentence", MISSING.values(), ids=MISSING.keys())
async def test_says_what_is_missing(app: Application, path: str, sentence: str) -> None:
    """A wrong path is answered with what is here instead."""
    answer = await infer(app, request(), path)

    assert answer.status == 404
    assert sentence in answer.error


async def test_refuses_another_method(app: Application) -> None:
    """A prediction is asked for by POST."""
    answer = await get(app, f"{M}/infer")

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.error == f"{M}/infer answers POST, not GET"


LARGE = {
    "announced": ([b"{}"], {"content-length": "5000"}),
    "not announced": ([b" " * 4000, b" " * 4000], {}),
}


@pytest.mark.parametrize("chunks, headers", LARGE.values(), ids=LARGE.keys())
async def test_refuses_a_body_that_is_too_large(
    app: Application, chunks: list[bytes | None], headers: dict[str, str]
) -> None:
    """A body above the limit is refused, whether or not its size was announced."""
    answer = await ask(app, "POST", f"{M}/infer", chunks=chunks, headers=headers)

    assert answer is not None
    assert (answer.status, answer.error) == (413, "the body is larger than 4096 bytes: split the batch")


FORMS = {
    "compressed": ({"content-encoding": "gzip"}, 415, "the body is compressed: send it without Content-Encoding"),
    "binary, with a length that is none": (
        {"inference-header-content-length": "9.5"},
        400,
        "the header Inference-Header-Content-Length must be a number of bytes",
    ),
}


@pytest.mark.parametrize("headers, status, sentence", FORMS.values(), ids=FORMS.keys())
async def test_refuses_other_forms_of_bodies(
    app: Application, headers: dict[str, str], status: int, sentence: str
) -> None:
    """A body that is not plain JSON is refused by its headers."""
    answer = await ask(app, "POST", f"{M}/infer", headers=headers)

    assert answer is not None
    assert answer.status == status
    assert sentence in answer.error


async def test_a_client_that_leaves_is_not_counted(app: Application) -> None:
    """There is nobody to answer, and no outcome."""
    assert await ask(app, "POST", f"{M}/infer", chunks=[b"{", None]) is None
    assert counted(app) == {}


async def test_counts_prediction_requests_by_status(app: Application) -> None:
    """Health and metadata are not counted; every prediction request is, once."""
    for document, path in [(request(), f"{M}/infer"), ({}, f"{M}/infer"), ({}, "/v2/models/boats/infer")]:
        await infer(app, document, path)
    await get(app, f"{M}/infer")
    await get(app, "/v2/health/ready")
    await get(app, "/metrics")

    assert counted(app) == {200: 1, 400: 1, 404: 1, 405: 1}


class Stubborn:
    """A model that answers when it is let go, or not at all."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def predict(self, inputs: Arrays) -> dict[str, Array]:
        """Wait, then fail."""
        self.free.wait(5)
        raise RuntimeError(f"cannot answer {len(inputs)} inputs")


@pytest.fixture
def stubborn(app: Application, bundle: Bundle) -> Stubborn:
    """A model that holds its threads up."""
    predictor = Stubborn()
    app.model = Model(IDENTITY, bundle.manifest.core, predictor)
    return predictor


async def test_a_failing_model_is_our_error(app: Application, stubborn: Stubborn) -> None:
    """What goes wrong inside the model is told as such, without its details."""
    stubborn.free.set()

    answer = await infer(app, request())

    assert (answer.status, answer.error) == (500, "the model failed on this request; the server's log says why")


async def test_health_answers_while_the_model_is_busy(app: Application, stubborn: Stubborn) -> None:
    """A costly request runs on a thread, so that nobody thinks that the server has died."""
    busy = asyncio.create_task(infer(app, request()))
    await asyncio.sleep(0)

    assert (await get(app, "/v2/health/live")).status == 200
    stubborn.free.set()
    await busy


async def test_a_slow_model_is_given_up(bundle: Bundle) -> None:
    """An answer that does not come in time is no longer waited for."""
    with ThreadPoolExecutor(1) as workers:
        stubborn = Stubborn()
        app = Application(IDENTITY, Limits(timeout_seconds=0.05, max_body_bytes=4096), workers)
        app.model = Model(IDENTITY, bundle.manifest.core, stubborn)

        answer = await infer(app, request())
        stubborn.free.set()

    assert (answer.status, answer.error) == (504, "the model did not answer in time")


class Gapless:
    """A model that answers no rows in which numbers are missing."""

    def predict(self, inputs: Arrays) -> dict[str, Array]:
        """Refuse."""
        raise GapsError(tuple(name for name, values in inputs.items() if name == "distance"))


@pytest.mark.parametrize("cheap", [0, 1 << 20], ids=["on a thread", "on the loop"])
async def test_a_model_that_takes_no_missing_numbers_says_so(app: Application, bundle: Bundle, cheap: int) -> None:
    """A status of its own: another version may well answer these rows, and a canary is judged by that."""
    app.model = Model(IDENTITY, bundle.manifest.core, Gapless())
    app.model.cheap_bytes = cheap

    answer = await infer(app, request(tensor("distance", data=[None, 1.0])))

    assert (answer.status, answer.error) == (
        422,
        "a number is missing in distance, and this model answers no such rows: send a number for each row",
    )


async def test_turns_away_what_would_only_wait(app: Application, stubborn: Stubborn) -> None:
    """When too many requests are under way, the next one is told to come back, and the others are answered."""
    app.admission.max_under_way = 2
    waiting = [asyncio.create_task(infer(app, request())) for _ in range(2)]
    await asyncio.sleep(0)

    turned_away = await infer(app, request())
    stubborn.free.set()

    assert (turned_away.status, turned_away.headers["retry-after"]) == (429, "1")
    assert turned_away.error == "overloaded: 2 requests are under way; try again shortly"
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [500, 500]


async def test_turns_away_bodies_that_memory_cannot_hold(app: Application) -> None:
    """The bodies of all requests together have a limit, too."""
    app.admission.max_held_bytes = 100

    answer = await infer(app, request())

    assert answer.status == 429
    assert app.admission.held_bytes == 0


async def test_a_body_that_may_be_large_is_held(model: Model) -> None:
    """One body of the largest size leaves the memory that is usually set aside to all others."""
    with ThreadPoolExecutor(1) as workers:
        app = Application(IDENTITY, Limits(1.0, max_body_bytes=2 * MAX_HELD_BYTES), workers)
        app.model = model
        padding = b" " * (MAX_HELD_BYTES + 1)
        upload = app.open(Head("POST", "/predict", {b"content-length": b"%d" % (2 * MAX_HELD_BYTES)}))
        for _ in range(2):
            upload.feed(bytes(MAX_HELD_BYTES))

        assert (await infer(app, request())).status == 200
        app.close(upload, None)
        assert (await infer(app, json.dumps(request()).encode() + padding)).status == 200


async def test_bodies_that_fill_the_memory_between_them_do_not_wait_for_one_another(app: Application) -> None:
    """The one whose next piece does not fit is turned away, and what it held is free for the others."""
    body = json.dumps(request()).encode()
    app.admission.max_held_bytes = len(body) + 10
    early, late = (app.open(Head("POST", "/v2/models/flights/infer", {})) for _ in range(2))
    for upload in (early, late):
        upload.feed(body[: len(body) // 2])

    with pytest.raises(RefusedError, match="fill the memory") as refused:
        early.feed(body[len(body) // 2 :])
    early.refuse(refused.value)
    late.feed(body[len(body) // 2 :])
    answers = [app.answer(upload) for upload in (early, late)]

    assert [answer.status for answer in answers if isinstance(answer, Reply)] == [429, 200]


def test_a_body_in_small_pieces_takes_no_more_memory_than_in_one(app: Application) -> None:
    """What is counted is what is held: else bytes sent one by one would fill many times the memory set aside."""
    upload = app.open(Head("POST", "/predict", {}))
    tracemalloc.start()
    for _ in range(2000):
        upload.feed(b"{}")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert upload.take_body() == b"{}" * 2000
    assert held < 2 * 4000


def test_a_refused_body_is_held_no_more(app: Application) -> None:
    """Its answer may have to wait for those before it on its connection; its memory does not."""
    upload = app.open(Head("POST", "/predict", {}))
    upload.feed(b"{")
    app.late(upload)

    assert app.admission.held_bytes == 0


@pytest.mark.timeout(20)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(model: Model, body: bytes) -> None:
    """No body of whatever bytes is an error of the server."""

    async def ask_once() -> Answer:
        with ThreadPoolExecutor(1) as workers:
            app = Application(IDENTITY, Limits(1.0, 4096), workers)
            app.model = model
            return await infer(app, body)

    assert asyncio.run(ask_once()).status == 400
