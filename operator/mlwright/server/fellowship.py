"""How servers of one deployment know each other: by the token and the certificate of the Secrets that both mount."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlwright.server.access import Scheme
from mlwright.server.encryption import CERTIFICATE
from mlwright.server.settings import Settings


@dataclass(frozen=True, slots=True)
class Fellowship:
    """What a server needs to ask another one; its files are read for every connection, as they change."""

    scheme: Scheme = Scheme.NONE
    token_file: Path | None = None
    tls_folder: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Fellowship":
        """What one server asks for is what it shows to the other."""
        return cls(settings.auth, settings.auth_file, settings.tls_folder)

    def headers(self) -> Mapping[str, str]:
        """The headers by which the other one lets this one in.

        Raises:
            OSError: The Secret is not there.
            ValueError: It holds nothing.
        """
        if self.scheme is Scheme.NONE or self.token_file is None:
            return {}
        tokens = [line.strip() for line in self.token_file.read_text("latin-1").splitlines() if line.strip()]
        if not tokens:
            raise ValueError("the Secret holds no token")
        return {"x-api-key": tokens[0]} if self.scheme is Scheme.API_KEY else {"authorization": f"Bearer {tokens[0]}"}

    def context(self) -> ssl.SSLContext | None:
        """The context of a connection, None without TLS.

        Names are not looked at: the certificate is made for clients and names the public address. `check` is stricter.
        """
        if self.tls_folder is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def check(self, shown: bytes | None) -> None:
        """Check that the other one shows the very certificate that this one has (DER), so that nobody else is told.

        Raises:
            OSError: The Secret is not there.
            ValueError: It is another certificate.
        """
        if self.tls_folder is None:
            return
        chain = (self.tls_folder / CERTIFICATE).read_text("ascii")
        end = chain.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
        if shown != ssl.PEM_cert_to_DER_cert(chain[chain.index(ssl.PEM_HEADER) : end]):
            raise ValueError("the other variant shows another certificate")
