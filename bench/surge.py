"""How soon ten times the load has new pods that answer, stage by stage, on the local cluster, which must be up.

A model serves behind the router with one pod. A calm load is on it, then nine times as much comes beside. Measured is
when the router has counted the first requests above the calm, when the operator has written another number of pods,
when a pod more is there, when it is ready, and when every pod of the router sends to all pods, as a client of the API
server sees it. And how old what the chart's Prometheus knows is when it is asked at any moment; it scrapes once a
second here. `python -m bench.surge` writes build/bench/surge.json.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final, Self
from urllib.parse import urlencode

from bench.figures import Benchmark, Figures
from bench.on_cluster import demand, ground
from examples.flights.errands import Load
from mlwright.constants import ROUTER_METRICS_PORT
from tests.support.apiserver import Json
from tests.support.chart import NAMESPACE, RELEASE
from tests.support.flights import request
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.reaction import Watched, watched
from tests.support.shelf import Shelf

NAME: Final = "sudden"
ROUNDS: Final = 3
PODS: Final = 3
CALM: Final = 1
SURGE: Final = 9
"""Clients; each asks about ten times a second."""
PAUSE: Final = 0.1
TARGET: Final = 34.0
"""Requests per second and pod: the calm has ten, the surge a hundred."""
LOOK: Final = 0.1
AGES: Final = 40
"""Questions to Prometheus."""
BETWEEN: Final = 0.63
"""Seconds between two of them: no multiple of those between two scrapes, so that they come at any moment."""
PATIENCE: Final = 240.0
STAGES: Final = ("asked", "created", "ready", "routed")
BENCHMARK: Final = Benchmark("surge", "the first requests above the calm at the router", {"asked_seconds_median": 3.0})
SCALING: Final[Json] = {
    "minReplicas": 1,
    "maxReplicas": PODS,
    "metrics": [{"name": "load", "type": "RequestRate", "requestRate": {"target": TARGET}}],
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
}


def measure() -> Figures:
    """Return seconds since the surge was seen at the router, until each stage, as medians; and the age."""
    with ground("bench-surge") as (live, release):
        rounds = _rounds(Shelf.stocked(live, release.images["trainer"]), release.images["trainer"])
        ages = sorted(_ages(live))
    stages = {f"{stage}_seconds_median": median(found[stage] for found in rounds) for stage in STAGES}
    return {**stages, "metric_age_seconds_median": median(ages), "metric_age_seconds_p95": ages[-len(ages) // 20]}


def _ages(live: Live) -> Iterator[float]:
    """Return how old the newest sample of the pods is, at moments that have nothing to do with scrapes."""
    query = urlencode({"query": f'time() - max(timestamp(mlwright_requests_total{{deployment="{NAME}"}}))'})
    page = f"/api/v1/namespaces/{NAMESPACE}/services/{RELEASE}-prometheus:9090/proxy/api/v1/query?{query}"
    for _ in range(AGES):
        time.sleep(BETWEEN)
        said = json.loads(live.api.request("GET", page).body)
        yield float(said["data"]["result"][0]["value"][1])


def _rounds(shelf: Shelf, image: str) -> list[dict[str, float]]:
    live = shelf.live
    served = deployment(NAME, NAME, server={"drain": "1s"}, autoscaling=SCALING, traffic={"provider": "Router"})
    live.apply(model(NAME), version(NAME, 1, FLIGHTS, shelf.digest), served)
    live.reaches("ModelDeployment", NAME, "Ready", f"{NAME}-v1 serves with 1 of 1 pods ready")
    with _asking(live, "calm", CALM, image):
        return [_round(live, image) for _ in range(ROUNDS)]


def _round(live: Live, image: str) -> dict[str, float]:
    live.until("one pod serves", lambda: len(_pods(live)) == 1 and _sent_to(live) == 1, PATIENCE)
    with watched(live, "Deployment", "Pod") as seen:
        noticed = _Noticed(live)
        with noticed, _asking(live, "surge", SURGE, image):
            live.until("every router sends to more pods", lambda: noticed.routed, PATIENCE)
            found = _stages(seen, noticed)
    print("  " + ", ".join(f"{stage} {found[stage]:.2f} s" for stage in STAGES), flush=True)
    print(f"  {live.status('ModelDeployment', NAME)['scaling']['sentence']}", flush=True)
    return found


@contextmanager
def _asking(live: Live, name: str, clients: int, image: str) -> Iterator[None]:
    """Let clients ask while the block runs."""
    asking = Load(live, f"load-{name}", pause=PAUSE, seconds=3600)
    url = live.get(f"modeldeployment/{NAME}", "{.status.url}")
    asking.start(url, json.dumps(request()), image, clients)
    try:
        yield
    finally:
        asking.stop()


class _Noticed:
    """When the routers had counted more than the calm, and when they sent to more pods; a context manager."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.came: float | None = None
        self.routed: float | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        self.came = self._first(self._above_calm())
        self.routed = self._first(lambda: _sent_to(self._live) > 1)

    def _first(self, holds: Callable[[], bool]) -> float | None:
        while not self._over.is_set():
            if holds():
                return time.monotonic()
            time.sleep(LOOK)
        return None

    def _above_calm(self) -> Callable[[], bool]:
        """Return what tells whether five requests more have come than twice the calm brings."""
        began, before = time.monotonic(), _came(self._live)

        def above() -> bool:
            nonlocal began, before
            now, came = time.monotonic(), _came(self._live)
            surged = came - before > 5 + 2 * CALM / PAUSE * (now - began)
            began, before = (now, came) if now - began > 1.0 else (began, before)
            return surged

        return above


def _stages(seen: Watched, noticed: _Noticed) -> dict[str, float]:
    """Return the seconds since the surge was noticed until each stage was first seen."""
    assert noticed.came is not None  # noqa: S101  # what follows was seen, too
    assert noticed.routed is not None  # noqa: S101  # it was waited for
    found: dict[str, float] = {"routed": noticed.routed}
    pods: dict[str, float] = {}
    for at, thing in seen.seen:
        name, spec = thing["metadata"]["name"], thing.get("spec") or {}
        if thing["kind"] == "Deployment" and name.startswith(f"{NAME}-") and spec["replicas"] > 1:
            found.setdefault("asked", at)
        if thing["kind"] == "Pod" and name.startswith(f"{NAME}-"):
            pods.setdefault(name, at)
            if len(pods) > 1:
                found.setdefault("created", pods[name])
            if list(pods).index(name) and _is_ready(thing):
                found.setdefault("ready", at)
    return {stage: found[stage] - noticed.came for stage in STAGES}


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _pods(live: Live) -> list[Json]:
    return live.all("Pod", deployment=NAME)


def _came(live: Live) -> int:
    """Return how many requests all pods of the router have counted."""
    pages = (json.loads(text)["variants"] for text in _told(live, "load"))
    return sum(came for page in pages for name, (_, came) in page.items() if name.startswith(f"{NAME}/"))


def _sent_to(live: Live) -> int:
    """Return to how many pods each pod of the router sends, at least."""
    series = re.compile(rf'^mlwright_router_pods{{deployment="{NAME}",.*}} (\d+)$', re.MULTILINE)
    return min((sum(map(int, series.findall(text))) for text in _told(live, "metrics")), default=0)


def _told(live: Live, page: str) -> list[str]:
    """Return a page of each pod of the router, by way of the API server."""
    names = live.names("Pod", **{"owner-kind": "Router"})
    place = f"/api/v1/namespaces/{live.name}/pods"
    answers = (live.api.request("GET", f"{place}/{name}:{ROUTER_METRICS_PORT}/proxy/{page}") for name in names)
    return [answer.body.decode() for answer in answers if answer.status == 200]  # noqa: PLR2004  # the success of HTTP


def main() -> int:
    """Measure, print and write."""
    demand("bench-surge")
    return BENCHMARK.run({"surge": measure}, ())


if __name__ == "__main__":
    sys.exit(main())
