"""TLS from a mounted Secret of type kubernetes.io/tls, read again when it changes: certificates are short-lived."""

import ssl
from pathlib import Path
from typing import Final

from mlwright.server.following import Files

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"


class Encryption:
    """The context of all connections; new ones are made with the newest certificate."""

    def __init__(self, folder: Path) -> None:
        """Take where the files are; `use` takes what they hold."""
        self._folder = folder
        self.pair = (b"", b"")
        """Key and certificate chain, as PEM."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])

    def use(self, files: Files) -> None:
        """Take certificate and key; raises ValueError when they are none, and what was taken before stays in use."""
        missing = [name for name in (CERTIFICATE, KEY) if name not in files]
        if missing:
            raise ValueError(f"{' and '.join(missing)} is not there: a Secret of type kubernetes.io/tls has both")
        try:
            self.context.load_cert_chain(self._folder / CERTIFICATE, self._folder / KEY)
        except OSError as problem:  # an error of TLS is one, too
            raise ValueError(f"{CERTIFICATE} and {KEY} are no certificate and its key ({problem})") from problem
        self.pair = (files[KEY], files[CERTIFICATE])
