"""What it costs the operator to ask the routers of many deployments every second, over real connections."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.figures import Figures
from cluster.haproxy import haproxy
from mlwright.adapters.routers import RouterPods
from mlwright.builders.routers import router_labels
from mlwright.constants import ROUTER_NAME
from mlwright.controller.cache import Cache
from mlwright.controller.rush_meter import EVERY, RushMeter
from mlwright.plan.loads import Bounds, Passing
from mlwright.plan.resources import Body, Key
from mlwright.planners.load_questions import REQUESTS
from tests.support.clocks import HandClock
from tests.support.routing import Client, free_port

NAMESPACES: Final = 32
"""As many as all of them are asked in every second."""
PODS: Final = 2
ROUNDS: Final = 60


class Elsewhere(RouterPods):
    """Pods that are ports of this machine."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        super().__init__(seconds=10.0)
        self._ports = ports

    async def passing(self, address: str) -> Mapping[str, Passing]:
        """Ask the port that plays the pod."""
        return await super().passing(f"127.0.0.1:{self._ports[address]}")


def routers(count: int, rounds: int = ROUNDS) -> Figures:
    """Ask the routers of so many deployments for some seconds, with nobody in a rush."""
    each = max(1, count // NAMESPACES)
    names = [f"flights-{number}" for number in range(each)]
    with tempfile.TemporaryDirectory() as folder, _pods(Path(folder), names) as ports:
        return asyncio.run(_asked(ports, names, rounds))


async def _asked(ports: list[int], names: list[str], rounds: int) -> Figures:
    clock, cache, woken = HandClock(1_800_000_000.0), Cache(), list[Key]()
    addresses = {}
    for number, port in enumerate(ports):
        address = f"10.1.{number // 250}.{number % 250 + 1}"
        addresses[f"{address}:8405"] = port
        cache.put(_pod(number, address))
    for number in range(NAMESPACES):
        for name in names:
            cache.loads.want(
                Key("ModelDeployment", f"shop-{number}", name), (REQUESTS,), None, Bounds(under_way=40, rate=400)
            )
    pods = Elsewhere(addresses)
    meter = RushMeter(pods, clock, cache, woken.append)
    await meter.round()
    begun = time.process_time()
    for _ in range(rounds):
        clock.at += EVERY
        await meter.round()
    spent = (time.process_time() - begun) / rounds
    await pods.close()
    heard = len(cache.loads.glances(Key("ModelDeployment", "shop-0", names[0])))
    return {
        "router_pods_per_second": len(ports),
        "router_deployments": NAMESPACES * len(names),
        "router_glances_heard": heard,
        "router_question_cpu_us": 1e6 * spent / len(ports),
        "routers_core_share": spent / EVERY,
    }


def _pod(number: int, address: str) -> Body:
    metadata: dict[str, Any] = {
        "name": f"{ROUTER_NAME}-{number}",
        "namespace": f"shop-{number // PODS}",
        "resourceVersion": "1",
        "labels": router_labels(),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "status": {"phase": "Running", "podIP": address},
    }


@contextmanager
def _pods(folder: Path, names: list[str]) -> Iterator[list[int]]:
    """Let one HAProxy play all pods of all routers; each port says the same of all deployments of a namespace."""
    said = {"schemaVersion": 1, "variants": {f"{name}/0a1b2c3d": [3, 12345] for name in names}}
    page, config = folder / "load.json", folder / "pods.cfg"
    page.write_text(json.dumps(said, separators=(",", ":")), encoding="utf-8")
    ports = [free_port() for _ in range(NAMESPACES * PODS)]
    answer = f"http-request return status 200 content-type application/json file {page}"
    lines = ["global", "  maxconn 4000", "defaults", "  mode http", "  timeout client 60s", "frontend pods"]
    lines += [*(f"  bind 127.0.0.1:{port}" for port in ports), f"  {answer}", ""]
    config.write_text("\n".join(lines), encoding="utf-8")
    process = subprocess.Popen([haproxy(), "-f", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        asyncio.run(_listening(ports[-1]))
        yield ports
    finally:
        process.kill()
        process.wait()


async def _listening(port: int) -> None:
    """Wait until it answers.

    Raises:
        SystemExit: it does not.
    """
    for _ in range(200):
        client = Client(port)
        try:
            await client.ask("/load", body=b"")
        except OSError:
            await asyncio.sleep(0.05)
        else:
            client.close()
            return
    sys.exit(f"nothing listens on port {port}")
