"""Whatever is asked of a real server: an answer that its own OpenAPI description tells of, and it goes on serving.

What public fuzzers of descriptions check, with requests made by hypothesis from the description itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from secrets import token_hex
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.bundles import Bundle, write_flight_bundle
from tests.support.described import Description
from tests.support.serving import ServerProcess

BASE = "/v2/models/flights"
ASKED = ("/predict", f"{BASE}/predict", f"{BASE}/infer", f"{BASE}/feedback")
NAMED = ("/predict", f"{BASE}/predict")
many = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


class Asked:
    """A server that is asked on one kept connection."""

    def __init__(self, server: ServerProcess) -> None:
        """Read its description."""
        self.server = server
        self.description = Description(server.ask("GET", "/openapi.json")[1])
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=30)

    def send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Send a request; its status, and the document of its answer.

        An answer is checked to be JSON, and to be described for this path, method and status.
        """
        self._connection.request(method.upper(), path, body=body)
        response = self._connection.getresponse()
        content = response.read()
        assert response.headers["content-type"] == "application/json"
        document = json.loads(content)
        schema = self.description.told_of(method, path, response.status)
        assert schema is not None, f"{response.status} of {method} {path} is not described"
        assert response.status < 500
        assert self.description.fits(schema, document), f"{content[:500]!r} is not as described"
        return response.status, document

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A server that takes feedback."""
    place = tmp_path_factory.mktemp("described")
    found: Bundle = write_flight_bundle(place / "pvc/artifacts/flights")
    (place / "keys").mkdir()
    (place / "keys/one").write_text(token_hex(32))
    told = {
        "MLWRIGHT_MOUNT_ROOT": str(place),
        "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
        "MLWRIGHT_BUNDLE_DIGEST": found.digest,
        "MLWRIGHT_FEEDBACK_KEYS": str(place / "keys"),
    }
    with ServerProcess(told, place / "server.log") as server:
        asked = Asked(server.ready())
        yield asked
        asked.close()


@many
@given(st.data())
def test_what_fits_the_description_is_answered(asked: Asked, data: st.DataObject) -> None:
    """A client that was made from the description needs nothing else."""
    path = data.draw(st.sampled_from(NAMED))
    document = data.draw(asked.description.right(asked.description.question(path)))

    status, _ = asked.send("post", path, json.dumps(document).encode())

    assert status == 200


@many
@given(st.data())
def test_what_does_not_fit_is_refused(asked: Asked, data: st.DataObject) -> None:
    """Nothing is guessed, nothing is an error of ours."""
    path = data.draw(st.sampled_from(ASKED))
    schema = asked.description.question(path)
    document = data.draw(asked.description.spoiled(schema))

    status, _ = asked.send("post", path, json.dumps(document).encode())

    assert status in {200, 400, 403}
    if not asked.description.fits(schema, document):
        assert status >= 400


@many
@given(path=st.sampled_from(ASKED), body=st.binary(max_size=200))
def test_what_is_no_json_is_refused(asked: Asked, path: str, body: bytes) -> None:
    """Whatever bytes come."""
    status, document = asked.send("post", path, body)

    with suppress(ValueError):
        json.loads(body)
        return
    assert (status, list(document)) == (400, ["error"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_methods_that_are_not_described_are_refused(asked: Asked, method: str) -> None:
    """With the word which ones there are."""
    for path, methods in asked.description.document["paths"].items():
        known = {name.upper() for name in methods}
        if method in known | ({"HEAD"} if "GET" in known else set()):
            continue
        connection = HTTPConnection("127.0.0.1", asked.server.port, timeout=30)
        connection.request(method, path, body=b"{}")
        answer = connection.getresponse()

        assert (answer.status, set(answer.headers["allow"].split(", ")) - {"HEAD"}) == (405, known)
        connection.close()


def test_what_is_read_is_as_described(asked: Asked) -> None:
    """Paths without a body."""
    for path, methods in asked.description.document["paths"].items():
        if "get" in methods:
            assert asked.send("get", path)[0] == 200
