"""The chart's Prometheus as it is configured there, beside the operator's list of pods: what it says can be counted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from mlwright.adapters.clock import SystemClock
from mlwright.adapters.prometheus.access import Credentials
from mlwright.adapters.prometheus.client import Prometheus
from mlwright.controller.health import HealthServer, Pulse
from mlwright.controller.targets import Targets
from mlwright.plan.measuring import Selection, Series
from mlwright.planners.selections import REQUESTS
from tests.support.chart import IMAGES, one, render
from tests.support.prometheus import prometheus
from tests.support.waiting import soon
from tests.support.webserver import WebServer, serving

EMBEDDED = {
    "images": IMAGES | {"prometheus": "example.test/prometheus:1"},
    "prometheus": {"embedded": {"enabled": True, "scrapeInterval": "1s"}},
}
FORGED = b'mlwright_requests_total{revision="a1",code="200",pod="another",namespace="elsewhere"} 7\n'


@pytest.fixture
def pod() -> Iterator[WebServer]:
    """A pod that claims to be another."""
    with serving() as server:
        server.put("/metrics", FORGED)
        yield server


async def test_a_pod_of_the_list_is_scraped_under_its_own_name(pod: WebServer, tmp_path: Path) -> None:
    """The name comes from the operator's list, whatever the pod says of itself."""
    targets = Targets()
    targets.tell(json.dumps([_entry(pod)]).encode())
    with HealthServer(0, Pulse(SystemClock()), CollectorRegistry(), targets) as operator:
        url = f"http://localhost:{operator.port}/targets"
        with prometheus(tmp_path, configuration=_configuration(url)) as address:
            await soon(lambda: len(pod.asked) >= 2, "two scrapes")
            targets.tell(None)  # the operator stops leading: Prometheus keeps the list
            asked = len(pod.asked)
            await soon(lambda: len(pod.asked) >= asked + 5, "scrapes go on")
            found = await _ask(address)

    (series,) = found
    assert series.labels["pod"] == "n1"
    assert series.labels["namespace"] == "shop"
    assert {value for _, value in series.samples} == {7.0}


def _entry(pod: WebServer) -> dict[str, object]:
    return {"targets": [pod.url.removeprefix("http://")], "labels": {"namespace": "shop", "pod": "n1"}}


def _configuration(url: str) -> dict[str, object]:
    """The chart's own, but for where the operator is."""
    text = one(render(EMBEDDED), "ConfigMap", "-prometheus")["data"]["prometheus.yml"]
    configuration: dict[str, object] = yaml.safe_load(text)
    yaml_jobs = configuration["scrape_configs"]
    assert isinstance(yaml_jobs, list)
    yaml_jobs[0]["http_sd_configs"][0]["url"] = url
    return configuration


async def _ask(address: str) -> tuple[Series, ...]:
    client = Prometheus(address, Credentials())
    try:
        return await client.samples(Selection(REQUESTS, {"pod": ("n1",)}, time.time() - 60), time.time())
    finally:
        await client.close()
