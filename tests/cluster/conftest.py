"""The local cluster, started when it is not up, and a namespace of its own for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from cluster import images
from cluster.kubectl import Namespace
from cluster.paths import cluster_name
from cluster.provider import Provider, choose

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Provider:
    """The running cluster with the image that the tests' pods use."""
    provider = choose(cluster_name())
    provider.up()
    images.ensure(provider, ["operator"])
    return provider


@pytest.fixture
def space(cluster: Provider) -> Iterator[Namespace]:
    """A new namespace that admits restricted pods only."""
    namespace = Namespace(cluster.kubeconfig, f"smoke-{os.getpid()}-{next(_numbers)}")
    namespace.make()
    yield namespace
    namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")
