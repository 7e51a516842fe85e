"""The study of a tuning as it is kept: a journal in the run's folder, one line for each thing that happened.

On a volume others look at the file itself. An object store knows no appending: to send all of a journal with each line
would be the square of its bytes. There it is two objects: the journal as it was some time ago, and its tail with what
came since, which says in its first line what it follows.

A process that was given up may still write while another goes on with its study. So each has a journal of its own,
which begins with all that was found, and says once, before it does anything, that it is the one that counts: whatever
the one before it writes from then on is nobody's.
"""

import hashlib
import json
import logging
import secrets
import threading
import warnings
from pathlib import Path
from typing import Any, Final

from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from mlwright.trainer.copies import Copies

logger = logging.getLogger(__name__)

JOURNAL: Final = "tune.journal"
"""On a volume; in a store names of journals begin with it."""
COUNTS: Final = "tune.journal.counts"
"""In a store it holds the name of the journal that counts."""
LONGEST_TAIL: Final = 64 << 10
"""Bytes of a tail; with more of them all of the journal is sent, and another tail begins."""


def open_journal(run: Path, copies: Copies) -> BaseStorage:
    """The study's storage in the run's folder; what another process does that has it open no longer counts.

    Raises:
        OSError: The volume cannot be written.
        UserError: The store refuses, or is away.
    """
    run.mkdir(parents=True, exist_ok=True)
    path = run / JOURNAL
    is_copy = copies.holds(path)
    if is_copy:
        known = _found(run, copies)
        path = run / f"{JOURNAL}-{secrets.token_hex(8)}"
        path.write_bytes(known)
    mend(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        journal = _Journal(path, copies)
        if is_copy:
            journal.send_whole()
            (run / COUNTS).write_text(path.name, encoding="ascii")
            copies.send(run / COUNTS)  # last: it never names less than was there before
        return JournalStorage(journal)


def _found(run: Path, copies: Copies) -> bytes:
    """What a store holds of the study; nothing before it was begun."""
    copies.fetch(run / COUNTS)
    if not (run / COUNTS).exists():
        return b""
    path = run / (run / COUNTS).read_text(encoding="ascii")
    copies.fetch(tail_of(path))  # first: the journal is then the one that it follows, or a later one with all of it
    copies.fetch(path)
    content = path.read_bytes() if path.exists() else b""
    return joined(content, tail_of(path).read_bytes()) if tail_of(path).exists() else content


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
        if len(more) <= LONGEST_TAIL:
            tail = tail_of(self._path)
            tail.write_bytes(self._follows + more)
            self._copies.send(tail)
        else:
            self.send_whole()

    def send_whole(self) -> None:
        """Let others find all of it without a tail; in a store that comes before anything is appended."""
        self._copies.send(self._path)
        whole = self._path.read_bytes()
        self._sent, self._follows = len(whole), _follows(whole)


def tail_of(path: Path) -> Path:
    """Where the tail of a journal in a store lies."""
    return path.with_name(f"{path.name}.tail")


def joined(content: bytes, tail: bytes) -> bytes:
    """Return a journal with its tail; one that follows the journal as it was earlier is in it already.

    Args:
        content: The journal.
        tail: What came after it, with the line that says after what.
    """
    first, _, rest = tail.partition(b"\n")
    earlier = content[: json.loads(first)["after"]["bytes"]]
    if first + b"\n" != _follows(earlier):
        logger.warning("the end of the tuning's journal follows another journal; its trials are done again")
        return content
    return max(content, earlier + rest, key=len)


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
