"""Lines of a payload log on a claim: the files of one pod, numbered, of which the newest few are kept.

A container of the pod that starts again goes on where the one before it ended: the same files count.
"""

from pathlib import Path
from typing import Final

from mlwright.server.payload_parcels import append_whole, fitting

FILE_BYTES: Final = 16 * 1024 * 1024
FILES: Final = 4
"""Files of a pod: before there are more, its oldest are removed."""


class Files:
    """The files of one pod. One thread uses it."""

    def __init__(self, folder: Path, prefix: str) -> None:
        """Take where they are and with what their names begin."""
        self._folder = folder
        self._prefix = prefix
        self._number: int | None = None  # looked for when the first line comes: the volume may be away before
        self.written = 0
        """Lines."""
        self.lost = 0
        """Lines that no file holds, because they are too long."""

    def append(self, lines: list[bytes]) -> None:
        """Write lines to the newest file, or to the next where they do not fit; written ones leave `lines`.

        Raises:
            OSError: The volume cannot be written to; what is left in `lines` is not written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._number is None:
            self._number = max(self._numbers(), default=0)
        while lines:
            path = self._path(self._number)
            size = path.stat().st_size if path.exists() else 0
            if count := fitting(lines, FILE_BYTES - size):
                append_whole(path, lines[:count], size)
                self.written += count
                del lines[:count]
            elif len(lines[0]) > FILE_BYTES:
                self.lost += 1
                del lines[0]
            else:
                self._make_room()
                self._number += 1

    def _make_room(self) -> None:
        for number in self._numbers()[: 1 - FILES]:
            self._path(number).unlink(missing_ok=True)

    def _numbers(self) -> list[int]:
        """Those of all files that are there, in their order."""
        ends = (path.stem.removeprefix(f"{self._prefix}-") for path in self._folder.glob(f"{self._prefix}-*.jsonl"))
        return sorted(int(end) for end in ends if end.isdecimal())

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._prefix}-{number:06}.jsonl"
