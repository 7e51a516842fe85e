"""Counts and names so packed that they fit into what a pod may say at its end (4,096 bytes)."""

import base64
import json
import zlib
from typing import Any, Final

MOST_BYTES: Final = 1 << 20
"""Nothing that we pack is longer; what unpacks to more was not packed by us."""


def pack(document: Any) -> str:
    """Return a JSON value as a short text, which itself may stand in JSON."""
    plain = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b85encode(zlib.compress(plain.encode(), 9)).decode("ascii")


def unpack(text: str) -> Any:
    """Return what was packed.

    >>> unpack(pack({"age": [1, 2, 3]}))
    {'age': [1, 2, 3]}

    Raises:
        ValueError: The text was not packed by us.
    """
    try:
        reader = zlib.decompressobj()
        plain = reader.decompress(base64.b85decode(text), MOST_BYTES)
        if not reader.eof:
            raise ValueError("it is longer than anything that is packed, or was cut off")
        return json.loads(plain)
    except (zlib.error, RecursionError) as problem:
        raise ValueError("it was not packed by us") from problem
