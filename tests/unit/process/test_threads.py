"""How many threads a container's grant is worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlwright.process.threads import granted_cpus, pin_pools, pool_size


def test_reads_the_grant_of_a_new_cgroup(tmp_path: Path) -> None:
    """Version 2 says quota and period in one file."""
    (tmp_path / "cpu.max").write_text("150000 100000\n")

    assert granted_cpus(tmp_path) == 1.5


def test_reads_the_grant_of_an_old_cgroup(tmp_path: Path) -> None:
    """Version 1 says them in two."""
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("400000")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")

    assert granted_cpus(tmp_path) == 4.0


@pytest.mark.parametrize("content", ["max 100000", "-1 100000", "", "what is this"])
def test_without_a_limit_one_cpu_is_assumed(tmp_path: Path, content: str) -> None:
    """A pool as large as the machine would disturb its neighbours."""
    (tmp_path / "cpu.max").write_text(content)

    assert granted_cpus(tmp_path) == 1.0


@pytest.mark.parametrize("cpus, threads", [(0.25, 1), (1.0, 1), (1.9, 1), (2.0, 2), (7.5, 7)])
def test_only_whole_cpus_count(cpus: float, threads: int) -> None:
    """A thread on the last fraction of a CPU would be throttled."""
    assert pool_size(cpus) == threads


def test_pins_every_pool() -> None:
    """No numerical library decides for itself."""
    env: dict[str, str] = {}

    pin_pools(env, 2)

    assert env == {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
