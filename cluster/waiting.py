"""Waiting for something outside to come true, with a deadline and a reason when it does not."""

import time
from collections.abc import Callable

from cluster.errors import ClusterError

_POLL_SECONDS = 0.05


class Attempt:
    """Something to try until it works, because a server that just started refuses for a moment."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._reason = ""

    def succeeds(self) -> bool:
        """Try it: false when it fails, and when it returns False."""
        try:
            return self._action() is not False
        except (OSError, ClusterError) as error:
            self._reason = f" the last attempt ended with: {error}"
            return False

    def reason(self) -> str:
        """Why it failed the last time, to be appended to an error sentence."""
        return self._reason


def wait_until(
    what: str,
    holds: Callable[[], bool],
    *,
    seconds: float,
    explain: Callable[[], str] = lambda: "",
    hopeless: Callable[[], bool] = lambda: False,
) -> None:
    """Poll until ``holds`` is true.

    Args:
        what: what is waited for, the subject of the error sentence.
        holds: the question to ask.
        seconds: how long to ask it.
        explain: text to append to the error, such as the last lines of a log.
        hopeless: true when waiting longer makes no sense, such as a process that has ended.

    Raises:
        ClusterError: the time is over, or it became hopeless.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if hopeless():
            raise ClusterError(f"{what} failed;{explain()}")
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} took longer than {seconds:g} s;{explain()}")
        time.sleep(_POLL_SECONDS)
