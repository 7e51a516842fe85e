"""The route of a model, as the operator writes it on the model's Service. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SCHEMA: Final = 1
BUCKETS: Final = 10_000

# They are written into HAProxy's configuration, maps and commands, where a space, newline or semicolon ends a word.
_NAME: Final = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,251}[A-Za-z0-9])?")
_HEADER: Final = re.compile(r"[A-Za-z][-A-Za-z0-9]{0,62}")

# What is larger HAProxy does not take, and with it none of the routes.
_MOST_SHARES: Final = 64
_MOST_SECONDS: Final = 2_000_000
_MOST_BYTES: Final = 1 << 40


class DocumentError(ValueError):
    """A route document is not of the form that this router reads; the sentence says what is wrong."""


@dataclass(frozen=True, slots=True)
class Share:
    """A variant of a model, and the buckets that it answers."""

    variant: str
    revision: str
    service: str
    """The headless Service whose endpoints are its pods."""
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Route:
    """What is done with the requests of one model."""

    model: str
    digest: str
    shares: tuple[Share, ...]
    sticky: str
    """Empty, `cookie`, or `header:` and the name of the header in lower case."""
    override: str
    """The header that may name a variant, in lower case; empty for none."""
    wakes: bool
    suspended: bool
    """Whether no pod comes, whoever asks."""
    sleep: str
    """Which sleep a request ends; empty where waking is setting the scale to one."""
    timeout_ms: int
    body_bytes: int


def digest(text: str) -> str:
    """Return by what an agent says which document it follows: the first digits of the SHA-256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse(text: str) -> Route:
    """Read a route document.

    Raises:
        DocumentError: it is not JSON, of another version, lacks a member, has one of another form, or its ranges are no
            division of all buckets.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"the route is no JSON: {error}") from error
    version = found.get("schemaVersion") if isinstance(found, dict) else None
    if version != SCHEMA:
        raise DocumentError(f"the route is of version {version}, this router reads {SCHEMA}: bring both to one release")
    try:
        return _route(found, digest(text))
    except DocumentError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise DocumentError(f"the route lacks a member or has one of another form: {error!r}") from error


def read(texts: Mapping[str, str]) -> tuple[dict[str, Route], dict[str, str]]:
    """Return the routes that Services carry, by model, and what is wrong with the others, which harm no route.

    Args:
        texts: the documents, by the name of the Service that carries each.
    """
    routes: dict[str, Route] = {}
    wrong: dict[str, str] = {}
    for name, text in texts.items():
        try:
            route = parse(text)
        except DocumentError as error:
            wrong[name] = str(error)
            continue
        if route.model == name:
            routes[name] = route
        else:
            wrong[name] = f"the route is of model {route.model}, the Service that carries it of {name}"
    return routes, wrong


def _route(found: Mapping[str, Any], of: str) -> Route:
    shares = tuple(_share(share) for share in found["shares"])
    if len(shares) > _MOST_SHARES:
        raise DocumentError(f"the route has {len(shares)} shares, at most {_MOST_SHARES} are taken")
    parts = sorted(part for share in shares for part in share.ranges)
    ends = [0, *(last + 1 for _, last in parts)]
    whole = [first for first, _ in parts] == ends[:-1] and ends[-1] == BUCKETS
    if not whole or any(first > last for first, last in parts):
        raise DocumentError(f"the ranges of the route of {found['model']} are no division of {BUCKETS} buckets")
    return Route(
        model=_name(found, "model"),
        digest=of,
        shares=shares,
        sticky=_sticky(found["assignment"]),
        override=_header(found, "override") if found["override"] != "" else "",
        wakes=bool(found["wakes"]),
        suspended=found.get("suspended") is True,
        sleep=str(found.get("sleep", "")),
        timeout_ms=1000 * _number(found, "timeoutSeconds", _MOST_SECONDS),
        body_bytes=_number(found, "maxBodyBytes", _MOST_BYTES),
    )


def _share(found: Mapping[str, Any]) -> Share:
    ranges = tuple((int(first), int(last)) for first, last in found["ranges"])
    return Share(_name(found, "variant"), _name(found, "revision"), _name(found, "service"), ranges)


def _sticky(assignment: Mapping[str, Any]) -> str:
    kind = assignment["type"]
    return f"header:{_header(assignment, 'header')}" if kind == "Header" else "cookie" if kind == "Cookie" else ""


def _name(found: Mapping[str, Any], member: str) -> str:
    name = found[member]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DocumentError(f"{member} of the route must be letters, digits, '-', '_' and '.', not {name!r:.80}")
    return name


def _number(found: Mapping[str, Any], member: str, most: int) -> int:
    number = int(found[member])
    if not 0 < number <= most:
        raise DocumentError(f"{member} of the route must be from 1 to {most}, not {number:.3g}")
    return number


def _header(found: Mapping[str, Any], member: str) -> str:
    """Return the name of a header in lower case."""
    name = found[member]
    if not isinstance(name, str) or not _HEADER.fullmatch(name):
        raise DocumentError(
            f"{member} of the route must be the name of a header (letters, digits and '-'), not {name!r:.80}"
        )
    return name.lower()
