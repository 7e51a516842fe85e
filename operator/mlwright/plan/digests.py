"""Digests and names that are derived from what they name, so that the same thing always has the same name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

NAME_LENGTH: Final = 63


def canonical(value: object) -> str:
    """Return the JSON of a value with sorted keys and no blanks.

    >>> canonical({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Mapping[str, Any]) -> str:
    """Return `sha256:` and the 64 hex digits of the canonical JSON."""
    return "sha256:" + hashlib.sha256(canonical(value).encode()).hexdigest()


def short(value: object, length: int = 8) -> str:
    """Return the first hex digits of a digest, for names."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def text_digest(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of a text, by which a router says what it follows."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def child_name(*parts: str) -> str:
    """Join parts into a name of at most 63 characters.

    A name that is too long is cut and closed with a hash of the whole, so two long names never become one.

    >>> child_name("flights-7", "train", "0")
    'flights-7-train-0'
    """
    name = "-".join(parts)
    if len(name) <= NAME_LENGTH:
        return name
    return f"{name[: NAME_LENGTH - 9].rstrip('-.')}-{short(name)}"
