"""A server is replaced under load and no request is lost."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection

import pytest

from tests.support.flights import request
from tests.support.serving import Client, Route, ServerProcess, Tally

Start = Callable[..., ServerProcess]

CLIENTS = 12
BODY = json.dumps(request()).encode()


@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["busy connections", "connections that idle between requests"])
async def test_a_replaced_server_loses_no_request(start: Start, pause: float) -> None:
    """Kept connections, no retries, SIGTERM in mid-load, routes that learn late: every request is answered."""
    old, new = start(MLWRIGHT_DRAIN="2.5").ready(), start(MLWRIGHT_DRAIN="2.5").ready()
    old_port, new_port = old.port, new.port
    route, tally = Route(old_port), Tally()
    clients = [asyncio.create_task(Client(route, BODY, tally, pause).run()) for _ in range(CLIENTS)]
    await asyncio.sleep(1.0)

    old.terminate()
    await asyncio.sleep(1.0)  # endpoints are removed a while after the signal
    route.port = new_port
    code = await asyncio.to_thread(old.ends_with)
    await asyncio.sleep(0.5)
    route.over = True
    await asyncio.gather(*clients)

    assert tally.failed == []
    assert code == 0
    assert tally.answered[old_port] > CLIENTS
    assert tally.answered[new_port] > CLIENTS


async def test_drains_again_and_again(start: Start) -> None:
    """Three replacements in a row under one load, as a rollout of three pods makes them."""
    servers = [start(MLWRIGHT_DRAIN="1").ready() for _ in range(2)]
    route, tally = Route(servers[0].port), Tally()
    clients = [asyncio.create_task(Client(route, BODY, tally).run()) for _ in range(CLIENTS)]

    for _ in range(3):
        old = servers.pop(0)
        servers.append(start(MLWRIGHT_DRAIN="1"))
        await asyncio.to_thread(servers[-1].ready)
        route.port = servers[0].port
        old.terminate()
        assert await asyncio.to_thread(old.ends_with) == 0
    route.over = True
    await asyncio.gather(*clients)

    assert tally.failed == []
    assert len(tally.answered) == 4


def test_is_not_ready_from_the_signal_on(start: Start) -> None:
    """Who asks is told at once, new connections are answered until the drain is over."""
    server = start(MLWRIGHT_DRAIN="1.5").ready()
    server.terminate()
    server.wait_for("draining")

    assert server.ask("GET", "/v2/health/ready") == (503, {"ready": False})
    assert server.ask("GET", "/v2/health/live") == (200, {"live": True})
    assert server.ask("POST", "/v2/models/flights/infer", request())[0] == 200
    assert server.ends_with() == 0


def test_an_idle_connection_is_closed_after_its_next_answer(start: Start) -> None:
    """A kept connection is not cut when the drain begins: the next request on it is answered, and is its last."""
    server = start(MLWRIGHT_DRAIN="3").ready()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/v2/health/live")
    assert connection.getresponse().read()
    server.terminate()
    server.wait_for("draining")
    time.sleep(0.5)

    connection.request("POST", "/v2/models/flights/infer", body=BODY)
    response = connection.getresponse()
    connection.close()

    assert response.status == 200
    assert response.headers["connection"] == "close"


def test_a_request_under_way_at_the_end_is_finished(start: Start) -> None:
    """Half a request sent before the end of the drain is answered when its other half arrives."""
    server = start(MLWRIGHT_DRAIN="0.5", MLWRIGHT_TIMEOUT="10").ready()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = b"POST /v2/models/flights/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        connection.sendall(head + BODY[:20])
        server.terminate()
        server.wait_for("draining")
        time.sleep(1.0)
        connection.sendall(BODY[20:])

        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.ends_with() == 0


def test_a_second_signal_ends_the_drain(start: Start) -> None:
    """Who is in a hurry signals twice."""
    server = start(MLWRIGHT_DRAIN="60").ready()
    server.terminate()
    server.wait_for("draining")

    server.terminate()

    assert server.ends_with(10) == 0
