"""Who may ask: a token or a key from a mounted Secret, compared in constant time, read again when it changes.

The Secret holds one or several, one a line, so that a new one can be handed out before the old one goes. Only their
digests stay in memory.
"""

import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from mlwright.server.following import Files
from mlwright.server.problems import RefusedError
from mlwright.server.wire import Headers

_BEARER = b"bearer "


class Scheme(StrEnum):
    """How a client says who it is."""

    NONE = "None"
    TOKEN = "Token"  # noqa: S105 - the name of a scheme
    API_KEY = "APIKey"


class Gate:
    """Lets requests in that carry a secret which is accepted now."""

    def __init__(self, scheme: Scheme, key: str) -> None:
        """Take the scheme, and the key of the Secret with what is accepted; `use` takes what it holds."""
        self.scheme = scheme
        self._key = key
        self._accepted: tuple[bytes, ...] = ()

    def use(self, files: Files) -> None:
        """Accept what a Secret holds; raises ValueError when that is nothing, and what was accepted stays so."""
        lines = files.get(self._key, b"").splitlines()
        accepted = tuple(_digest(line.strip()) for line in lines if line.strip())
        if not accepted:
            raise ValueError(f"{self._key} is not there or holds nothing: write tokens or keys into it, one a line")
        self._accepted = accepted

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Let a request in, or raise RefusedError (401)."""
        given = self._given(headers)
        if given is None:
            raise _unknown(f"this model is answered to known clients only: send {self._how}", self._challenge)
        digest = _digest(given)
        # Every one is compared, so that the time says nothing about which it is.
        if not sum(hmac.compare_digest(digest, accepted) for accepted in self._accepted):
            raise _unknown(f"the {self._what} is not accepted: send another in {self._how}", self._challenge)

    def _given(self, headers: Mapping[bytes, bytes]) -> bytes | None:
        if self.scheme is Scheme.API_KEY:
            return headers.get(b"x-api-key")
        value = headers.get(b"authorization", b"")
        return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else None

    @property
    def _what(self) -> str:
        return "key" if self.scheme is Scheme.API_KEY else "token"

    @property
    def _how(self) -> str:
        return "the header X-API-Key" if self.scheme is Scheme.API_KEY else "the header Authorization: Bearer TOKEN"

    @property
    def _challenge(self) -> Headers:
        return ((b"www-authenticate", b'ApiKey realm="mlwright"' if self.scheme is Scheme.API_KEY else b"Bearer"),)


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _unknown(sentence: str, challenge: Headers) -> RefusedError:
    return RefusedError(HTTPStatus.UNAUTHORIZED, sentence, headers=challenge)
