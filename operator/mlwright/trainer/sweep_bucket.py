"""A sweep of folders of runs in an object store: as on a volume, with what a store can do.

A store renames nothing. So a folder is removed from within: what a crashed sweep leaves still carries both marks, and
the next one goes on. The owner's mark goes last.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow.fs

from mlwright.bundle.addresses import Address
from mlwright.trainer.artifacts import Store
from mlwright.trainer.errors import UserError
from mlwright.trainer.possession import OWNED
from mlwright.trainer.sweep_task import FIELD, SweepTask
from mlwright.trainer.sweeping import AT_ONCE, UNUSED, Clock, Tally, Whose, check_age, check_shared, mark, owned, since

_FILE: Final = pyarrow.fs.FileType.File
_FOLDER: Final = pyarrow.fs.FileType.Directory
_SAID: Final = 200
"""Characters of a client's words that are told."""


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """One prefix below which the folders of runs are."""

    task: SweepTask
    address: Address
    store: Store
    tally: Tally
    now: Clock

    def checked(self) -> dict[str, Whose]:
        """Look whose each folder is; nothing is touched anywhere unless all marks in all places are ours.

        Raises:
            UserError: The store refuses or is away, or the place is shared with another installation.
        """
        with self._words():
            found = self._entries(self._path())
            if not found:
                self.store.check_bucket()
            names = sorted(info.base_name for info in found if info.type == _FOLDER)
            whose = {name: owned(self._read(name, OWNED), self.task.owner) for name in names}
        check_shared(self.address, [name for name in names if whose[name] is Whose.FOREIGN])
        return whose

    def sweep(self, whose: Mapping[str, Whose]) -> None:
        """Deal with every folder.

        Raises:
            UserError: The store is away.
            SurroundingsError: The list of what is in use is too old by now.
        """
        for name, owner in whose.items():
            if owner is not Whose.OURS:
                self.tally.unmarked += 1
                continue
            try:
                with self._words():
                    self._look(name)
            except (OSError, UserError) as problem:  # such as an object that nobody may remove: the others go on
                if isinstance(problem, UserError) and problem.reason:
                    raise
                self.tally.failed += 1
                self.tally.problem = self.tally.problem or f"{name}: {_said(problem)}"

    def _look(self, name: str) -> None:
        self.tally.folders += 1
        if name in self.task.in_use:
            self.tally.in_use += 1
            self._unmark(name)
            return
        below = self._entries(self._path(name), recursive=True)
        objects = [info for info in below if info.type == _FILE]
        size = sum(info.size for info in objects if info.path not in self._marks(name))
        unused = self._since(name, objects)
        if self.now() - unused < self.task.grace:
            self._put(name, mark(self.task, unused))
            self.tally.waiting += 1
            self.tally.waiting_bytes += size
            return
        check_age(self.task, self.now())
        self._remove(name, below)
        self.tally.removed += 1
        self.tally.removed_bytes += size
        self.tally.names.append(name)

    def _since(self, name: str, objects: list[Any]) -> datetime:
        """Since when a folder is unused: since now if its mark is not to be believed, or it was written since."""
        told, now = since(self._read(name, UNUSED), self.task), self.now()
        if told is None or told > now:
            return now
        times = {info.path: info.mtime for info in objects}
        written = [time for path, time in times.items() if path not in self._marks(name)]
        marked = times.get(self._path(name, UNUSED))
        return told if marked and all(time <= marked + AT_ONCE for time in written) else now

    def _remove(self, name: str, below: Sequence[Any]) -> None:
        """Remove what lies below, files before their folders; the mark of the owner is the last file."""
        for info in below:
            if info.type == _FILE and info.path not in self._marks(name):
                self._without(info.path)
        folders = [info.path for info in below if info.type == _FOLDER]
        for path in sorted(folders, key=lambda path: path.count("/"), reverse=True):
            self._forget(path)
        self._unmark(name)
        self._without(self._path(name, OWNED))
        self._forget(self._path(name))

    def _without(self, path: str) -> None:
        with suppress(FileNotFoundError):  # another sweep was quicker
            self.store.system.delete_file(path)

    def _forget(self, path: str) -> None:
        """Remove what stands for an empty folder: the client leaves such an object where it removed the last file."""
        with suppress(FileNotFoundError):
            self.store.system.delete_dir(path)

    def _unmark(self, name: str) -> None:
        self._without(self._path(name, UNUSED))

    def _put(self, name: str, content: bytes) -> None:
        with self.store.system.open_output_stream(self._path(name, UNUSED)) as stream:
            stream.write(content)

    def _read(self, name: str, entry: str) -> bytes | None:
        try:
            with self.store.system.open_input_stream(self._path(name, entry)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def _entries(self, path: str, *, recursive: bool = False) -> list[Any]:
        wanted = pyarrow.fs.FileSelector(path, allow_not_found=True, recursive=recursive)
        return list(self.store.system.get_file_info(wanted))

    def _marks(self, name: str) -> set[str]:
        return {self._path(name, UNUSED), self._path(name, OWNED)}

    def _path(self, *segments: str) -> str:
        return "/".join((self.address.volume, self.address.path, *segments))

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Say what an error of the store means to somebody who asked for sweeps."""
        try:
            with self.store.words():
                yield
        except UserError as problem:
            remedy = problem.remedy.replace("list, get and put objects", "list, get, put and delete objects")
            raise UserError(FIELD, f"{problem.field}: {problem.sentence}", remedy, reason=problem.reason) from None


def _said(problem: OSError | UserError) -> str:
    if isinstance(problem, UserError):
        return problem.sentence
    return (problem.strerror or str(problem)).partition("\n")[0][:_SAID]
