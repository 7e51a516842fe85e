"""A cluster that is taken down leaves the machine as it was."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import cgroups, nodeconfig
from cluster.kubectl import Namespace
from cluster.network import Network
from cluster.node import OwnNode
from cluster.paths import State
from cluster.provider import Provider
from tests.support.waiting import eventually

pytestmark = pytest.mark.alone

NAME = f"second-{os.getpid()}"
SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")


def traces(network: Network) -> dict[str, object]:
    """All that a cluster with our name and these addresses has on this machine; other clusters may come and go."""
    ranges = {str(each) for each in network.ranges()}
    return {
        "processes": [pid for pid in Path("/proc").glob("[0-9]*") if NAME in _command_line(pid)],
        "mounts": [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if NAME in line],
        "links": [link["ifname"] for link in _ip("link") if link["ifname"] == network.link],
        "routes": [route["dst"] for route in _ip("route") if route["dst"] in ranges],
        "control groups": cgroups.leftovers(f"mlwright-{NAME}"),
        "files": [path.name for path in State.of(NAME).root.glob("*") if path.name != "var"],
    }


def machine() -> dict[str, object]:
    """What no cluster may ever change: the host's packet rules, named namespaces and kernel settings."""
    return {
        "rules": _said("iptables-save"),
        "namespaces": sorted(path.name for path in Path("/run/netns").glob("*")),
        "settings": [Path("/proc/sys", name).read_text() for name in SETTINGS],
    }


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""  # it ended while we looked


def _ip(what: str) -> list[dict[str, str]]:
    return list(json.loads(_said("ip", "-json", what, "show")))


def _said(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("#"))


@pytest.fixture
def second(cluster: Provider) -> Iterator[OwnNode]:
    """A second cluster of our own beside the first one, down at first and at the end."""
    if not isinstance(cluster, OwnNode):
        pytest.skip("kind removes its clusters itself")
    node = OwnNode(NAME)
    yield node
    node.down()
    node.purge()


def test_a_second_cluster_runs_beside_the_first_and_leaves_nothing_behind(cluster: Provider, second: OwnNode) -> None:
    """Processes, mounts, links, routes, rules, control groups and kernel settings are as before."""
    before = machine()
    second.up()
    network = second.network()
    space = Namespace(second.kubeconfig, "default")
    space.apply(_pause_pod())
    space.wait_for("pod/pause", "Ready", "True", seconds=90)
    assert cluster.is_up()
    assert set(map(bool, traces(network).values())) == {True, False}, "a running cluster has traces"
    assert not traces(network)["mounts"], "its mounts are its own"

    second.down()

    eventually(lambda: None if any(traces(network).values()) else True, "all traces have gone")
    assert machine() == before
    assert cluster.is_up()


def test_a_killed_node_is_cleared_away_by_the_next_start(second: OwnNode) -> None:
    """When process 1 dies everything of the node dies, and the name can be used again at once."""
    second.up()
    os.kill(second.require_pid(), 9)
    eventually(lambda: None if second.is_up() else True, "the node has ended")

    second.up()

    assert second.is_up()


def _pause_pod() -> dict[str, object]:
    container = {"name": "main", "image": nodeconfig.PAUSE_IMAGE, "imagePullPolicy": "Never"}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pause"}, "spec": spec}
