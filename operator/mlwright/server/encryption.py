"""TLS from a mounted Secret of type kubernetes.io/tls, read again when it changes: certificates are short-lived."""

import ssl
from pathlib import Path
from typing import Final

from mlwright.server.following import Files

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"


class Encryption:
    """The context of all connections; new ones are shown the newest certificate."""

    def __init__(self, folder: Path) -> None:
        """Take where the files are; `use` takes what they hold."""
        self._folder = folder
        self.pair = (b"", b"")
        """Key and certificate chain, as PEM."""
        self._newest = _context()
        self.context = _context()
        self.context.sni_callback = self._show  # it is called for clients that send no name, too

    def use(self, files: Files) -> None:
        """Take certificate and key; raises ValueError when they are none, and what was taken before stays in use."""
        missing = [name for name in (CERTIFICATE, KEY) if name not in files]
        if missing:
            raise ValueError(f"{' and '.join(missing)} is not there: a Secret of type kubernetes.io/tls has both")
        # A new context each time: one in use would keep the certificate of a pair whose key does not fit, and an old
        # certificate beside a new one whose key is of another kind.
        context = _context()
        try:
            context.load_cert_chain(self._folder / CERTIFICATE, self._folder / KEY)
        except OSError as problem:  # an error of TLS is one, too
            raise ValueError(f"{CERTIFICATE} and {KEY} are no certificate and its key ({problem})") from problem
        self._newest = context
        self.pair = (files[KEY], files[CERTIFICATE])

    def _show(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
