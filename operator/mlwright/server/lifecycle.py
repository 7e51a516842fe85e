"""The life of the process: listen, load, be ready, drain, end.

The listener opens first, so that a start can be watched: alive at once, ready when the model has proven itself. The
model is loaded on a thread of its own, which the end of the process does not wait for.
"""

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mlwright.process.threads import pool_size
from mlwright.server import listener, loading
from mlwright.server.application import Application, Limits
from mlwright.server.doors import Doors
from mlwright.server.model import Model
from mlwright.server.oversight import Oversight
from mlwright.server.settings import Settings
from mlwright.server.telemetry import resident_bytes

log = logging.getLogger(__name__)

# Two at least, so that a small request can pass a large one.
_MIN_WORKERS = 2


async def serve(settings: Settings, mount_root: Path) -> None:
    """Serve until SIGTERM or SIGINT, and return when the drain is over and nothing is under way.

    What goes on beside (keys, tokens, certificates, copies) ends the server in the same way if it fails by a mistake of
    ours: a pod that answers but hears of no new key would look well.

    Raises:
        Exception: Such a mistake.
        UnservableError: The bundle cannot be served.
        UnreadySecretError: A Secret that the settings name is not there yet.
        OSError: The port is taken, or the bundle's store failed.
    """
    workers = ThreadPoolExecutor(max(_MIN_WORKERS, pool_size(settings.cpus)), "infer")
    doors = Doors(settings)
    app = Application(settings.identity, Limits(settings.timeout_seconds, settings.max_body_bytes), workers, doors.gate)
    oversight = Oversight(settings, app.telemetry)
    app.feedback = oversight.feedback
    stop = _Stop.on_signals()
    with listener.open_socket(settings.port) as sock:
        watching: list[asyncio.Task[None]] = []
        try:
            async with doors.open(app, sock):
                watching += [_watch(work, stop) for work in (oversight.run(), doors.follow())]
                log.info("listening", extra={**doors.ports, "bundle": settings.bundle_uri})
                await _be_ready(app, oversight, settings, mount_root, stop)
                await _drain(app, settings.drain_seconds, stop)
            _check(watching)
        finally:
            for task in watching:
                task.cancel()
            oversight.close()
            workers.shutdown(wait=False, cancel_futures=True)
    log.info("stopped")


class _Stop:
    """What asked the process to end."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurry = asyncio.Event()

    @classmethod
    def on_signals(cls) -> "_Stop":
        """SIGTERM asks for a drained end; SIGINT, or a second signal of any kind, for one without."""
        stop = cls()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.ask)
        loop.add_signal_handler(signal.SIGINT, stop.ask_now)
        return stop

    def ask(self) -> None:
        if self.asked.is_set():
            self.hurry.set()
        self.asked.set()

    def ask_now(self) -> None:
        self.asked.set()
        self.hurry.set()


def _watch(work: Coroutine[Any, Any, None], stop: _Stop) -> asyncio.Task[None]:
    """Do work beside the answers; if it fails, the server is asked to end."""

    def told(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (mistake := task.exception()):
            log.error("what goes on beside the answers has failed: the server ends", exc_info=mistake)
            stop.asked.set()

    task = asyncio.create_task(work)
    task.add_done_callback(told)
    return task


def _check(watching: list[asyncio.Task[None]]) -> None:
    for task in watching:
        if task.done():
            task.result()


async def _be_ready(app: Application, oversight: Oversight, settings: Settings, mount_root: Path, stop: _Stop) -> None:
    """Load and be ready until asked to stop; a stop while loading is not kept waiting."""
    started = time.monotonic()
    asked = asyncio.create_task(stop.asked.wait())
    loaded = asyncio.wrap_future(_load_on_thread(settings, mount_root))
    await asyncio.wait((loaded, asked), return_when=asyncio.FIRST_COMPLETED)
    if not loaded.done():
        return
    model = loaded.result()
    oversight.watch(model)
    app.model = model
    log.info(
        "ready",
        extra={
            "load_seconds": round(time.monotonic() - started, 2),
            "resident_mb": round(resident_bytes() / 1e6),
            "platform": model.platform,
            "cheap_bytes": model.cheap_bytes,
        },
    )
    await asked


async def _drain(app: Application, seconds: float, stop: _Stop) -> None:
    if app.model is None:  # no client was ever sent here
        return
    app.draining = True
    log.info("draining", extra={"seconds": seconds})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.hurry.wait()


def _load_on_thread(settings: Settings, mount_root: Path) -> Future[Model]:
    """Load in a thread that dies with the process, which an executor's would not."""
    future: Future[Model] = Future()

    def load() -> None:
        try:
            future.set_result(loading.load(settings, mount_root))
        except BaseException as failure:  # noqa: BLE001 - raised again where the future is read
            future.set_exception(failure)

    threading.Thread(target=load, name="load", daemon=True).start()
    return future
