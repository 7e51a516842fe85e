"""How soon a rejected version loses its share of the requests, on the local cluster, which must be up.

Versions that answer half of their requests with errors get a share one after the other, under load, and each is sent
back. Measured is from the recorded Decision to the route on the Service, and to all pods of the router following it, as
a client of the API server sees both. `python -m bench.rollback` writes build/bench/rollback.json.
"""

from __future__ import annotations

import json
import sys
from statistics import median
from typing import Final

from bench.figures import Benchmark, Figures
from bench.on_cluster import demand, ground
from examples.flights.errands import load
from tests.support.apiserver import Json
from tests.support.flights import request
from tests.support.manifests import FLIGHTS, deployment, model, version
from tests.support.reaction import Reaction, Watched, watched
from tests.support.release import Release
from tests.support.shelf import Shelf

NAME: Final = "hurried"
ROUNDS: Final = 5
FAULTS: Final = {str(number): "errors" for number in range(2, 2 + ROUNDS)}
CONNECTIONS: Final = 4
PATIENCE: Final = 240.0
BENCHMARK: Final = Benchmark(
    "rollback", "the Decision that rejects a version", {"route_seconds_max": 2.0, "followed_seconds_max": 2.0}
)


def measure() -> Figures:
    """Return seconds from the decision to the route and to all routers: median and longest of all rounds."""
    with ground("bench-rollback") as (live, release):
        found = _measured(Shelf.stocked(live, release.images["trainer"]), release)
    routed, followed = [one.routed for one in found], [one.followed for one in found]
    return {
        "route_seconds_median": median(routed),
        "route_seconds_max": max(routed),
        "followed_seconds_median": median(followed),
        "followed_seconds_max": max(followed),
    }


def _measured(shelf: Shelf, release: Release) -> list[Reaction]:
    live, question = shelf.live, json.dumps(request())
    live.apply(model(NAME), version(NAME, 1, FLIGHTS, shelf.digest), _treacherous(release.images["faulty"]))
    live.reaches("ModelDeployment", NAME, "Ready", f"{NAME}-v1 serves with 1 of 1 pods ready")
    with watched(live) as seen, load(live, NAME, question, release.images["trainer"], connections=CONNECTIONS):
        return [_round(shelf, int(number), seen) for number in FAULTS]


def _round(shelf: Shelf, number: int, seen: Watched) -> Reaction:
    """Let a faulty version come and go."""
    name = f"{NAME}-v{number}"
    shelf.live.apply(version(NAME, number, FLIGHTS, shelf.digest))
    found = shelf.live.until(f"{name} lost its share", lambda: seen.reaction(NAME, name), PATIENCE)
    print(f"  {name}: route after {found.routed:.2f} s, all routers after {found.followed:.2f} s", flush=True)
    return found


def _treacherous(image: str) -> Json:
    checks = [{"name": "errors", "type": "ErrorRate"}]
    return deployment(
        NAME,
        NAME,
        server={"image": image, "drain": "1s"},
        pod={"env": [{"name": "FAULTS", "value": json.dumps(FAULTS)}]},
        traffic={"provider": "Router"},
        rollout={
            "strategy": "Canary",
            "steps": [{"name": "tenth", "type": "Weight", "weight": {"percent": 10, "hold": "5s"}}],
            "analysis": {"noise": "Binomial", "warmup": "0s", "checks": checks},
        },
    )


def main() -> int:
    """Measure, print and write."""
    demand("bench-rollback")
    return BENCHMARK.run({"rollback": measure}, ())


if __name__ == "__main__":
    sys.exit(main())
