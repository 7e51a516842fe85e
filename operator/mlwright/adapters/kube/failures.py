"""Translation of failed calls into our own errors, once and here."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Self

from pydantic_core import from_json

from mlwright.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    FieldConflictError,
    MlwrightError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from mlwright.plan.resources import Body

PASSING: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""Client errors that go away: a token that is about to be renewed, a busy server."""

SHOWN: Final = 300
"""Characters shown of an answer that is no Status object, such as a proxy's error page."""


class ExpiredError(ClusterError):
    """The list cannot be continued: its snapshot is compacted away. It starts again from its first page."""


class UnreachableError(MlwrightError):
    """There is no usable way to the API server; the sentence says what to set."""

    @classmethod
    def because(cls, error: Exception) -> Self:
        """Return the error for a configuration that cannot be used."""
        return cls(f"no way to the API server ({error}): run inside a pod, or let KUBECONFIG name a kubeconfig file")


def translate(what: str, code: int, headers: Mapping[str, str], payload: bytes) -> ClusterError:
    """Return the error for an answer that is not a success.

    Args:
        what: verb, kind and name of the call, for the sentence.
        code: HTTP status code.
        headers: of the answer; `Retry-After` is honoured.
        payload: body of the answer, a Status object if the API server itself made it.
    """
    status = _status(payload)
    sentence = f"{what}: {status.get('message') or HTTPStatus(code).phrase}"
    if code == HTTPStatus.NOT_FOUND:
        return NotFoundError(sentence)
    if code == HTTPStatus.CONFLICT:
        return _conflict(sentence, status)
    if code == HTTPStatus.UNPROCESSABLE_ENTITY and _is_namesake(status):
        return ConflictError(sentence)
    if code == HTTPStatus.GONE:
        return ExpiredError(sentence)
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code in PASSING:
        return UnavailableError(sentence, retry_after=_retry_after(headers, status))
    return RefusedError(sentence)


def _status(payload: bytes) -> Body:
    try:
        status = from_json(payload)
    except ValueError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return status
    return {"message": payload[:SHOWN].decode("utf-8", "replace").strip()}


def _is_namesake(status: Body) -> bool:
    """Tell whether the one fault is the uid: an apply that was meant for the object's predecessor."""
    causes = (status.get("details") or {}).get("causes") or ()
    return bool(causes) and all(cause.get("field") == "metadata.uid" for cause in causes)


def _conflict(sentence: str, status: Body) -> ClusterError:
    if status.get("reason") == "AlreadyExists":
        return AlreadyExistsError(sentence)
    causes = (status.get("details") or {}).get("causes") or ()
    if any(cause.get("reason") == "FieldManagerConflict" for cause in causes):
        return FieldConflictError(sentence)
    return ConflictError(sentence)


def _retry_after(headers: Mapping[str, str], status: Body) -> float | None:
    said: Any = headers.get("Retry-After") or (status.get("details") or {}).get("retryAfterSeconds")
    try:
        return float(said) if said else None
    except ValueError:  # an HTTP date: nobody sends one to an API client, and our own backoff is as good
        return None
