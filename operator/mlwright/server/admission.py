"""How much work may wait: what comes on top is turned away at once, so that what was taken in is answered in time.

A request counts as work from the end of its body on, and its body for what has come of it, whatever it was announced to
be: a client that only says that it will send something, or sends it slowly, takes nobody's place.
"""

from dataclasses import dataclass, field
from http import HTTPStatus

from mlwright.server.problems import RefusedError, come_back

# At 10 ms each, the last of these waits about a second on one thread: longer queues answer nobody in time.
MAX_UNDER_WAY = 128
# Bodies held in memory at once, beside a single one of the largest size: a burst must not end the container.
MAX_HELD_BYTES = 32 * 1024 * 1024

_RETRY_SECONDS = 1


@dataclass(slots=True)
class Admission:
    """Counts the requests under way and the bytes of their bodies; used by the event loop alone."""

    max_under_way: int = MAX_UNDER_WAY
    max_held_bytes: int = MAX_HELD_BYTES
    under_way: int = field(default=0, init=False)
    held_bytes: int = field(default=0, init=False)

    def expect(self) -> "Ticket":
        """Expect the body of a request; raises RefusedError (429) when it would be turned away if it were here."""
        self.check()
        return Ticket(self)

    def admit(self) -> "Ticket":
        """Admit a request that is here until its ticket is given back; raises RefusedError (429) for one too many."""
        ticket = self.expect()
        ticket.begin()
        return ticket

    def check(self) -> None:
        """Raise RefusedError (429) when one more would be too many."""
        if self.under_way >= self.max_under_way:
            raise overloaded(f"{self.under_way} requests are under way")


@dataclass(slots=True)
class Ticket:
    """One request that is expected or under way."""

    admission: Admission
    begun: bool = field(default=False, init=False)
    held_bytes: int = field(default=0, init=False)

    def hold(self, size: int) -> None:
        """Account for so many more bytes of the body; raises RefusedError (429) when memory would run short."""
        if self.admission.held_bytes + size > self.admission.max_held_bytes:
            raise overloaded("the bodies of the requests under way fill the memory set aside for them")
        self.admission.held_bytes += size
        self.held_bytes += size

    def begin(self) -> None:
        """Count as work from now on; raises RefusedError (429) when there is too much."""
        self.admission.check()
        self.admission.under_way += 1
        self.begun = True

    def drop(self) -> None:
        """The body is held no more."""
        self.admission.held_bytes -= self.held_bytes
        self.held_bytes = 0

    def give_back(self) -> None:
        """End of the request."""
        self.admission.under_way -= self.begun
        self.drop()


def overloaded(reason: str) -> RefusedError:
    """The answer to what comes on top."""
    return come_back(HTTPStatus.TOO_MANY_REQUESTS, f"overloaded: {reason}; try again shortly", seconds=_RETRY_SECONDS)
