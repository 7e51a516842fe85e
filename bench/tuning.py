"""What a tuning costs beside its trials: the step tune against bare Optuna in pods of the same size, in one run.

Both do 40 trials in two pods on the local cluster, with the same rows, folds, estimator and limits; the bare processes
share nothing, so nobody waits for anybody. Time is from the Job until both of its pods have ended.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from bench.figures import Figures
from bench.on_cluster import ground
from mlwright.builders.pods import Mount, pod_spec
from mlwright.constants import STEP_CONTAINER
from tests.support.live import Live
from tests.support.manifests import claim, config_map, pipeline

TRIALS: Final = 40
PODS: Final = 2
ROWS: Final = 4_000
COLUMNS: Final = 10
ITERATIONS: Final = 150
"""Trees of a trial's models: a trial takes a second or two of a core."""
ORDER: Final = ("ours", "bare", "bare", "ours")
"""Alternating, so that what slows the machine down for a while slows both."""
RESOURCES: Final = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "700m", "memory": "2Gi"}}
"""Of each pod. Two of them leave something of two cores for the cluster itself."""
ESTIMATOR: Final = "sklearn.ensemble.HistGradientBoostingClassifier"
PATIENCE: Final = 900.0
SCRIPT: Final = Path(__file__).with_name("bare_tuning.py")


def measure() -> Figures:
    """Return how much of the speed of bare Optuna a tuning has, and the seconds of both."""
    with ground("bench-tuning") as (live, release):
        return _measured(live, release.images["trainer"])


def _measured(live: Live, image: str) -> Figures:
    rows = config_map("rows", {"rows.parquet": _rows()})
    live.api.apply(f"/api/v1/namespaces/{live.name}/configmaps", rows)  # kubectl would write all of it twice
    live.apply(config_map("bare", {SCRIPT.name: SCRIPT.read_bytes()}), claim("store"))
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    for number, side in enumerate(ORDER):
        took = _ours(live, f"ours-{number}") if side == "ours" else _bare(live, f"bare-{number}", image)
        print(f"  {side}: {TRIALS} trials in {took:.1f} s")
        seconds[side].append(took)
    ours, bare = sum(seconds["ours"]), sum(seconds["bare"])
    return {
        "tuning_efficiency": bare / ours,
        "tuning_seconds": ours / len(seconds["ours"]),
        "tuning_bare_seconds": bare / len(seconds["bare"]),
    }


def _rows() -> bytes:
    chance = np.random.default_rng(0)
    columns = {f"x{place}": chance.normal(size=ROWS).astype("float32") for place in range(COLUMNS)}
    late = columns["x0"] + columns["x1"] * columns["x2"] + chance.normal(size=ROWS) > 0
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({**columns, "late": late}), file)
    return file.getvalue()


def _ours(live: Live, name: str) -> float:
    """Return the seconds of the step tune; the run is over when this is."""
    live.apply(_pipeline(name))
    job = f"{name}-1-tune-0"
    live.until(f"Job {job} is there", lambda: live.read("Job", job), PATIENCE)
    took = _seconds(live, job)
    live.reaches("TrainingRun", f"{name}-1", "Complete", seconds=PATIENCE)
    found = live.status("TrainingRun", f"{name}-1")["tuning"]
    if found["finished"] != TRIALS:
        raise RuntimeError(f"{found['finished']} of {TRIALS} trials were finished")
    return took


def _pipeline(name: str) -> dict[str, Any]:
    space = [
        {"name": "learning_rate", "type": "Float", "float": {"low": 0.02, "high": 0.3, "log": True}},
        {"name": "l2_regularization", "type": "Float", "float": {"low": 0, "high": 1}},
    ]
    tuning = {
        "trials": TRIALS,
        "parallelism": PODS,
        "objectives": [{"name": "good", "metric": "roc_auc"}],
        "space": space,
    }
    features = [f"x{place}" for place in range(COLUMNS)]
    return pipeline(
        name,
        "configmap://rows/rows.parquet",
        ESTIMATOR,
        parameters={"max_iter": ITERATIONS, "early_stopping": False},
        dataset={"target": "late", "features": features},
        training={"tuning": tuning, "seed": 7},
        artifacts={"uri": "pvc://store/models"},
        pod={"resources": RESOURCES},
    )


def _bare(live: Live, name: str, image: str) -> float:
    """Return the seconds of two pods that share nothing."""
    live.apply(_job(name, image))
    return _seconds(live, name)


def _job(name: str, image: str) -> dict[str, Any]:
    mounts = [Mount.of(f"configmap://{of}", field="bench", read_only=True) for of in ("rows/x", "bare/x")]
    container = {
        "name": STEP_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", f"/mlwright/configmap/bare/{SCRIPT.name}", "/mlwright/configmap/rows/rows.parquet"],
        "args": [str(TRIALS // PODS), str(ITERATIONS)],
        "env": [],
        "resources": RESOURCES,
    }
    spec = {"restartPolicy": "Never", **pod_spec(container, {"resources": RESOURCES}, mounts)}
    size = {"completionMode": "Indexed", "completions": PODS, "parallelism": PODS, "backoffLimit": 0}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {**size, "template": {"spec": spec}},
    }


def _seconds(live: Live, job: str) -> float:
    """Return the seconds from now, when the Job has just been made, until all of its pods have ended."""
    began = time.monotonic()

    def ended() -> bool:
        conditions = (live.there("Job", job).get("status") or {}).get("conditions") or ()
        if any((c["type"], c["status"]) == ("Failed", "True") for c in conditions):
            raise RuntimeError(f"Job {job} failed: kubectl logs -n {live.name} job/{job}")
        return any((c["type"], c["status"]) == ("Complete", "True") for c in conditions)

    live.until(f"Job {job} is over", ended, PATIENCE)
    return time.monotonic() - began
