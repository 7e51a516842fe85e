"""`make bench-batch`: a batch prediction on one core, as its pod runs it: start, read, answer, count, write.

A logistic regression answers 1e6 rows of 20 numbers in Parquet. The same again with four times the rows shows whether
memory depends on their number.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from bench.figures import Benchmark, Figures
from bench.trained import LOGISTIC_REGRESSION, Trained, train

ROWS: Final = 1_000_000
MORE: Final = 4
FEATURES: Final = 20
PIECE: Final = 250_000
GOALS: Final = {"batch_1e6x20_seconds": 20.0, "batch_growth_mb_per_1e6": 8.0}
REFERENCE: Final = "none: seconds of the whole process on one core, and what it needs more for more rows"


def measure() -> Figures:
    """Return seconds and memory of one shard over all rows."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        trained = train(Path(folder), LOGISTIC_REGRESSION, {}, features=FEATURES)
        (Path(folder) / "pvc/out").mkdir()
        seconds, peak = _run(trained, ROWS)
        _, larger = _run(trained, MORE * ROWS)
    return {
        "batch_1e6x20_seconds": seconds,
        "batch_rows_per_second": ROWS / seconds,
        "batch_1e6x20_peak_mb": peak,
        "batch_4e6x20_peak_mb": larger,
        "batch_growth_mb_per_1e6": (larger - peak) / (MORE - 1),
    }


def _run(trained: Trained, rows: int) -> tuple[float, float]:
    """Answer so many rows and publish the answers; returns seconds of the former and its peak in megabytes."""
    _write(trained.mount_root / "pvc/data/rows.parquet", rows)
    task = _task(trained, f"run-{rows}")
    began = time.monotonic()
    log = _program("predict", trained, task)
    seconds = time.monotonic() - began
    _program("publish", trained, task)
    manifest = json.loads((trained.mount_root / f"pvc/out/answers/run-{rows}/manifest.json").read_bytes())
    if manifest["rows"] != rows:
        raise SystemExit(f"{manifest['rows']} of {rows} rows were answered")
    return seconds, json.loads(log.splitlines()[-1])["peakMegabytes"]


def _write(path: Path, rows: int) -> None:
    chance = np.random.default_rng(1)
    schema = pa.schema([(f"f{place}", pa.float64()) for place in range(FEATURES)])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for _ in range(rows // PIECE):
            columns = [pa.array(chance.normal(size=PIECE)) for _ in range(FEATURES)]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=PIECE)


def _task(trained: Trained, folder: str) -> dict[str, Any]:
    version = {"name": "bench-v1", "model": "bench", "number": 1, "uri": trained.uri, "digest": trained.digest}
    return {
        "schemaVersion": 1,
        "run": {"namespace": "bench", "batch": "bench", "name": folder},
        "version": version,
        "input": {"uri": "pvc://data/rows.parquet"},
        "output": {"uri": "pvc://out/answers", "folder": folder},
        "shards": 1,
    }


def _program(name: str, trained: Trained, task: dict[str, Any]) -> str:
    """Run a program on one core and return its log."""
    environment = os.environ | {
        "MLWRIGHT_MOUNT_ROOT": str(trained.mount_root),
        "MLWRIGHT_BATCH": json.dumps(task),
        "MLWRIGHT_CPU_LIMIT": "1",
        "MLWRIGHT_TERMINATION_LOG": str(trained.mount_root / f"{name}.words"),
    }
    core = str(min(os.sched_getaffinity(0)))
    command = ["taskset", "--cpu-list", core, sys.executable, "-m", "mlwright.trainer", name]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{name} failed: {ended.stderr}")
    return ended.stderr


def main() -> int:
    """Measure and report."""
    return Benchmark("batch", REFERENCE, GOALS).run({"batch": measure}, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
