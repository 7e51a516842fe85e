"""Where an answer is handed over to whoever counts, samples or copies it."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from mlwright.bundle.tensors import Arrays

PREDICTION_ID: Final = "prediction_id"
"""The parameter of an answer that is a header as well."""


class Context(NamedTuple):
    """What a request says of itself beside its data."""

    id: str | None = None
    traceparent: str | None = None


class Recorder(Protocol):
    """Sees every answer once, before it is sent."""

    def record(self, columns: Arrays, outputs: Arrays, context: Context) -> Mapping[str, str]:
        """Take in an answer and return what is to be said with it, as parameters of the protocol.

        Called on the event loop and on threads, so it must be quick and safe to call from several at once.
        """
        ...


class Silent:
    """Records nothing."""

    def record(self, columns: Arrays, outputs: Arrays, context: Context) -> Mapping[str, str]:
        """Say nothing."""
        del columns, outputs, context
        return {}
