"""Certificates of a running server: what cannot be used changes nothing, and what can is all that is shown."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mlwright.server.encryption import Encryption
from mlwright.server.following import read_folder
from tests.support.keys import certificate

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def shown(encryption: Encryption, version: ssl.TLSVersion, name: str | None = None) -> str:
    """The certificate that a new connection is shown, as PEM; both ends are in memory."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(back, there, server_hostname=name)
    server = encryption.context.wrap_bio(there, back, server_side=True)
    waiting = [client, server]
    while waiting:
        for end in tuple(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
    found = client.getpeercert(binary_form=True)
    assert found is not None
    return ssl.DER_cert_to_PEM_cert(found)


@pytest.fixture
def encryption(tmp_path: Path) -> Encryption:
    """What a server has that began with a certificate of an elliptic curve."""
    certificate(tmp_path)
    encryption = Encryption(tmp_path)
    encryption.use(read_folder(tmp_path))
    return encryption


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [None, "localhost", "flights.example.com"])
def test_whatever_name_a_client_asks_for_it_is_shown_the_certificate(
    encryption: Encryption, tmp_path: Path, version: ssl.TLSVersion, name: str | None
) -> None:
    """Many clients know no name, only an address."""
    assert shown(encryption, version, name) == (tmp_path / "tls.crt").read_text()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_certificate_without_its_key_changes_nothing(
    encryption: Encryption, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """A Secret may be replaced in two steps: until both are there, the old ones are used."""
    old, key = (tmp_path / "tls.crt").read_text(), (tmp_path / "tls.key").read_text()
    certificate(tmp_path)
    new = (tmp_path / "tls.key").read_text()
    (tmp_path / "tls.key").write_text(key)

    with pytest.raises(ValueError, match="no certificate and its key"):
        encryption.use(read_folder(tmp_path))
    assert shown(encryption, version) == old
    assert encryption.pair == (key.encode(), old.encode())

    (tmp_path / "tls.key").write_text(new)
    encryption.use(read_folder(tmp_path))
    assert shown(encryption, version) == (tmp_path / "tls.crt").read_text() != old


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_of_another_kind_takes_the_place_of_the_old_one(
    encryption: Encryption, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """A context would hold both, and show clients the old certificate until it has expired."""
    certificate(tmp_path, rsa.generate_private_key(65537, 2048))

    encryption.use(read_folder(tmp_path))

    assert shown(encryption, version) == (tmp_path / "tls.crt").read_text()
