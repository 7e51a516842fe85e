"""Train on the flights of the demo with 20, 100 and 300 iterations: what it costs and how good the models are.

Run as `python -m bench.flights`; writes `build/bench/flights.json`. Each step is a process of its own on one thread, as
in a pod; seconds are wall-clock, imports included.
"""

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.training import STEPS, Workshop, document

ROOT = Path(__file__).parents[1]
ITERATIONS = (20, 100, 300)


def measure(shop: Workshop, iterations: int) -> dict[str, Any]:
    """Figures of the three steps with so many iterations, by name."""
    wanted = document(
        "pvc://lake/flights.parquet",
        run=f"run-{iterations}",
        dataset={"timeColumn": "scheduled"},
        estimator={"parameters": {"max_iter": iterations}},
    )
    figures: dict[str, Any] = {}
    for step in STEPS:
        ended = shop.spawn(step, wanted, MLWRIGHT_CPU_LIMIT="1")
        if ended.code:
            raise SystemExit(ended.log)
        log = json.loads(ended.log.splitlines()[-1])
        figures |= {f"{step}_{iterations}_{name}": log[name] for name in ("seconds", "cpuSeconds", "peakMegabytes")}
        figures |= {
            f"{metric}_{iterations}": round(value, 4) for metric, value in ended.results.get("metrics", {}).items()
        }
        print(f"  {step:9} {iterations:4} iterations  {log['seconds']:6.2f} s  {log['peakMegabytes']:4} MB")
    print(f"  roc_auc {figures[f'roc_auc_{iterations}']:.4f}")
    return figures


def main() -> None:
    """Measure, print, and write the figures."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        target = shop.lake / "flights.parquet"
        subprocess.run([sys.executable, ROOT / "examples" / "flights" / "prepare.py", target], check=True)
        figures: dict[str, Any] = {"machine": platform.machine()}
        for iterations in ITERATIONS:
            figures |= measure(shop, iterations)
    report = ROOT / "build" / "bench" / "flights.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
