"""What programs that write into a run's folder while others look at it need of the place where it is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Copies(Protocol):
    """Keeps files where other pods find them, and finds what they keep."""

    def holds(self, path: Path) -> bool:
        """Tell whether others look at a copy of a file, rather than at the file itself."""

    def fetch(self, path: Path) -> None:
        """Fetch what may have been written since; what nobody wrote is not there afterwards either."""

    def send(self, path: Path) -> None:
        """Let others find a file as it is now."""


@dataclass(frozen=True, slots=True)
class OnVolume:
    """All pods look at the same files: nothing has to be copied."""

    def holds(self, path: Path) -> bool:  # noqa: ARG002  # whichever file it is
        """See Copies."""
        return False

    def fetch(self, path: Path) -> None:
        """See Copies."""

    def send(self, path: Path) -> None:
        """See Copies."""
