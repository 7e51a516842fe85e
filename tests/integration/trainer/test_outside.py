"""Asking hosts outside, over real sockets: what is let through, what is refused, and what is waited for."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlwright.trainer import outside
from mlwright.trainer.errors import STORAGE_AWAY, UserError
from mlwright.trainer.outside import Asked, Outside
from tests.support.s3server import free_port
from tests.support.webserver import WebServer, serving

FIELD = "spec.importFrom.uri"


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A server whose very address is allowed."""
    with serving() as found:
        yield found


@pytest.fixture
def allowed(server: WebServer) -> Outside:
    """Who may ask that server and nobody else."""
    return Outside((server.url,), FIELD)


def refused(outside: Outside, url: str, target: Path, **headers: str) -> UserError:
    """Return the error of fetching something."""
    with pytest.raises(UserError) as caught:
        outside.fetch(Asked("GET", url, headers), target)
    assert caught.value.field == FIELD
    return caught.value


def test_a_file_is_fetched_with_its_digest(server: WebServer, allowed: Outside, tmp_path: Path) -> None:
    """The digest is of what was written."""
    url = server.put("/churn.onnx", b"a model" * 1000)

    status, found = allowed.fetch(Asked("GET", url, {}), tmp_path / "file")

    assert (status, found) == (200, hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest())


def test_a_redirect_within_what_is_allowed_is_followed(server: WebServer, allowed: Outside, tmp_path: Path) -> None:
    """As file stores do it."""
    server.put("/real", b"content")
    url = server.put("/churn.onnx", status=302, headers={"Location": "/real"})

    assert allowed.fetch(Asked("GET", url, {}), tmp_path / "file")[0] == 200


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "https://elsewhere.example.com/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_to_anything_else_is_refused(
    server: WebServer, allowed: Outside, tmp_path: Path, target: str
) -> None:
    """Metadata services of clouds above all; nothing is connected to."""
    url = server.put("/churn.onnx", status=302, headers={"Location": target})

    said = refused(allowed, url, tmp_path / "file").sentence

    assert "is not among the hosts that pods may ask here" in said or "no address of the form" in said


def test_a_circle_of_redirects_ends(server: WebServer, allowed: Outside, tmp_path: Path) -> None:
    """After a few of them."""
    url = server.put("/churn.onnx", status=301, headers={"Location": "/churn.onnx"})

    assert "without end" in refused(allowed, url, tmp_path / "file").sentence
    assert len(server.asked) == outside.REDIRECTS + 1


def test_what_opens_one_host_is_not_shown_to_another(server: WebServer, tmp_path: Path) -> None:
    """Credentials stay behind when an address leads to another origin."""
    with serving() as other:
        url = server.put("/churn.onnx", status=307, headers={"Location": other.put("/real", b"content")})
        both = Outside((server.url, other.url), FIELD)

        both.fetch(Asked("GET", url, {"Authorization": "Bearer it"}), tmp_path / "file")

        assert "Authorization" in server.asked[0][1]
        assert "Authorization" not in other.asked[0][1]


@pytest.mark.parametrize("name", ["localhost", "localhost.localdomain"])
def test_a_name_that_leads_to_this_machine_is_refused(server: WebServer, tmp_path: Path, name: str) -> None:
    """Even an allowed one: whoever owns a name chooses its address."""
    url = server.url.replace("127.0.0.1", name)

    error = refused(Outside((url,), FIELD), f"{url}/churn.onnx", tmp_path / "file")

    assert "this machine or its surroundings" in error.sentence or error.reason == STORAGE_AWAY
    assert server.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd20:ce::254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "2002:a9fe:a9fe::1",
        "::ffff:169.254.169.254",
    ],
)
def test_a_name_that_leads_to_a_metadata_service_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Those that are not link-local, and those behind a gateway to IPv4, as well; none is connected to."""
    monkeypatch.setattr("mlwright.trainer.outside.socket.getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (address, 443))])
    monkeypatch.setattr(
        "mlwright.trainer.outside.socket.create_connection", lambda *_, **__: pytest.fail("it was connected to")
    )

    error = refused(
        Outside(("https://models.example.com",), FIELD), "https://models.example.com/a.onnx", tmp_path / "f"
    )

    assert f"leads to {address}, which is this machine or its surroundings" in error.sentence


def test_a_file_that_is_announced_too_large_is_not_read(server: WebServer, allowed: Outside, tmp_path: Path) -> None:
    """Nor one that turns out to be."""
    announced = server.put("/announced", b"x", announced=10**12)
    silent = server.put("/silent", b"x" * 100_000, announced=-1)

    assert "has more than" in refused(allowed, announced, tmp_path / "file").sentence
    with pytest.raises(UserError, match="has more than 1,000 bytes"):
        allowed.fetch(Asked("GET", silent, {}), tmp_path / "file", largest=1000)


def test_a_transfer_that_breaks_off_is_no_file(server: WebServer, allowed: Outside, tmp_path: Path) -> None:
    """It is asked for again later."""
    url = server.put("/churn.onnx", b"half", announced=1000)

    error = refused(allowed, url, tmp_path / "file")

    assert (error.reason, "after 4 of 1,000 bytes" in error.sentence) == (STORAGE_AWAY, True)


def test_a_transfer_that_takes_too_long_is_given_up(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However steadily bytes come."""
    monkeypatch.setattr(outside, "PIECE", 1)
    url = server.put("/slow", b"0123456789", seconds=0.2)
    began = time.monotonic()

    error = refused(Outside((server.url,), FIELD, longest=0.3), url, tmp_path / "file")

    assert (error.reason, "takes longer than 0.3 s" in error.sentence) == (STORAGE_AWAY, True)
    assert time.monotonic() - began < 5


def test_a_host_that_does_not_answer_is_away(tmp_path: Path) -> None:
    """Which passes by itself, most of the time."""
    url = f"http://127.0.0.1:{free_port()}"

    error = refused(Outside((url,), FIELD), f"{url}/churn.onnx", tmp_path / "file")

    assert (error.reason, error.sentence.startswith(f"{url} does not answer")) == (STORAGE_AWAY, True)


def test_a_certificate_that_nobody_vouches_for_is_refused(server: WebServer, tmp_path: Path) -> None:
    """A server that speaks no TLS at all is one that does not answer."""
    url = server.url.replace("http://", "https://")

    assert refused(Outside((url,), FIELD), f"{url}/churn.onnx", tmp_path / "file").reason == STORAGE_AWAY
