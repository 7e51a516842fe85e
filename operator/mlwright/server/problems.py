"""What a request can be told instead of an answer, in the protocol's shape."""

from http import HTTPStatus


class RefusedError(Exception):
    """The request gets no answer: a status and one sentence saying what was expected and what came."""

    def __init__(self, status: HTTPStatus, sentence: str, *, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


def bad_request(sentence: str) -> RefusedError:
    """The client has to change the request."""
    return RefusedError(HTTPStatus.BAD_REQUEST, sentence)


def come_back(status: HTTPStatus, sentence: str, *, seconds: int) -> RefusedError:
    """The same request may succeed after so many seconds."""
    return RefusedError(status, sentence, headers=((b"retry-after", str(seconds).encode()),))
