"""Who may ask, and over what: tokens and a certificate from Secrets, HTTP and gRPC, on the real cluster."""

from __future__ import annotations

import json
import ssl
from http.client import HTTPSConnection
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

from tests.support.flights import request
from tests.support.keys import certificate
from tests.support.manifests import FLIGHTS, deployment, model, secret, version
from tests.support.shelf import Shelf
from tests.support.triton import talk

NAME = "guarded-by-token"
SERVER = {
    "drain": "0s",
    "grpc": True,
    "auth": {"type": "Token", "secretRef": {"name": "clients", "key": "tokens"}},
    "tls": {"secretRef": {"name": "certificate"}},
}


def test_known_clients_are_answered_over_tls(shelf: Shelf, tmp_path: Path) -> None:
    """A Secret that is missing is named until it is there; then its clients are answered, over HTTPS and gRPC."""
    live, token = shelf.live, token_hex(16)
    authority = certificate(tmp_path)
    files = {name: (tmp_path / name).read_bytes() for name in ("tls.crt", "tls.key")}
    live.apply(model(NAME), version(NAME, 1, FLIGHTS, shelf.digest), secret("certificate", files))
    live.apply(deployment(NAME, NAME, server=SERVER))
    live.until("the missing Secret is named", lambda: "spec.server.auth.secretRef" in summary(shelf) or None)

    live.apply(secret("clients", {"tokens": token.encode()}))

    live.reaches("ModelDeployment", NAME, "Ready", f"{NAME}-v1 serves with 1 of 1 pods ready")
    assert live.status("ModelDeployment", NAME)["url"].startswith(f"https://{NAME}.")
    with live.port_forward(f"service/{NAME}", 443) as url:
        port = urlsplit(url).port
        told = [status(port, authority, given) for given in (token, token_hex(16), "")]
    with live.port_forward(f"service/{NAME}", 8081) as url:
        answers = talk("grpc", f"localhost:{urlsplit(url).port}", token, str(authority), model=NAME)

    assert told == [200, 401, 401]
    assert answers["binary"]["label"] == [False, True]
    assert "known clients only" in answers["errors"]["no token"][1]


def summary(shelf: Shelf) -> str:
    """What the deployment says of itself."""
    return str((shelf.live.read("ModelDeployment", NAME) or {}).get("status", {}).get("summary", ""))


def status(port: int | None, authority: Path, token: str) -> int:
    """What a client with this token is answered."""
    context = ssl.create_default_context(cafile=str(authority))
    connection = HTTPSConnection("localhost", port, timeout=30, context=context)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("POST", f"/v2/models/{NAME}/infer", body=json.dumps(request()), headers=headers)
    found = connection.getresponse().status
    connection.close()
    return found
