"""One byte sequence for one meaning: what digests are computed over."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DIGEST_PREFIX: Final = "sha256:"
_CHUNK_BYTES: Final = 1 << 20  # large enough that hashing, not reading, takes the time


def canonical_json(document: Mapping[str, object]) -> bytes:
    """JSON with sorted keys, no blanks, UTF-8.

    Example: `canonical_json({"b": 1, "a": "é"})` is `{"a":"é","b":1}` in UTF-8.

    Raises:
        ValueError: The document holds NaN or an infinity, which JSON cannot say.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest_of(document: Mapping[str, object]) -> str:
    """`sha256:` and the hex digest of the document's canonical JSON."""
    return DIGEST_PREFIX + hashlib.sha256(canonical_json(document)).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Hex SHA-256 of a file's content, read in pieces.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
