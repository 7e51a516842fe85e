"""Where things are kept: everything under one cache directory, nothing in the repository."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = REPOSITORY / "cluster"

# Interface names may have 15 characters and cgroup names are file names; short and plain fits both.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


def cache_root() -> Path:
    """The directory of all caches of this project, by the XDG rule."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "mlwright"


def cluster_name() -> str:
    """The name of the cluster to work on, ``MLWRIGHT_CLUSTER`` or ``mlwright``.

    Raises:
        ClusterError: the variable holds something that cannot name a cluster.
    """
    name = os.environ.get("MLWRIGHT_CLUSTER", "mlwright")
    if not _NAME.fullmatch(name):
        raise ClusterError(
            f"MLWRIGHT_CLUSTER is {name!r}, expected up to 20 lower-case letters, digits and dashes "
            "that begin with a letter; choose such a name"
        )
    return name


@dataclass(frozen=True, slots=True)
class State:
    """The directory of one cluster and the names inside it."""

    name: str
    root: Path

    @classmethod
    def of(cls, name: str) -> "State":
        """The state of the cluster called ``name``; nothing is created."""
        return cls(name, cache_root() / "cluster" / name)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def logs(self) -> Path:
        """One log file for each daemon."""
        return self.root / "logs"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.root / "pki"
