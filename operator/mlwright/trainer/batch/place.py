"""Where the answers of a run go: what shards and their end need of it, be it a volume or an object store."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mlwright.bundle.canonical import canonical_json
from mlwright.bundle.manifest import PROFILE

OUTPUT: Final = "spec.output.uri"
MANIFEST: Final = "manifest.json"
DRIFT: Final = "drift.json"


class Sink:
    """A stream to write to, which knows how much was written and its SHA-256."""

    def __init__(self, stream: Any) -> None:
        """Take the stream that gets the bytes."""
        self._stream = stream
        self._digest = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Write bytes."""
        self._digest.update(data)
        self._stream.write(data)
        self.bytes += len(data)
        return len(data)

    def tell(self) -> int:
        """Bytes so far."""
        return self.bytes

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """The stream is closed by who opened it."""

    @property
    def sha256(self) -> str:
        """Of all that was written."""
        return self._digest.hexdigest()


Fill = Callable[[Sink], object]


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is there as a whole: under which name it is kept until the answers appear, its bytes and SHA-256."""

    kept: str
    bytes: int
    sha256: str


class Place(Protocol):
    """The place of one run. What is written is hidden until `publish`."""

    def published(self) -> Mapping[str, Any] | None:
        """The manifest of the complete answers; None while they are not complete.

        Raises:
            UserError: Somebody else's files are there.
        """
        ...

    def begin(self) -> None:
        """Make ready to write.

        Raises:
            UserError: Nothing can be written there.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """A hidden file; None when it is not there."""
        ...

    def write(self, name: str, fill: Fill) -> Written:
        """Let a hidden file appear as a whole, in place of one of that name."""
        ...

    def publish(self, documents: Mapping[str, bytes], parts: Mapping[str, str]) -> None:
        """Let the answers appear: the parts by their names, where they are kept, and documents, the manifest last."""
        ...


def done(place: Place, shard: int) -> Mapping[str, Any] | None:
    """What a shard left; None while it is not done."""
    return document(place.read(_record(shard)))


def record(place: Place, shard: int, told: Mapping[str, Any]) -> None:
    """Leave what a shard has done: the last file that it writes."""
    place.write(_record(shard), lambda sink: sink.write(canonical_json(told)))


def _record(shard: int) -> str:
    return f"shard-{shard:05}.json"


def document(content: bytes | None) -> Mapping[str, Any] | None:
    """A JSON object; None for anything else."""
    try:
        found = json.loads(content or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def is_ours(names: Sequence[str]) -> bool:
    """Whether files may be those of an end that was interrupted."""
    return all(name in (PROFILE, DRIFT) or name.startswith("part-") for name in names)
