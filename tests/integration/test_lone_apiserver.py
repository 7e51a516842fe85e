"""The API server that tests start for themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cluster.api import Api, Credentials
from cluster.apiserver import ApiServer
from cluster.errors import ClusterError
from tests.support.waiting import eventually

NAMESPACES = "/api/v1/namespaces"

# Starts a server, says where its files are, and is killed by the test before it can clean up.
_ABANDONED = """
import sys, time
from cluster.apiserver import ApiServer
with ApiServer() as server:
    print(server.directory, flush=True)
    time.sleep(600)
"""


def processes_in(directory: str) -> list[Path]:
    """The processes whose command line names a directory."""
    return [each for each in Path("/proc").glob("[0-9]*") if directory in _command_line(each)]


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""  # it ended while we looked


def test_a_restart_keeps_address_and_data() -> None:
    """Clients find what they wrote where they left it, after an outage that they can see."""
    with ApiServer() as server:
        api = Api(server.url, Credentials.of(server.directory / "pki", "admin"))
        api.apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kept"}})

        server.stop_server()
        down = api.is_ready()
        server.start_server()

        assert not down
        assert api.get(f"{NAMESPACES}/kept")["metadata"]["name"] == "kept"


def test_a_server_goes_with_the_process_that_started_it() -> None:
    """Killing a test run leaves no etcd and no kube-apiserver behind; the next start removes the files."""
    with subprocess.Popen([sys.executable, "-c", _ABANDONED], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        directory = owner.stdout.readline().strip()
        assert processes_in(directory)

        owner.kill()

    eventually(lambda: None if processes_in(directory) else True, "the server has ended")
    with ApiServer():
        assert not Path(directory).exists()


def test_a_server_that_cannot_start_says_why() -> None:
    """The error carries the last words of the program."""
    with pytest.raises(ClusterError, match=r"starting kube-apiserver failed;.*\n.*unknown flag: --no-such-flag"):
        ApiServer(arguments=["--no-such-flag"]).start()
