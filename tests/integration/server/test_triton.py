"""An independent public client of the protocol, over HTTP and over gRPC, plain and encrypted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

import pytest

from tests.support.flights import request
from tests.support.keys import certificate
from tests.support.serving import ServerProcess
from tests.support.triton import talk

Start = Callable[..., ServerProcess]
INFER = "/v2/models/flights/infer"


@pytest.mark.parametrize("protocol, encrypted", [("http", False), ("grpc", False), ("grpc", True)])
def test_tritonclient_is_answered(start: Start, tmp_path: Path, protocol: str, *, encrypted: bool) -> None:
    """Whatever the form, what it reads is what JSON says; what it does wrong it is told in the protocol's way."""
    token = token_hex(16)
    (tmp_path / "token").write_text(token)
    authority = certificate(tmp_path)
    variables = {"MLWRIGHT_GRPC_PORT": "0", "MLWRIGHT_AUTH": "Token", "MLWRIGHT_AUTH_FILE": str(tmp_path / "token")}
    server = start(**variables, **({"MLWRIGHT_TLS_FOLDER": str(tmp_path)} if encrypted else {}))
    port = server.wait_for("listening")["grpc_port" if protocol == "grpc" else "port"]
    server.ready()

    told = talk(protocol, f"localhost:{port}", token, str(authority) if encrypted else "")

    assert (told["live"], told["ready"], told["model_ready"]) == (True, True, True)
    assert told["server"]["name"] == "mlwright"
    assert [one["name"] for one in told["model"]["inputs"]] == ["distance", "dep_hour", "weekend", "carrier"]
    assert told["binary"] == told.get("plain", told["binary"])
    assert told["binary"]["label"] == told["all"] == [False, True]
    assert told["binary id"] == "ride-1"
    assert 'model "boats" is not served here' in told["errors"]["another model"][1]
    assert "missing from the inputs: carrier (BYTES)" in told["errors"]["an input too few"][1]
    assert "known clients only" in told["errors"]["no token"][1]
    if not encrypted:
        _, answer = server.ask("POST", INFER, request(), {"Authorization": f"Bearer {token}"})
        assert [value for row in told["binary"]["probabilities"] for value in row] == answer["outputs"][1]["data"]


def test_errors_over_grpc_have_its_codes(start: Start) -> None:
    """What a client cannot send is told by the code that its library knows."""
    server = start(MLWRIGHT_GRPC_PORT="0")
    port = server.wait_for("listening")["grpc_port"]
    server.ready()

    errors = talk("grpc", f"localhost:{port}")["errors"]

    assert errors["another model"][0] == "StatusCode.NOT_FOUND"
    assert errors["an input too few"][0] == "StatusCode.INVALID_ARGUMENT"
    assert errors["no token"] == []


def test_calls_over_grpc_are_counted(start: Start) -> None:
    """A prediction is a prediction, however it was asked for."""
    server = start(MLWRIGHT_GRPC_PORT="0")
    port = server.wait_for("listening")["grpc_port"]
    server.ready()

    talk("grpc", f"localhost:{port}")

    metrics = server.ask("GET", "/metrics")[1].decode()
    assert 'code="200"} 3\n' in metrics
    assert 'code="400"} 1\n' in metrics
    assert 'code="404"} 1\n' in metrics
