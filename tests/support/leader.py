"""The operator's leader on the real cluster, and its sudden end."""

from __future__ import annotations

from cluster.kubectl import Namespace
from tests.support.chart import NAMESPACE, RELEASE
from tests.support.live import Live


def kill_the_leader(live: Live) -> None:
    """Let the operator's leader vanish, as when its node is gone. Whoever does so has the cluster for himself."""
    operator = Namespace(live.kubeconfig, NAMESPACE)
    leader = operator.get(f"lease/{RELEASE}", "{.spec.holderIdentity}").partition("_")[0]
    operator.kubectl("delete", "pod", leader, "--grace-period=0", "--force")
