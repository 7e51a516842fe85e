"""Payload logs in an object store: sent from beside a server while it answers, and fetched before a preflight.

The server names a file only when it is whole (`mlwright.server.payload_parcels`); what is sent is removed here, so a
file that is there was not sent. An object has the name of its file, below the address of the log, the namespace, the
deployment, the revision and the hour: a log grows for months, and whoever wants its newest files lists no others.
"""

import logging
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from mlwright.bundle import addresses
from mlwright.constants import PAYLOADS_AWAY
from mlwright.trainer.artifacts import Store, read_artifacts
from mlwright.trainer.errors import UserError
from mlwright.trainer.variables import document_in

logger = logging.getLogger(__name__)

VARIABLE: Final = "MLWRIGHT_PAYLOADS"
EVERY_SECONDS: Final = 1.0
LARGEST: Final = 256 * 1024 * 1024
"""Bytes that are fetched at the most; the newest file always is."""
_WHOLE: Final = re.compile(r"-\d{10}\.jsonl\Z")
"""How the name of a file ends that is whole; the server still writes to any other."""
_KEYS: Final = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"


@dataclass(frozen=True, slots=True)
class Log:
    """The payload log of one revision: its store, and its folder in the pod."""

    store: Store
    folder: Path
    requests: int = 0
    """How many are wanted at least, if there are so many; it is only fetched that many are told."""
    secret: Path | None = None
    """Folder with the keys as files, which the kubelet changes when somebody changes the Secret."""

    def object_of(self, path: Path) -> Path:
        """Return of which path a file becomes the object."""
        hour = time.strftime("%Y-%m-%dT%H", time.gmtime(_number(path)))
        return self.folder / hour / path.name

    def renewed(self) -> "Log":
        """Return the log with the keys as they are now; with those that it has where none are found."""
        if self.secret is None:
            return self
        try:
            keys = {name: (self.secret / name).read_text("utf-8") for name in _KEYS}
        except (OSError, UnicodeDecodeError):
            return self
        return self if keys == self.store.env else replace(self, store=replace(self.store, env=keys))


def read_log(env: Mapping[str, str]) -> Log:
    """Read the documents in `MLWRIGHT_PAYLOADS` and `MLWRIGHT_ARTIFACTS`.

    Raises:
        UserError: One is not there, or not what the contract says.
    """
    document, root = document_in(env, VARIABLE, _refuse), addresses.mount_root(env)
    stores = read_artifacts(env, root).stores
    if len(stores) != 1:
        raise _refuse("", "needs exactly one store in MLWRIGHT_ARTIFACTS")
    names = (document.text(name) for name in ("namespace", "deployment", "revision"))
    folder = stores[0].folder.joinpath(*names)
    requests = document.integer("requests") if document.has("requests") else 0
    named = stores[0].storage.secret
    return Log(stores[0], folder, requests, root / "secret" / named if named else None)


def send(env: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Send files until SIGTERM, and then what is left; the kubelet tells this container after the server has ended.

    Raises:
        Exception: What was left could not be sent, and why.
    """
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    sender = Sender(read_log(env))
    while not over.wait(EVERY_SECONDS):
        sender.send()
    sender.adopt()
    if problem := sender.send():
        raise problem
    return f"{sender.sent} files of the payload log are in the store", {"files": sender.sent}


class Sender:
    """Sends the files of one pod, and tells once when the store does not take them.

    Whatever goes wrong is tried again: were this container to end, the pod would be taken out of service meanwhile.
    """

    def __init__(self, log: Log) -> None:
        """Take which log."""
        self._log = log
        self._mark = log.folder / PAYLOADS_AWAY
        self._away = False
        self._told_of_others = False
        self._newest = 0
        self._unmark()
        self.sent = 0

    def adopt(self) -> None:
        """Take drafts as they are: nobody writes them any more."""
        self._whole()
        number = max(int(time.time()), self._newest + 1)  # the server's may run ahead of the clock
        for draft in sorted(self._log.folder.glob(".*.draft")):
            draft.rename(draft.with_name(f"{draft.name[1:].removesuffix('.draft')}-{number:010}.jsonl"))

    def send(self) -> Exception | None:
        """Send what is there, the oldest first; what is not taken stays, and why is returned."""
        if self._away:
            self._log = self._log.renewed()
        try:
            for path in self._whole():
                self._send(path)
        except Exception as problem:  # noqa: BLE001 - see the class
            self._tell(problem)
            return problem
        return None

    def _whole(self) -> list[Path]:
        """Files that the server has named, and no longer writes; of others it is told once."""
        folder = self._log.folder
        named = sorted(folder.glob("*.jsonl"))
        whole = [path for path in named if _WHOLE.search(path.name) and path.is_file() and not path.is_symlink()]
        self._newest = max([self._newest, *map(_number, whole)])
        if not self._told_of_others:
            # one that knows of no sender writes beside the folder of its revision, as it does on a claim
            others = [path for path in (*named, *folder.parent.glob("*.jsonl")) if not _WHOLE.search(path.name)]
            self._tell_of(others)
        return whole

    def _tell_of(self, others: list[Path]) -> None:
        if others:
            self._told_of_others = True
            remedy = "take a server image of the same release as the installation"
            logger.warning(
                "files whose names are not those of whole ones of the payload log are not sent",
                extra={"file": others[0].name, "remedy": remedy},
            )

    def _send(self, path: Path) -> None:
        try:
            self._log.store.send(path, self._log.object_of(path))
        except FileNotFoundError:
            return  # too many waited, so the server removed it
        path.unlink(missing_ok=True)
        self.sent += 1
        self._well()

    def _tell(self, problem: Exception) -> None:
        if self._away:
            return
        self._away = True
        cause = None if isinstance(problem, UserError) else problem
        logger.warning("the payload log is not taken; answers go on", extra={"sentence": str(problem)}, exc_info=cause)
        with suppress(OSError), self._mark.open("x", encoding="utf-8") as mark:  # a full disk is no reason to end
            mark.write(str(problem))

    def _well(self) -> None:
        if self._away:
            self._away = False
            logger.info("the payload log is taken again")
            self._unmark()

    def _unmark(self) -> None:
        with suppress(OSError):
            self._mark.unlink()


def fetch(env: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Fetch the newest requests that a revision recorded; where nothing lies, nothing is fetched.

    Raises:
        UserError: The store refuses, or is away.
    """
    log = read_log(env)
    lines = size = 0
    found = _newest(log)
    while lines < log.requests and (entry := next(found, None)):
        path, of_file = entry
        if size and size + of_file > LARGEST:
            break
        size += of_file
        log.store.fetch(path)
        with path.open("rb") as file:
            lines += sum(1 for _ in file)
    return f"{lines} recorded requests are fetched", {"requests": lines}


def _newest(log: Log) -> Iterator[tuple[Path, int]]:
    """Yield files and sizes, the newest first; an hour is listed when those after it are used up."""
    for hour in sorted(log.store.folders(log.folder), reverse=True):
        yield from sorted(log.store.beside(hour), key=lambda entry: _number(entry[0]), reverse=True)


def _number(path: Path) -> int:
    """When a file was closed, in seconds since 1970; what is named otherwise is the oldest."""
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _refuse(path: str, problem: str) -> UserError:
    return UserError(path or VARIABLE, problem, f"correct it in {VARIABLE}")
