"""Addresses of one cluster: chosen so that nothing on the host and no other cluster has them."""

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from cluster.commands import run
from cluster.errors import ClusterError

_CHOICES = 16


@dataclass(frozen=True, slots=True)
class Network:
    """The three ranges of a cluster; ``index`` is all that has to be remembered of them."""

    index: int

    @property
    def link(self) -> str:
        """The host's end of the cable to the node."""
        return f"mlw{self.index}"

    @property
    def cable(self) -> IPv4Network:
        """Host and node, nobody else."""
        return IPv4Network(f"10.213.{self.index}.0/30")

    @property
    def host(self) -> IPv4Address:
        """The host as the node sees it."""
        return self.cable[1]

    @property
    def node(self) -> IPv4Address:
        """The node, and so the API server, as the host sees it."""
        return self.cable[2]

    @property
    def pods(self) -> IPv4Network:
        """Addresses of pods."""
        return IPv4Network(f"10.244.{self.index}.0/24")

    @property
    def services(self) -> IPv4Network:
        """Addresses of Services."""
        return IPv4Network(f"10.96.{self.index}.0/24")

    @property
    def api_service(self) -> IPv4Address:
        """The Service ``kubernetes``."""
        return self.services[1]

    @property
    def dns(self) -> IPv4Address:
        """The Service of the cluster's DNS, at the place where everybody expects it."""
        return self.services[10]

    @property
    def url(self) -> str:
        """The API server."""
        return f"https://{self.node}:6443"

    def ranges(self) -> tuple[IPv4Network, ...]:
        """Everything that the host must route to this cluster."""
        return (self.cable, self.pods, self.services)


def first_free(taken: Iterable[IPv4Network]) -> Network:
    """The first network that overlaps nothing that the host already routes.

    Raises:
        ClusterError: all are taken.
    """
    occupied = list(taken)
    for index in range(_CHOICES):
        network = Network(index)
        if not any(mine.overlaps(other) for mine in network.ranges() for other in occupied):
            return network
    raise ClusterError(
        f"none of the {_CHOICES} address ranges from {Network(0).pods} on is free on this host; "
        "stop other local clusters (python3 -m cluster status) or VPNs that route 10.0.0.0/8"
    )


def host_routes() -> list[IPv4Network]:
    """What the host routes at present, default routes left out."""
    routes = json.loads(run("reading the host's routes", ["ip", "-json", "-4", "route", "show"]))
    return [ipaddress.IPv4Network(route["dst"]) for route in routes if route["dst"] != "default"]


def plug_in(network: Network, pid: int) -> None:
    """Lay the cable between the host and the namespace of a process, and route through it.

    Everything disappears with that namespace: deleting one end of a veth pair deletes the other one and its
    routes.
    """
    link, inside = network.link, ["nsenter", "--target", str(pid), "--net", "ip"]
    width = network.cable.prefixlen
    steps = [
        ["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid)],
        ["ip", "address", "add", f"{network.host}/{width}", "dev", link],
        ["ip", "link", "set", link, "up"],
        [*inside, "link", "set", "lo", "up"],
        [*inside, "address", "add", f"{network.node}/{width}", "dev", "eth0"],
        [*inside, "link", "set", "eth0", "up"],
        [*inside, "route", "add", "default", "via", str(network.host)],
        ["ip", "route", "add", str(network.pods), "via", str(network.node)],
        ["ip", "route", "add", str(network.services), "via", str(network.node)],
    ]
    for argv in steps:
        run("connecting the node to the host", argv)
