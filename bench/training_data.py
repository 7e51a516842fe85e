"""The figures of reading and judging data: programs of their own, as in a pod, with one thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet

ROWS: Final = 1_000_000
NUMBERS, WHOLE = 14, 3  # of 20 columns; the others are a text of few values, an id and the target
ROUNDS: Final = 3
FIRST_ROW: Final = "read the dataset"
"""What the trainer logs when it holds the rows."""


def start_to_first_row(folder: Path) -> dict[str, float]:
    """Return the seconds from the start of the process until the rows of a small table are read; the best of some."""
    _write(folder, 1_000)
    best = min(_first_row(folder, attempt) for attempt in range(ROUNDS))
    return {"start_to_first_row_seconds": best}


def checks(folder: Path) -> dict[str, float]:
    """Return seconds and memory of all kinds of checks, the profile and the report over 1e6 x 20 Parquet.

    `checks_...` is the pass over the data in a process that does nothing else, its start left out of the seconds and
    its whole memory counted. `validate_...` is the whole step, which also holds the rows, splits and writes them.
    """
    _write(folder, ROWS)
    found = [_run(["-m", "bench.training_data", str(folder)], folder) for _ in range(ROUNDS)]
    told = [json.loads(text) for _, text in found]
    began = time.monotonic()
    code, log = _run(["-m", "mlwright.trainer", "validate"], folder, attempt=1)
    last = json.loads(log.splitlines()[-1])
    if code:
        raise RuntimeError(last["sentence"])
    return {
        "checks_1e6x20_seconds": min(figures["seconds"] for figures in told),
        "checks_1e6x20_peak_mb": max(figures["peak_mb"] for figures in told),
        "validate_1e6x20_seconds": time.monotonic() - began,
        "validate_1e6x20_peak_mb": last["peakMegabytes"],
    }


def document(attempt: int) -> dict[str, Any]:
    """Return what the step validate is told: every kind of check."""
    numbers = [{"name": f"x{place}", "type": "Number", "min": -7, "max": 7} for place in range(NUMBERS)]
    texts = [{"name": "plan", "type": "Text", "allowed": ["a", "b", "c", "d"]}, {"name": "id", "unique": True}]
    asked = {"minRows": 1, "maxMissing": 0.1, "maxDuplicateRows": 0, "columns": numbers + texts}
    estimator = {"class": "sklearn.linear_model.LogisticRegression", "parameters": {}}
    return {
        "schemaVersion": 1,
        "run": {"namespace": "bench", "name": "bench-1", "pipeline": "bench", "generation": 1, "attempt": attempt},
        "model": "bench",
        "dataset": {"uri": "pvc://lake/rows.parquet", "target": "late", "idColumn": "id", "checks": asked},
        "training": {"task": "Classification", "type": "Estimator", "seed": 0, "estimator": estimator},
        "evaluation": {"metrics": []},
        "runUri": "pvc://store/runs/bench-1",
    }


def _write(folder: Path, rows: int) -> None:
    chance = np.random.default_rng(0)
    columns: dict[str, Any] = {f"x{place}": chance.normal(size=rows) for place in range(NUMBERS)}
    columns |= {f"k{place}": chance.integers(0, 1000, rows) for place in range(WHOLE)}
    columns |= {
        "plan": chance.choice(["a", "b", "c", "d"], rows),
        "id": np.char.add("id ", np.arange(rows).astype(str)),
    }
    place = folder / "pvc" / "lake"
    place.mkdir(parents=True)
    pyarrow.parquet.write_table(pa.table(columns | {"late": columns["x0"] > 0}), place / "rows.parquet")


def _environment(folder: Path, attempt: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "MLWRIGHT_STEP": json.dumps(document(attempt)),
        "MLWRIGHT_MOUNT_ROOT": str(folder),
        "MLWRIGHT_TERMINATION_LOG": str(folder / "termination-log"),
        **dict.fromkeys(("MLWRIGHT_CPU_LIMIT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    }


def _first_row(folder: Path, attempt: int) -> float:
    began = time.monotonic()
    command = [sys.executable, "-m", "mlwright.trainer", "validate"]
    with subprocess.Popen(command, env=_environment(folder, attempt), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None  # noqa: S101  # it was asked for
        for line in process.stderr:
            if FIRST_ROW in line:
                return time.monotonic() - began
    raise RuntimeError("the step ended before it read a row")


def _run(arguments: list[str], folder: Path, attempt: int = 0) -> tuple[int, str]:
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, env=_environment(folder, attempt), capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout or ended.stderr


def judge_alone(root: Path) -> dict[str, float]:
    """Return seconds and peak memory of the pass over the data in this process."""
    from mlwright.trainer import columns, sources  # noqa: PLC0415  # only the process that is measured pays for these
    from mlwright.trainer.checks.champion import Reference  # noqa: PLC0415
    from mlwright.trainer.checks.judging import Subject, judge  # noqa: PLC0415
    from mlwright.trainer.report.data_report import Facts, data_report  # noqa: PLC0415
    from mlwright.trainer.step_document import read_step  # noqa: PLC0415

    step = read_step("validate", os.environ["MLWRIGHT_STEP"])
    began = time.monotonic()
    source = sources.find(step.dataset, root)
    names = sources.column_names(source)
    checks_ = step.dataset.checks
    assert checks_ is not None  # noqa: S101  # the document above has some
    judged = judge(checks_, Subject(source, names, columns.choose(step.dataset, names), None, None), Reference())
    page = data_report(Facts("bench", source.uri, str(source.format), "Passed"), judged)
    seconds = time.monotonic() - began
    if judged.rows != ROWS or judged.findings or "<svg" not in page:
        raise RuntimeError(f"{judged.rows} rows were judged, {len(judged.findings)} findings")
    return {"seconds": seconds, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """Return the most memory that this program had; getrusage would also know that of the parent before the start."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(judge_alone(Path(sys.argv[1]))))
