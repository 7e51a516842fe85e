"""Prediction ids: what was answered, sealed, so that a late label finds its prediction and nothing has to be kept.

An id is `version, salt, number, key id, sealed document` in base64 for URLs. The document is sealed with AES-256-GCM
under a key that is derived from the shared key and the salt of the process that sealed it: each process counts its own
nonces, so that no nonce is ever used twice with one key, however many pods share the Secret.
"""

import base64
import binascii
import hashlib
import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
MOST_SEALED_BYTES: Final = 2048
"""Of what is answered to one request; an id goes into a header, and proxies take headers of a few kilobytes."""
MOST_ROWS: Final = 512
"""More rows than this would not fit anyway, and looking would cost time."""

_VERSION: Final = 1
_HEAD: Final = struct.Struct(f"<B{SALT_BYTES}s4sQ")
_KNOWN_SALTS: Final = 256  # derived keys that are kept: about one for each pod of the last days

Scalar = bool | int | float | str | None
"""One answer: a label, or a predicted number, None where the model could not say one."""


class ForgedError(Exception):
    """This is no prediction id of this deployment, or none that one of the keys opens."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a prediction id holds."""

    id: bytes
    """Tells it from every other prediction."""
    revision: str
    at: float
    """When it was answered, in seconds since 1970."""
    answers: tuple[Scalar, ...]
    """The label or number of each row."""


class PredictionIds:
    """Makes and opens the prediction ids of one deployment. Safe to use on several threads."""

    def __init__(self, deployment: str, revision: str, salt: bytes, keys: Mapping[str, bytes]) -> None:
        """Take who answers, chance that no other process has, and the keys by name; the last name's key seals."""
        self._deployment = deployment.encode()
        self._revision = revision
        self._salt = salt
        self._numbers = itertools.count()
        self.use(keys)

    def use(self, keys: Mapping[str, bytes]) -> None:
        """Take other keys: a new one seals from now on, ids of keys that are gone are no longer opened."""
        self._keys = {_key_id(key): key for key in keys.values()}
        self._opened: dict[tuple[bytes, bytes], AESGCM] = {}
        newest = keys[max(keys)]
        self._sealing = (_key_id(newest), _derived(newest, self._salt))

    def seal(self, answers: list[Scalar], at: float) -> str:
        """The id of one answered request; empty when it would be too long for a header."""
        document = orjson.dumps([self._revision, round(at, 3), answers])
        if len(document) > MOST_SEALED_BYTES:
            return ""
        key_id, cipher = self._sealing
        head = _HEAD.pack(_VERSION, self._salt, key_id, next(self._numbers))
        sealed = cipher.encrypt(_nonce(head), document, head + self._deployment)
        return base64.urlsafe_b64encode(head + sealed).rstrip(b"=").decode()

    def open(self, text: str) -> Sealed:
        """What an id holds.

        Raises:
            ForgedError: It was not sealed for this deployment with one of the keys.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see _derived

        content = _decoded(text)
        head, sealed = content[: _HEAD.size], content[_HEAD.size :]
        version, salt, key_id, _ = _HEAD.unpack(head)
        if version != _VERSION or key_id not in self._keys:
            raise ForgedError
        try:
            document = self._cipher(key_id, salt).decrypt(_nonce(head), sealed, head + self._deployment)
        except InvalidTag:
            raise ForgedError from None
        revision, at, answers = orjson.loads(document)
        return Sealed(head, revision, at, tuple(answers))

    def _cipher(self, key_id: bytes, salt: bytes) -> "AESGCM":
        known = self._opened.get((key_id, salt))
        if known is None:
            if len(self._opened) >= _KNOWN_SALTS:
                self._opened.clear()
            known = self._opened[key_id, salt] = _derived(self._keys[key_id], salt)
        return known


def parse_key(content: bytes) -> bytes:
    """A key as it stands in a Secret: 32 bytes, or 64 hexadecimal digits.

    Raises:
        ValueError: It is neither.
    """
    if len(content) == KEY_BYTES:
        return content
    try:
        key = bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, or twice as many hexadecimal digits")
    return key


def _decoded(text: str) -> bytes:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise ForgedError from None
    if len(content) <= _HEAD.size:
        raise ForgedError
    return content


def _nonce(head: bytes) -> bytes:
    """The number that the process gave, in the twelve bytes that the cipher takes."""
    return head[-8:].rjust(12, b"\0")


def _key_id(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=4, person=b"mlwright-key-id").digest()


def _derived(key: bytes, salt: bytes) -> "AESGCM":
    # Ten megabytes that a server without feedback does not need.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return AESGCM(hashlib.blake2b(salt, key=key, digest_size=KEY_BYTES, person=b"mlwright-pred-id").digest())
