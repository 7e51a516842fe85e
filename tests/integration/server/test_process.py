"""The server as a process: what it needs, how it starts, how it ends, what it bears."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlwright.server.connection import MAX_HEAD_BYTES
from tests.support.bundles import write_sklearn_bundle
from tests.support.flights import request
from tests.support.serving import ServerProcess

Start = Callable[..., ServerProcess]
INFER = "/v2/models/flights/infer"


def test_serves_an_onnx_bundle_in_little_memory(start: Start) -> None:
    """A logistic regression is answered, and the process stays far below the smallest pods."""
    server = start().ready()

    status, answer = server.ask("POST", INFER, request(id="a"))

    assert (status, answer["id"]) == (200, "a")
    assert server.resident_mb() < 120


def test_an_onnx_bundle_needs_no_scikit_learn(start: Start) -> None:
    """What the format does not need is never imported."""
    server = start().ready()

    maps = Path(f"/proc/{server.process.pid}/maps").read_text()

    assert "onnxruntime" in maps
    assert "/sklearn/" not in maps
    assert "/scipy/" not in maps


def test_serves_a_scikit_learn_bundle(start: Start, store: Path) -> None:
    """A pipeline that ONNX cannot say is served by scikit-learn, with the trust list of the image."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - slow, and only this test needs it

    bundle = write_sklearn_bundle(store / "pvc/artifacts/hist", HistGradientBoostingClassifier(max_iter=5))
    server = start(MLWRIGHT_BUNDLE_URI="pvc://artifacts/hist", MLWRIGHT_BUNDLE_DIGEST=bundle.digest).ready()
    inputs = [{"name": f"f{n}", "shape": [1, 1], "datatype": "FP64", "data": [0.5]} for n in range(4)]

    status, answer = server.ask("POST", INFER, {"inputs": inputs})

    assert status == 200
    assert sum(answer["outputs"][1]["data"]) == pytest.approx(1.0)
    assert server.ask("GET", "/v2/models/flights")[1]["platform"] == "sklearn_skops"


# Stands for a mistake of ours in what goes on beside the answers, which is made when a file appears.
MISTAKEN = """
import asyncio, os, pathlib, sys
from mlwright.server import shadow
from mlwright.server.__main__ import main

async def fail(self, spare):
    while not pathlib.Path(os.environ["MISTAKE"]).exists():
        await asyncio.sleep(0.01)
    raise LookupError("no such thing")

shadow.Shadow.run = fail
sys.exit(main(os.environ))
"""


def test_a_server_that_no_longer_hears_of_keys_and_copies_ends(start: Start, tmp_path: Path) -> None:
    """It would answer and look well, with old tokens and certificates; it drains as it does when it is told to go."""
    variables = {"MISTAKE": str(tmp_path / "mistake"), "MLWRIGHT_DRAIN_SECONDS": "0.2"}
    server = start([sys.executable, "-c", MISTAKEN], **variables).ready()
    before = server.ask("POST", INFER, request())[0]

    (tmp_path / "mistake").touch()

    assert before == 200
    assert server.ends_with() == 70
    assert server.last_words.read_text() == "the server failed unexpectedly: LookupError: no such thing"
    assert server.logged("draining")


def test_a_start_can_be_watched(start: Start) -> None:
    """Alive while it loads, ready when it has loaded, with the series at zero before."""
    server = start()

    assert server.ask("GET", "/v2/health/live") == (200, {"live": True})
    server.ready()
    assert server.ask("GET", "/v2/health/ready") == (200, {"ready": True})
    assert b'code="500"} 0\n' in server.ask("GET", "/metrics")[1]


def test_starts_again_and_beside_others_without_the_store(start: Start, store: Path, tmp_path: Path) -> None:
    """A new pod finds the bundle in the cache, a container that starts again in its pod."""
    folder = shutil.copytree(store / "pvc/artifacts/flights", store / f"pvc/artifacts/{tmp_path.name}")
    places = {
        "MLWRIGHT_BUNDLE_URI": f"pvc://artifacts/{tmp_path.name}",
        "MLWRIGHT_CACHE_FOLDER": str(tmp_path / "cache"),
        "MLWRIGHT_KEEP_FOLDER": str(tmp_path / "first"),
    }
    start(**places).ready()
    shutil.rmtree(folder)

    again = start(**places).ready()
    beside = start(**{**places, "MLWRIGHT_KEEP_FOLDER": str(tmp_path / "second")}).ready()

    assert again.ask("POST", INFER, request())[0] == beside.ask("POST", INFER, request())[0] == 200


ENDS = {
    "a wrong digest": ({"MLWRIGHT_BUNDLE_DIGEST": "sha256:" + "1" * 64}, 64, "expected was sha256:1111"),
    "no bundle": ({"MLWRIGHT_BUNDLE_URI": "pvc://artifacts/boats"}, 64, "there is no bundle at this address"),
    "a refused scheme": ({"MLWRIGHT_BUNDLE_URI": "gs://a/b"}, 64, "the scheme 'gs' is not read"),
    "a wrong setting": ({"MLWRIGHT_DRAIN": "soon"}, 64, "MLWRIGHT_DRAIN is 'soon': expected a number of seconds"),
}


@pytest.mark.parametrize("variables, code, words", ENDS.values(), ids=ENDS.keys())
def test_ends_with_one_sentence(start: Start, variables: dict[str, str], code: int, words: str) -> None:
    """What cannot be served ends the process with an exit code and a sentence in the pod's status."""
    server = start(**variables)

    assert server.ends_with() == code
    assert words in server.last_words.read_text()


def test_a_taken_port_is_worth_another_start(start: Start) -> None:
    """A port that is taken is nobody's mistake in the bundle."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = start(MLWRIGHT_PORT=str(taken.getsockname()[1]))

        assert server.ends_with() == 70

    assert "Address already in use" in server.last_words.read_text()


def test_a_signal_while_loading_ends_it_at_once(start: Start) -> None:
    """Nobody was sent here yet, so there is nothing to drain."""
    server = start(MLWRIGHT_DRAIN="60")
    server.wait_for("listening")

    server.terminate()

    assert server.ends_with(20) == 0


def test_refuses_a_large_body_without_reading_it(start: Start) -> None:
    """A hundred megabytes are refused by their announced size."""
    server = start().ready()
    before = server.resident_mb()

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" % INFER.encode())
        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert server.resident_mb() - before < 10


def test_headers_without_end_are_cut_off(start: Start) -> None:
    """A client that only sends headers loses its connection before it fills the memory."""
    server = start().ready()

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /v2 HTTP/1.1\r\nX-Long: " + b"x" * (MAX_HEAD_BYTES + 1))

        assert connection.recv(4096) == b""


def test_a_body_that_never_ends_is_given_up(start: Start) -> None:
    """A client that announces a body and does not send it is told so."""
    server = start(MLWRIGHT_TIMEOUT="0.3").ready()

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{" % INFER.encode())
        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_many_hard_requests_leave_no_trace_in_memory(start: Start) -> None:
    """The largest batches, right and wrong, do not make the process grow."""
    server = start().ready()
    rows = 20_000
    large = request(
        *(
            {"name": name, "shape": [rows, 1], "datatype": datatype, "data": [value] * rows}
            for name, datatype, value in (
                ("distance", "FP64", 1.5),
                ("dep_hour", "INT64", 7),
                ("weekend", "BOOL", True),
                ("carrier", "BYTES", "UA"),
            )
        )
    )
    for _ in range(3):
        assert server.ask("POST", INFER, large)[0] == 200
    before = server.resident_mb()

    for _ in range(10):
        assert server.ask("POST", INFER, large)[0] == 200
        assert server.ask("POST", INFER, b"[" * 3_000_000)[0] == 400

    assert server.resident_mb() - before < 20


# A private copy of the mount table in which everything is read-only but /tmp, and user 65532. This user may look into
# every folder, since the interpreter of a development machine may live in a home that is closed to others.
POD = """
mount --make-rprivate / && mount --bind / /mnt && mount -o remount,ro,bind /mnt
mount -t proc proc /mnt/proc && mount --bind /dev /mnt/dev && mount -t tmpfs tmpfs /mnt/tmp
mkdir /mnt/tmp/store && mount -o ro --bind "$STORE" /mnt/tmp/store
mkdir -p "/mnt$ROOT" && mount -o ro --bind "$ROOT" "/mnt$ROOT" # a checkout below /tmp is hidden by then
exec chroot /mnt setpriv --reuid 65532 --regid 65532 --clear-groups \
  --inh-caps=-all,+dac_read_search --ambient-caps=+dac_read_search --bounding-set=-all,+dac_read_search \
  "$PYTHON" -m mlwright.server
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_runs_as_nobody_on_a_read_only_disk(start: Start, store: Path) -> None:
    """User 65532 with nothing to write to but /tmp, as in its pod."""
    server = start(
        command=["unshare", "--mount", "sh", "-ec", POD],
        STORE=str(store),
        ROOT=str(Path(__file__).parents[3]),
        PYTHON=sys.executable,
        HOME="/tmp",  # noqa: S108 - as in the image
        MLWRIGHT_MOUNT_ROOT="/tmp/store",  # noqa: S108 - as above
    ).ready()

    status = Path(f"/proc/{server.process.pid}/status").read_text()

    assert "Uid:\t65532\t65532" in status
    assert server.ask("POST", INFER, request())[0] == 200
