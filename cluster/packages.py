"""Programs that come from the distribution, and how to get the missing ones."""

import importlib.util
import os
import shutil
from pathlib import Path

from cluster import nodeconfig
from cluster.commands import run
from cluster.errors import ClusterError
from cluster.locks import locked
from cluster.paths import cache_root
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
FOR_DEMO = {"curl": "curl"}
_PLUGINS = "containernetworking-plugins"
_LOCK_SECONDS = 120  # other users of the package manager get this long to finish
_REMEDY = "start a Docker engine and kind is used instead"


def missing(programs: dict[str, str]) -> list[str]:
    """The packages to install, sorted."""
    return sorted({package for program, package in programs.items() if shutil.which(program) is None})


def missing_for_node() -> list[str]:
    """The packages that the node still needs."""
    found = any((Path(home) / "ptp").exists() for home in nodeconfig.PLUGIN_HOMES)
    return missing(FOR_NODE) + ([] if found else [_PLUGINS])


def ensure_venv() -> None:
    """Make sure that this Python can make virtual environments, which Debian packs apart."""
    if importlib.util.find_spec("ensurepip") is None:
        install(["python3-venv"])


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
    require_root()
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "--option", f"DPkg::Lock::Timeout={_LOCK_SECONDS}"]
    lock = locked(cache_root() / ".packages.lock", waiting_for="another run that installs packages")
    with lock, stage("system packages installed", hint=names):
        run("updating the package lists", [*apt, "update"], env=quiet)
        run(f"installing {names}", [*apt, "install", "--yes", "--no-install-recommends", *packages], env=quiet)
