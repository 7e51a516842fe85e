"""Whom to ask again: the document `shadow.json` in what is mounted of the ConfigMap `NAME-traffic`.

It names a revision of the same deployment and no address: who may write ConfigMaps must not be able to have users'
requests sent anywhere.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from mlwright.constants import SERVER_PORT
from mlwright.server.settings import Identity

FILE: Final = "shadow.json"
TOLERANCE: Final = 0.05
"""How far probabilities may lie apart, absolute; of predictions it is relative, or absolute below 1."""

_MEMBERS: Final = frozenset({"revision", "percent", "tolerance"})
_REVISION: Final = re.compile(r"[a-z0-9]{1,20}")

Address = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked the same, and how often."""

    revision: str
    address: Address
    share: float
    """Of the requests, 0 to 1."""
    tolerance: float = TOLERANCE


def read_target(files: Mapping[str, bytes], identity: Identity, address: Address | None = None) -> Target | None:
    """The target that a mounted folder names; None where there is none, or where it is the reader itself.

    Args:
        files: The folder.
        identity: The reader.
        address: Where the target is found; by default the Service that bears the revision's name.

    Raises:
        ValueError: The document is not one that names a target.
    """
    content = files.get(FILE)
    if not content:
        return None
    document = orjson.loads(content)
    if type(document) is not dict or not document.keys() <= _MEMBERS:
        raise ValueError(f"{FILE} must be a JSON object with revision, percent and perhaps tolerance")
    revision = document.get("revision")
    if type(revision) is not str or not _REVISION.fullmatch(revision):
        raise ValueError(f"{FILE}: revision must be the name of a revision")
    share = _number(document, "percent", None, 100) / 100
    tolerance = _number(document, "tolerance", TOLERANCE, math.inf)
    if revision == identity.revision or not share:
        return None
    return Target(revision, address or (f"{identity.deployment}-{revision}", SERVER_PORT), share, tolerance)


def _number(document: Mapping[str, object], name: str, default: float | None, most: float) -> float:
    value = document.get(name, default)
    if type(value) not in {int, float} or not 0 <= value <= most:  # type: ignore[operator] # the type is looked at first
        raise ValueError(f"{FILE}: {name} must be a number from 0" + ("" if most == math.inf else f" to {most:g}"))
    return float(value)  # type: ignore[arg-type] # as above
