"""A step of a pipeline in plain Python: reads the data of the pipeline, adds a column, leaves it for `validate`.

It knows mlwright only by the variables of its environment; nothing of mlwright is installed in its image.
"""

import csv
import json
import os
import sys
from pathlib import Path

USER_ERROR = 64


def main() -> int:
    """Write every row with one column more: how often a customer calls, by the time since the contract began."""
    source, target = Path(os.environ["MLWRIGHT_DATASET"]), Path(os.environ["MLWRIGHT_OUTPUT_DATA"])
    if not source.exists():
        Path("/dev/termination-log").write_text(f"{source.name} is not there: correct spec.dataset.uri\n")
        return USER_ERROR
    with source.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        row["calls_per_month"] = f"{float(row['calls'] or 0) / (1 + float(row['months'] or 0)):.6f}"
    with (target / "part-0.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    report = {"sentence": f"added calls_per_month to {len(rows):,} rows", "results": {"featureRows": len(rows)}}
    Path(os.environ["MLWRIGHT_RESULT"]).write_text(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
