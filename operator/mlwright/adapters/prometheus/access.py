"""How to prove to Prometheus who asks: by the files of one folder, read anew for each question.

| file | what for |
|---|---|
| `token` | Authorization: Bearer |
| `username`, `password` | Authorization: Basic |
| `ca.crt` | whom to trust, instead of the system's authorities |
| `tls.crt`, `tls.key` | our certificate |
"""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path

from mlwright.errors import MetricsError


@dataclass(frozen=True, slots=True)
class Credentials:
    """The folder; None without one."""

    folder: Path | None = None
    called: str = "the Secret of prometheus.secretName"
    """How those who can mend it know the folder."""

    def headers(self) -> dict[str, str]:
        """Return what proves who asks.

        Raises:
            MetricsError: a file cannot be read, or half of a pair is missing.
        """
        if token := self._text("token"):
            return {"Authorization": f"Bearer {token}"}
        username, password = self._text("username"), self._text("password")
        if not username and not password:
            return {}
        if not username or not password:
            raise MetricsError(f"{self.called} has one of username and password: give it both")
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def trust(self) -> ssl.SSLContext:
        """Return whom to trust and our certificate.

        Raises:
            MetricsError: a file is no certificate, or half of a pair is missing.
        """
        authority, certificate, key = (self._there(name) for name in ("ca.crt", "tls.crt", "tls.key"))
        if bool(certificate) != bool(key):
            raise MetricsError(f"{self.called} has one of tls.crt and tls.key: give it both")
        try:
            context = ssl.create_default_context(cafile=authority)
            if certificate:
                context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise MetricsError(f"{self.called} holds a certificate that cannot be used: {error}") from error
        return context

    def _there(self, name: str) -> str | None:
        return str(self.folder / name) if self.folder is not None and (self.folder / name).is_file() else None

    def _text(self, name: str) -> str:
        file = self._there(name)
        try:
            return Path(file).read_text(encoding="utf-8").strip() if file else ""
        except (OSError, UnicodeDecodeError) as error:
            raise MetricsError(f"the file {name} of {self.called} cannot be read: {type(error).__name__}") from error
