"""Lines of a payload log that another container of the pod takes away to an object store, file by file.

A store cannot append: what lies there is whole. So lines gather in a draft that nobody takes, and a draft that is full
or old enough is renamed. Whoever sends files removes what lies in the store: a file that is gone has arrived. A store
that is away costs the oldest files, of which the newest few are kept, and never an answer.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Final

from mlwright.constants import PAYLOADS_AWAY

FILE_BYTES: Final = 16 * 1024 * 1024
FILES: Final = 4
"""Files that wait for the store; when there are more, the oldest is removed."""
CLOSE_SECONDS: Final = 60.0
"""How old the first line of a file may be until it is sent."""


class Parcels:
    """The files of one pod. One thread uses it."""

    def __init__(self, folder: Path, prefix: str, clock: Callable[[], float] = time.time) -> None:
        """Take where files are taken from, with what their names begin, and a clock of seconds since 1970."""
        self._folder = folder
        self._prefix = prefix
        self._clock = clock
        self._draft = folder / f".{prefix}.draft"
        self._lines = self._size = 0
        self._begun = 0.0
        self._number = 0
        self._waiting = dict.fromkeys(folder.glob(f"{prefix}-*.jsonl"), 0)  # of a container of this pod that died
        self.arrived = 0
        """Lines that lie in the store."""
        self.lost = 0
        """Lines that do not, and never will: the store was away for too long, or no file holds them."""

    @property
    def waiting(self) -> int:
        """Lines that are written and not in the store yet."""
        return self._lines + sum(self._waiting.values())

    @property
    def away(self) -> bool:
        """Whether the store did not take the last file that it was sent."""
        return (self._folder / PAYLOADS_AWAY).exists()

    def append(self, lines: list[bytes]) -> None:
        """Write lines to the draft, which is given away when the next one does not fit; they leave `lines` one by one.

        Raises:
            OSError: The folder cannot be written to; what is left in `lines` is not written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._draft.exists() and not self._lines:  # as above
            self._close(self._clock())
        while lines:
            count = fitting(lines, FILE_BYTES - self._size)
            if count:
                self._write(lines[:count])
                del lines[:count]
            elif len(lines[0]) > FILE_BYTES:
                self.lost += 1
                del lines[0]
            else:
                self._close(self._clock())
                self._shed()

    def look(self, *, over: bool = False) -> None:
        """Give away a draft that is full or old enough, or any when it is `over`; count what has arrived or is lost.

        Raises:
            OSError: The folder cannot be written to.
        """
        now = self._clock()
        if self._lines and (over or now - self._begun >= CLOSE_SECONDS or self._size >= FILE_BYTES):
            self._close(now)
        for path in self._gone():
            self.arrived += self._waiting.pop(path)
        self._shed()

    def _write(self, lines: list[bytes]) -> None:
        self._begun = self._begun if self._lines else self._clock()
        self._size += append_whole(self._draft, lines, self._size)
        self._lines += len(lines)

    def _shed(self) -> None:
        while len(self._waiting) > FILES:
            path = min(self._waiting)
            self._remove(path)

    def _gone(self) -> Iterator[Path]:
        return (path for path in tuple(self._waiting) if not path.exists())

    def _remove(self, path: Path) -> None:
        lines = self._waiting.pop(path)
        try:
            path.unlink()
        except FileNotFoundError:
            self.arrived += lines
        else:
            self.lost += lines

    def _close(self, now: float) -> None:
        """Let the draft be taken: its name ends with a number that grows, also from one container to the next."""
        self._number = max(self._number + 1, int(now))
        path = self._folder / f"{self._prefix}-{self._number:010}.jsonl"
        self._draft.rename(path)
        self._waiting[path] = self._lines
        self._lines = self._size = 0


def append_whole(path: Path, lines: list[bytes], size: int) -> int:
    """Append lines to a file of `size` bytes, which stays as it is when that fails; returns how many bytes they are.

    Raises:
        OSError: They cannot be written.
    """
    content = b"".join(lines)
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError:
        with suppress(OSError):
            os.truncate(path, size)  # of a full disk: the next line would continue a torn one
        raise
    return len(content)


def fitting(lines: list[bytes], room: int) -> int:
    """How many of the first lines have at most so many bytes."""
    ends = accumulate(map(len, lines))
    return sum(1 for _ in takewhile(lambda end: end <= room, ends))
