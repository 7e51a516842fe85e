"""Programs that come from the distribution, and how to get the missing ones."""

import os
import shutil
from pathlib import Path

from cluster import nodeconfig
from cluster.commands import run
from cluster.errors import ClusterError
from cluster.progress import stage

# program -> the Debian package that brings it
FOR_NODE = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
FOR_IMAGES = {"buildah": "buildah", "debootstrap": "debootstrap", "skopeo": "skopeo"}
_PLUGINS = "containernetworking-plugins"
_REMEDY = "start a Docker engine and kind is used instead"


def missing(programs: dict[str, str]) -> list[str]:
    """The packages to install, sorted."""
    return sorted({package for program, package in programs.items() if shutil.which(program) is None})


def missing_for_node() -> list[str]:
    """The packages that the node still needs."""
    found = any((Path(home) / "ptp").exists() for home in nodeconfig.PLUGIN_HOMES)
    return missing(FOR_NODE) + ([] if found else [_PLUGINS])


def require_root() -> None:
    """Check that we may make namespaces and mounts.

    Raises:
        ClusterError: we are not root.
    """
    if os.geteuid() != 0:
        raise ClusterError(f"the local cluster needs root (namespaces, mounts); run it as root, or {_REMEDY}")


def install(packages: list[str]) -> None:
    """Install what is missing with the distribution's package manager.

    Raises:
        ClusterError: this is no Debian or Ubuntu, or the packages cannot be had.
    """
    if not packages:
        return
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise ClusterError(f"these programs are missing and there is no apt-get: {names}; install them, or {_REMEDY}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with stage("system packages installed", hint=names):
        run("updating the package lists", ["apt-get", "update", "-qq"], env=quiet)
        run(
            f"installing {names}",
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
            env=quiet,
        )
