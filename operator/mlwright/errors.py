"""What can go wrong, in the words of the domain. Adapters translate foreign errors into these, once."""

from __future__ import annotations


class MlwrightError(Exception):
    """Base of all errors of this package. Its text is a sentence for the reader of the object."""


class InvalidSpecError(MlwrightError):
    """The spec asks for something impossible; the sentence names the field and the remedy."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.sentence = sentence

    def of(self, named: str) -> InvalidSpecError:
        """Return the same about a field of another object than the one that is looked at, which it names."""
        return InvalidSpecError(f"{named} {self.field}", self.sentence)


class ClusterError(MlwrightError):
    """A call to the API server did not do what was asked."""


class NotFoundError(ClusterError):
    """The object is not there."""


class AlreadyExistsError(ClusterError):
    """An object of that name is there already."""


class ConflictError(ClusterError):
    """The object changed since it was read, or another field manager owns the field:

    read again and decide again.
    """


class FieldConflictError(ConflictError):
    """A field that an unforced apply names is owned by another field manager; the text names it."""


class RefusedError(ClusterError):
    """The API server refuses the object for good (invalid, immutable, forbidden by policy or quota)."""


class UnavailableError(ClusterError):
    """The API server could not be reached, was too busy or timed out; the call may or may not have had
    effect.
    """

    def __init__(self, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        """Seconds that the server asked to wait, if it did."""


class NameConflictError(MlwrightError):
    """A child's name is taken by an object that is not ours; it is left alone."""


class MetricsError(MlwrightError):
    """The store of metrics gave no answer that can be used; the sentence says why."""
