"""The files of a dataset, wherever they lie: what a reader needs of one, and how those on a volume are found."""

import errno
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Protocol

from mlwright.trainer.errors import UserError

URI: Final = "spec.dataset.uri"
HIDDEN: Final = (".", "_")  # marker files of other programs, such as _SUCCESS
_WILDCARD: Final = "*"


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file.

    Attributes:
        name: Its name, without the folder.
        size: Bytes.
        revision: Changes when the content does.
        open: What Arrow's readers take to read it at any place.
        stream: What they take to read it from the start, decompressed as the name says.
        explain: The error to raise for one that came up while it was read; None where the content is to blame.
    """

    name: str
    size: int
    revision: Callable[[], str]
    open: Callable[[], Any]
    stream: Callable[[], Any]
    explain: Callable[[Exception], Exception | None]


class Store(Protocol):
    """Where files lie."""

    def one(self) -> DataFile | None:
        """The file that the address names; None when there is no such file."""

    def many(self) -> Iterable[DataFile]:
        """The files of the folder that the address names; none when there is no such folder."""

    def beside(self) -> Iterable[DataFile]:
        """The files beside that which the address names."""

    def has_folder(self, name: str) -> bool:
        """Whether the folder that the address means has a folder of that name."""


@dataclass(frozen=True, slots=True)
class Volume:
    """Files on a volume that is mounted."""

    place: Path
    by_content: bool = False
    """Whether files are known by their content: those of a ConfigMap have the times of the pod that mounts it."""

    def one(self) -> DataFile | None:
        """See Store."""
        return _on_volume(self.place, by_content=self.by_content) if self.place.is_file() else None

    def many(self) -> Iterable[DataFile]:
        """See Store."""
        return _entries(self.place, by_content=self.by_content)

    def beside(self) -> Iterable[DataFile]:
        """See Store."""
        return _entries(self.place.parent, by_content=self.by_content)

    def has_folder(self, name: str) -> bool:
        """See Store."""
        return (_folder(self.place) / name).is_dir()


def matching(store: Store, pattern: str, wanted: Callable[[str], bool]) -> tuple[DataFile, ...]:
    """The files that an address means, by name: those that match a pattern, the one, or those of the folder.

    Args:
        store: Where to look.
        pattern: The last segment of the address.
        wanted: Which names of a folder count.

    Raises:
        UserError: One of them has a name that is no text.
    """
    if _WILDCARD in pattern:
        # fnmatch knows more wildcards than we promise; escape them.
        escaped = re.sub(r"([?\[])", r"[\1]", pattern)
        found = [file for file in store.beside() if not _hidden(file) and fnmatchcase(file.name, escaped)]
    else:
        one = store.one()
        found = [one] if one else [file for file in store.many() if not _hidden(file) and wanted(file.name)]
    for file in found:
        if (shown := as_text(file.name)) != file.name:
            raise UserError(URI, f"a file has a name that is not UTF-8: {shown}", "rename it")
    return tuple(sorted(found, key=lambda file: file.name))


def as_text(name: str) -> str:
    """A name as it can stand in a result or a sentence: where it is not UTF-8, with its bytes spelled out."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _folder(place: Path) -> Path:
    return place.parent if _WILDCARD in place.name else place


def _hidden(file: DataFile) -> bool:
    return file.name.startswith(HIDDEN)


def _entries(folder: Path, *, by_content: bool) -> list[DataFile]:
    found = folder.iterdir() if folder.is_dir() else ()
    return [_on_volume(path, by_content=by_content) for path in found if path.is_file()]


def _on_volume(path: Path, *, by_content: bool) -> DataFile:
    found = path.stat()
    stamp = f"{found.st_size}-{found.st_mtime_ns}"
    return DataFile(
        path.name,
        found.st_size,
        lambda: hashlib.sha256(path.read_bytes()).hexdigest() if by_content else stamp,
        lambda: path,
        lambda: path,
        lambda problem: _explained(path, problem),
    )


def _explained(path: Path, problem: Exception) -> Exception | None:
    code = getattr(problem, "errno", None)
    if code == errno.EACCES:
        return UserError(URI, f"{path.name} may not be read by the user of the pod", "make it readable for everyone")
    return problem if code is not None else None  # the volume, not the file: not the user's error
