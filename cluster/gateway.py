"""A Gateway API implementation that is not ours: Envoy Gateway, from its Go module, beside an Envoy from its wheel."""

from pathlib import Path
from typing import Any

from cluster import images, toolchain
from cluster.commands import Argv, run
from cluster.progress import say, stage
from cluster.provider import Provider
from cluster.release import Release, ensure_image

NAMESPACE = "envoy-gateway-system"
_IMAGE = "localhost/mlwright/envoy-gateway"
_ENVOY = "envoy"  # examples/envoy


def install(provider: Provider) -> None:
    """Install Envoy Gateway with the Standard channel of the Gateway API; returns when its controller is ready.

    Raises:
        ClusterError: the cluster is not up, it cannot be built, or it did not become ready.
    """
    home = toolchain.envoy_gateway()
    values = _values(tag=home.name.removeprefix("envoy-gateway-"))
    ensure_image(provider, home / "envoy-gateway", values["global"]["images"]["envoyGateway"]["image"])
    images.ensure(provider, [_ENVOY])
    release = Release(provider, "Envoy Gateway", "envoy-gateway", NAMESPACE, home / "chart", values)
    if release.is_installed():
        say("Envoy Gateway is there")
        return
    with stage("Envoy Gateway ready", hint="up to a minute"):
        _define(provider, home / "crds")
        release.install()


def _define(provider: Provider, definitions: Path) -> None:
    kubectl: Argv = [toolchain.kubectl(), "--kubeconfig", provider.kubeconfig]
    # Too large for the annotation of a plain apply.
    run("defining the Gateway API", [*kubectl, "apply", "--server-side", "--force-conflicts", "-f", definitions])
    established = [*kubectl, "wait", "--for=condition=Established", "--timeout=60s", "-f", definitions]
    run("waiting for the Gateway API", established)


def _values(tag: str) -> dict[str, Any]:
    envoy = {"image": images.name_of(_ENVOY, images.content_tag(_ENVOY)), "imagePullPolicy": "IfNotPresent"}
    small = {"resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}}
    proxy = {"envoyDeployment": {"container": envoy | small}, "envoyService": {"type": "ClusterIP"}}
    manager = {"image": f"{_IMAGE}:{tag}"}
    return {
        "global": {"images": {"envoyGateway": {"image": f"{_IMAGE}:{tag}", "pullPolicy": "IfNotPresent"}}},
        "crds": {"enabled": False},
        "topologyInjector": {"enabled": False},  # one more webhook, for zones that there are not
        "deployment": {"envoyGateway": small},
        "config": {
            "envoyGateway": {
                "envoyProxy": {"provider": {"type": "Kubernetes", "kubernetes": proxy}},
                "provider": {"type": "Kubernetes", "kubernetes": {"shutdownManager": manager}},
            }
        },
    }
