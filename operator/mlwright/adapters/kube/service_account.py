"""The way to the API server from inside a pod: the service account that Kubernetes mounts there.

Read without the official client, whose models alone would be an eighth of the operator's memory and a fifth of its
start; `kubeconfig` takes the client.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from mlwright.adapters.kube.failures import UnreachableError
from mlwright.ports.access import Access

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts what proves who the pod is."""
HOST: Final = "KUBERNETES_SERVICE_HOST"
"""Variable by which a process knows that it is in a pod."""
RENEWED: Final = 60.0
"""Seconds after which token and authority are read again; the kubelet renews a token minutes before it ends."""

logger = logging.getLogger(__name__)


class FileToken:
    """A token that is renewed in its file while we run."""

    def __init__(
        self, file: Path, clock: Callable[[], float] = time.monotonic, beside: Callable[[], None] = lambda: None
    ) -> None:
        """Read it for the first time; `beside` is called whenever it is about to be read again.

        Raises:
            OSError: the file cannot be read, or holds nothing.
        """
        self._file = file
        self._clock = clock
        self._beside = beside
        self._read()

    def _read(self) -> None:
        token = self._file.read_text(encoding="utf-8").strip()
        if not token:
            raise OSError(f"{self._file} is empty")
        self._header = f"Bearer {token}"
        self._since = self._clock()

    async def __call__(self) -> str:
        """Return the value of the Authorization header.

        Raises:
            OSError: the file cannot be read any more, or holds nothing.
        """
        if self._clock() - self._since >= RENEWED:
            self._beside()
            self._read()
        return self._header


class FileTrust:
    """The authorities that vouch for the API server, which are renewed in their file while we run.

    Clusters rotate them by naming the old and the new one for a while. One that has left the file is trusted until the
    process ends: what a context trusts only grows.
    """

    def __init__(self, file: Path) -> None:
        """Read them for the first time.

        Raises:
            OSError: the file cannot be read, holds nothing, or no certificate (of ssl).
        """
        self._file = file
        self._known = file.read_bytes()
        if not self._known:  # which Python would take for the authorities of the system
            raise OSError(f"{file} is empty")
        self.context = ssl.create_default_context(cafile=str(file))

    def renew(self) -> None:
        """Trust, too, whom the file names now. A file that cannot be used changes nothing, and is tried again."""
        try:
            found = self._file.read_bytes()
            if found in (b"", self._known):
                return
            self.context.load_verify_locations(cafile=str(self._file))
        except OSError as error:
            logger.warning("authority not renewed", extra={"file": str(self._file), "error": str(error)})
        else:
            self._known = found


def access(environ: Mapping[str, str]) -> Access:
    """Return the way of a pod's service account, by the address that the pod was told: no name has to be resolved.

    Raises:
        UnreachableError: the pod has no service account, or it is not what it should be.
    """
    host, port = environ[HOST], environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        trust = FileTrust(SERVICE_ACCOUNT / "ca.crt")
        token = FileToken(SERVICE_ACCOUNT / "token", beside=trust.renew)
    except OSError as error:  # of ssl as well
        raise UnreachableError.because(error) from error
    return Access(f"https://{f'[{host}]' if ':' in host else host}:{port}", trust.context, token)
