"""What the operator measures of itself. The list with explanations is in docs/operations.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from mlwright.controller.shelf import Holding
from mlwright.plan.drift import JUDGED
from mlwright.plan.resources import Body

_VALUES: Final = {"True": 1, "False": 0}
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one operator, in a registry of their own so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._looks = Counter(
            "mlwright_reconciles", "Looks at one object, by how they ended.", ["kind", "result"], registry=self.registry
        )
        self._look_seconds = Histogram(
            "mlwright_reconcile_seconds", "Duration of a look.", ["kind"], buckets=SECONDS, registry=self.registry
        )
        self._waits = Histogram(
            "mlwright_queue_seconds",
            "Time that an object waited for a worker.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._calls = Counter(
            "mlwright_api_requests",
            "Calls to the API server; code 0 means that none came back.",
            ["verb", "kind", "code"],
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "mlwright_api_request_seconds", "Duration of a call.", ["verb"], buckets=SECONDS, registry=self.registry
        )
        self._lists = Counter(
            "mlwright_relists", "Lists that replaced what was known of a kind.", ["kind"], registry=self.registry
        )
        self._dropped = Counter(
            "mlwright_events_dropped", "Kubernetes Events that were not told.", registry=self.registry
        )
        self._leader = Gauge("mlwright_leader", "1 on the replica that acts.", registry=self.registry)

    def looked(self, kind: str, result: str, seconds: float) -> None:
        """Count one look."""
        self._looks.labels(kind, result).inc()
        self._look_seconds.labels(kind).observe(seconds)

    def waited(self, seconds: float) -> None:
        """Count the time that an object waited in the queue."""
        self._waits.observe(seconds)

    def called(self, verb: str, kind: str, code: int, seconds: float) -> None:
        """Count one call to the API server."""
        self._calls.labels(verb, kind, str(code)).inc()
        self._call_seconds.labels(verb).observe(seconds)

    def listed(self, kind: str) -> None:
        """Count one list."""
        self._lists.labels(kind).inc()

    def dropped(self) -> None:
        """Count one Kubernetes Event that was not told."""
        self._dropped.inc()

    def lead(self, *, leading: bool) -> None:
        """Tell whether this replica acts."""
        self._leader.set(int(leading))

    def watch(
        self,
        depth: Callable[[], int],
        holdings: Callable[[], Mapping[str, Holding]],
        monitors: Callable[[], Iterable[Body]],
    ) -> None:
        """Read the length of the queue, the size of the cache and the monitors whenever metrics are asked for."""
        self.registry.register(_Known(depth, holdings, monitors))


class _Known(Collector):
    def __init__(
        self,
        depth: Callable[[], int],
        holdings: Callable[[], Mapping[str, Holding]],
        monitors: Callable[[], Iterable[Body]],
    ) -> None:
        self._depth = depth
        self._holdings = holdings
        self._monitors = monitors

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the gauges of what is known."""
        depth = GaugeMetricFamily("mlwright_queue_depth", "Objects that wait for a worker.", value=self._depth())
        objects = GaugeMetricFamily("mlwright_cache_objects", "Objects known, by kind.", labels=["kind"])
        size = GaugeMetricFamily("mlwright_cache_bytes", "Size of what is kept of them, by kind.", labels=["kind"])
        for kind, holding in self._holdings().items():
            objects.add_metric([kind], holding.objects)
            size.add_metric([kind], holding.bytes)
        return [depth, objects, size, self._found()]

    def _found(self) -> GaugeMetricFamily:
        """Return what monitors found; what is not known to be so or not has no value."""
        family = GaugeMetricFamily(
            "mlwright_driftmonitor_condition",
            "1 where a condition of a DriftMonitor is True, 0 where it is False.",
            labels=["namespace", "name", "condition"],
        )
        for body in self._monitors():
            meta = body["metadata"]
            for told in (body.get("status") or {}).get("conditions") or ():
                if told["type"] in JUDGED and told["status"] in _VALUES:
                    family.add_metric([meta["namespace"], meta["name"], told["type"]], _VALUES[told["status"]])
        return family
