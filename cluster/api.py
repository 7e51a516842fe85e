"""A few calls to an API server with nothing but the standard library."""

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.errors import ClusterError

_SECONDS = 10.0
_MANAGER = "mlwright-cluster"
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files in PEM form: whom we trust and who we are."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def of(cls, pki: Path, identity: str) -> "Credentials":
        """The credentials of one identity in a directory that ``kube pki`` wrote."""
        return cls(pki / "ca.crt", pki / f"{identity}.crt", pki / f"{identity}.key")


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered: HTTP status and body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Api:
    """An API server as seen by one identity. Each call uses a connection of its own."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self.url = url
        self._context = ssl.create_default_context(cafile=str(credentials.authority))
        self._context.load_cert_chain(credentials.certificate, credentials.key)

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Response:
        """Send one request.

        Raises:
            OSError: nobody answered.
        """
        parts = urlsplit(self.url)
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=_SECONDS, context=self._context
        )
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Content-Type": content_type})
            answer = connection.getresponse()
            return Response(answer.status, answer.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"{self.url} broke off: {error!r}") from error
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether the server says that it is ready."""
        try:
            return self.request("GET", "/readyz").status == http.HTTPStatus.OK
        except OSError:
            return False

    def get(self, path: str) -> Any:
        """Read an object or a list; None when there is none.

        Raises:
            ClusterError: the server refused.
        """
        answer = self.request("GET", path)
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return None
        return _accepted("GET", path, answer).json()

    def apply(self, path: str, thing: dict[str, Any], *, subresource: str = "") -> None:
        """Create or update an object by server-side apply.

        Args:
            path: the path of the collection, such as ``/api/v1/namespaces``.
            thing: the object, with ``metadata.name``.
            subresource: such as ``status``.

        Raises:
            ClusterError: the server refused.
        """
        target = f"{path}/{thing['metadata']['name']}" + (f"/{subresource}" if subresource else "")
        query = f"?fieldManager={_MANAGER}&force=true"
        _accepted("apply", target, self.request("PATCH", target + query, thing, _APPLY))


def _accepted(verb: str, path: str, answer: Response) -> Response:
    if answer.status >= http.HTTPStatus.BAD_REQUEST:
        raise ClusterError(f"{verb} {path} was answered with {answer.status}: {answer.body.decode(errors='replace')}")
    return answer
