"""A real server of the S3 protocol, versitygw over a folder; each object is a file."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import toolchain
from tests.support.waiting import stop

ACCESS = "reader"
PASSWORD = "opens-the-lake"  # noqa: S105  # of a server that lives for one test
READY_SECONDS = 20


@dataclass(frozen=True, slots=True)
class S3Server:
    """A server that runs; its buckets are folders."""

    endpoint: str
    folder: Path

    def bucket(self, name: str) -> Path:
        """The folder of a bucket, made when it is not there."""
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return place

    @property
    def keys(self) -> dict[str, str]:
        """The environment of somebody who may read."""
        return {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": PASSWORD}


@contextmanager
def serving(
    folder: Path, tls: tuple[Path, Path] | None = None, host: str = "127.0.0.1", port: int = 0
) -> Iterator[S3Server]:
    """Run a server over `folder`, on a free port unless one is given; with certificate and key it speaks TLS."""
    buckets = folder / "buckets"
    buckets.mkdir(parents=True, exist_ok=True)  # a server may start again
    port = port or free_port(host)
    env = {"PATH": os.environ["PATH"], "ROOT_ACCESS_KEY_ID": ACCESS, "ROOT_SECRET_ACCESS_KEY": PASSWORD}
    secured: list[str | Path] = ["--cert", tls[0], "--key", tls[1]] if tls else []
    command: list[str | Path] = [
        toolchain.versitygw(),
        "--port",
        f"{host}:{port}",
        "--quiet",
        *secured,
        "posix",
        buckets,
    ]
    endpoint = f"{'https' if tls else 'http'}://{host}:{port}"
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as process:
        try:
            _wait(host, port, process)
            yield S3Server(endpoint, buckets)
        finally:
            stop(process, "the S3 server")


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _wait(host: str, port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the S3 server did not start; its log stands beside its buckets")
