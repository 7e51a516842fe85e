"""A policy is played over what a real Prometheus remembers of a deployment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlwright.plan.measuring import Series
from tests.support.commands import Run, Told
from tests.support.objects import DEPLOYMENT, changed
from tests.support.prometheus import prometheus

BEGIN = 1_780_000_000
"""Thursday, 2026-05-28T20:26:40Z."""
CALM, BUSY, END = BEGIN + 600, BEGIN + 1200, BEGIN + 1800
"""Ten minutes of 10 requests/s, ten of 60, and ten in which nobody is scraped."""
SCALED = changed(
    DEPLOYMENT,
    {
        "spec.autoscaling": {
            "minReplicas": 1,
            "maxReplicas": 9,
            "metrics": [{"name": "load", "type": "RequestRate", "requestRate": {"target": 20}}],
        }
    },
)
ASKED = ("simulate", "autoscaling", "churn", "--capacity", "25", "--window", "30m", "--until", "2026-05-28T20:56:40Z")


def counted(namespace: str, share: float, **labels: str) -> Series:
    """Return what a pod has counted, scraped every 15 s, which has a share of the load."""
    times = range(BEGIN - 60, BUSY + 1, 15)
    samples = tuple((float(t), 1000 + share * (10 * (t - BEGIN) + 50 * max(0, t - CALM))) for t in times)
    return Series({"namespace": namespace, "deployment": "churn", "code": "200"} | labels, samples)


@pytest.fixture
def url(namespace: str, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that knows two pods of the deployment, one of them twice, and one of somebody else."""
    past = [
        counted(namespace, 0.5, pod="a"),
        *(counted(namespace, 0.5, pod="b", replica=scraper) for scraper in ("x", "y")),
        counted(namespace, 9.0, pod="c", deployment="spend"),
        counted("elsewhere", 9.0, pod="d"),
    ]
    with prometheus(tmp_path, past=[("mlwright_requests_total", series) for series in past]) as found:
        yield found


def test_a_policy_is_played_over_what_prometheus_remembers(run: Run, told: Told, url: str) -> None:
    """The requests of this deployment, each once: 600 s of 10/s and of 60/s; what is not known is told."""
    told(SCALED)

    said = run(*ASKED, "--prometheus", url)

    begun, requests = said.out.splitlines()[0].split(", ", 1)
    assert begun == "churn from 2026-05-28T20:26:40Z to 2026-05-28T20:56:40Z"
    assert 41_000 < float(requests.removesuffix(" requests").replace(",", "")) < 43_000
    assert "of 30.8% of the time nothing is known" in said.out
    assert "up to 60 requests/s" in said.out
    assert "1 -> 2: load:" in said.out
    assert "HPA's defaults" in said.out
    assert run(*ASKED, "--prometheus", url, "-o", "json").data["oracle"]["mostPods"] == 3


def test_of_a_past_that_nobody_knows_nothing_is_played(run: Run, told: Told, url: str) -> None:
    """It says where it looked, and what to see to."""
    told(SCALED)

    said = run(*ASKED[:-1], "2026-05-20T00:00:00Z", "--prometheus", url)

    assert said.code == 1
    assert "knows no request to ModelDeployment" in said.err
    assert "does it scrape its pods" in said.err


def test_a_prometheus_that_is_away_is_told(run: Run, told: Told) -> None:
    """With its address, and an exit code of its own."""
    told(SCALED)

    said = run(*ASKED, "--prometheus", "http://127.0.0.1:9")

    assert said.code == 5
    assert "--prometheus: Prometheus at http://127.0.0.1:9 cannot be asked" in said.err


@pytest.mark.parametrize(
    "more, why",
    [
        ((), "one of the arguments --trace --prometheus is required"),
        (("--prometheus", "localhost:9090"), "expected http://HOST:PORT or https://HOST/PATH"),
        (("--prometheus", "http://p", "--window", "2d"), "expected a time of 1m to 336h, such as 24h"),
        (("--prometheus", "http://p", "--until", "2026-05-28T20:56:40"), "expected a time with its zone"),
        (("--prometheus", "http://p", "--trace", "x.csv"), "not allowed with argument"),
    ],
)
def test_what_does_not_name_a_past_is_wrong_usage(
    run: Run, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], why: str
) -> None:
    """Before anybody is asked."""
    with pytest.raises(SystemExit, match="2"):
        run("simulate", "autoscaling", "churn", "--capacity", "25", *more)

    assert why in capsys.readouterr().err
