"""A Gateway API implementation that is not ours: Envoy Gateway, from its Go module, beside an Envoy from its wheel."""

import json
import tempfile
from pathlib import Path
from typing import Any

from cluster import images, programimage, toolchain
from cluster.commands import Argv, run
from cluster.progress import say, stage
from cluster.provider import Provider

NAMESPACE = "envoy-gateway-system"
_IMAGE = "localhost/mlwright/envoy-gateway"
_ENVOY = "envoy"  # examples/envoy
_RELEASE = "envoy-gateway"
_READY_SECONDS = 300


def install(provider: Provider) -> None:
    """Install Envoy Gateway with the Standard channel of the Gateway API; returns when its controller is ready.

    Raises:
        ClusterError: the cluster is not up, it cannot be built, or it did not become ready.
    """
    home = toolchain.envoy_gateway()
    values = _values(tag=home.name.removeprefix("envoy-gateway-"))
    image = values["global"]["images"]["envoyGateway"]["image"]
    if image not in provider.image_names():
        _load(provider, home / "envoy-gateway", image)
    images.ensure(provider, [_ENVOY])
    helm: Argv = [toolchain.helm(), "--kubeconfig", provider.kubeconfig, "--namespace", NAMESPACE]
    if _is_installed(helm, values):
        say("Envoy Gateway is there")
        return
    with stage("Envoy Gateway ready", hint="up to a minute"):
        _define(provider, home / "crds")
        # Half done installs are in the way: the Job that makes the certificates runs once for each.
        run("removing Envoy Gateway", [*helm, "uninstall", _RELEASE, "--ignore-not-found", "--wait"])
        argv = [*helm, "install", _RELEASE, home / "chart", "--create-namespace", "--wait", "--values", "-"]
        run("installing Envoy Gateway", [*argv, "--timeout", f"{_READY_SECONDS}s"], stdin=json.dumps(values))


def _define(provider: Provider, definitions: Path) -> None:
    kubectl: Argv = [toolchain.kubectl(), "--kubeconfig", provider.kubeconfig]
    # Too large for the annotation of a plain apply.
    run("defining the Gateway API", [*kubectl, "apply", "--server-side", "--force-conflicts", "-f", definitions])
    established = [*kubectl, "wait", "--for=condition=Established", "--timeout=60s", "-f", definitions]
    run("waiting for the Gateway API", established)


def _is_installed(helm: Argv, values: dict[str, Any]) -> bool:
    if _RELEASE not in run("listing releases", [*helm, "list", "--deployed", "--short"]).split():
        return False
    told = run("reading a release", [*helm, "get", "values", _RELEASE, "--output", "json"])
    return bool(json.loads(told) == values)


def _load(provider: Provider, program: Path, image: str) -> None:
    with tempfile.TemporaryDirectory() as folder, stage(f"image {image}"):
        file = Path(folder, "envoy-gateway.tar")
        programimage.write(file, program=program, name=image)
        provider.load(file)


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
