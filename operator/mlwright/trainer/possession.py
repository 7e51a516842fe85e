"""Whose a folder of a run is: a small file in it, written when the folder is made, which a sweep looks for.

The owner is the Model by its uid, which no other cluster has, nor a copy that was made by creating its objects anew. So
who shares a volume with others removes nothing of theirs. Only a copy of etcd itself has the same uids.
"""

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mlwright.bundle.documents import Document

OWNED: Final = ".mlwright-owner.json"
"""Name of the mark."""
READABLE: Final = 0o644
"""Of the mark: sweeps may run as another user, and have to see whose a folder is."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The Model whose run made a folder."""

    namespace: str
    model: str
    uid: str

    def to_json(self) -> bytes:
        """The content of the mark."""
        return json.dumps({"schemaVersion": 1, **asdict(self)}).encode()


def read_owner(document: Document) -> Owner | None:
    """The owner as a step is told it; None where it is not told one.

    Raises:
        Exception: What the document refuses with, if the owner is not what the contract says.
    """
    if not document.has("owner"):
        return None
    told = document.child("owner")
    return Owner(told.text("namespace"), told.text("model"), told.text("uid"))


def owner_in(mark: bytes) -> Owner | None:
    """The owner that a mark tells; None for what is no mark of this form."""
    try:
        told = json.loads(mark)
        parts = [told["namespace"], told["model"], told["uid"]]
    except (KeyError, TypeError, ValueError):
        return None
    return Owner(*parts) if all(isinstance(part, str) and part for part in parts) else None


def claim(folder: Path, owner: Owner | None) -> None:
    """Mark a folder as the owner's, unless it is marked already. Steps that run at the same time write the same.

    Raises:
        OSError: The volume cannot be written.
    """
    if owner is None or (folder / OWNED).exists():
        return
    descriptor, draft = tempfile.mkstemp(prefix=".owner-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(owner.to_json())
            stream.flush()
            os.fchmod(stream.fileno(), READABLE)
            os.fsync(stream.fileno())
        Path(draft).replace(folder / OWNED)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            Path(draft).unlink()
        raise
