"""HAProxy for tests and benchmarks outside of an image: the one in PATH, else from the distribution."""

import shutil
from pathlib import Path

from cluster import packages
from cluster.errors import ClusterError

_HOMES = "/usr/sbin:/usr/local/sbin"


def haproxy() -> Path:
    """The program; installed with the distribution's package manager where it is missing.

    Raises:
        ClusterError: it cannot be had.
    """
    if _found() is None:
        packages.install(["haproxy"])
    found = _found()
    if found is None:
        raise ClusterError("haproxy is not in PATH after it was installed; install HAProxy 2.6 or newer and try again")
    return found


def _found() -> Path | None:
    found = shutil.which("haproxy") or shutil.which("haproxy", path=_HOMES)
    return Path(found) if found else None
