"""A real Prometheus is asked: what it holds becomes looks, and what it cannot or should not say becomes a sentence."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from mlwright.adapters.prometheus.access import Credentials
from mlwright.adapters.prometheus.client import Prometheus
from mlwright.api.analysis import Check
from mlwright.errors import MetricsError
from mlwright.plan.analysis import Counted, Failed, Reading
from mlwright.plan.measuring import Measure, Phase, Selection, Series, Side, Watched
from mlwright.planners.counting import count
from mlwright.planners.load_questions import REQUESTS as RATE
from mlwright.planners.selections import REQUESTS, selections
from tests.support.keys import certificate
from tests.support.prometheus import prometheus
from tests.support.waiting import soon
from tests.support.webserver import WebServer, serving

T0 = 1_780_000_000.0
NOW = T0 + 600
ERRORS = Check.model_validate({"name": "errors", "type": "ErrorRate"})
MEASURE = Measure(
    "shop",
    "churn",
    candidate=Side("new", (Watched("n1", T0 - 900),)),
    stable=Side("old", (Watched("o1", T0 - 900),)),
    phases=(Phase(0, T0),),
    checks=(ERRORS,),
    warmup=timedelta(0),
)
ODD = 'a "b" \\ {c}, 1|2'


def grown(per_scrape: float, **labels: str) -> Series:
    """A counter that grows evenly, scraped every 15 s."""
    samples = tuple((T0 - 300 + 15 * n, 100 + per_scrape * n) for n in range(61))
    return Series({"namespace": "shop", "deployment": "churn"} | labels, samples)


def reset(series: Series) -> Series:
    """The same, of a process that began anew in the middle."""
    return replace(
        series, samples=tuple((t, v if t < T0 + 300 else (t - T0 - 300) / 15 * 9) for t, v in series.samples)
    )


PAST = [
    reset(grown(9, pod="n1", revision="new", code="200")),
    grown(1, pod="n1", revision="new", code="500"),
    *(grown(90, pod="o1", revision="old", code="200", replica=name) for name in ("a", "b")),
    grown(500, pod="evil", revision="new", code="500"),
    replace(grown(1, pod="n1", revision="liar", code="200"), samples=((T0, 1.0), (T0 + 15, math.nan))),
    grown(5, pod="n1", revision=ODD, code="200"),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with a past of fifteen minutes."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), past=[(REQUESTS, series) for series in PAST]) as url:
        yield url


@pytest_asyncio.fixture
async def ask() -> AsyncIterator[Callable[..., Prometheus]]:
    """Make clients that are closed at the end."""
    made: list[Prometheus] = []

    def client(url: str, folder: Path | None = None, seconds: float = 5.0) -> Prometheus:
        made.append(Prometheus(url, Credentials(folder), seconds=seconds))
        return made[-1]

    yield client
    for one in made:
        await one.close()


async def reading(client: Prometheus, measure: Measure = MEASURE, now: float = NOW) -> Reading:
    """What a check reads."""
    (selection,) = selections(measure, ERRORS)
    return count(measure, ERRORS, {selection.metric: await client.samples(selection, now)}, now)


async def test_what_prometheus_holds_is_what_is_counted(filled: str, ask: Callable[..., Prometheus]) -> None:
    """A counter that began anew, two servers of a pair and a forged pod: looks are as if none of them were."""
    found = await reading(ask(filled))

    assert isinstance(found, Counted)
    assert not found.trouble
    rows = {(look.counts.candidate, look.counts.candidate_bad, look.counts.stable) for look in found.looks}
    assert rows == {(10.0, 1.0, 90.0), (1.0, 1.0, 90.0)}  # the second at the instant of the restart
    assert len(found.looks) == 39


async def test_a_number_that_is_none_is_not_believed(filled: str, ask: Callable[..., Prometheus]) -> None:
    """NaN among the samples of a pod of ours spoils the reading."""
    lying = replace(MEASURE, candidate=replace(MEASURE.candidate, revision="liar"))

    found = await reading(ask(filled), lying, T0 + 30)

    assert isinstance(found, Failed)
    assert "the value nan for mlwright_requests_total of pod n1" in found.sentence


async def test_values_of_labels_stay_values(filled: str, ask: Callable[..., Prometheus]) -> None:
    """Quotes, backslashes, braces and bars select exactly what they spell, alone and among others."""
    client = ask(filled)
    for values in ((ODD,), (ODD, "x.*")):
        selection = Selection(REQUESTS, {"revision": values}, since=T0 - 300)
        (found,) = await client.samples(selection, NOW)
        assert found.labels["revision"] == ODD


async def test_a_time_before_all_samples_is_no_data(filled: str, ask: Callable[..., Prometheus]) -> None:
    """What was kept too short a time to hold the phase counts nothing."""
    late = replace(MEASURE, phases=(Phase(0, T0 + 90_000),))

    found = await reading(ask(filled), late, T0 + 90_020)

    assert found == Counted()


async def test_a_query_gives_one_number_or_says_why_not(filled: str, ask: Callable[..., Prometheus]) -> None:
    """A scalar and a single value are numbers; nothing is None; several, and nonsense, are told."""
    client = ask(filled)

    assert await client.number("scalar(sum(vector(3)))", NOW) == 3
    assert await client.number(f'sum({REQUESTS}{{pod="o1",replica="a"}})', NOW) == 5500
    assert await client.number("absent_metric", NOW) is None
    with pytest.raises(MetricsError, match=r"returned \d+ numbers, expected one: aggregate it, such as by sum"):
        await client.number(REQUESTS, NOW)
    with pytest.raises(MetricsError, match="returned a matrix, expected one number"):
        await client.number(f"{REQUESTS}[1m]", NOW)
    with pytest.raises(MetricsError, match=r"refused the question \(400\): .*parse error"):
        await client.number("sum(", NOW)


async def test_a_pod_that_is_away_is_not_made_up(tmp_path: Path, ask: Callable[..., Prometheus]) -> None:
    """A live target: its counts are read as they were scraped, and when it is gone its last value is not repeated."""
    with serving() as pod:
        pod.put("/metrics", b'mlwright_requests_total{revision="new",code="200"} 5\n')
        labels = {"namespace": "shop", "deployment": "churn", "pod": "n1"}
        target = {"targets": [pod.url.removeprefix("http://")], "labels": labels}
        with prometheus(tmp_path, targets=[target]) as url:
            client = ask(url)
            selection = Selection(REQUESTS, {"pod": ("n1",)}, since=_clock() - 60)
            await soon(lambda: len(pod.asked) >= 3, "three scrapes")
            before = await client.samples(selection, _clock())
            pod.put("/metrics", b"gone", status=500)
            asked = len(pod.asked)
            await soon(lambda: len(pod.asked) >= asked + 4, "four scrapes that fail")
            after = await client.samples(selection, _clock())

    assert {value for _, value in before[0].samples} == {5.0}
    assert len(after[0].samples) <= len(before[0].samples) + 2


def _clock() -> float:
    return time.time()


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A server that is no Prometheus."""
    with serving() as server:
        yield server


@pytest.mark.parametrize(
    "page, words",
    [
        ({"body": b"<html>", "status": 200}, "is no Prometheus: it sent no JSON"),
        ({"body": b"Service Unavailable", "status": 503}, r"cannot answer now \(503\): it is starting, or what stands"),
        ({"body": b"[]", "status": 200}, "something else than its documented form"),
        ({"body": b"{}", "status": 401}, r"does not let us ask \(401\): correct the Secret of prometheus.secretName"),
        ({"body": b"", "status": 302, "headers": {"Location": "http://localhost:1/"}}, r"sends us elsewhere \(302\)"),
        ({"body": b'{"status":"error","error":"too busy"}', "status": 503}, r"refused the question \(503\): too busy"),
        ({"body": b'{"status":"success","warnings":["a store is away"],"data":{}}'}, "answered in part only"),
        ({"body": b'{"status":"success","data":{"resultType":"vector","result":[]}}'}, "a vector instead of a matrix"),
        (
            {"body": b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}}'},
            "not a pair",
        ),
        ({"body": b"x" * 33_000_000}, "more than 32 MB"),
        ({"body": b"1234567890", "seconds": 1.0}, "did not answer within 1 s"),
    ],
    ids=[
        "html",
        "starting",
        "a list",
        "forbidden",
        "a redirect",
        "busy",
        "a part",
        "another type",
        "half a pair",
        "too much",
        "slow",
    ],
)
async def test_what_is_no_answer_is_a_sentence(
    web: WebServer, ask: Callable[..., Prometheus], page: dict[str, object], words: str
) -> None:
    """Every way of not answering is told apart, and none of them is data."""
    web.put("/api/v1/query", **page)  # type: ignore[arg-type]

    with pytest.raises(MetricsError, match=words):
        await ask(web.url, seconds=1.0).samples(Selection("m", {}, 0.0), 60.0)


async def test_nobody_there_is_a_sentence(ask: Callable[..., Prometheus]) -> None:
    """A wrong address names itself."""
    with pytest.raises(MetricsError, match=r"Prometheus at http://127\.0\.0\.1:1 cannot be asked"):
        await ask("http://127.0.0.1:1").samples(Selection("m", {}, 0.0), 60.0)


@pytest.mark.parametrize(
    "files, header",
    [
        ({"token": "abc\n"}, "Bearer abc"),
        ({"username": "us", "password": "them"}, "Basic dXM6dGhlbQ=="),
        ({}, None),
    ],
)
async def test_who_we_are_is_read_anew_each_time(
    web: WebServer, ask: Callable[..., Prometheus], tmp_path: Path, files: dict[str, str], header: str | None
) -> None:
    """A Secret that changes needs no restart."""
    web.put("/api/v1/query", b'{"status":"success","data":{"resultType":"matrix","result":[]}}')
    client = ask(web.url, tmp_path)
    await client.samples(Selection("m", {}, 0.0), 60.0)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    await client.samples(Selection("m", {}, 0.0), 60.0)

    assert [headers.get("Authorization") for _, headers in web.asked] == [None, header]


async def test_half_a_pair_is_told(web: WebServer, ask: Callable[..., Prometheus], tmp_path: Path) -> None:
    """A name without a password is a mistake in the Secret."""
    (tmp_path / "username").write_text("us")

    with pytest.raises(MetricsError, match="has one of username and password"):
        await ask(web.url, tmp_path).samples(Selection("m", {}, 0.0), 60.0)


async def test_certificates_go_both_ways(ask: Callable[..., Prometheus], tmp_path: Path) -> None:
    """A Prometheus that shows a certificate and asks for one: ca.crt is whom we trust, tls.crt who we are."""
    ours, wrong = tmp_path / "ours", tmp_path / "wrong"
    for folder in (ours, wrong):
        folder.mkdir()
        certificate(folder)
        shutil.copy(folder / "tls.crt", folder / "ca.crt")
    with prometheus(tmp_path, past=[(REQUESTS, PAST[0])], secure=ours) as url:
        assert await ask(url, ours).samples(Selection(REQUESTS, {"pod": ("n1",)}, T0 - 300), NOW)
        with pytest.raises(MetricsError, match="cannot be asked: ClientConnectorCertificateError"):
            await ask(url, wrong).samples(Selection(REQUESTS, {}, T0), NOW)
        (ours / "tls.key").unlink()
        with pytest.raises(MetricsError, match=r"has one of tls\.crt and tls\.key"):
            await ask(url, ours).samples(Selection(REQUESTS, {}, T0), NOW)
        (ours / "tls.crt").rename(ours / "kept.crt")
        with pytest.raises(MetricsError, match="cannot be asked"):
            await ask(url, ours).samples(Selection(REQUESTS, {}, T0), NOW)


async def test_the_load_of_every_pod_is_one_question(filled: str, ask: Callable[..., Prometheus]) -> None:
    """The two servers of a pair count once, and a process that began anew is no load below nothing."""
    numbers = await ask(filled).numbers(RATE.promql, NOW - 60)

    by_pod = {labels["pod"]: value for labels, value in numbers}
    assert by_pod["o1"] == pytest.approx(90 / 15)
    assert by_pod["evil"] == pytest.approx(500 / 15)  # whoever asks knows which pods are theirs
    assert all(labels["namespace"] == "shop" for labels, _ in numbers)
