"""JobSet, a controller that is not ours: built from its Go module, installed by its own chart with all its webhooks."""

from typing import Any

from cluster import toolchain
from cluster.progress import say, stage
from cluster.provider import Provider
from cluster.release import Release, ensure_image

_IMAGE = "localhost/mlwright/jobset"


def install(provider: Provider) -> None:
    """Install JobSet unless this version of it is there; returns when its webhooks answer.

    Raises:
        ClusterError: the cluster is not up, it cannot be built, or it did not become ready.
    """
    home = toolchain.jobset()
    values = _values(tag=home.name.removeprefix("jobset-"))
    ensure_image(provider, home / "manager", f"{_IMAGE}:{values['image']['tag']}")
    release = Release(provider, "JobSet", "jobset", "jobset-system", home / "chart", values)
    if release.is_installed():
        say("JobSet is there")
        return
    with stage("JobSet ready", hint="up to a minute"):
        release.install()


def _values(tag: str) -> dict[str, Any]:
    return {
        "image": {"repository": _IMAGE, "tag": tag, "pullPolicy": "IfNotPresent"},
        "controller": {
            "leaderElection": {"enable": False},  # there is one replica, and nobody waits for an old one's Lease
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        },
    }
