"""Removing the folders of runs that nothing uses, in two phases: a sweep marks them, a later one removes them.

A folder goes only if it carries the mark of this very Model, is not in use when the list was made, has carried the mark
of an earlier sweep for the grace period, which every sweep since has renewed, and nothing in it was written since. So a
mark is worth nothing where nobody looked for a while, or where it came back out of a backup. A folder is renamed first,
which happens as a whole or not at all; what crashed sweeps left under that name goes with the next. The mark of the
owner goes last, so a folder that is half removed is still known as ours. Links are never followed, wherever they stand.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mlwright.bundle.addresses import Address
from mlwright.trainer.artifacts import Store
from mlwright.trainer.errors import UserError
from mlwright.trainer.possession import OWNED
from mlwright.trainer.sweep_task import FIELD, SweepTask
from mlwright.trainer.sweeping import (
    AT_ONCE,
    UNUSED,
    Clock,
    Place,
    Tally,
    Whose,
    check_age,
    check_shared,
    mark,
    owned,
    since,
)

REMOVED: Final = ".removed-"
"""Stands before the name of a folder that is being removed."""
_MARK_BYTES: Final = 4096


def sweep(
    task: SweepTask, root: Path, now: Clock = lambda: datetime.now(UTC), stores: Sequence[Store] = ()
) -> tuple[str, dict[str, Any]]:
    """Sweep all places.

    Args:
        task: Where to look, and what is in use.
        root: The mount root.
        now: The clock.
        stores: Of the places that lie in object stores.

    Returns:
        The sentence and the results.

    Raises:
        UserError: A place is shared with another installation, or lies behind a link; nothing in any was touched.
        SurroundingsError: The list of what is in use is too old.
        OSError: A volume cannot be read, or the mark of a folder's owner.
    """
    check_age(task, now())
    tally = Tally()
    with ExitStack() as stack:
        volumes = [address for address in task.places if address.is_mounted]
        opened = [(address, stack.enter_context(_opened(address, root))) for address in volumes]
        places: list[Place] = [
            _Place(task, address, place, tally, now) for address, place in opened if place is not None
        ]
        if stores:
            places += _in_buckets(task, stores, tally, now)
        found = [(place, place.checked()) for place in places]
        for place, whose in found:
            place.sweep(whose)
    return tally.sentence(task.grace), tally.to_results()


def _in_buckets(task: SweepTask, stores: Sequence[Store], tally: Tally, now: Clock) -> Sequence[Place]:
    from mlwright.trainer.sweep_bucket import BucketPlace  # noqa: PLC0415  # only who needs a store pays for its library

    return [BucketPlace(task, store.address, store, tally, now) for store in stores]


@contextmanager
def _opened(address: Address, root: Path) -> Iterator[int | None]:
    """Open a place, segment by segment, so that no link is followed; None if it is not there."""
    descriptor = os.open(root / address.scheme / address.volume, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for segment in address.path.split("/"):
            inner = _open_folder(segment, descriptor, address)
            if inner is None:
                yield None
                return
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _open_folder(segment: str, parent: int, address: Address) -> int | None:
    try:
        return os.open(segment, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        return None
    except OSError as problem:
        if problem.errno not in {errno.ELOOP, errno.ENOTDIR}:
            raise
        sentence = f"{segment!r} in {address} is a link or a file, so nothing behind it is removed"
        raise UserError(FIELD, sentence, "write runs to a folder that is no link") from None


@dataclass(frozen=True, slots=True)
class _Place:
    """One folder that holds the folders of runs."""

    task: SweepTask
    address: Address
    descriptor: int
    tally: Tally
    now: Clock

    def checked(self) -> dict[str, Whose]:
        """Look whose each folder is; nothing is touched anywhere unless all marks in all places are ours."""
        with os.scandir(self.descriptor) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        whose = {name: self._whose(name) for name in names}
        check_shared(self.address, [name for name in names if whose[name] is Whose.FOREIGN])
        return whose

    def sweep(self, whose: Mapping[str, Whose]) -> None:
        """Deal with every folder; one with which that is impossible keeps no other."""
        for name in whose:
            try:
                self._deal(name, whose[name])
            except FileNotFoundError:  # another sweep is removing it
                continue
            except OSError as problem:
                self.tally.failed += 1
                self.tally.problem = self.tally.problem or f"{name}: {problem.strerror}"

    def _deal(self, name: str, whose: Whose) -> None:
        if name.startswith(REMOVED):
            self._finish(name, whose)
        elif whose is Whose.OURS:
            self._look(name)
        else:
            self.tally.unmarked += 1

    def _whose(self, name: str) -> Whose:
        try:
            with self._folder(name) as folder:
                found = _read(folder, OWNED) if folder is not None else None
        except PermissionError:
            sentence = (
                f"{self.address} holds a folder whose owner this pod may not read ({name}), so nothing is removed"
            )
            remedy = "let all pipelines of the model run as the same user (pod.securityContext), or move it away"
            raise UserError(FIELD, sentence, remedy) from None
        return owned(found, self.task.owner)

    @contextmanager
    def _folder(self, name: str) -> Iterator[int | None]:
        """Open a folder; None if another sweep has just removed it."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self.descriptor)
        except FileNotFoundError:
            yield None
            return
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _look(self, name: str) -> None:
        with self._folder(name) as folder:
            if folder is None:
                return
            self.tally.folders += 1
            if name in self.task.in_use:
                self.tally.in_use += 1
                with suppress(FileNotFoundError):
                    os.unlink(UNUSED, dir_fd=folder)
                return
            size, written = _measured(folder)
            unused = self._since(folder, written)
            waits = self.now() - unused < self.task.grace
            if waits:
                self._mark(folder, unused)
        if waits:
            self.tally.waiting += 1
            self.tally.waiting_bytes += size
        else:
            self._remove(name, size)

    def _since(self, folder: int, written: float) -> datetime:
        """Since when a folder is unused: since now if its mark is not to be believed, or it was written since."""
        told, now = since(_read(folder, UNUSED), self.task), self.now()
        if told is None or told > now:
            return now
        marked = os.stat(UNUSED, dir_fd=folder, follow_symlinks=False).st_mtime
        return told if written <= marked + AT_ONCE.total_seconds() else now

    def _mark(self, folder: int, unused: datetime) -> None:
        """Write the mark anew. One that is lost in the middle, or to another sweep, begins anew: nothing goes early."""
        _unlink(UNUSED, folder)
        with suppress(FileExistsError):  # another sweep was quicker
            descriptor = os.open(UNUSED, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(mark(self.task, unused))

    def _remove(self, name: str, size: int) -> None:
        check_age(self.task, self.now())
        try:
            os.rename(name, REMOVED + name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except FileNotFoundError:  # another sweep was quicker
            return
        self._destroy(REMOVED + name)
        self.tally.removed += 1
        self.tally.removed_bytes += size
        self.tally.names.append(name)

    def _finish(self, name: str, whose: Whose) -> None:
        """Go on with what a crashed sweep has left; what is empty but for our own mark lost its owner's mark last."""
        if whose is Whose.OURS:
            self._destroy(name)
            return
        with self._folder(name) as folder:
            if folder is not None and _names(folder) == [UNUSED]:
                _unlink(UNUSED, folder)
        with suppress(OSError):
            os.rmdir(name, dir_fd=self.descriptor)

    def _destroy(self, name: str) -> None:
        """Remove a folder, the mark of its owner last. Another sweep may be at it as well."""
        with self._folder(name) as folder:
            if folder is None:
                return
            with os.scandir(folder) as entries:
                found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
            for entry, is_folder in found:
                if is_folder:
                    shutil.rmtree(entry, dir_fd=folder, onerror=_missing)
                elif entry != OWNED:
                    _unlink(entry, folder)
            _unlink(OWNED, folder)
        with suppress(OSError):  # gone already, or another sweep has just marked it: then the next one removes it
            os.rmdir(name, dir_fd=self.descriptor)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _missing(_: object, __: str, error: Any) -> None:
    """Let pass what is gone already."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def _unlink(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _read(folder: int, name: str) -> bytes | None:
    """The content of a mark; None if there is no regular file of that name."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as problem:
        if problem.errno in {errno.ENOENT, errno.ELOOP}:
            return None
        raise
    try:
        return os.read(descriptor, _MARK_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def _measured(folder: int) -> tuple[int, float]:
    """Bytes of a folder, and when something in it was written last; its own marks do not count."""
    size, written = 0, 0.0
    for path, folders, files, descriptor in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
        names = [name for name in (*folders, *files) if path != "." or name not in {UNUSED, OWNED}]
        for name in names:
            with suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                size += found.st_size if stat.S_ISREG(found.st_mode) else 0
                written = max(written, found.st_mtime)
    return size, written
