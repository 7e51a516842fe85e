"""JobSet, a controller that is not ours: built from its Go module, installed by its own chart with all its webhooks."""

import json
import tempfile
from pathlib import Path
from typing import Any

from cluster import programimage, toolchain
from cluster.commands import Argv, run
from cluster.progress import say, stage
from cluster.provider import Provider

_IMAGE = "localhost/mlwright/jobset"
_READY_SECONDS = 300  # it makes its certificates itself, and a node may take a minute to show them to the pod


def install(provider: Provider) -> None:
    """Install JobSet unless this version of it is there; returns when its webhooks answer.

    Raises:
        ClusterError: the cluster is not up, it cannot be built, or it did not become ready.
    """
    home = toolchain.jobset()
    values = _values(tag=home.name.removeprefix("jobset-"))
    image = f"{_IMAGE}:{values['image']['tag']}"
    if image not in provider.image_names():
        _load(provider, home / "manager", image)
    helm: Argv = [toolchain.helm(), "--kubeconfig", provider.kubeconfig, "--namespace", "jobset-system"]
    if _is_installed(helm, values):
        say("JobSet is there")
        return
    with stage("JobSet ready", hint="up to a minute"):
        # What an earlier install left half done is in the way: certificates have another owner by then.
        run("removing JobSet", [*helm, "uninstall", "jobset", "--ignore-not-found", "--wait"])
        argv = [*helm, "install", "jobset", home / "chart", "--create-namespace", "--wait", "--values", "-"]
        run("installing JobSet", [*argv, "--timeout", f"{_READY_SECONDS}s"], stdin=json.dumps(values))


def _is_installed(helm: Argv, values: dict[str, Any]) -> bool:
    if "jobset" not in run("listing releases", [*helm, "list", "--deployed", "--short"]).split():
        return False
    told = run("reading a release", [*helm, "get", "values", "jobset", "--output", "json"])
    return bool(json.loads(told) == values)


def _load(provider: Provider, program: Path, image: str) -> None:
    with tempfile.TemporaryDirectory() as folder, stage(f"image {image}"):
        file = Path(folder, "jobset.tar")
        programimage.write(file, program=program, name=image)
        provider.load(file)


def _values(tag: str) -> dict[str, Any]:
    return {
        "image": {"repository": _IMAGE, "tag": tag, "pullPolicy": "IfNotPresent"},
        "controller": {
            "leaderElection": {"enable": False},  # there is one replica, and nobody waits for an old one's Lease
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        },
    }
