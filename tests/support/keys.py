"""Keys for signing, made anew for every test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from mlwright.bundle.signatures import fingerprint


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its public key, as PEM."""

    private: str
    public: str
    fingerprint: str


def pair_of(key: Any) -> KeyPair:
    """Return a private key of `cryptography` and its public key."""
    public = key.public_key()
    return KeyPair(
        private=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        public=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        fingerprint=fingerprint(public),
    )


def a_key(curve: ec.EllipticCurve | None = None) -> KeyPair:
    """Return a new key, on P-256 unless another curve is given."""
    return pair_of(ec.generate_private_key(curve or ec.SECP256R1()))


def certificate(folder: Path, key: Any = None) -> Path:
    """Write a new certificate for localhost and its key as a Secret for TLS holds them; return what clients trust."""
    key, now = key or ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.key").write_text(pair_of(key).private)
    (folder / "tls.crt").write_bytes(signed.public_bytes(Encoding.PEM))
    return folder / "tls.crt"
