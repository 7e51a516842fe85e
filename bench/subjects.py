"""What is measured: mlwright, and the bare floor beside it, each as a process of its own."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bench import pod
from mlwright.controller.cache import Cache
from mlwright.controller.kinds import RECONCILERS
from mlwright.plan.resources import KINDS, TRAINING_RUN
from mlwright.plan.writes import Create
from mlwright.settings import Settings

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
TICKS: Final = os.sysconf("SC_CLK_TCK")
HEALTH_PORT: Final = 18081
SILENT: Final = 60.0
"""Seconds without an answer after which mlwright counts as gone."""
QUIET: Final = 1.0
"""Seconds without anything new after which a subject counts as settled."""
STAND_IN: Final = "stand-in"
"""Name of the run in the bodies that the floor sends; replaced by that of each run."""

Body = dict[str, Any]

ENVIRONMENT: Final = {
    "MLWRIGHT_TRAINER_IMAGE": "example/trainer:1",
    "MLWRIGHT_SERVER_IMAGE": "example/server:1",
    "MLWRIGHT_ARTIFACTS_URI": "pvc://artifacts/mlwright",
    "MLWRIGHT_HEALTH_PORT": str(HEALTH_PORT),
    "MLWRIGHT_LOG_LEVEL": "WARNING",
    "MLWRIGHT_LEASE_NAMESPACE": "default",
}


def pipeline(name: str) -> Body:
    """Return a pipeline that starts no run by itself."""
    return {
        "apiVersion": "mlwright.dev/v1alpha1",
        "kind": "TrainingPipeline",
        "metadata": {"name": name},
        "spec": {
            "dataset": {"uri": "pvc://data/flights.csv", "target": "late"},
            "training": {
                "task": "Classification",
                "estimator": {"class": "sklearn.ensemble.HistGradientBoostingClassifier"},
            },
            "evaluation": {
                "gates": [{"name": "good", "type": "Threshold", "threshold": {"metric": "roc_auc", "min": 0.7}}]
            },
            "triggers": {"specChange": False},
        },
    }


def run(name: str, pipeline_name: str) -> Body:
    """Return a run of a pipeline."""
    return {
        "apiVersion": "mlwright.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {"name": name},
        "spec": {"pipelineRef": {"name": pipeline_name}, "trigger": {"type": "Request"}},
    }


def template() -> tuple[Body, Body, Body]:
    """Return the template, the Job and the status with which mlwright answers a run of the name STAND_IN."""
    cache = Cache()
    stamp = {"namespace": "demo", "uid": "UID", "resourceVersion": "1", "creationTimestamp": "2026-01-02T03:04:05Z"}
    for body in (pipeline("p"), run(STAND_IN, "p")):
        cache.put({**body, "metadata": {**body["metadata"], **stamp, "generation": 1}})
    reconciler = next(r for r in RECONCILERS if r.kind == TRAINING_RUN)
    settings = Settings(trainer_image="example/trainer:1", artifacts_uri="pvc://artifacts/mlwright")
    held = cache.get(TRAINING_RUN, "demo", STAND_IN)
    assert held is not None  # noqa: S101  # it was just put there
    plan = reconciler.plan(reconciler.gather(held, cache), settings, datetime.now(UTC))
    bodies = [write.body for write in (*plan.records, *plan.writes) if isinstance(write, Create)]
    conditions = [
        {
            "type": verdict.type,
            "status": verdict.status,
            "reason": verdict.reason.value,
            "message": verdict.message,
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }
        for verdict in plan.status.conditions
    ]
    return bodies[0], bodies[1], {"summary": plan.sentence, "conditions": conditions, "progress": "0/3"}


@functools.cache
def _compile() -> None:
    """Let what is measured be compiled, as it is in the image; where one works, Python may be told not to keep it."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([sys.executable, "-c", "import mlwright.main"], cwd=ROOT, env=environ, check=True)


class Process:
    """A measured process, started as in a pod; a context manager."""

    def __init__(self, module: str, kubeconfig: Path, log: Path, **settings: str) -> None:
        environ = {**os.environ, **ENVIRONMENT, **pod.environment(kubeconfig), **settings}
        command = pod.inside(pod.service_account(kubeconfig), [sys.executable, "-m", module])
        _compile()
        self.begun = time.monotonic()
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("ab")
        self._popen = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=self._log, stderr=self._log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(signal.SIGKILL)
        self._log.close()

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """End it and return the seconds that it took."""
        begun = time.monotonic()
        if self._popen.poll() is None:
            self._popen.send_signal(number)
        self._popen.wait(30)
        return time.monotonic() - begun

    @property
    def rss_mb(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self._popen.pid}/statm").read_text().split()[1])
        return pages * PAGE / 1e6

    @property
    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self._popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._popen.poll() is None


def _exposed() -> list[tuple[str, float]]:
    """Return every series of mlwright and its value; nothing while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{HEALTH_PORT}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return []
    pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return [(series, float(value)) for series, value in pairs]


def metrics() -> dict[str, float]:
    """Return every metric of mlwright, summed over its labels but without the Lease; empty while it does not answer."""
    found: dict[str, float] = {}
    for series, value in _exposed():
        if 'kind="Lease"' not in series:
            name = series.split("{", 1)[0]
            found[name] = found.get(name, 0.0) + value
    return found


def _last_heard(answer: object, before: float) -> float:
    """Return when mlwright last answered, on the monotonic clock.

    Raises:
        TimeoutError: too long ago.
    """
    now = time.monotonic()
    if not answer and now - before > SILENT:
        raise TimeoutError(f"no answer on port {HEALTH_PORT} for {SILENT:g} s; the log of the benchmark tells why")
    return now if answer else before


async def known(kind: str, number: int, complain: Callable[[], None]) -> None:
    """Wait until mlwright knows so many objects of a kind. The API server is not bothered with the question.

    Raises:
        TimeoutError: it does not answer.
        Exception: that with which `complain` says that there will never be as many.
    """
    series = f'mlwright_cache_objects{{kind="{kind}"}}'
    heard = time.monotonic()
    while (found := dict(await asyncio.to_thread(_exposed))).get(series, 0.0) < number:
        heard = _last_heard(found, heard)
        complain()
        await asyncio.sleep(0.5)


async def settled(seconds: float = 900.0) -> float:
    """Wait until mlwright has listed everything and has nothing to do; return when that began, on the monotonic clock.

    Raises:
        TimeoutError: it does not settle, or does not answer.
    """
    busy: tuple[float, ...] = ()
    since = heard = time.monotonic()
    async with asyncio.timeout(seconds):
        while True:
            found = await asyncio.to_thread(metrics)
            heard = _last_heard(found, heard)
            now = tuple(found.get(name, 0.0) for name in ("mlwright_reconciles_total", "mlwright_api_requests_total"))
            waiting = found.get("mlwright_queue_depth") != 0 or found.get("mlwright_relists_total", 0) < len(KINDS)
            if now != busy or waiting:
                busy, since = now, time.monotonic()
            elif time.monotonic() - since > QUIET:
                return since
            await asyncio.sleep(0.1)


async def resting(process: Process) -> None:
    """Wait until a process uses next to no processor time."""
    while True:
        before = process.cpu_seconds
        await asyncio.sleep(QUIET)
        if process.cpu_seconds - before < QUIET / 10:
            return
