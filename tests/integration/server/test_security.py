"""Tokens and TLS of a real server, and how they change while it runs."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from http.client import HTTPSConnection
from pathlib import Path
from secrets import token_hex

from tests.support.flights import request
from tests.support.keys import certificate
from tests.support.serving import ServerProcess
from tests.support.waiting import eventually

Start = Callable[..., ServerProcess]
INFER = "/v2/models/flights/infer"


def status(server: ServerProcess, token: str) -> int:
    """What a client with this token is answered."""
    return server.ask("POST", INFER, request(), {"Authorization": f"Bearer {token}"})[0]


def test_a_token_is_replaced_while_it_serves(start: Start, tmp_path: Path) -> None:
    """A new token counts within seconds, without a restart; neither is ever in the log."""
    file = tmp_path / "token"
    old, new = token_hex(16), token_hex(16)
    file.write_text(old)
    server = start(MLWRIGHT_AUTH="Token", MLWRIGHT_AUTH_FILE=str(file)).ready()
    before = [status(server, token) for token in (old, new)]

    file.write_text(new)
    eventually(lambda: status(server, new) == 200 or None, "the new token counts", 10)

    assert before == [200, 401]
    assert status(server, old) == 401
    log = (tmp_path / "server-0.log").read_text()
    assert old not in log
    assert new not in log


def test_a_secret_that_is_missing_is_named(start: Start, tmp_path: Path) -> None:
    """A server that could let nobody in ends with a sentence, and starts when the Secret is there."""
    server = start(MLWRIGHT_AUTH="APIKey", MLWRIGHT_AUTH_FILE=str(tmp_path / "absent"))

    assert server.ends_with() == 70
    words = server.last_words.read_text()
    assert words.startswith("spec.server.auth.secretRef: the Secret is not usable: absent is not there")


def test_a_certificate_is_replaced_while_it_serves(start: Start, tmp_path: Path) -> None:
    """New connections are made with the new certificate, kept ones go on."""
    authority = certificate(tmp_path)
    server = start(MLWRIGHT_TLS_FOLDER=str(tmp_path)).ready()
    kept = encrypted(server, authority)
    first = asked(kept)
    kept_certificate = kept.sock.getpeercert(binary_form=True)

    authority = certificate(tmp_path)
    eventually(lambda: trusted(server, authority) or None, "the new certificate is shown", 10)

    assert first == asked(kept) == 200
    assert kept.sock.getpeercert(binary_form=True) == kept_certificate
    kept.close()


def encrypted(server: ServerProcess, authority: Path) -> HTTPSConnection:
    """A connection that trusts one authority."""
    context = ssl.create_default_context(cafile=str(authority))
    return HTTPSConnection("localhost", server.port, timeout=10, context=context)


def asked(connection: HTTPSConnection) -> int:
    """What a prediction request on a connection is answered."""
    connection.request("POST", INFER, body=json.dumps(request()))
    response = connection.getresponse()
    response.read()
    return response.status


def trusted(server: ServerProcess, authority: Path) -> bool:
    """Whether a server shows a certificate of this authority."""
    connection = encrypted(server, authority)
    try:
        return asked(connection) == 200
    except ssl.SSLCertVerificationError:
        return False
    finally:
        connection.close()
