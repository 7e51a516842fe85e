"""OCI image layouts: the files that an image consists of, and archives of just those that somebody lacks."""

import io
import json
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_INDEX = "application/vnd.oci.image.index.v1+json"
_REFERENCE = "org.opencontainers.image.ref.name"
_NAME = "io.containerd.image.name"


@dataclass(frozen=True, slots=True)
class Layout:
    """A directory in the OCI image layout; it keeps the newest image of each reference."""

    home: Path

    def entry(self, reference: str) -> dict[str, Any]:
        """The descriptor of the manifest that a reference stands for.

        Raises:
            KeyError: the layout has no such reference.
        """
        for entry in self._index()["manifests"]:
            if entry.get("annotations", {}).get(_REFERENCE) == reference:
                return dict(entry)
        raise KeyError(reference)

    def blobs(self, entry: dict[str, Any]) -> list[str]:
        """Digests of manifest, configuration and layers."""
        manifest = json.loads(self._blob(entry["digest"]).read_text())
        parts = [entry, manifest["config"], *manifest["layers"]]
        return list(dict.fromkeys(part["digest"] for part in parts))

    def write_archive(self, target: IO[bytes], reference: str, *, name: str, without: Collection[str]) -> None:
        """Write an image as a tar stream.

        Args:
            target: where to; it need not be seekable.
            reference: the image, in the words of this layout.
            name: the name that the receiver shall give it.
            without: digests of blobs that the receiver has already.
        """
        entry = self.entry(reference)
        with tarfile.open(fileobj=target, mode="w|") as tar:
            for digest in self.blobs(entry):
                if digest not in without or digest == entry["digest"]:
                    tar.add(self._blob(digest), f"blobs/{digest.replace(':', '/')}")
            add(tar, "oci-layout", as_json({"imageLayoutVersion": "1.0.0"}))
            add(tar, "index.json", as_json(index_of(named(entry, name))))

    def prune(self) -> None:
        """Remove blobs that no reference needs any more."""
        needed = {digest for entry in self._index()["manifests"] for digest in self.blobs(entry)}
        for blob in (self.home / "blobs").glob("*/*"):
            if f"{blob.parent.name}:{blob.name}" not in needed:
                blob.unlink()

    def _index(self) -> Any:
        return json.loads((self.home / "index.json").read_text())

    def _blob(self, digest: str) -> Path:
        algorithm, _, value = digest.partition(":")
        return self.home / "blobs" / algorithm / value


def index_of(entry: dict[str, Any]) -> dict[str, Any]:
    """An image index with one manifest."""
    return {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]}


def named(entry: dict[str, Any], name: str) -> dict[str, Any]:
    """A descriptor under the name that the receiver shall give it."""
    return {**entry, "annotations": {_NAME: name}}


def as_json(content: Any) -> bytes:
    """JSON as it is stored in a blob."""
    return json.dumps(content).encode()


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Append an executable file with this content."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o755
    tar.addfile(entry, io.BytesIO(content))
