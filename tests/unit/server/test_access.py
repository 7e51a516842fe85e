"""Who is let in, and when that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex

import pytest

from mlwright.server.access import Gate, Scheme
from mlwright.server.application import Application, Limits
from mlwright.server.model import Model
from mlwright.server.problems import RefusedError
from tests.support.exchanges import ask, get, infer
from tests.support.flights import request
from tests.unit.server.conftest import IDENTITY

OLD, NEW = token_hex(16), token_hex(16)


def secret(*tokens: str) -> dict[str, bytes]:
    """What a Secret with these tokens holds."""
    return {"token": "".join(f"{token}\n" for token in tokens).encode(), "other": NEW.encode()}


@pytest.fixture
def gate() -> Gate:
    """A gate that accepts one token."""
    found = Gate(Scheme.TOKEN, "token")
    found.use(secret(OLD))
    return found


@pytest.fixture
def guarded(gate: Gate, model: Model) -> Iterator[Application]:
    """An application that answers known clients only."""
    with ThreadPoolExecutor(1) as workers:
        app = Application(IDENTITY, Limits(1.0, 4096), workers, gate)
        app.model = model
        yield app


def lets_in(gate: Gate, **headers: str) -> bool:
    """Whether a request with these headers is let in."""
    try:
        gate.check({name.replace("_", "-").encode(): value.encode() for name, value in headers.items()})
    except RefusedError as refused:
        return int(refused.status) != 401
    return True


async def test_a_known_client_is_answered(guarded: Application) -> None:
    """The token of the Secret opens the door, however the scheme is written."""
    for scheme in ("Bearer", "bearer"):
        answer = await infer(guarded, request(), headers={"Authorization": f"{scheme} {OLD}"})

        assert answer.status == 200


UNKNOWN = {
    "no token": {},
    "another token": {"Authorization": f"Bearer {NEW}"},
    "the beginning of the token": {"Authorization": f"Bearer {OLD[:-1]}"},
    "an empty token": {"Authorization": "Bearer "},
    "another scheme": {"Authorization": f"Basic {OLD}"},
    "a key": {"X-API-Key": OLD},
}


@pytest.mark.parametrize("headers", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_an_unknown_client_is_turned_away(guarded: Application, headers: dict[str, str]) -> None:
    """Without the token there is no answer, no metadata, and no word about the token."""
    answer = await infer(guarded, request(), headers=headers)

    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "Authorization: Bearer TOKEN" in answer.error
    assert OLD[:8] not in answer.error
    assert (await get(guarded, "/v2/models/flights", headers)).status == 401
    assert (await get(guarded, "/no/such/path", headers)).status == 401


async def test_an_unknown_client_is_turned_away_before_its_body(guarded: Application) -> None:
    """A stranger's body takes no memory."""
    answer = await ask(guarded, "POST", "/predict", chunks=[b"x" * 9000])

    assert answer is not None
    assert answer.status == 401
    assert guarded.admission.held_bytes == guarded.admission.under_way == 0


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/v2/models/flights/ready", "/metrics"])
async def test_the_kubelet_and_prometheus_need_no_token(guarded: Application, path: str) -> None:
    """Whoever asks how the server is has none."""
    assert (await get(guarded, path)).status == 200


async def test_the_description_says_how_to_be_known(guarded: Application) -> None:
    """A client made from it knows where its token goes, and what it is told without one."""
    document = (await get(guarded, "/openapi.json", {"Authorization": f"Bearer {OLD}"})).json
    paths = document["paths"]

    assert document["components"]["securitySchemes"] == {"client": {"type": "http", "scheme": "bearer"}}
    assert document["security"] == [{"client": []}]
    assert "401" in paths["/predict"]["post"]["responses"]
    assert paths["/v2/health/ready"]["get"]["security"] == []


def test_a_key_stands_in_its_own_header() -> None:
    """An API key is sent as many clients and gateways do."""
    gate = Gate(Scheme.API_KEY, "token")
    gate.use(secret(OLD))

    assert lets_in(gate, x_api_key=OLD)
    assert not lets_in(gate, authorization=f"Bearer {OLD}")


def test_both_tokens_count_while_one_is_replaced(gate: Gate) -> None:
    """Clients move to the new one before the old one goes."""
    gate.use(secret(OLD, NEW))
    both = [lets_in(gate, authorization=f"Bearer {token}") for token in (OLD, NEW)]
    gate.use(secret(NEW))

    assert both == [True, True]
    assert [lets_in(gate, authorization=f"Bearer {token}") for token in (OLD, NEW)] == [False, True]


@pytest.mark.parametrize("files", [{}, {"other": b"x"}, {"token": b"\n \n"}], ids=["gone", "another key", "empty"])
def test_a_secret_of_no_use_changes_nothing(gate: Gate, files: dict[str, bytes]) -> None:
    """A Secret deleted by mistake locks nobody out, and lets nobody in."""
    with pytest.raises(ValueError, match="token is not there or holds nothing"):
        gate.use(files)

    assert lets_in(gate, authorization=f"Bearer {OLD}")
    assert not lets_in(gate, authorization="Bearer ")


async def test_refused_clients_are_counted(guarded: Application) -> None:
    """An owner sees how many were turned away."""
    await asyncio.gather(*(infer(guarded, request()) for _ in range(3)))

    assert b'code="401"} 3\n' in guarded.telemetry.exposition()
