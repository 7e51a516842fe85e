"""The series that Prometheus reads, checked by Prometheus' own parser."""

from __future__ import annotations

import time

from prometheus_client.parser import text_string_to_metric_families

from mlwright.server.telemetry import CODES, EDGES, Telemetry
from tests.unit.server.conftest import IDENTITY

LABELS = {"deployment": "flights", "model": "flights", "version": "flights-7", "revision": "a1b2c3d4"}


def samples(telemetry: Telemetry) -> dict[tuple[str, str, str], float]:
    """Value by name, code and upper edge."""
    families = text_string_to_metric_families(telemetry.exposition().decode())
    return {
        (one.name, one.labels.get("code", ""), one.labels.get("le", "")): one.value
        for family in families
        for one in family.samples
    }


def test_every_series_exists_at_zero() -> None:
    """A rate over the first minute is a number and not a gap."""
    seen = samples(Telemetry(IDENTITY))

    assert [seen["mlwright_requests_total", str(code), ""] for code in CODES] == [0] * len(CODES)
    assert [seen["mlwright_request_seconds_bucket", "200", str(edge)] for edge in (*EDGES, "+Inf")] == [0] * 17


def test_every_series_carries_who_answers() -> None:
    """A series can be told from those of other versions and revisions."""
    families = text_string_to_metric_families(Telemetry(IDENTITY).exposition().decode())
    own = [one.labels for family in families if family.name.startswith("mlwright") for one in family.samples]

    assert all(labels.items() >= LABELS.items() for labels in own)


def test_counts_a_request_and_its_time() -> None:
    """A request is counted under its status and in every bucket that is not too small for it."""
    telemetry = Telemetry(IDENTITY)

    telemetry.count(200, time.perf_counter() - 0.07)

    seen = samples(telemetry)
    assert seen["mlwright_requests_total", "200", ""] == 1
    assert seen["mlwright_requests_total", "400", ""] == 0
    assert seen["mlwright_request_seconds_bucket", "200", "0.05"] == 0
    assert seen["mlwright_request_seconds_bucket", "200", "30.0"] == 1
    assert 0.07 <= seen["mlwright_request_seconds_sum", "200", ""] < 1.0
    assert seen["mlwright_request_seconds_count", "200", ""] == 1


def test_counts_a_request_beyond_all_edges() -> None:
    """What took longer than the last edge is still counted."""
    telemetry = Telemetry(IDENTITY)

    telemetry.count(504, time.perf_counter() - 31)

    seen = samples(telemetry)
    assert seen["mlwright_request_seconds_bucket", "504", "30.0"] == 0
    assert seen["mlwright_request_seconds_bucket", "504", "+Inf"] == 1


def test_says_what_the_process_uses() -> None:
    """Memory and CPU time of the process are there."""
    seen = samples(Telemetry(IDENTITY))

    assert seen["process_resident_memory_bytes", "", ""] > 1e6
    assert seen["process_cpu_seconds_total", "", ""] > 0
