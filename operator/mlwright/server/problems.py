"""What a request can be told instead of an answer, in the protocol's shape."""

from http import HTTPStatus

import orjson

from mlwright.server.wire import JSON, Headers, Reply


class RefusedError(Exception):
    """The request gets no answer: a status and one sentence saying what was expected and what came."""

    def __init__(self, status: HTTPStatus, sentence: str, *, headers: Headers = (), closes: bool = False) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers
        self.closes = closes

    def reply(self) -> Reply:
        """The refusal as an answer."""
        return Reply(error_body(str(self)), self.status, JSON + self.headers, self.closes)


def error_body(sentence: str) -> bytes:
    """An error as the protocol writes it."""
    return orjson.dumps({"error": sentence})


def bad_request(sentence: str) -> RefusedError:
    """The client has to change the request."""
    return RefusedError(HTTPStatus.BAD_REQUEST, sentence)


def no_such_rows(sentence: str) -> RefusedError:
    """The request fits the signature, and this version cannot answer its rows, though another one may."""
    return RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)


def come_back(status: HTTPStatus, sentence: str, *, seconds: int) -> RefusedError:
    """The same request may succeed after so many seconds."""
    return RefusedError(status, sentence, headers=((b"retry-after", str(seconds).encode()),))
