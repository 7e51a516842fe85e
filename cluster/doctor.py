"""Says what a machine lacks before it is found out the hard way."""

import shutil
from collections.abc import Callable

from cluster import cgroups, packages, toolchain
from cluster.commands import succeeds
from cluster.errors import ClusterError
from cluster.paths import cache_root
from cluster.progress import say

_FREE_GIB = 12
_GIB = 1 << 30


def report() -> int:
    """Print one line for each requirement; 0 when a cluster can be started here, else 1."""
    if succeeds(["docker", "info"]):
        say("a Docker engine answers: kind is used")
        return 0
    say("no Docker engine answers: our own node is used")
    checks: tuple[tuple[str, Callable[[], None]], ...] = (
        ("root", packages.require_root),
        ("control groups", cgroups.require_writable),
        ("Go", toolchain.require_go),
        ("packages", _packages),
        ("disk", _disk),
    )
    return max(_check(label, check) for label, check in checks)


def _check(label: str, check: Callable[[], None]) -> int:
    try:
        check()
    except ClusterError as error:
        say(f"{label:<16}{error}")
        return 1
    say(f"{label:<16}good")
    return 0


def _packages() -> None:
    lacking = packages.missing_for_node() + packages.missing(packages.FOR_IMAGES)
    if lacking and shutil.which("apt-get") is None:
        raise ClusterError(f"missing, and there is no apt-get to install them: {' '.join(lacking)}")
    if lacking:
        say(f"{'':<16}will be installed by up: {' '.join(lacking)}")


def _disk() -> None:
    home = cache_root()
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free // _GIB
    if free < _FREE_GIB:
        raise ClusterError(f"{home} has {free} GiB free, {_FREE_GIB} are needed (Go build cache, images); make room")
