"""Asking a candidate: what an answer must be, and the sentence that names the request and what was expected."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlwright.bundle.golden import read_golden
from mlwright.bundle.models import load_model
from mlwright.bundle.tensors import to_inputs
from mlwright.server.model import Model
from mlwright.server.payload_log import PayloadLog
from mlwright.server.preflight import main
from mlwright.server.rehearsal import AwayError, OtherwiseError, Question, Rehearsal, golden, read, recorded
from mlwright.server.settings import Identity, Settings
from mlwright.server.wire import Head
from tests.support.bundles import FLIGHT, FLIGHT_ROWS, Bundle, write_flight_bundle

Json = dict[str, Any]
IDENTITY = Identity(deployment="flights", model="flights", version="flights-7", revision="a1b2c3d4")
STABLE = replace(IDENTITY, revision="stable1")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle on a claim."""
    return write_flight_bundle(tmp_path_factory.mktemp("store") / "pvc" / "artifacts" / "flights")


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> Model:
    """Its model."""
    return Model(IDENTITY, bundle.manifest.core, load_model(bundle.folder, bundle.manifest.core))


@pytest.fixture
def mount_root(bundle: Bundle) -> Path:
    """Where the claim is found."""
    return bundle.folder.parents[2]


@pytest.fixture
def settings(bundle: Bundle, tmp_path: Path) -> Settings:
    """What the candidate and the program that asks it are told."""
    told = {
        "MLWRIGHT_MODEL_NAME": "flights",
        "MLWRIGHT_REVISION": IDENTITY.revision,
        "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
        "MLWRIGHT_BUNDLE_DIGEST": bundle.digest,
        "MLWRIGHT_PAYLOAD_LOG": str(tmp_path / "payloads"),
    }
    return Settings.from_env(told)


@asynccontextmanager
async def a_pod(model: Model, spoil: Callable[[Json], Json | int]) -> AsyncIterator[tuple[str, int]]:
    """A server on loopback that answers with the model, spoiled; a number is a status."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                found = spoil(json.loads(model.infer(Head("POST", "", {}), body).body))
                status, text = (found, b"{}") if isinstance(found, int) else (200, json.dumps(found).encode())
                writer.write(b"HTTP/1.1 %d -\r\ncontent-length: %d\r\n\r\n%s" % (status, len(text), text))
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()


async def asked(
    settings: Settings, model: Model, bundle: Bundle, spoil: Callable[[Json], Json | int], bound: float | None = None
) -> Rehearsal:
    """Ask a pod the golden rows and what was recorded; return what was counted."""
    rehearsal = Rehearsal(settings, FLIGHT, bound)
    known = list(golden(read_golden(bundle.folder), FLIGHT))
    async with a_pod(model, spoil) as pod:
        await rehearsal.ask_all([pod], known, list(recorded(settings, 10, STABLE.revision)))
    return rehearsal


def as_it_is(answer: Json) -> Json:
    """Spoil nothing."""
    return answer


def without_label(answer: Json) -> Json:
    """Leave an output out."""
    return {**answer, "outputs": [output for output in answer["outputs"] if output["name"] != "label"]}


def changed(name: str, **change: Any) -> Callable[[Json], Json]:
    """Change one output."""
    return lambda answer: {
        **answer,
        "outputs": [{**output, **(change if output["name"] == name else {})} for output in answer["outputs"]],
    }


def log_requests(settings: Settings, model: Model, times: int) -> None:
    """Let the stable revision record what it answered."""
    assert settings.payload_log is not None
    log = PayloadLog(STABLE, settings.payload_log, "pod-1", 1.0, lambda: 0.0)
    columns = to_inputs(FLIGHT_ROWS, FLIGHT)
    for at in range(times):
        log.offer(columns, model.predictor.predict(columns), 1_700_000_000.0 + at)
    log._write()


async def test_who_answers_as_expected_passes(settings: Settings, model: Model, bundle: Bundle) -> None:
    """Golden rows and recorded requests are counted, and how many of those are answered as before."""
    log_requests(settings, model, 3)

    found = await asked(settings, model, bundle, as_it_is)

    assert found.counted | {"slowestSeconds": 0} == {
        "pods": 1,
        "golden": 3,
        "recorded": 3,
        "same": 3,
        "slowestSeconds": 0,
    }
    assert found.sentence.startswith(
        "3 golden rows were answered as expected by 1 pod, 3 recorded requests without error, 3 of them as before; the"
    )


WRONG: dict[str, tuple[Callable[[Json], Json | int], str]] = {
    "an error": (lambda _: 500, "golden row 1 of 3 was answered with status 500: expected an answer, with status 200"),
    "a refusal": (lambda _: 400, "golden row 1 of 3 was answered with status 400: expected an answer, with status 200"),
    "no answer of the protocol": (
        lambda _: {"predictions": [1]},
        "golden row 1 of 3 got no answer of the protocol: expected JSON with outputs",
    ),
    "an output lacks": (without_label, "golden row 1 of 3 got an answer without the output label: expected shape [1]"),
    "another shape": (
        changed("probabilities", shape=[1, 3]),
        "golden row 1 of 3 got probabilities as FP64 [1, 3]: expected FP64 [1, 2]",
    ),
    "another datatype": (
        changed("label", datatype="INT64"),
        "golden row 1 of 3 got label as INT64 [1]: expected BOOL [1]",
    ),
    "fewer data": (
        changed("probabilities", data=[0.5]),
        "golden row 1 of 3 got probabilities with other data than its shape: expected [1, 2]",
    ),
    "no number": (
        changed("probabilities", data=[None, 1.0]),
        "golden row 1 of 3 got probabilities with what is no number: expected finite numbers",
    ),
    "another answer": (
        changed("probabilities", data=[0.5, 0.5]),
        "golden row 1 of 3 was answered otherwise than the bundle expects: 0 of 1 labels differ, numbers differ by",
    ),
}


@pytest.mark.parametrize("spoil, words", WRONG.values(), ids=WRONG.keys())
async def test_what_is_wrong_is_told_in_one_sentence(
    settings: Settings, model: Model, bundle: Bundle, spoil: Callable[[Json], Json | int], words: str
) -> None:
    """It names the request and what was expected, and never a value."""
    with pytest.raises(OtherwiseError) as found:
        await asked(settings, model, bundle, spoil)

    assert str(found.value).startswith(words)


async def test_a_slow_answer_is_slow_three_times(settings: Settings, model: Model, bundle: Bundle) -> None:
    """One that is slow once is asked again: a machine has other things to do now and then."""

    def slow(answer: Json) -> Json:
        time.sleep(0.03)
        return answer

    with pytest.raises(
        OtherwiseError, match=r"golden row 1 of 3 took \d+ ms, the quickest of 3 tries: expected at most 5 ms"
    ):
        await asked(settings, model, bundle, slow, bound=0.005)


async def test_a_pod_that_is_away_is_no_verdict(settings: Settings, model: Model, bundle: Bundle) -> None:
    """Neither is one that says that it is about to go; another try may find its follower."""
    with pytest.raises(AwayError, match=r"pod 127.0.0.1 could not be asked: status 503"):
        await asked(settings, model, bundle, lambda _: 503)
    with pytest.raises(AwayError, match="no pod is ready to be asked"):
        await Rehearsal(settings, FLIGHT, None).ask_all([], [], [])


async def test_a_recorded_request_may_get_another_answer(settings: Settings, model: Model) -> None:
    """But not an error: what clients ask today must be answered tomorrow."""
    log_requests(settings, model, 2)
    before = list(recorded(settings, 10, STABLE.revision))
    otherwise, refused = Rehearsal(settings, FLIGHT, None), Rehearsal(settings, FLIGHT, None)

    async with a_pod(model, changed("probabilities", data=[0.5] * 6)) as pod:
        await otherwise.ask_all([pod], [], before)
    with pytest.raises(
        OtherwiseError, match=r"recorded request 1 of 2 \(of 2023-11-14T22:13:20Z\) was answered with status"
    ):
        async with a_pod(model, lambda _: 400) as pod:
            await refused.ask_all([pod], [], before)

    assert (otherwise.counted["recorded"], otherwise.counted["same"]) == (2, 0)


def test_only_what_the_stable_revision_recorded_is_asked(settings: Settings, model: Model) -> None:
    """The newest of it; lines that are no requests, or too long for a server, are left out."""
    log_requests(settings, model, 4)
    assert settings.payload_log is not None
    folder = settings.payload_log / IDENTITY.deployment
    (folder / "other-pod-000000.jsonl").write_text('{"at": 1800000000, "inputs": []}\n')
    (folder / f"{STABLE.revision}-pod-2-000000.jsonl").write_text('{"at": 1800000000, "inputs": [{}]}\n')

    assert len(list(recorded(settings, 3, STABLE.revision))) == 2
    assert list(recorded(replace(settings, max_body_bytes=10), 3, STABLE.revision)) == []
    assert list(recorded(settings, 0, STABLE.revision)) == []
    assert list(recorded(replace(settings, payload_log=None), 3, STABLE.revision)) == []


def test_what_was_fetched_from_a_store_lies_below_its_revision(settings: Settings, model: Model) -> None:
    """By the hour; nothing else there is of the revision."""
    log_requests(settings, model, 2)
    assert settings.payload_log is not None
    [recorded_here] = (settings.payload_log / IDENTITY.deployment).glob("*.jsonl")
    hour = settings.payload_log / IDENTITY.deployment / STABLE.revision / "2023-11-14T22"
    hour.mkdir(parents=True)
    recorded_here.rename(hour / "pod-1-1700000000.jsonl")

    assert len(list(recorded(replace(settings, payload_sent=True), 3, STABLE.revision))) == 2
    assert list(recorded(replace(settings, payload_sent=True), 3, "other")) == []


def test_what_could_not_be_answered_before_need_not_be_now() -> None:
    """A gap where the recorded answer has one as well is no fault of the candidate."""
    outputs = [
        {"name": "label", "shape": [1], "datatype": "BOOL", "data": [True]},
        {"name": "probabilities", "shape": [1, 2], "datatype": "FP64", "data": [None, None]},
    ]
    answer = json.dumps({"outputs": outputs}).encode()

    assert np.isnan(read(Question("q", b"", 1, line=answer), answer, FLIGHT)["probabilities"]).all()


def told(bundle: Bundle, mount_root: Path, words: Path, **errand: Any) -> dict[str, str]:
    """The variables of the program."""
    document = {"pods": ["127.0.0.1"], "port": 9, "requests": 0, "recordedBy": "stable1", **errand}
    return {
        "MLWRIGHT_MODEL_NAME": "flights",
        "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
        "MLWRIGHT_BUNDLE_DIGEST": bundle.digest,
        "MLWRIGHT_MOUNT_ROOT": str(mount_root),
        "MLWRIGHT_PREFLIGHT": json.dumps(document),
        "MLWRIGHT_TERMINATION_LOG": str(words),
    }


def test_a_program_that_cannot_ask_says_so(bundle: Bundle, mount_root: Path, tmp_path: Path) -> None:
    """It ends with the code after which it is tried again."""
    code = main(told(bundle, mount_root, tmp_path / "words"))

    said = json.loads((tmp_path / "words").read_text())
    assert (code, said["outcome"]) == (70, "Failed")
    assert said["sentence"].startswith("pod 127.0.0.1 could not be asked: ConnectionRefusedError")


def test_a_document_that_is_none_is_told(bundle: Bundle, mount_root: Path, tmp_path: Path) -> None:
    """The variable is named."""
    code = main(told(bundle, mount_root, tmp_path / "words") | {"MLWRIGHT_PREFLIGHT": "[]"})

    assert code == 70
    assert "MLWRIGHT_PREFLIGHT is no document" in (tmp_path / "words").read_text()
