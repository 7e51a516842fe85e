"""Addresses of local clusters."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from cluster.errors import ClusterError
from cluster.network import Network, first_free


def test_the_first_cluster_has_the_addresses_that_everybody_knows() -> None:
    """On a host that routes nothing of ours the DNS Service is 10.96.0.10."""
    network = first_free([IPv4Network("192.168.1.0/24")])

    assert (str(network.dns), str(network.pods)) == ("10.96.0.10", "10.244.0.0/24")


def test_a_second_cluster_takes_the_next_addresses() -> None:
    """The routes of a running cluster keep others off its ranges."""
    assert first_free(Network(0).ranges()) == Network(1)


def test_a_route_of_somebody_else_is_respected() -> None:
    """One overlapping range is enough to leave a choice aside."""
    assert first_free([IPv4Network("10.96.0.0/23")]) == Network(2)


def test_no_two_clusters_share_an_address() -> None:
    """All ranges of all choices are disjoint."""
    ranges = [each for index in range(16) for each in Network(index).ranges()]

    assert not [(a, b) for a in ranges for b in ranges if a is not b and a.overlaps(b)]


def test_a_host_that_routes_everything_is_told_what_to_stop() -> None:
    """The error says which ranges are wanted and who may hold them."""
    with pytest.raises(ClusterError, match=r"10\.244\.0\.0/24.*VPN"):
        first_free([IPv4Network("10.0.0.0/8")])
