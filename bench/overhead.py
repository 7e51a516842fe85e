"""What the operator adds between two steps: from the end of a Job, as a watch tells it, to the next Job's creation."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from bench.load import NAMESPACE, kubelet
from bench.servers import server
from bench.subjects import Process, pipeline, run, settled
from mlwright.constants import LABEL_OWNER, LABEL_STEP
from mlwright.plan.resources import JOB
from tests.support.kube import Kube

MODULE: Final = "mlwright.main"
RUNS: Final = 60
PAUSE: Final = 0.5
"""Seconds between two runs: several go on at the same time."""
PATIENCE: Final = 120.0
STEPS: Final = ("validate", "train", "evaluate")


@dataclass
class Stopwatch:
    """When Jobs came and ended, by run and step; both as one watch tells them."""

    came: dict[tuple[str, str], float] = field(default_factory=dict)
    ended: dict[tuple[str, str], float] = field(default_factory=dict)

    async def watch(self, kube: Kube) -> None:
        """Follow all Jobs."""
        async for event in kube.changes(JOB, NAMESPACE):
            if event is not None:
                self._take(event.object, time.monotonic())

    def _take(self, job: dict[str, Any], now: float) -> None:
        labels = job["metadata"]["labels"]
        key = (labels[LABEL_OWNER], labels[LABEL_STEP])
        self.came.setdefault(key, now)
        if any(c["type"] == "Complete" for c in (job.get("status") or {}).get("conditions") or ()):
            self.ended.setdefault(key, now)

    def gaps(self) -> list[float]:
        """Return the seconds between the end of a step and the next one's Job."""
        pairs = pairwise(STEPS)
        return [
            self.came[name, following] - self.ended[name, before]
            for before, following in pairs
            for name, step in self.ended
            if step == before and (name, following) in self.came
        ]


async def measure(log: Path) -> dict[str, float]:
    """Let runs go from step to step; an actor lets every Job end at once."""
    watch = Stopwatch()
    with server() as running:
        async with Kube(running) as kube:
            await kube.accepted("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
            following = asyncio.create_task(watch.watch(kube))
            async with kubelet(kube):
                with Process(MODULE, running.kubeconfig, log) as process:
                    await settled()
                    await _runs(kube, watch)
                    process.end()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    gaps = sorted(watch.gaps())
    return {
        "step_overhead_p50_seconds": statistics.median(gaps),
        "step_overhead_p99_seconds": gaps[int(len(gaps) * 0.99)],
        "step_overhead_max_seconds": gaps[-1],
        "step_overhead_samples": len(gaps),
    }


async def _runs(kube: Kube, watch: Stopwatch) -> None:
    for number in range(RUNS):
        await kube.create(pipeline(f"p{number}"), NAMESPACE)
        await kube.create(run(f"r{number}", f"p{number}"), NAMESPACE)
        await asyncio.sleep(PAUSE)
    deadline = time.monotonic() + PATIENCE
    while sum(step == STEPS[-1] for _, step in watch.ended) < RUNS:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {RUNS} runs came to their end within {PATIENCE:g} s")
        await asyncio.sleep(0.1)
