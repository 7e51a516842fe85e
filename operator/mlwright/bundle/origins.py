"""Hosts outside the cluster that pods may ask: what an installation allows, and whether an address is among it.

An entry is an origin, `https://models.example.com` or `http://mlflow.mlops:5000`; `https://*.example.com` stands for
every host below that name. Standard library only, because the control plane judges addresses too.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_ANY_BELOW: Final = "*."


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of an address; an IPv6 address stands without brackets."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """Return the origin of an address.

        >>> str(Origin.of("https://Models.example.com/churn.onnx"))
        'https://models.example.com'

        Raises:
            ValueError: it is no http or https address, or holds a user or a password.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            raise ValueError("this is no address of the form https://HOST/path")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        if not _HOST.fullmatch(host.lower()):
            raise ValueError("the host of the address is not one that the network knows")
        return cls(parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme])

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


def entries(text: str) -> tuple[str, ...]:
    """Return the hosts that an installation allows, as its setting lists them.

    >>> entries("https://models.example.com, http://mlflow.mlops:5000")
    ('https://models.example.com', 'http://mlflow.mlops:5000')

    Raises:
        ValueError: an entry is no origin; it names the entry and what was expected.
    """
    found = tuple(filter(None, (part.strip() for part in text.split(","))))
    for entry in found:
        try:
            plain = str(Origin.of(entry)) == entry
        except ValueError:
            plain = False
        if not plain:
            raise ValueError(f"outside.hosts: {entry!r} is no https://HOST or http://HOST:PORT; correct or remove it")
    return found


def is_allowed(origin: Origin, allowed: Iterable[str]) -> bool:
    """Tell whether an origin is one of those that an installation allows.

    >>> is_allowed(Origin.of("https://a.b.example.com/x"), ["https://*.example.com"])
    True
    """
    return any(_covers(Origin.of(entry), origin) for entry in allowed)


def _covers(entry: Origin, origin: Origin) -> bool:
    if (entry.scheme, entry.port) != (origin.scheme, origin.port):
        return False
    if entry.host.startswith(_ANY_BELOW):
        return origin.host.endswith(entry.host[1:])
    return entry.host == origin.host
