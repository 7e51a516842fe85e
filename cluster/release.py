"""Controllers that are not ours: an image of one program, and a release of their own chart."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import programimage, toolchain
from cluster.commands import Argv, run
from cluster.progress import stage
from cluster.provider import Provider

_READY_SECONDS = 300  # they make their certificates themselves, and a node may take a minute to show them to the pod


@dataclass(frozen=True, slots=True)
class Release:
    """A Helm release as it should be in the cluster of a provider."""

    provider: Provider
    title: str
    name: str
    namespace: str
    chart: Path
    values: dict[str, Any]

    def is_installed(self) -> bool:
        """Tell whether it is deployed with these values."""
        if self.name not in run("listing releases", [*self._helm(), "list", "--deployed", "--short"]).split():
            return False
        told = run("reading a release", [*self._helm(), "get", "values", self.name, "--output", "json"])
        return bool(json.loads(told) == self.values)

    def install(self) -> None:
        """Install it anew; returns when its pods are ready.

        What an earlier install left half done is in the way: certificates have another owner by then, and the Jobs that
        make them run once for each install.

        Raises:
            ClusterError: it did not become ready.
        """
        run(f"removing {self.title}", [*self._helm(), "uninstall", self.name, "--ignore-not-found", "--wait"])
        argv = [*self._helm(), "install", self.name, self.chart, "--create-namespace", "--wait", "--values", "-"]
        values = json.dumps(self.values)
        run(f"installing {self.title}", [*argv, "--timeout", f"{_READY_SECONDS}s"], stdin=values)

    def _helm(self) -> Argv:
        return [toolchain.helm(), "--kubeconfig", self.provider.kubeconfig, "--namespace", self.namespace]


def ensure_image(provider: Provider, program: Path, image: str) -> None:
    """Load an image that holds nothing but a program, unless the cluster has it.

    Raises:
        ClusterError: the cluster is not up, or did not take it.
    """
    if image in provider.image_names():
        return
    with tempfile.TemporaryDirectory() as folder, stage(f"image {image}"):
        file = Path(folder, "image.tar")
        programimage.write(file, program=program, name=image)
        provider.load(file)
