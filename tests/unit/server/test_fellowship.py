"""How servers of one deployment know each other."""

from __future__ import annotations

import ssl
from pathlib import Path
from secrets import token_hex

import pytest

from mlwright.server.access import Scheme
from mlwright.server.fellowship import Fellowship
from tests.support.keys import certificate

HEADERS = {Scheme.TOKEN: ("authorization", "Bearer {}"), Scheme.API_KEY: ("x-api-key", "{}")}


@pytest.mark.parametrize("scheme", HEADERS)
def test_shows_the_first_token_that_it_asks_for_itself(tmp_path: Path, scheme: Scheme) -> None:
    """The Secret is read each time, so a new token is shown as soon as it is there."""
    file = tmp_path / "token"
    fellowship = Fellowship(scheme, file)
    name, form = HEADERS[scheme]

    for token in (token_hex(8), token_hex(8)):
        file.write_text(f"\n {token} \n{token_hex(8)}\n")
        assert fellowship.headers() == {name: form.format(token)}


def test_without_secrets_nothing_is_shown_or_checked() -> None:
    """Servers that let everybody in ask each other in the clear."""
    fellowship = Fellowship()

    fellowship.check(None)

    assert fellowship.headers() == {}
    assert fellowship.context() is None


def test_a_secret_without_a_token_is_an_error(tmp_path: Path) -> None:
    """Nothing is sent then."""
    (tmp_path / "token").write_text("\n")

    with pytest.raises(ValueError, match="no token"):
        Fellowship(Scheme.TOKEN, tmp_path / "token").headers()


def test_only_the_very_certificate_is_trusted(tmp_path: Path) -> None:
    """Not that of another authority, and not a connection that shows none."""
    file = certificate(tmp_path)
    own = ssl.PEM_cert_to_DER_cert(file.read_text())
    fellowship = Fellowship(tls_folder=tmp_path)

    fellowship.check(own)

    for shown in (own[:-1] + b"x", None):
        with pytest.raises(ValueError, match="another certificate"):
            fellowship.check(shown)
