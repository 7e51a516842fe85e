"""Count stored rows in the bins of a profile as a shard of a batch prediction does, without the answers.

    python -m bench.drift_batch FILE     # prints seconds and megabytes above what the imports need

A process of its own, because the peak of memory is that of a process.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from mlwright.bundle.counting import RowCounter, Tallies
from mlwright.bundle.manifest import Datatype, Signature, Tensor
from mlwright.bundle.profile import Profile
from mlwright.bundle.profiling import profile_numbers
from mlwright.trainer.batch import fit, records
from mlwright.trainer.batch.drift import drift
from mlwright.trainer.batch.rows import Wanted, pieces, shares
from mlwright.trainer.sources import Source, find
from mlwright.trainer.step import DataFormat, Dataset, Split, SplitType

FEATURES: Final = 20
GROUP: Final = 100_000
NAMES: Final = tuple(f"f{place}" for place in range(FEATURES))


def write(path: Path, rows: int) -> None:
    """Write a Parquet file of numbers in row groups of 100,000 rows."""
    chance = np.random.default_rng(1)
    schema = pa.schema([(name, pa.float64()) for name in NAMES])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for _ in range(rows // GROUP):
            columns = [pa.array(chance.normal(size=GROUP)) for _ in NAMES]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=GROUP)


def learned() -> Profile:
    """The profile of what the rows are compared with."""
    chance = np.random.default_rng(2)
    features = [profile_numbers(name, Datatype.FP64, chance.normal(size=20_000)) for name in NAMES]
    return Profile(20_000, tuple(features), ())


def judged(source: Source, profile: Profile) -> dict[str, Any]:
    """Count all rows of a source and judge them."""
    wanted = Wanted(dict.fromkeys(NAMES, Datatype.FP64), (), "bench-v1")
    signature = Signature(tuple(Tensor(name, Datatype.FP64) for name in NAMES), ())
    counter, rows = RowCounter.of(profile), 0
    counts: Tallies | None = None
    for piece in pieces(source, shares(source, 1)[0], wanted):
        counts = records.added(counts, counter.count(fit.arrays(piece, signature, wanted), {}))
        rows += piece.table.num_rows
    return drift(profile, counter.counted(counts or (), rows), "bench-v1")


def _peak() -> float:
    """Most megabytes that this process ever held; the kernel's figure for children begins with their parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def main() -> int:
    """Judge the rows of a file and print what it took."""
    path = Path(sys.argv[1])
    nothing = (None, None, None, None, None)
    dataset = Dataset(f"pvc://data/{path.name}", DataFormat.PARQUET, "", *nothing, Split(SplitType.HASH, 0.0, 0))
    profile, source = learned(), find(dataset, path.parents[2], {})
    before, began = _peak(), time.monotonic()
    found = judged(source, profile)
    told = {"seconds": time.monotonic() - began, "megabytes": _peak() - before, "rows": found["rows"]}
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
