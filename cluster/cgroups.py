"""A control group of our own for all pods of a cluster, so that two kubelets do not remove each other's pods."""

import os
from pathlib import Path

from cluster.errors import ClusterError
from cluster.waiting import wait_until

_MOUNT = Path("/sys/fs/cgroup")
_REMOVE_SECONDS = 20.0


def create(name: str) -> None:
    """Make the group in every hierarchy of this machine (v1: one for each controller; v2: one)."""
    if _is_unified():
        _delegate(_MOUNT)
        (_MOUNT / name).mkdir(exist_ok=True)
        _delegate(_MOUNT / name)
        return
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group, and then no process may join
            if (hierarchy / file).exists():
                (group / file).write_text((hierarchy / file).read_text())


def remove(name: str) -> None:
    """Remove the group and all groups in it; the processes in it must have been killed.

    Raises:
        ClusterError: something in it is still alive.
    """
    wait_until("removing control groups", lambda: _try_remove(name), seconds=_REMOVE_SECONDS)


def leftovers(name: str) -> list[Path]:
    """The groups with this name that exist."""
    return [hierarchy / name for hierarchy in _hierarchies() if (hierarchy / name).is_dir()]


def require_writable() -> None:
    """Check that control groups can be made at all.

    Raises:
        ClusterError: they cannot, as in most containers.
    """
    if not all(os.access(hierarchy, os.W_OK) for hierarchy in _hierarchies()):
        raise ClusterError(f"{_MOUNT} is read-only here, so no pod can be started; use a machine or VM of your own")


def _is_unified() -> bool:
    return (_MOUNT / "cgroup.controllers").exists()


def _hierarchies() -> list[Path]:
    if _is_unified():
        return [_MOUNT]
    return [path for path in _MOUNT.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink()]


def _delegate(group: Path) -> None:
    available = (group / "cgroup.controllers").read_text().split()
    wanted = " ".join(f"+{each}" for each in available)
    (group / "cgroup.subtree_control").write_text(wanted)


def _try_remove(name: str) -> bool:
    for top in leftovers(name):
        inner_first = sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True)
        for group in [*inner_first, top]:
            try:
                group.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False  # busy: its last process is still on the way out
    return True
