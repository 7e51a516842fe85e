"""Compare stored rows with what was learned by Evidently, in an environment of its own: `bench/evidently.txt`.

    python bench/drift_evidently.py REFERENCE ROWS    # prints seconds and megabytes above what the imports need

Reading both files is part of it, as reading the rows is of ours; making a page is not. The project does not use it.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Final

PANDAS: Final[Any] = import_module("pandas")
REPORT: Final[Any] = import_module("evidently").Report
PRESET: Final[Any] = import_module("evidently.presets").DataDriftPreset
"""None of them is in the project's own environment."""


def _peak() -> float:
    """Most megabytes that this process ever held."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def main() -> int:
    """Compare two files and print what it took."""
    reference, rows = sys.argv[1:]
    before, began = _peak(), time.monotonic()
    now = PANDAS.read_parquet(rows)
    found = REPORT([PRESET()]).run(now, PANDAS.read_parquet(reference)).dict()
    told = {"seconds": time.monotonic() - began, "megabytes": _peak() - before, "rows": len(now)}
    print(json.dumps(told | {"figures": len(found["metrics"])}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
