"""The ground of the benchmarks that need the local cluster: the operator runs there, and a namespace of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.paths import State, cluster_name
from tests.support.live import Live, administrator
from tests.support.release import Release, images


def is_up() -> bool:
    """Tell whether the local cluster is up."""
    return State.of(cluster_name()).kubeconfig.exists()


def demand(target: str) -> None:
    """Go on only where the cluster is up.

    Args:
        target: the make target that starts the cluster and measures.

    Raises:
        SystemExit: it is down; says what to do.
    """
    if not is_up():
        raise SystemExit(f"the cluster is not up: run `make {target}`, or `make images` first")


@contextmanager
def ground(namespace: str) -> Iterator[tuple[Live, Release]]:
    """Give an empty namespace that goes with the block, and the installed chart."""
    kubeconfig = State.of(cluster_name()).kubeconfig
    with tempfile.TemporaryDirectory() as folder:
        api = administrator(kubeconfig, Path(folder))
        release = Release(api, images())
        release.ensure()
        live = Live(kubeconfig, namespace, api)
        live.begin()
        try:
            yield live, release
        finally:
            live.end()
