"""Names, credentials and command lines of a local cluster."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from cluster import kubeconfig
from cluster.api import Credentials
from cluster.errors import ClusterError
from cluster.network import Network
from cluster.nodeconfig import Node, daemons
from cluster.paths import State, cache_root, cluster_name
from cluster.waiting import Attempt, wait_until


def test_the_cluster_is_called_mlwright_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLWRIGHT_CLUSTER picks another one."""
    monkeypatch.delenv("MLWRIGHT_CLUSTER", raising=False)
    default = cluster_name()
    monkeypatch.setenv("MLWRIGHT_CLUSTER", "second")

    assert (default, cluster_name()) == ("mlwright", "second")


@pytest.mark.parametrize("name", ["", "../x", "Upper", "a" * 21, "1st", "a/b"])
def test_a_name_that_cannot_be_a_file_name_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The sentence names the variable and the rule."""
    monkeypatch.setenv("MLWRIGHT_CLUSTER", name)

    with pytest.raises(ClusterError, match=r"MLWRIGHT_CLUSTER is .* expected up to 20 lower-case letters"):
        cluster_name()


def test_all_files_are_below_the_cache_directory_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_CACHE_HOME is honoured."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert State.of("x").root == cache_root() / "cluster" / "x" == tmp_path / "mlwright" / "cluster" / "x"


def test_a_kubeconfig_stands_alone_and_is_private(tmp_path: Path) -> None:
    """It holds the credentials themselves and only its owner may read it."""
    files = [tmp_path / name for name in ("ca", "certificate", "key")]
    for file in files:
        file.write_text(f"this is {file.name}")
    target = tmp_path / "kubeconfig"

    kubeconfig.write(target, name="x", url="https://h:1", credentials=Credentials(*files))

    user = json.loads(target.read_text())["users"][0]["user"]
    assert base64.b64decode(user["client-key-data"]) == b"this is key"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_the_kubelet_waits_for_containerd_and_the_api_server(tmp_path: Path) -> None:
    """A kubelet that starts before containerd never becomes ready again."""
    node = Node(State("x", tmp_path), Network(0))

    kubelet = next(daemon for daemon in daemons(node) if daemon.name == "kubelet")

    assert kubelet.after == ["/run/containerd/containerd.sock", node.network.url]


def test_waiting_ends_with_the_reason_when_it_is_hopeless() -> None:
    """A process that has ended is not waited for, and its last words are told."""
    with pytest.raises(ClusterError, match="starting x failed; it said why"):
        wait_until("starting x", lambda: False, seconds=60, explain=lambda: " it said why", hopeless=lambda: True)


def test_waiting_ends_at_its_deadline() -> None:
    """The sentence names what was waited for and how long."""
    with pytest.raises(ClusterError, match=r"starting x took longer than 0\.01 s"):
        wait_until("starting x", lambda: False, seconds=0.01)


def test_what_is_refused_at_first_is_tried_again_and_its_last_refusal_is_told() -> None:
    """A server that just started has no system namespaces for a moment."""
    answers = iter([ConnectionRefusedError("nobody there"), ClusterError("not found"), None])

    def act() -> None:
        if answer := next(answers):
            raise answer

    attempt = Attempt(act)

    assert [attempt.succeeds() for _ in range(3)] == [False, False, True]
    assert attempt.reason() == " the last attempt ended with: not found"
