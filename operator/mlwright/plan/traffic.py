"""How the requests of a deployment are divided among its revisions, and what is known of who divides them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

BUCKETS: Final = 10_000
"""Every request falls into one of so many buckets; a table says which revision answers each."""


class Provider(StrEnum):
    """Who divides the requests of a deployment."""

    SERVICE = "Service"
    """Nobody: all go to one revision."""
    ROUTER = "Router"
    """The router of the namespace."""
    GATEWAY = "Gateway"
    """A Gateway that others run, told by an HTTPRoute."""


class Sticky(StrEnum):
    """By what a request gets its bucket."""

    REQUEST = "Request"
    """By chance, each anew."""
    HEADER = "Header"
    """By the hash of a header."""
    COOKIE = "Cookie"
    """By a cookie that the router sets."""


@dataclass(frozen=True, slots=True)
class Share:
    """What part of the requests a revision gets."""

    variant: str
    """Name by which the override header asks for it: stable, candidate, or that of an experiment's variant."""
    revision: str
    weight: int
    """Percent; the shares of a route add up to 100. With 0 only the override header leads to it."""


@dataclass(frozen=True, slots=True)
class Range:
    """Buckets that one revision answers, both ends included."""

    first: int
    last: int
    revision: str

    @property
    def size(self) -> int:
        """The number of buckets."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Assignment:
    """By what a request gets its bucket, and of which header, where by one."""

    type: Sticky = Sticky.REQUEST
    header: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """All that a router needs to know of a deployment."""

    shares: tuple[Share, ...]
    table: tuple[Range, ...]
    """Made from the table before by moving as few buckets as possible, so it cannot be made from the shares alone."""
    assignment: Assignment = Assignment()
    override: str = ""
    """The header with which a request may name the variant that answers it; none when empty."""
    wakes: bool = False
    """Whether a request may start the first pod."""
    suspended: bool = False
    """Whether no pod comes, whoever asks: requests are refused at once."""
    sleep: str = ""
    """Which sleep it is that a request may end; empty where waking is setting the scale to one."""
    timeout: int = 30
    """Seconds that the model server gives a request."""
    body_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RouterPod:
    """A pod of the router, and what it says it does."""

    name: str
    ready: bool
    deleting: bool
    applied: str
    """Digest of the route of this deployment that it follows; empty for none."""
    asks: str = ""
    """The sleep of this deployment that it has a request for; empty for none."""


Users = tuple[tuple[str, str], ...]
"""Names and uids of the deployments that use the router of their namespace, sorted."""


@dataclass(frozen=True, slots=True)
class RouterPart:
    """An object of the namespace's router."""

    kind: str
    uid: str
    users: Users
    """Whom its owner references name."""
    role: str = ""
    """Kind and name of the role that a RoleBinding gives, as ClusterRole/mlwright-router; empty for other parts."""


@dataclass(frozen=True, slots=True)
class Backend:
    """The headless Service of a revision."""

    revision: str
    object: str
    uid: str


@dataclass(frozen=True, slots=True)
class GatewayName:
    """A Gateway, or one of its listeners, that an HTTPRoute names."""

    namespace: str
    name: str
    section: str = ""

    def __str__(self) -> str:
        listener = f" (listener {self.section})" if self.section else ""
        return f"Gateway {self.namespace}/{self.name}{listener}"


@dataclass(frozen=True, slots=True)
class Said:
    """A condition of an HTTPRoute, as the controller of a Gateway set it."""

    status: str
    generation: int
    """Of the HTTPRoute that it is about."""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class GatewaySays:
    """What a Gateway, or one of its listeners, says of an HTTPRoute."""

    gateway: GatewayName
    conditions: Mapping[str, Said]
    """By type."""


@dataclass(frozen=True, slots=True)
class HTTPRouteSeen:
    """The HTTPRoute of a deployment, and what Gateways say of it."""

    uid: str
    generation: int
    weights: Mapping[str, int]
    """Of its rule for all requests, in percent by name of the Service."""
    gateways: tuple[GatewayName, ...]
    """Those that it names."""
    said: tuple[GatewaySays, ...]
    """Of each Gateway that has said something; no mapping by their names, for in JSON a key is a text."""

    def said_by(self, gateway: GatewayName) -> Mapping[str, Said]:
        """Return the conditions of a Gateway by their types; none while it has said nothing."""
        return next((one.conditions for one in reversed(self.said) if one.gateway == gateway), {})


@dataclass(frozen=True, slots=True)
class TrafficSeen:
    """What is known of how the requests of a deployment reach its pods."""

    provider: Provider = Provider.SERVICE
    """What the spec asks for, once the planner knows what the installation says."""
    guards: bool = False
    """Whether the installation asks for a NetworkPolicy around pods behind this provider."""
    guard_uid: str = ""
    """uid of that NetworkPolicy; empty when there is none."""
    table: tuple[Range, ...] = ()
    """The table of the route that stands on the Service."""
    digest: str = ""
    """Digest of the document of that route; empty when there is none."""
    selects: str = ""
    """The revision that the Service selects; empty when it leads to the router or is not there."""
    selects_router: bool = False
    pods: tuple[RouterPod, ...] = ()
    backends: tuple[Backend, ...] = ()
    router: tuple[RouterPart, ...] = ()
    role: str = ""
    """Kind and name of the role that the router is to have, once the planner knows what the installation says."""
    http_routes: bool = False
    """Whether HTTPRoutes are watched: this cluster has them."""
    http_route: HTTPRouteSeen | None = None
    """The deployment's own; None when there is none."""
