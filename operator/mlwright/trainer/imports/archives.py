"""Unpack an archive from outside: plain files below its own folder, within limits, and nothing else."""

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from mlwright.trainer.errors import UserError
from mlwright.trainer.imports.task import FIELD
from mlwright.trainer.outside import LARGEST

MOST_FILES: Final = 10_000
SUFFIXES: Final = (".zip", ".tar.gz", ".tgz", ".tar")
_REMEDY: Final = "pack plain files and folders, with names below the folder that is packed"


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive: its name, what it is, its size, and how its content is read."""

    name: str
    is_folder: bool
    is_file: bool
    size: int
    read: Any


def unpack(archive: Path, target: Path) -> None:
    """Unpack a zip or tar archive into a folder that is there and empty.

    Raises:
        UserError: It is damaged or too large, or holds a link, a device, or a name that leads out of the folder.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                _write(_of_zip(packed), target)
        else:
            with tarfile.open(archive, "r:*") as packed_tar:
                _write(_of_tar(packed_tar), target)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, NotImplementedError) as problem:
        said = f"is no archive that can be unpacked: {type(problem).__name__}"
        raise UserError(f"{FIELD}.uri", said, "pack it anew as .zip or .tar.gz, without a password") from problem


def _of_zip(packed: zipfile.ZipFile) -> Iterator[Member]:
    for info in packed.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        plain = kind in {0, stat.S_IFREG, stat.S_IFDIR}
        yield Member(
            info.filename,
            info.is_dir(),
            plain and not info.is_dir(),
            info.file_size,
            lambda info=info: packed.open(info),
        )


def _of_tar(packed: tarfile.TarFile) -> Iterator[Member]:
    for info in packed:
        yield Member(info.name, info.isdir(), info.isreg(), info.size, lambda info=info: packed.extractfile(info))


def _write(members: Iterator[Member], target: Path) -> None:
    written = 0
    for count, member in enumerate(members, start=1):
        if count > MOST_FILES:
            raise _refused(f"holds more than {MOST_FILES:,} files")
        place = target / _below(member.name)
        if member.is_folder:
            place.mkdir(parents=True, exist_ok=True)
            continue
        if not member.is_file:
            raise _refused("holds a link or a device")
        if place.exists():
            raise _refused("holds two files of one name")
        place.parent.mkdir(parents=True, exist_ok=True)
        with member.read() as source, place.open("wb") as file:
            written += _copy(source, file, LARGEST - written)


def _copy(source: IO[bytes], file: IO[bytes], left: int) -> int:
    """Copy at most so many bytes; what an archive says of its sizes is not believed."""
    copied = 0
    while piece := source.read(1 << 20):
        copied += len(piece)
        if copied > left:
            raise _refused(f"unpacks to more than {LARGEST:,} bytes")
        file.write(piece)
    return copied


def _below(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name:
        raise _refused("holds a name that leads out of its folder")
    return str(path)


def _refused(problem: str) -> UserError:
    return UserError(f"{FIELD}.uri", f"the archive {problem}", _REMEDY)


def only_folder(folder: Path) -> Path:
    """The folder itself, or the one folder in it: most archives hold a folder around what they hold."""
    entries = list(folder.iterdir())
    return only_folder(entries[0]) if len(entries) == 1 and entries[0].is_dir() else folder


def remove(folder: Path) -> None:
    """Remove a folder and all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)
