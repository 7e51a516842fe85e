"""The study of a tuning as it is kept: a journal in the run's folder, one line for each thing that happened.

On a volume others look at the file itself. An object store knows no appending: to send all of a journal with each line
would be the square of its bytes. There it is two objects: `tune.journal` as it was some time ago, and
`tune.journal.tail` with what came since, which says in its first line what it follows. A tail that follows another
journal than the one that is there is of somebody who did not know better, and is passed over.
"""

import hashlib
import json
import threading
import warnings
from pathlib import Path
from typing import Any, Final

from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from mlwright.trainer.copies import Copies

JOURNAL: Final = "tune.journal"
TAIL: Final = "tune.journal.tail"
LONGEST_TAIL: Final = 64 << 10
"""Bytes of a tail; with more of them all of the journal is sent, and another tail begins."""


def open_journal(run: Path, copies: Copies) -> BaseStorage:
    """The study's storage in the run's folder; one process at a time has it open.

    Raises:
        OSError: The volume cannot be written.
    """
    run.mkdir(parents=True, exist_ok=True)
    path = run / JOURNAL
    if copies.holds(path):
        copies.fetch(path)
        copies.fetch(run / TAIL)
        join(path, run / TAIL)
    mend(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return JournalStorage(_Journal(path, copies))


class _Journal(JournalFileBackend):
    """A journal of which others find every entry as soon as it is written."""

    def __init__(self, path: Path, copies: Copies) -> None:
        super().__init__(str(path), lock_obj=JournalFileOpenLock(str(path)))
        self._path = path
        self._copies = copies
        self._sent = 0
        self._follows = b""
        self._turn = threading.Lock()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """See Optuna. Calls come from several threads, and no earlier state may follow a later one."""
        with self._turn:
            super().append_logs(logs)
            if self._copies.holds(self._path):
                self._send()

    def _send(self) -> None:
        with self._path.open("rb") as stream:
            stream.seek(self._sent)
            more = stream.read()
        if self._sent and len(more) <= LONGEST_TAIL:
            tail = self._path.with_name(TAIL)
            tail.write_bytes(self._follows + more)
            self._copies.send(tail)
        else:
            self._copies.send(self._path)
            whole = self._path.read_bytes()
            self._sent, self._follows = len(whole), _follows(whole)


def join(path: Path, tail: Path) -> None:
    """Add the tail to the journal that it follows; one that follows another is passed over.

    Args:
        path: The journal.
        tail: What came after it; there may be none.
    """
    if not (path.exists() and tail.exists()):
        return
    first, _, rest = tail.read_bytes().partition(b"\n")
    if first + b"\n" == _follows(path.read_bytes()):
        with path.open("ab") as stream:
            stream.write(rest)


def _follows(content: bytes) -> bytes:
    """The first line of what follows a journal."""
    told = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return json.dumps({"after": told}).encode() + b"\n"


def mend(path: Path) -> None:
    """Cut off the half line that a process left which died while it wrote: the journal could not be read beyond it."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as stream:
            stream.truncate(whole)
