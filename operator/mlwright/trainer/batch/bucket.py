"""The answers of a run in an object store: hidden objects while shards work, and the manifest as the last one.

A store renames nothing. An object appears as a whole, but one whose writer fails may appear too short: so what is
written has a name that nobody else uses, and counts only when the shard's own record names it. When all shards are
done, the store itself copies the parts to where they are looked for, and the manifest follows them.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.fs

from mlwright.bundle.addresses import Address
from mlwright.trainer.batch.place import MANIFEST, OUTPUT, Fill, Sink, Written, document, is_ours
from mlwright.trainer.batch.task import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.s3 import KEYS, client, meaning, reader
from mlwright.trainer.step import Storage

T = TypeVar("T")

PREFIX = "MLWRIGHT_OUTPUT_"
"""Stands before the names of the keys with which answers are written: those of the input may be others."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The place of one run; a `Place`."""

    system: Any
    address: Address
    folder: str
    run: str
    storage: Storage
    who: str

    @classmethod
    def of(cls, task: Task, address: Address, env: Mapping[str, str], root: Path) -> "Bucket":
        """Make ready to write; nothing is asked of the server yet.

        Raises:
            UserError: A key is not given.
        """
        storage = task.output.storage
        own = {name: env.get(PREFIX + name, "") for name in KEYS} if storage.secret else dict(env)
        return cls(client(storage, own, root), address, task.output.folder, task.run, storage, reader(storage, own))

    @property
    def _base(self) -> str:
        return f"{self.address.volume}/{self.address.path}".rstrip("/")

    @property
    def _draft(self) -> str:
        return f"{self._base}/_{self.folder}.tmp"

    @property
    def _whole(self) -> str:
        return f"{self._base}/{self.folder}"

    def published(self) -> Mapping[str, Any] | None:
        """See Place."""
        found = document(self._read(f"{self._whole}/{MANIFEST}"))
        if found is not None and found.get("run") == self.run:
            return found
        if found is not None or not is_ours(self._names(self._whole)):
            sentence = f"there is something else at {self.folder}, where the answers go"
            raise UserError(OUTPUT, sentence, "move it away, or choose another address")
        return None

    def begin(self) -> None:
        """See Place: whether one may write there shows at the first object."""

    def read(self, name: str) -> bytes | None:
        """See Place."""
        return self._read(f"{self._draft}/{name}")

    def write(self, name: str, fill: Fill) -> Written:
        """See Place. A part is kept under a name of its own; what is short is sent at once, under its name."""
        kept = name if name.endswith(".json") else f"{uuid.uuid4().hex}-{name}"
        return self._put(f"{self._draft}/{kept}", kept, fill)

    def publish(self, documents: Mapping[str, bytes], parts: Mapping[str, str]) -> None:
        """See Place."""
        for name, kept in parts.items():
            self._attempt(lambda name=name, kept=kept: self._copied(kept, name))  # type: ignore[misc]
        for name in sorted(documents, key=lambda name: name == MANIFEST):
            content = documents[name]
            self._put(f"{self._whole}/{name}", name, lambda sink, content=content: sink.write(content))  # type: ignore[misc]
        self._attempt(lambda: self.system.delete_dir_contents(self._draft, missing_dir_ok=True))

    def _copied(self, kept: str, name: str) -> None:
        self.system.copy_file(f"{self._draft}/{kept}", f"{self._whole}/{name}")

    def _put(self, path: str, kept: str, fill: Fill) -> Written:
        with self._words(), self.system.open_output_stream(path) as stream:
            sink = Sink(stream)
            fill(sink)
        return Written(kept, sink.bytes, sink.sha256)

    def _read(self, path: str) -> bytes | None:
        (found,) = self._attempt(lambda: self.system.get_file_info([path]))
        if found.type != pyarrow.fs.FileType.File:
            return None
        with self._words(), self.system.open_input_stream(path) as stream:
            return bytes(stream.read())

    def _names(self, folder: str) -> list[str]:
        wanted = pyarrow.fs.FileSelector(folder, allow_not_found=True)
        return [found.base_name for found in self._attempt(lambda: self.system.get_file_info(wanted))]

    def _attempt(self, action: Callable[[], T]) -> T:
        with self._words():
            return action()

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Say what an error of the store means."""
        try:
            yield
        except (OSError, pa.ArrowException) as problem:
            found = meaning(str(problem), self.storage, self.address.volume, self.who)
            if found is None:
                raise
            field = found.field.replace("spec.dataset", "spec.output")
            remedy = found.remedy.replace("list and get objects", "list, get, put and delete objects")
            raise UserError(field, found.sentence, remedy, reason=found.reason) from None
