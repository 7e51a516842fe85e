"""Keys for signing, made anew for every test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

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
