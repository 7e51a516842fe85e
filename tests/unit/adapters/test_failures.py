"""Every failure of a call leaves the adapter as one of our errors, with the server's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlwright.adapters.kube.failures import ExpiredError, translate
from mlwright.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    FieldConflictError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)


def status(**fields: Any) -> bytes:
    return json.dumps({"kind": "Status", "message": "in the server's words", **fields}).encode()


TRANSLATIONS: dict[str, tuple[int, bytes, type[ClusterError]]] = {
    "not there": (404, status(reason="NotFound"), NotFoundError),
    "the name is taken": (409, status(reason="AlreadyExists"), AlreadyExistsError),
    "changed since it was read": (409, status(reason="Conflict"), ConflictError),
    "a field of another manager": (
        409,
        status(reason="Conflict", details={"causes": [{"reason": "FieldManagerConflict"}]}),
        FieldConflictError,
    ),
    "the list expired": (410, status(reason="Expired"), ExpiredError),
    "a namesake of the object that was meant": (
        422,
        status(reason="Invalid", details={"causes": [{"field": "metadata.uid"}]}),
        ConflictError,
    ),
    "invalid": (422, status(reason="Invalid"), RefusedError),
    "forbidden": (403, status(reason="Forbidden"), RefusedError),
    "bad request": (400, status(reason="BadRequest"), RefusedError),
    "a token about to be renewed": (401, status(reason="Unauthorized"), UnavailableError),
    "too many requests": (429, status(reason="TooManyRequests"), UnavailableError),
    "a broken webhook": (500, status(reason="InternalError"), UnavailableError),
    "a proxy in between": (502, b"<html>Bad Gateway</html>", UnavailableError),
    "away": (503, status(reason="ServiceUnavailable"), UnavailableError),
    "timed out": (504, status(reason="Timeout"), UnavailableError),
}


@pytest.mark.parametrize("row", TRANSLATIONS.values(), ids=TRANSLATIONS.keys())
def test_an_answer_becomes_an_error_of_the_domain(row: tuple[int, bytes, type[ClusterError]]) -> None:
    """The type decides what follows, so it must be exact."""
    code, payload, expected = row

    assert type(translate("create Job j", code, {}, payload)) is expected


def test_the_sentence_holds_the_call_and_the_words_of_the_server() -> None:
    """It is shown on the object."""
    assert str(translate("create Job j", 422, {}, status())) == "create Job j: in the server's words"


def test_an_answer_that_is_no_status_is_shown_in_part() -> None:
    """A page of a proxy must not flood a condition."""
    assert len(str(translate("get Job j", 502, {}, b"x" * 10_000))) < 400


def test_an_empty_answer_is_told_by_its_code() -> None:
    """There is always a sentence."""
    assert str(translate("get Job j", 503, {}, b"")) == "get Job j: Service Unavailable"


@pytest.mark.parametrize(
    "headers, payload, seconds",
    [
        ({"Retry-After": "7"}, status(), 7.0),
        ({}, status(details={"retryAfterSeconds": 3}), 3.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, status(), None),
        ({}, b"busy", None),
    ],
    ids=["header", "status", "a date", "none"],
)
def test_the_server_says_when_to_come_back(headers: dict[str, str], payload: bytes, seconds: float | None) -> None:
    """By header or in the Status; a date is not understood, and our own delay serves."""
    error = translate("create Job j", 429, headers, payload)

    assert isinstance(error, UnavailableError)
    assert error.retry_after == seconds
