"""Questions to Prometheus over HTTP: bounded in time and in size, never believed without a look at the form.

| what happens | what follows |
|---|---|
| nobody answers, in time or at all | MetricsError; the caller holds |
| 401, 403 | MetricsError that names the Secret |
| 4xx | MetricsError with Prometheus' own words |
| a redirect | MetricsError: credentials are not carried elsewhere |
| more than 32 MB, or no JSON of the form that is documented | MetricsError |
| warnings beside the answer, such as a part of a federation that is away | MetricsError: half an answer is none |
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from pydantic_core import from_json

from mlwright.adapters.prometheus.access import Credentials
from mlwright.adapters.prometheus.selector import range_selector
from mlwright.errors import MetricsError
from mlwright.plan.measuring import Selection, Series

TIMEOUT_SECONDS: Final = 10.0
"""Of one question; Prometheus is told a second less, so that it gives up first and says why."""
LARGEST_BYTES: Final = 32_000_000
"""Some 600,000 samples: four hours of twenty pods."""
AT_ONCE: Final = 4
"""Questions under way; more would only wait inside Prometheus, and hold their answers in our memory."""
_PIECE: Final = 65_536


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


class Prometheus:
    """One Prometheus, or what speaks as it does (Thanos, Mimir, VictoriaMetrics)."""

    def __init__(self, url: str, credentials: Credentials, *, seconds: float = TIMEOUT_SECONDS) -> None:
        """Take its address and who we are; needs a running loop."""
        self._url = url.rstrip("/")
        self._credentials = credentials
        self._seconds = seconds
        self._seats = asyncio.Semaphore(AT_ONCE)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=seconds), trust_env=False, auto_decompress=True
        )

    async def samples(self, selection: Selection, now: float) -> tuple[Series, ...]:
        """Return raw samples. See `mlwright.ports.metrics.MetricsStore`."""
        result = await self._ask(range_selector(selection, now), now, "matrix")
        return tuple(_series(entry) for entry in result)

    async def number(self, query: str, now: float) -> float | None:
        """Return one number. See `mlwright.ports.metrics.MetricsStore`."""
        data = await self._at(query, now)
        if data.get("resultType") == "scalar":
            return _value(data.get("result"))[1]
        if data.get("resultType") != "vector":
            raise MetricsError(f"the query returned a {data.get('resultType')}, expected one number: aggregate it")
        result = _list(data.get("result"))
        if len(result) > 1:
            raise MetricsError(
                f"the query returned {len(result)} numbers, expected one: aggregate it, such as by sum()"
            )
        return _value(_mapping(result[0]).get("value"))[1] if result else None

    async def numbers(self, query: str, now: float) -> tuple[tuple[Mapping[str, str], float], ...]:
        """Return several numbers. See `mlwright.ports.metrics.MetricsStore`."""
        found = (_mapping(entry) for entry in await self._ask(query, now, "vector"))
        return tuple((_labels(entry), _value(entry.get("value"))[1]) for entry in found)

    async def ranged(self, query: str, begin: float, end: float, step: int) -> tuple[Series, ...]:
        """Return what a query gave at `begin` and every `step` seconds after it, up to `end`, seconds since 1970.

        A moment at which it gave nothing is left out. Prometheus refuses more than 11,000 moments at once.

        Raises:
            MetricsError: there is no answer, or no whole one.
        """
        asked = {"query": query, "start": f"{begin:.3f}", "end": f"{end:.3f}", "step": str(step)}
        result = self._of_form(await self._data("query_range", asked), "matrix")
        return tuple(_series(entry) for entry in result)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _ask(self, query: str, now: float, form: str) -> list[Any]:
        return self._of_form(await self._at(query, now), form)

    def _of_form(self, data: Mapping[str, Any], form: str) -> list[Any]:
        if data.get("resultType") != form:
            raise MetricsError(f"Prometheus at {self._url} returned a {data.get('resultType')} instead of a {form}")
        return _list(data.get("result"))

    async def _at(self, query: str, now: float) -> Mapping[str, Any]:
        return await self._data("query", {"query": query, "time": f"{now:.3f}"})

    async def _data(self, page: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        async with self._seats:
            answer = await self._send(page, {**asked, "timeout": f"{max(1, self._seconds - 1):g}s"})
        document = self._document(answer)
        if answer.status != 200 or document.get("status") != "success":  # noqa: PLR2004  # the success of HTTP
            words = str(document.get("error", "without a reason"))[:300]
            raise MetricsError(f"Prometheus at {self._url} refused the question ({answer.status}): {words}")
        if warnings := document.get("warnings"):
            raise MetricsError(f"Prometheus at {self._url} answered in part only: {str(warnings)[:300]}")
        return _mapping(document.get("data"))

    async def _send(self, page: str, form: Mapping[str, str]) -> _Answer:
        secure = self._url.startswith("https")
        try:
            async with self._session.post(
                f"{self._url}/api/v1/{page}",
                data=form,
                headers=self._credentials.headers(),
                ssl=self._credentials.trust() if secure else True,
                allow_redirects=False,
            ) as response:
                return _Answer(response.status, await self._body(response))
        except TimeoutError as error:
            raise MetricsError(f"Prometheus at {self._url} did not answer within {self._seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise MetricsError(f"Prometheus at {self._url} cannot be asked: {type(error).__name__} {error}") from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        pieces, size = [], 0
        async for piece in response.content.iter_chunked(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_BYTES:
                raise MetricsError(f"Prometheus at {self._url} answered with more than {LARGEST_BYTES // 1_000_000} MB")
        return b"".join(pieces)

    def _document(self, answer: _Answer) -> Mapping[str, Any]:
        if answer.status in (401, 403):
            raise MetricsError(
                f"Prometheus at {self._url} does not let us ask ({answer.status}): correct {self._credentials.called}"
            )
        if 300 <= answer.status < 400:  # noqa: PLR2004  # the redirects of HTTP
            raise MetricsError(
                f"Prometheus at {self._url} sends us elsewhere ({answer.status}): set prometheus.url to there"
            )
        try:
            return _mapping(from_json(answer.body))
        except ValueError as error:
            if answer.status in (502, 503, 504):
                raise MetricsError(
                    f"Prometheus at {self._url} cannot answer now ({answer.status}): it is starting, or what stands"
                    " before it does not reach it"
                ) from error
            raise MetricsError(
                f"what answers at {self._url} ({answer.status}) is no Prometheus: it sent no JSON"
            ) from error


def _series(entry: object) -> Series:
    body = _mapping(entry)
    return Series(_labels(body), tuple(_value(pair) for pair in _list(body.get("values"))))


def _labels(body: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in _mapping(body.get("metric")).items()}


def _value(pair: object) -> tuple[float, float]:
    """Return (time, value); a value comes as text, NaN and infinities among them."""
    try:
        time, value = _list(pair)
        return float(time), float(value)
    except (TypeError, ValueError) as error:
        raise MetricsError("Prometheus returned a sample that is not a pair of a time and a number") from error


def _mapping(value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise MetricsError("Prometheus returned something else than its documented form")


def _list(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    raise MetricsError("Prometheus returned something else than its documented form")
