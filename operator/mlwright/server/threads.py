"""How many threads the model may use: what the container was granted, never what the machine has.

A pool as large as the machine inside a container of one CPU is throttled and answers several times slower.
"""

from collections.abc import MutableMapping
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")

# Every library that keeps a pool of its own reads one of these, once, when it is first imported.
_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def granted_cpus(cgroup: Path = CGROUP) -> float:
    """CPUs that the cgroup grants (quota over period, version 2 or 1); 1 where there is no limit."""
    for quota, period in (_version_2(cgroup), _version_1(cgroup)):
        if quota > 0 and period > 0:
            return quota / period
    return 1.0


def pool_size(cpus: float) -> int:
    """Threads for a grant: whole CPUs only, since the last fraction would be throttled; at least one."""
    return max(1, int(cpus))


def pin_pools(env: MutableMapping[str, str], threads: int) -> None:
    """Size the pools of numerical libraries; only of use before they are imported."""
    for variable in _POOLS:
        env[variable] = str(threads)


def _version_2(cgroup: Path) -> tuple[int, int]:
    words = _text(cgroup / "cpu.max").split()
    return _pair(words[0], words[1]) if len(words) == 2 else (0, 0)  # noqa: PLR2004 - "QUOTA PERIOD"


def _version_1(cgroup: Path) -> tuple[int, int]:
    return _pair(_text(cgroup / "cpu/cpu.cfs_quota_us"), _text(cgroup / "cpu/cpu.cfs_period_us"))


def _pair(quota: str, period: str) -> tuple[int, int]:
    try:
        return int(quota), int(period)
    except ValueError:  # "max", or nothing at all: no limit
        return 0, 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
