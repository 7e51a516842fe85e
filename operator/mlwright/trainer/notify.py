"""`notify`: tell somebody outside of something that was decided, as one CloudEvent (1.0, structured JSON over HTTP).

The same event may arrive more than once, always with the same source and id. What was sent or answered is never kept.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from mlwright.bundle.documents import Document
from mlwright.bundle.origins import Origin
from mlwright.trainer.errors import STORAGE_AWAY, SurroundingsError, UserError
from mlwright.trainer.outside import Answer, Asked, Outside, away

TOKEN: Final = "MLWRIGHT_WEBHOOK_TOKEN"  # noqa: S105  # the name of a variable
TRIES: Final = 3
"""In one pod; its Job starts others, with growing pauses."""
PAUSE: Final = 2.0
"""Seconds before the second try; twice as long before the third."""
LONGEST: Final = 30.0
"""Seconds that an answer may take."""
_LATER: Final = frozenset({408, 425})
"""Answers that ask to try again, beside those of a host that is busy or broken."""
_OK: Final = range(200, 300)


def tell(
    text: str | None, env: Mapping[str, str], pause: Callable[[float], None] = time.sleep
) -> tuple[str, dict[str, Any]]:
    """Send the event until it is taken; the sentence and the results.

    Args:
        text: The document: `url`, `hosts`, `field` and `event`.
        env: May hold the token that opens the receiver.
        pause: Waits for so many seconds.

    Raises:
        UserError: The receiver is not allowed, or refuses the event.
        SurroundingsError: It does not answer, or is busy; another attempt may succeed.
    """
    document = _read(text)
    url, field = document.text("url"), document.text("field")
    body = json.dumps(document.members.get("event"), ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/cloudevents+json; charset=utf-8", "User-Agent": "mlwright"}
    if token := env.get(TOKEN, "").strip():
        headers["Authorization"] = f"Bearer {token}"
    outside, asked = Outside(document.texts("hosts"), field, LONGEST), Asked("POST", url, headers, body)
    status = _sent(outside, asked, pause)
    return f"{_who(url)} has taken it ({status})", {"notify": {"status": status}}


def _sent(outside: Outside, asked: Asked, pause: Callable[[float], None]) -> int:
    """Try some times; the status with which it was taken."""
    last = ""
    for number in range(TRIES):
        if number:
            pause(PAUSE * 2 ** (number - 1))
        try:
            return _taken(outside.field, asked, outside.ask(asked))
        except UserError as problem:
            if problem.reason != STORAGE_AWAY:
                raise
            last = problem.sentence
    raise SurroundingsError(f"{last}: tried {TRIES} times, and tried again by itself")


def _taken(field: str, asked: Asked, answer: Answer) -> int:
    """The status of an answer that takes the event.

    Raises:
        UserError: It does not; one with a reason may pass.
    """
    if answer.status in _OK:
        return answer.status
    who = _who(asked.url)
    if (later := away(field, who, answer.status)) is not None:
        raise later
    if answer.status in _LATER:
        raise UserError(field, f"{who} answers {answer.status}", "it is tried again", reason=STORAGE_AWAY)
    remedy = "name the address that takes CloudEvents, and with secretRef the key that opens it"
    raise UserError(field, f"{who} answers {answer.status} and does not take it", remedy)


def _who(url: str) -> str:
    """The receiver without its path, which may be a secret."""
    try:
        return str(Origin.of(url))
    except ValueError:
        return "the address"


def _read(text: str | None) -> Document:
    try:
        return Document.of(json.loads(text or ""), "", _refuse)
    except (ValueError, RecursionError):
        raise UserError("MLWRIGHT_STEP", "is not JSON", "put the document of the event into it") from None


def _refuse(field: str, expected: str) -> UserError:
    return UserError(field, expected, "use the operator that belongs to this image")
