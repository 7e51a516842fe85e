"""How the process ends when it cannot serve: one sentence, one exit code."""

from mlwright.constants import EXIT_OUR_ERROR, EXIT_USER_ERROR


class UnservableError(Exception):
    """These settings or this bundle can never be served as they are; the message is the sentence for people."""


class UnreadySecretError(Exception):
    """A Secret that a setting names is not there yet, or holds nothing of use; another start may find it."""


def exit_code(failure: BaseException) -> int:
    """64 for what only a person can change, 70 for everything else, where another start may help."""
    return EXIT_USER_ERROR if isinstance(failure, UnservableError) else EXIT_OUR_ERROR


def sentence(failure: BaseException) -> str:
    """The failure in one line; of several at once the first."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if isinstance(failure, UnservableError | UnreadySecretError):
        return str(failure)
    return " ".join(f"the server failed unexpectedly: {type(failure).__name__}: {failure}".split())
