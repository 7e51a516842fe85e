"""Real servers: what they count, what they take as feedback, and what they ask each other."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from mlwright.bundle.manifest import Format
from tests.support.bundles import FLIGHT, FLIGHT_PROFILE, FLIGHT_ROWS, Bundle, flight_graph, write_bundle
from tests.support.flights import request
from tests.support.keys import certificate
from tests.support.serving import ServerProcess
from tests.support.waiting import eventually as waited
from tests.support.waiting import exit_code

Start = Callable[..., ServerProcess]
INFER = "/v2/models/flights/infer"
FEEDBACK = "/v2/models/flights/feedback"
ONE = {"MLWRIGHT_REVISION": "a1b2c3d4"}
OTHER = {"MLWRIGHT_REVISION": "e5f60718"}


def series(server: ServerProcess) -> dict[str, float]:
    """Values by series, with labels."""
    lines = server.ask("GET", "/metrics")[1].decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def eventually(server: ServerProcess, series_name: str, value: float) -> dict[str, float]:
    """All series, as soon as one has a value."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = series(server)
        if found.get(series_name) == value:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{series_name} is {series(server).get(series_name)}, expected {value}")


def test_rows_are_counted_in_the_bins_of_the_bundle(start: Start) -> None:
    """From 0 on, without the rows that the server asked itself."""
    server = start(**ONE).ready()
    unseen = 'mlwright_feature_bin_total{deployment="flights",revision="a1b2c3d4",feature="carrier",bin="unseen"}'
    late = 'mlwright_output_bin_total{deployment="flights",revision="a1b2c3d4",output="label",bin="1"}'
    before = series(server)

    server.ask("POST", INFER, request())

    after = series(server)
    assert {value for name, value in before.items() if "_bin_total" in name} == {0}
    assert (after[unseen], after[late]) == (1, 1)
    assert sum(value for name, value in after.items() if 'feature="distance"' in name) == 2


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A mounted Secret with one key."""
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "key-1").write_text("0f" * 32)
    return folder


def predicted(server: ServerProcess) -> str:
    """The id of a prediction of two rows."""
    parameters = server.ask("POST", INFER, request())[1]["parameters"]
    return str(parameters["prediction_id"])


def test_another_pod_takes_feedback_also_after_a_change_of_keys(start: Start, keys: Path) -> None:
    """Nothing but the Secret is shared; ids of the new key are known as soon as its file is."""
    told = {"MLWRIGHT_FEEDBACK_KEYS": str(keys)}
    old, new = start(**ONE, **told).ready(), start(**OTHER, **told).ready()
    early = predicted(old)
    (keys / "key-2").write_text("1e" * 32)
    for server in (old, new):
        server.wait_for("read again what is mounted")

    answers = [
        new.ask("POST", FEEDBACK, {"prediction_id": one, "labels": [True, True]}) for one in (early, predicted(old))
    ]

    assert [(status, body["revision"]) for status, body in answers] == [(200, "a1b2c3d4")] * 2
    counted = series(new)
    labels = 'deployment="flights",revision="e5f60718",predicted_revision="a1b2c3d4"'
    assert counted[f'mlwright_feedback_total{{{labels},correct="true"}}'] == 2
    assert counted[f'mlwright_feedback_total{{{labels},correct="false"}}'] == 2


def test_a_secret_without_keys_ends_the_start(start: Start, tmp_path: Path) -> None:
    """With a sentence that names the field, and worth another start when they are there."""
    server = start(MLWRIGHT_FEEDBACK_KEYS=str(tmp_path))

    assert server.ends_with() == 70
    assert "spec.feedback.keySecretRef: " in server.last_words.read_text()


def _copied_once(start: Start, folder: Path, other: ServerProcess, secret: Path, token: str) -> tuple[str, str]:
    """What became of one copy, and the status of the requests that the other one counted."""
    folder.mkdir()
    (folder / "shadow.json").write_text('{"revision": "e5f60718", "percent": 100}')
    told = {
        "MLWRIGHT_TRAFFIC": str(folder),
        "MLWRIGHT_SHADOW_ADDRESS": f"127.0.0.1:{other.port}",
        "MLWRIGHT_CPU_LIMIT": "4",
        "MLWRIGHT_AUTH": "Token",
        "MLWRIGHT_AUTH_FILE": str(secret / "token"),
        "MLWRIGHT_TLS_FOLDER": str(secret),
    }
    server = start(**ONE, **told).ready()
    server.wait_for("read again what is mounted")
    ask = partial(_ask_securely, authority=secret / "tls.crt", token=token)
    ask(server, "POST", INFER, json.dumps(request()))
    outcome = waited(lambda: _outcome(ask(server, "GET", "/metrics", None)), "the copy came to an end", 10)
    counted = _ask_securely(other, "GET", "/metrics", None, authority=None, token=token)
    return outcome, "200" if 'code="200"} 1' in counted else "0"


def _outcome(metrics: str) -> str | None:
    """What became of the copy, once it is known."""
    return next((name for name in ("compared", "failed", "dropped") if f"{shadow_series(name)} 1" in metrics), None)


def _ask_securely(
    server: ServerProcess, method: str, path: str, body: str | None, *, authority: Path | None, token: str
) -> str:
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connection = HTTPSConnection("localhost", server.port, timeout=10, context=context)
    connection.request(method, path, body=body, headers={"Authorization": f"Bearer {token}"})
    content = connection.getresponse().read().decode()
    connection.close()
    return content


def shadowed(start: Start, tmp_path: Path, other: ServerProcess, **document: Any) -> ServerProcess:
    """A server that copies its requests to another one."""
    (tmp_path / "shadow.json").write_text(json.dumps({"revision": "e5f60718", "percent": 100, **document}))
    address = f"127.0.0.1:{other.port}"
    server = start(
        **ONE, MLWRIGHT_TRAFFIC=str(tmp_path), MLWRIGHT_SHADOW_ADDRESS=address, MLWRIGHT_CPU_LIMIT="4"
    ).ready()
    server.wait_for("read again what is mounted")
    return server


def shadow_series(outcome: str) -> str:
    labels = 'deployment="flights",revision="a1b2c3d4",shadow_revision="e5f60718"'
    return f"mlwright_shadow_{outcome}_total{{{labels}}}"


def test_a_variant_asks_another_one_the_same(start: Start, tmp_path: Path) -> None:
    """Equal models agree, and the other one counts the copies as requests of its own."""
    other = start(**OTHER).ready()
    server = shadowed(start, tmp_path, other)

    for _ in range(5):
        assert server.ask("POST", INFER, request())[0] == 200

    found = eventually(server, shadow_series("compared"), 5)
    assert [found[shadow_series(outcome)] for outcome in ("disagreed", "failed", "dropped")] == [0, 0, 0]
    assert 'code="200"} 5.0' in "\n".join(f"{name} {value}" for name, value in series(other).items())


def test_another_model_disagrees(start: Start, store: Path, tmp_path: Path) -> None:
    """A model that says something else is found out by the requests of users."""
    folder = store / "pvc/artifacts/optimist"
    model = flight_graph(bias=-9.0)
    bundle: Bundle = write_bundle(folder, Format.ONNX, model, FLIGHT, FLIGHT_ROWS, profile=FLIGHT_PROFILE)
    other = start(**OTHER, MLWRIGHT_BUNDLE_URI="pvc://artifacts/optimist", MLWRIGHT_BUNDLE_DIGEST=bundle.digest).ready()
    server = shadowed(start, tmp_path, other)

    server.ask("POST", INFER, request())

    assert eventually(server, shadow_series("compared"), 1)[shadow_series("disagreed")] == 1


def test_variants_with_tokens_and_tls_know_each_other(start: Start, tmp_path: Path) -> None:
    """A copy is sent with a token of the Secret, and only to who has the same certificate."""
    own, strange = tmp_path / "own", tmp_path / "strange"
    for folder in (own, strange):
        folder.mkdir()
        certificate(folder)
    token = token_hex(16)
    (own / "token").write_text(f"{token}\n{token_hex(16)}\n")
    closed = {"MLWRIGHT_AUTH": "Token", "MLWRIGHT_AUTH_FILE": str(own / "token")}
    fellow = start(**OTHER, **closed, MLWRIGHT_TLS_FOLDER=str(own)).ready()
    stranger = start(**OTHER, **closed, MLWRIGHT_TLS_FOLDER=str(strange)).ready()

    found = [
        _copied_once(start, tmp_path / name, other, own, token)
        for name, other in (("fellow", fellow), ("stranger", stranger))
    ]

    assert found == [("compared", "200"), ("failed", "0")]


def test_a_shadow_that_dies_harms_nobody(start: Start, tmp_path: Path) -> None:
    """Answers come as before; the copies have failed."""
    other = start(**OTHER).ready()
    server = shadowed(start, tmp_path, other)
    other.process.kill()
    exit_code(other.process, "the shadow is gone after SIGKILL")

    answers = [server.ask("POST", INFER, request())[0] for _ in range(20)]

    assert answers == [200] * 20
    assert eventually(server, shadow_series("failed"), 20)[shadow_series("compared")] == 0
