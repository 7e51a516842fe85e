"""The outside world of the operator: all ports together."""

from __future__ import annotations

from dataclasses import dataclass

from mlwright.ports.access import Access
from mlwright.ports.clock import Clock
from mlwright.ports.cluster import Cluster
from mlwright.ports.events import Events
from mlwright.ports.leases import Leases
from mlwright.ports.metrics import MetricsStore
from mlwright.ports.routers import Routers


@dataclass(frozen=True, slots=True)
class Outside:
    """What the operator speaks to. Tests replace or wrap single ports."""

    cluster: Cluster
    access: Access
    leases: Leases
    events: Events
    clock: Clock
    metrics: MetricsStore | None = None
    """None where the installation names no Prometheus."""
    routers: Routers | None = None
    """None where nobody asks them."""
