"""Calls over gRPC that mean no good, and servers that are replaced under calls."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc

from mlwright.server.protocol import open_inference_pb2 as messages
from tests.support.bundles import write_sklearn_bundle
from tests.support.serving import Route, ServerProcess

Start = Callable[..., ServerProcess]
Request = messages.ModelInferRequest

METHOD, READY = "/inference.GRPCInferenceService/ModelInfer", "/inference.GRPCInferenceService/ModelReady"
MOST = 4 * 1024 * 1024
LARGE = b"\x0a" + b"\xf8" * (MOST - 200_000)
"""Bytes of a message that is nearly too large, and none of the protocol's."""
FLIGHTS = messages.ModelReadyRequest(name="flights").SerializeToString()
STRANGERS = 60
CLIENTS = 6


def asked(**changes: Any) -> messages.ModelInferRequest:
    """Return a request for two flights; changes are made to its first input, or `raw` contents added."""
    raw = changes.pop("raw", ())
    values: dict[str, tuple[str, str, list[Any]]] = {
        "distance": ("FP64", "fp64_contents", [1400.0, 200.5]),
        "dep_hour": ("INT64", "int64_contents", [7, 21]),
        "weekend": ("BOOL", "bool_contents", [False, True]),
        "carrier": ("BYTES", "bytes_contents", [b"UA", b"ZZ"]),
    }
    request = Request(model_name="flights", raw_input_contents=raw)
    for name, (datatype, field, contents) in values.items():
        tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": [2, 1]}
        if not raw:
            tensor["contents"] = {field: contents}
        request.inputs.add(**(tensor | (changes if name == "distance" else {})))
    return request


@asynccontextmanager
async def calling(port: int) -> AsyncIterator[Callable[..., Any]]:
    """Yield what calls with bytes, on one connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        yield channel.unary_unary(METHOD)


async def code(call: Any) -> str:
    """Return how a call ends."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)
    return "OK"


async def test_a_message_of_a_stranger_is_not_taken_in(start: Start, tmp_path: Path) -> None:
    """The token is looked at before the message is read: what strangers send does not fill the pod's memory."""
    (tmp_path / "token").write_text("right")
    server = start(MLWRIGHT_GRPC_PORT="0", MLWRIGHT_AUTH="Token", MLWRIGHT_AUTH_FILE=str(tmp_path / "token")).ready()
    port = server.wait_for("listening")["grpc_port"]

    async with calling(port) as call:
        known = (("authorization", "Bearer right"),)
        assert await code(call(asked().SerializeToString(), metadata=known)) == "OK"
        before = server.resident_mb()
        ends = Counter(await asyncio.gather(*(code(call(LARGE)) for _ in range(STRANGERS))))

        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as strangers, asyncio.timeout(10):
            silent = [asyncio.create_task(code(strangers.stream_unary(READY)())) for _ in range(STRANGERS)]
            await asyncio.wait(silent, return_when=asyncio.FIRST_COMPLETED)
            after = await code(call(asked().SerializeToString(), metadata=known))
            turned_away = Counter(task.result() for task in silent if task.done())
            for task in silent:
                task.cancel()
            await asyncio.gather(*silent, return_exceptions=True)

    assert after == "OK"
    assert turned_away.keys() == {"RESOURCE_EXHAUSTED"}
    assert ends == {"UNAUTHENTICATED": STRANGERS}
    assert server.resident_mb() - before < STRANGERS * MOST / 1e6 / 4


HOSTILE = {
    "no message of the protocol": b"\xff\xff\xff",
    "values of half precision": asked(datatype="FP16").SerializeToString(),
    "a datatype that is none": asked(datatype="FP65").SerializeToString(),
    "fewer values than the shape": asked(shape=[3, 1]).SerializeToString(),
    "a negative shape": asked(shape=[-2, -1]).SerializeToString(),
    "a shape of more than there are atoms": asked(shape=[2**62, 2**62]).SerializeToString(),
    "an input twice": asked(name="carrier").SerializeToString(),
    "text that is none": asked(
        name="carrier", datatype="BYTES", contents={"bytes_contents": [b"\xff", b"\xfe"]}
    ).SerializeToString(),
    "raw contents for one of four": asked(raw=[b"\0" * 16]).SerializeToString(),
    "raw contents that are too short": asked(raw=[b"\0"] * 4).SerializeToString(),
}


async def test_hostile_messages_are_told_what_is_wrong_and_harm_nobody(start: Start) -> None:
    """Each is the client's own fault; the next call is answered."""
    server = start(MLWRIGHT_GRPC_PORT="0").ready()

    async with calling(server.wait_for("listening")["grpc_port"]) as call:
        ends = {name: await code(call(content)) for name, content in HOSTILE.items()}
        too_large = await code(call(b"\0" * (MOST + 1)))
        after = await code(call(asked().SerializeToString()))

    assert ends == dict.fromkeys(HOSTILE, "INVALID_ARGUMENT")
    assert (too_large, after) == ("RESOURCE_EXHAUSTED", "OK")


async def test_rows_that_this_version_does_not_take_are_told_and_counted(start: Start, store: Path) -> None:
    """The client hears what is wrong, and the count has the status by which a canary is judged."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow, and only this test needs it

    bundle = write_sklearn_bundle(store / "pvc/artifacts/gapless", LogisticRegression())
    server = start(
        MLWRIGHT_GRPC_PORT="0", MLWRIGHT_BUNDLE_URI="pvc://artifacts/gapless", MLWRIGHT_BUNDLE_DIGEST=bundle.digest
    ).ready()
    row = Request(model_name="flights")
    for name, value in {"f0": math.nan, "f1": 1.0, "f2": 1.0, "f3": 1.0}.items():
        row.inputs.add(name=name, datatype="FP64", shape=[1, 1], contents={"fp64_contents": [value]})

    async with calling(server.wait_for("listening")["grpc_port"]) as call:
        end = await code(call(row.SerializeToString()))

    assert end == "INVALID_ARGUMENT"
    assert b'code="422"} 1\n' in server.ask("GET", "/metrics")[1]


async def test_a_call_without_its_message_ends_in_time(start: Start) -> None:
    """One that ends, and one that stays open and says nothing: neither holds anything for longer than a request may."""
    server = start(MLWRIGHT_GRPC_PORT="0", MLWRIGHT_TIMEOUT="1").ready()
    port = server.wait_for("listening")["grpc_port"]

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ended, silent = channel.stream_unary(METHOD)(), channel.stream_unary(METHOD)()
        await ended.done_writing()
        ends = [await code(ended), await code(silent)]

    assert ends == ["INVALID_ARGUMENT", "DEADLINE_EXCEEDED"]


async def test_silent_streams_hold_nobody_up(start: Start) -> None:
    """As many as may send at once say nothing: health is told at once, and one of them gives way to the next call."""
    server = start(MLWRIGHT_GRPC_PORT="0").ready()
    port = server.wait_for("listening")["grpc_port"]

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as strangers, calling(port) as call:
        ends = [asyncio.create_task(code(strangers.stream_unary(METHOD)())) for _ in range(8)]
        await asyncio.sleep(0.3)  # they are there
        health = await code(strangers.unary_unary(READY)(FLIGHTS, timeout=1))
        after = await code(call(asked().SerializeToString(), timeout=10))
        given_up, _ = await asyncio.wait(ends, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)

    assert (health, after) == ("OK", "OK")
    assert [task.result() for task in given_up] == ["RESOURCE_EXHAUSTED"]


@asynccontextmanager
async def service(route: Route) -> AsyncIterator[int]:
    """Yield a port whose new connections lead where the route says, as those to the address of a Service do."""
    pumps: set[asyncio.Task[None]] = set()

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await source.read(65_536):
                    target.write(data)
                    await target.drain()
        finally:
            target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, there = await asyncio.open_connection("127.0.0.1", route.port)
        except OSError:
            writer.close()
            return
        pumps.update(asyncio.create_task(pump(*ends)) for ends in ((reader, there), (back, writer)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        await asyncio.sleep(0.02)  # connections close on both sides


async def test_a_replaced_server_loses_no_call(start: Start) -> None:
    """Kept connections, no retries of the clients, SIGTERM in mid-load: every call is answered, by one or the other."""
    old, new = (start(MLWRIGHT_GRPC_PORT="0", MLWRIGHT_DRAIN="2").ready() for _ in range(2))
    route, ends = Route(old.wait_for("listening")["grpc_port"]), Counter[str]()
    body = asked().SerializeToString()

    async def work(port: int) -> None:
        async with calling(port) as call:
            while not route.over:
                ends[await code(call(body))] += 1

    async with service(route) as port:
        clients = [asyncio.create_task(work(port)) for _ in range(CLIENTS)]
        await asyncio.sleep(0.5)
        old.terminate()
        await asyncio.sleep(0.5)  # endpoints are removed a while after the signal
        route.port = new.wait_for("listening")["grpc_port"]
        exit_code = await asyncio.to_thread(old.ends_with)
        before = ends.total()
        await asyncio.sleep(0.3)
        route.over = True
        await asyncio.gather(*clients)

    assert exit_code == 0
    assert set(ends) == {"OK"}
    assert ends.total() > before + CLIENTS
