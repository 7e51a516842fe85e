"""`make demo`: the whole loop with real flights on the local cluster, told step by step.

Trains a model of January to March, gates it, serves it and asks it; retrains with better parameters and rolls over under load; submits a
worse one and shows that the gate keeps it out. Ends with a table and build/demo.json, and leaves the cluster up for playing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cluster import toolchain
from examples.flights import kube
from examples.flights.kube import Demo

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REPORT = ROOT / "build" / "demo.json"
NAMESPACE = "flights-demo"
CONNECTIONS = 8
LOAD_SECONDS = 600
"""The load stops when the rollover is over, and by itself after this."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One finished stage."""

    name: str
    seconds: float
    ok: bool


class Story:
    """Tells what happens, stage by stage, and remembers how long each took."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []

    def tell(self, name: str, act: Callable[[], str]) -> bool:
        """Do one stage; its sentence is printed beside its seconds. A failure is told and ends the story."""
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        try:
            sentence, ok = act(), True
        except (kube.DemoError, subprocess.SubprocessError) as error:
            sentence, ok = f"FAILED: {error}", False
        seconds = time.monotonic() - began
        self.stages.append(Stage(name, round(seconds, 1), ok))
        print(f"   {sentence}   [{seconds:.1f} s]", flush=True)
        return ok


def install(demo: Demo) -> str:
    """Install the operator with Helm, as a user would."""
    kube.run(
        [
            toolchain.helm(),
            "upgrade",
            "--install",
            "mlwright",
            ROOT / "charts" / "mlwright",
            "--namespace=mlwright-system",
            "--create-namespace",
            f"--values={HERE / 'values.yaml'}",
            "--wait",
            "--timeout=180s",
        ],
        env={"KUBECONFIG": str(demo.kubeconfig)},
    )
    return "the chart is installed: CRDs, RBAC, two replicas of the operator"


def load_data(demo: Demo) -> str:
    """Make the flights from the locked data package and put them on a claim."""
    flights = ROOT / "build" / "flights.parquet"
    kube.run([sys.executable, HERE / "prepare.py", flights])
    demo.fresh_namespace()
    demo.kubectl("apply", "-f", HERE / "storage.yaml")
    demo.apply(kube.porter(demo.trainer_image()))
    demo.kubectl("wait", "--for=condition=Ready", "pod/porter", "--timeout=120s")
    with flights.open("rb") as source:
        demo.kubectl("exec", "-i", "porter", "--", "sh", "-c", "cat > /data/flights.parquet", stdin=source)
    demo.kubectl("delete", "pod", "porter", "--wait=false")
    return f"{flights.stat().st_size / 1e6:.1f} MB of flights lie on the claim flights"


def train_first(demo: Demo) -> str:
    """Apply the pipeline and wait for its first version."""
    demo.kubectl("apply", "-f", HERE / "pipeline.yaml")
    demo.wait_for("trainingpipeline/flights", "Ready", "True", seconds=240)
    return demo.summary("trainingrun/flights-1")


def serve(demo: Demo) -> str:
    """Apply the deployment and wait until it serves."""
    demo.kubectl("apply", "-f", HERE / "deployment.yaml")
    demo.wait_for("modeldeployment/flights", "Ready", "True", seconds=180)
    return demo.summary("modeldeployment/flights")


def predict(demo: Demo, prediction: dict[str, Any]) -> str:
    """Ask the served model about one flight with curl."""
    question = HERE / "question.json"
    with demo.port_forward("service/flights", 80) as url:
        command = ["curl", "-sS", "--fail-with-body", "-d", f"@{question}", f"{url}/v2/models/flights/infer"]
        print("   $ " + " ".join(str(part) for part in command))
        answer = json.loads(kube.run(command))
    prediction.update(answer)
    values = {output["name"]: output["data"] for output in answer["outputs"]}
    return f"late: {values['label'][0]}, probabilities {values['probabilities']}, from version {answer['model_version']}"


def roll_over(demo: Demo, load: dict[str, Any]) -> str:
    """Retrain with better parameters while clients keep asking; the better version takes over without a failed request."""
    demo.start_load(HERE / "load.py", HERE / "question.json", CONNECTIONS, LOAD_SECONDS)
    demo.patch_parameters({"max_iter": 300})
    demo.wait_until_serves("flights-v2", seconds=300)
    demo.wait_until_gone("flights-v1", seconds=120)
    time.sleep(3)  # the load goes on a little on the new version alone
    load.update(demo.stop_load())
    if load["failed"]:
        raise kube.DemoError(f"{load['failed']} of {load['requests']} requests failed: {load['failures']}")
    shares = ", ".join(f"{count} by version {version}" for version, count in sorted(load["versions"].items()))
    return f"{demo.summary('modeldeployment/flights')}; {load['requests']} requests, 0 failed ({shares}; p99 {load['p99Ms']} ms)"


def reject(demo: Demo) -> str:
    """Submit a worse model: the gate keeps it out, and what serves is not touched."""
    demo.patch_parameters({"max_iter": 20})
    demo.wait_for("trainingpipeline/flights", "LastVersionRejected", "True", seconds=240)
    serving = demo.get("modeldeployment/flights", "{.status.stable.version}")
    if serving != "flights-v2":
        raise kube.DemoError(f"{serving} serves, expected flights-v2")
    return f"{demo.summary('trainingpipeline/flights')}; {serving} goes on serving"


def table(stages: list[Stage]) -> str:
    """Return the closing table."""
    width = max(len(stage.name) for stage in stages)
    rows = [f"  {stage.name:<{width}}  {'ok' if stage.ok else 'FAILED':<6}  {stage.seconds:7.1f} s" for stage in stages]
    return "\n".join(rows)


def main() -> int:
    """Play all stages; returns the exit code."""
    demo, story = Demo.of_this_cluster(NAMESPACE), Story()
    prediction: dict[str, Any] = {}
    load: dict[str, Any] = {}
    stages: list[tuple[str, Callable[[], str]]] = [
        ("install the operator", lambda: install(demo)),
        ("bring the flights", lambda: load_data(demo)),
        ("train, gate, version", lambda: train_first(demo)),
        ("serve", lambda: serve(demo)),
        ("predict", lambda: predict(demo, prediction)),
        ("replace by a better version under load", lambda: roll_over(demo, load)),
        ("protect from a worse version", lambda: reject(demo)),
    ]
    ok = all(story.tell(name, act) for name, act in stages)
    if not ok:
        print(demo.diagnosis(), flush=True)
    report = {
        "ok": ok,
        "stages": [asdict(stage) for stage in story.stages],
        "prediction": prediction,
        "failedRequests": load.get("failed"),
        "load": load,
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\n{table(story.stages)}\n\nreport: {REPORT.relative_to(ROOT)}")
    if ok:
        print(demo.farewell())
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
