"""The operator as a user installs it: by Helm, from the chart, with the images that the cluster holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cluster.api import Api
from cluster.images import content_tag, known, name_of
from cluster.paths import State, cluster_name
from cluster.provider import choose
from mlwright.adapters.kube.client import item
from mlwright.plan.resources import DEPLOYMENT
from tests.support.apiserver import Json
from tests.support.chart import CHART, NAMESPACE, RELEASE, helm
from tests.support.live import host_of

READY_SECONDS: Final = 120
OUTSIDE: Final = (5077, 5078)
"""Ports; each cluster has a network of its own, so nobody else has them."""
RECEIVER: Final = 5079
"""Port of who is told of drift."""
CHARTED: Final = ("operator", "trainer", "server", "router")
"""Images that the chart names; the others are examples."""


def images() -> dict[str, str]:
    """Return the images of this checkout, by name.

    Raises:
        AssertionError: one of them is not in the cluster.
    """
    wanted = {name: name_of(name, content_tag(name)) for name in known()}
    missing = set(wanted.values()) - choose(cluster_name()).image_names()
    assert not missing, f"the cluster lacks {', '.join(sorted(missing))}: run `make images`"
    return wanted


@dataclass(frozen=True, slots=True)
class Release:
    """The Helm release of a test session."""

    api: Api
    images: dict[str, str]
    values: Json = field(default_factory=dict)
    """What the administrator sets beside the images."""

    def ensure(self) -> None:
        """Bring the release back to what all tests expect; costs nothing when it is so."""
        if not self._stands():
            self.install()

    @property
    def outside(self) -> tuple[str, ...]:
        """What pods may ask on this machine: an address for an MLflow server, and one where nobody listens."""
        return tuple(f"http://{host_of(self.api)}:{port}" for port in OUTSIDE)

    @property
    def receiver(self) -> str:
        """Where somebody on this machine is told of drift."""
        return f"http://{host_of(self.api)}:{RECEIVER}"

    def install(self, **changed: str) -> None:
        """Install or upgrade the release and wait for its pods.

        Args:
            **changed: images that are not those of this checkout.
        """
        kubeconfig = str(State.of(cluster_name()).kubeconfig)
        helm(
            *("upgrade", "--install", RELEASE, str(CHART), "--kubeconfig", kubeconfig),
            *("--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout", f"{READY_SECONDS}s"),
            values={
                "images": {name: self.images[name] for name in (*CHARTED, "prometheus")} | changed,
                "prometheus": {"embedded": {"enabled": True, "scrapeInterval": "1s"}},
                "outside": {"hosts": [*self.outside, self.receiver]},
                **self.values,
            },
        )

    def deployment(self) -> Json | None:
        """Return the Deployment of the operator; None when nothing is installed."""
        found: Json | None = self.api.get(item(DEPLOYMENT, NAMESPACE, RELEASE))
        return found

    def _stands(self) -> bool:
        found = self.deployment()
        if found is None or found["status"].get("readyReplicas") != found["spec"]["replicas"]:
            return False
        (container,) = found["spec"]["template"]["spec"]["containers"]
        told = {variable["name"]: variable.get("value") for variable in container["env"]}
        settings = ("TRAINER", "SERVER", "ROUTER")
        standing = (container["image"], *(told[f"MLWRIGHT_{name}_IMAGE"] for name in settings))
        return standing == tuple(self.images[name] for name in CHARTED)
