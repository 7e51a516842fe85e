"""The operator's leader on the real cluster, and its sudden end."""

from __future__ import annotations

from examples.flights import errands
from tests.support.chart import NAMESPACE, RELEASE
from tests.support.live import Live


def kill_the_leader(live: Live) -> None:
    """Let the operator's leader vanish, as when its node is gone. Whoever does so has the cluster for himself."""
    errands.kill_the_leader(live.kubeconfig, NAMESPACE, RELEASE)
