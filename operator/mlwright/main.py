"""`python -m mlwright.main`: the operator as a process.

The operator runs in a thread with an event loop of its own; the main thread only waits and takes the signals, which
kopf would otherwise take for itself. SIGUSR1 lets it write the last looks at deployments into a file
(docs/operations.md).

Exit codes: 0 stopped as told, 1 ended by a failure (start again), 2 wrong settings or no way to the API server.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import gc
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mlwright.adapters.clock import SystemClock
from mlwright.adapters.kube.client import KubeCluster, served
from mlwright.adapters.kube.connect import connect
from mlwright.adapters.kube.events import KubeEvents
from mlwright.adapters.kube.failures import UnreachableError
from mlwright.adapters.kube.leases import KubeLeases
from mlwright.adapters.kube.transport import Transport
from mlwright.adapters.prometheus.access import Credentials
from mlwright.adapters.prometheus.client import Prometheus
from mlwright.adapters.routers import RouterPods
from mlwright.bundle.origins import entries
from mlwright.controller import logs, looks, operator
from mlwright.controller.health import HealthServer, Pulse
from mlwright.controller.kinds import RECONCILERS
from mlwright.controller.leader import Gauges
from mlwright.controller.metrics import Metrics
from mlwright.errors import MlwrightError
from mlwright.plan.resources import KINDS, WHERE_SERVED, ResourceKind, foreign
from mlwright.ports.outside import Outside
from mlwright.settings import Settings, load

FAILED: Final = 1
WRONG: Final = 2

SPARE: Final = 4
"""Connections beside those of the workers: Lease, lists, Events."""

TLS_BUFFER: Final = 2**15
"""Bytes that asyncio holds for a TLS connection as long as it lives. It would take 256 KiB, which for a watch of every
kind and the workers' connections is 9 MB; a record of TLS has at most 16 KiB."""

NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

logger = logging.getLogger("mlwright")


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run the operator until SIGTERM or SIGINT; returns the exit code."""
    try:
        settings = load(environ)
        foreign(settings.training_resources)
        entries(settings.outside_hosts)
        logs.configure(settings.log_format, settings.log_level)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    slim()
    return _Process(settings, environ).run()


def slim() -> None:
    """Let the process need less than Python's defaults ask for."""
    asyncio.sslproto.SSLProtocol.max_size = TLS_BUFFER
    # What was imported stays for good: without this each full collection walks it, and everything waits for 0.1 s.
    gc.collect()
    gc.freeze()


class _Process:
    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._gauges = Gauges(Metrics(), Pulse(SystemClock()))
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._code = FAILED

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end())
        signal.signal(signal.SIGUSR1, lambda *_: self._gauges.looks.write(Path(tempfile.gettempdir()) / looks.FILE))
        try:
            health = HealthServer(
                self._settings.health_port, self._gauges.pulse, self._gauges.metrics.registry, self._gauges.targets
            )
        except OSError as error:
            logger.critical("MLWRIGHT_HEALTH_PORT %s cannot be listened on: %s", self._settings.health_port, error)
            return WRONG
        thread = threading.Thread(target=self._run, name="operator")
        with health:
            thread.start()
            thread.join()
        return self._code

    def _end(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            self._code = runner.run(self._operate())

    async def _operate(self) -> int:
        try:
            await self._connected()
        except UnreachableError as error:
            logger.critical(str(error))
            return WRONG
        except MlwrightError as error:
            logger.critical(str(error))
            return FAILED
        except Exception:
            logger.critical("the operator ends by an unexpected error", exc_info=True)
            return FAILED
        logger.info("stopped")
        return 0

    async def _connected(self) -> None:
        settings, metrics = self._settings, self._gauges.metrics
        clock = SystemClock()
        transport, access = await connect(self._environ, settings.workers + SPARE, metrics.called, clock.heard)
        kinds = (*KINDS, *await served(transport, WHERE_SERVED), *await _foreign(transport, settings))
        store, routers = _store(settings), RouterPods()
        outside = Outside(
            cluster=KubeCluster(transport, settings.namespace, kinds),
            access=access,
            leases=KubeLeases(transport, clock, _lease_namespace(settings), settings.lease_name),
            events=KubeEvents(transport, clock, settings.identity),
            clock=clock,
            metrics=store,
            routers=routers,
        )
        try:
            await operator.run(outside, settings, RECONCILERS, self._stop, gauges=self._gauges, kinds=kinds)
        finally:
            await routers.close()
            if store is not None:
                await store.close()
            await transport.close()


def _store(settings: Settings) -> Prometheus | None:
    """Return the store of metrics that the installation names."""
    if not settings.prometheus_url:
        return None
    folder = Path(settings.prometheus_folder) if settings.prometheus_folder else None
    return Prometheus(settings.prometheus_url, Credentials(folder))


async def _foreign(transport: Transport, settings: Settings) -> tuple[ResourceKind, ...]:
    """Return the kinds of other controllers that may be made and are served; the others are told and left out."""
    wanted = foreign(settings.training_resources)
    there = await served(transport, wanted)
    for kind in wanted:
        if kind not in there:
            logger.warning(
                "a kind of training.resources is not served; install it and start the operator again",
                extra={"kind": kind.name, "apiVersion": kind.api_version},
            )
    return there


def _lease_namespace(settings: Settings) -> str:
    """Return where the Lease lies: as set, else our own namespace."""
    if settings.lease_namespace:
        return settings.lease_namespace
    return NAMESPACE_FILE.read_text().strip() if NAMESPACE_FILE.exists() else "default"


if __name__ == "__main__":
    sys.exit(main())
