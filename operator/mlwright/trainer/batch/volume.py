"""The answers of a run on a volume: a hidden folder while shards work, the folder itself when all are done.

Invariants: a folder with the run's name is complete, for it appears by one rename; a file with the name of a part is
complete for the same reason; of two pods that did the same shard the later one changes nothing that matters.
"""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlwright.trainer.batch.place import MANIFEST, OUTPUT, Fill, Sink, Written, document
from mlwright.trainer.errors import SurroundingsError, UserError

_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Volume:
    """The place of one run; a `Place`."""

    folder: Path
    run: str

    @property
    def draft(self) -> Path:
        """Where shards leave what they have done."""
        return self.folder.with_name(f".{self.folder.name}.tmp")

    def published(self) -> Mapping[str, Any] | None:
        """See Place."""
        found = document(_content(self.folder / MANIFEST))
        if found is not None and found.get("run") == self.run:
            return found
        if self.folder.exists():
            sentence = f"there is something else at {self.folder.name}, where the answers go"
            raise UserError(OUTPUT, sentence, "move it away, or choose another address")
        return None

    def begin(self) -> None:
        """See Place."""
        with self._words():
            self.draft.mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> bytes | None:
        """See Place."""
        return _content(self.draft / name)

    def write(self, name: str, fill: Fill) -> Written:
        """See Place."""
        draft = self.draft / f".{name}.{uuid.uuid4().hex}"
        with self._words():
            try:
                with draft.open("wb") as stream:
                    sink = Sink(stream)
                    fill(sink)
                    stream.flush()
                    os.fsync(stream.fileno())
                draft.rename(self.draft / name)
            finally:
                draft.unlink(missing_ok=True)
        return Written(name, sink.bytes, sink.sha256)

    def publish(self, documents: Mapping[str, bytes], parts: Mapping[str, str]) -> None:
        """See Place. What is neither part nor document is removed, and the folder appears by one rename."""
        for name, content in documents.items():
            self.write(name, lambda sink, content=content: sink.write(content))  # type: ignore[misc]
        kept = {*documents, *parts.values()}
        with self._words():
            for path in self.draft.iterdir():
                if path.name not in kept:
                    _remove(path)
            self._appear()

    def _appear(self) -> None:
        try:
            self.draft.rename(self.folder)
        except OSError:
            if self.published() is None:  # else the pod before this one was only stopped before it could say so
                raise
        _to_disk(self.folder.parent)

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Say what an error of the volume means."""
        try:
            yield
        except OSError as problem:
            if problem.errno in _FULL:
                sentence = "the volume of spec.output.uri is full: free space on its claim or use a larger one"
                raise SurroundingsError(sentence) from None
            if problem.errno in _REFUSED:
                who = "the user of the pod may not write there"
                raise UserError(OUTPUT, who, "let group 65532 write to the folder, or choose another") from None
            if isinstance(problem, (NotADirectoryError, FileExistsError)):
                raise UserError(OUTPUT, "a file is where a folder should be", "choose another address") from None
            raise


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _to_disk(folder: Path) -> None:
    """A node that dies after the rename must not leave a folder without it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
