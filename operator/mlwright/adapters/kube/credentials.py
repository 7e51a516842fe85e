"""What proves who we are to the API server, and whom we trust to be it."""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

RENEWED: Final = 60.0
"""Seconds after which a token is read again; the kubelet renews it minutes before it ends."""


class FileToken:
    """A token that is renewed in its file while we run."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read it for the first time.

        Raises:
            OSError: the file cannot be read.
        """
        self._file = file
        self._clock = clock
        self._read()

    def _read(self) -> None:
        self._header = f"Bearer {self._file.read_text(encoding='utf-8').strip()}"
        self._since = self._clock()

    async def __call__(self) -> str:
        """Return the value of the Authorization header.

        Raises:
            OSError: the file cannot be read any more.
        """
        if self._clock() - self._since >= RENEWED:
            self._read()
        return self._header


class Fixed:
    """A value of the Authorization header that stays, or none."""

    def __init__(self, header: str | None = None) -> None:
        self._header = header

    async def __call__(self) -> str | None:
        """Return the value of the Authorization header."""
        return self._header


def basic(username: str, password: str) -> str:
    """Return the header for a name and its password.

    >>> basic("anna", "secret")
    'Basic YW5uYTpzZWNyZXQ='
    """
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def trust(authority: bytes | None, certificate: bytes | None, key: bytes | None, *, verify: bool) -> ssl.SSLContext:
    """Return whom to trust and our certificate.

    Args:
        authority: certificates in PEM; those of the system when None.
        certificate: our own, in PEM, or None.
        key: that of the certificate.
        verify: False takes anybody for the API server.

    Raises:
        ssl.SSLError: one of them is not what it should be.
    """
    context = ssl.create_default_context(cadata=None if authority is None else authority.decode("ascii"))
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate is not None and key is not None:
        with TemporaryDirectory() as folder:  # Python's ssl reads them from files alone
            pair = Path(folder, "pair.pem")
            pair.touch(0o600)
            pair.write_bytes(certificate + b"\n" + key)
            context.load_cert_chain(pair)
    return context
