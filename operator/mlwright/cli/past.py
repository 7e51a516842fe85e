"""The load that was, as a Prometheus knows it: the requests of a deployment, counted as autoscaling does live."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlwright.adapters.prometheus.access import Credentials
from mlwright.adapters.prometheus.client import Prometheus
from mlwright.cli.answers import Code, CommandError
from mlwright.cli.simulation import Trace
from mlwright.errors import MetricsError
from mlwright.planners.load_questions import past

STEP: Final = 15
"""Seconds between two moments: as often as autoscaling looks."""
AT_ONCE: Final = 11_000 * STEP
"""Seconds of one question: Prometheus answers no more moments than that."""
PATIENCE: Final = 60.0
"""Seconds of one question; two weeks of many pods are a lot to add up."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which Prometheus is asked, and of which time."""

    url: str
    credentials: Path | None
    """Folder with what opens it, in files of the names that `prometheus.secretName` has."""
    begin: float
    """Seconds since 1970."""
    end: float


def read(source: Source, namespace: str, name: str) -> Trace:
    """Read the load of a deployment; a time of which nothing is known brings nothing, and counts as unknown.

    Raises:
        CommandError: nobody answers, or nothing is known of all that time.
    """
    try:
        rates = asyncio.run(_asked(source, past(namespace, name)))
    except MetricsError as error:
        raise CommandError(Code.AWAY, f"--prometheus: {error}") from error
    if not rates:
        told = f"Prometheus at {source.url} knows no request to ModelDeployment {namespace}/{name} in that time"
        remedy = "does it scrape its pods, and keep what it knows for so long?"
        raise CommandError(Code.NOT_SO, f"--prometheus: {told}: {remedy}")
    moments = range(int(source.end - source.begin) // STEP)
    load = tuple(rates.get(moment, 0.0) for moment in moments for _ in range(STEP))
    return Trace(source.begin, load, sum(moment not in rates for moment in moments) / len(moments))


async def _asked(source: Source, query: str) -> Mapping[int, float]:
    """Return the requests per second of each moment that Prometheus knows: that which ends the stretch counts."""
    client = Prometheus(source.url, Credentials(source.credentials, "--credentials"), seconds=PATIENCE)
    try:
        rates: dict[int, float] = {}
        first = source.begin + STEP
        while first <= source.end:
            last = min(source.end, first + AT_ONCE - STEP)
            for series in await client.ranged(query, first, last, STEP):
                rates |= {round((at - source.begin) / STEP) - 1: rate for at, rate in series.samples}
            first += AT_ONCE
        return rates
    finally:
        await client.close()
