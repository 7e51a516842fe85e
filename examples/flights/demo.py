"""`make demo`: the whole loop with real flights on the local cluster, told step by step.

Trains a model of January to March, gates it, serves it and asks it; retrains with better parameters and rolls over
under load; submits a worse one and shows that the gate keeps it out. Then one more version gets growing shares of the
traffic, and three that go wrong under traffic are found and sent back. Last, the season changes, and the loop closes
itself. Ends with a timeline of that, a table and build/demo.json, and leaves the cluster up for playing.

Parts can be played alone: `python -m examples.flights.demo [life] [delivery] [season]`; delivery needs life.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cluster import images, packages, toolchain
from cluster.errors import ClusterError
from cluster.kubectl import KubectlError, Namespace, run
from examples.flights import gradual, seasons
from examples.flights.errands import Porter, load
from examples.flights.gradual import CONNECTIONS, FAULTS, Delivery
from examples.flights.seasons import Seasons
from examples.flights.timeline import Entry, shown

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REPORT = ROOT / "build" / "demo.json"
NAMESPACE = "flights-demo"
PARTS = ("life", "delivery", "season")
CHARTED = ("operator", "prometheus", "router", "server", "trainer")
IMAGES = {name: images.name_of(name, images.content_tag(name)) for name in (*CHARTED, "faulty")}
"""The images of this checkout: named by what they were built from, so a changed operator replaces the old one."""
TRAINER = IMAGES["trainer"]
"""Pods that run errands need Python and nothing else; this image is in the cluster already."""


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
        except Exception as error:  # noqa: BLE001  # whatever it is, the report must say that this stage failed
            sentence, ok = f"FAILED: {str(error) or type(error).__name__}", False
            if not isinstance(error, ClusterError):  # these are told by their words
                traceback.print_exc()
        seconds = time.monotonic() - began
        self.stages.append(Stage(name, round(seconds, 1), ok))
        print(f"   {sentence}   [{seconds:.1f} s]", flush=True)
        return ok


def install(demo: Namespace) -> str:
    """Install the operator with Helm, as a user would."""
    run(
        [
            toolchain.helm(),
            "upgrade",
            "--install",
            "mlwright",
            ROOT / "charts" / "mlwright",
            "--namespace=mlwright-system",
            "--create-namespace",
            *(f"--set=images.{name}={IMAGES[name]}" for name in CHARTED),
            "--set=prometheus.embedded.enabled=true,prometheus.embedded.scrapeInterval=1s",
            "--wait",
            "--timeout=180s",
        ],
        env={"KUBECONFIG": str(demo.kubeconfig)},
    )
    return "the chart is installed: CRDs, RBAC, two replicas of the operator, a small Prometheus"


def load_data(demo: Namespace, porter: Porter) -> str:
    """Make the flights from the locked data package and put them on a claim."""
    flights = ROOT / "build" / "flights.parquet"
    run([sys.executable, HERE / "prepare.py", flights])
    demo.make()
    demo.kubectl("apply", "-f", HERE / "storage.yaml")
    porter.start(TRAINER)
    porter.carry({"flights.parquet": flights.read_bytes()})
    return f"{flights.stat().st_size / 1e6:.1f} MB of flights lie on the claim flights"


def train_first(demo: Namespace) -> str:
    """Apply the pipeline and wait for its first version."""
    demo.kubectl("apply", "-f", HERE / "pipeline.yaml")
    demo.wait_for("trainingpipeline/flights", "Ready", "True", seconds=240)
    return demo.summary("trainingrun/flights-1")


def serve(demo: Namespace) -> str:
    """Apply the deployment and wait until it serves."""
    demo.kubectl("apply", "-f", HERE / "deployment.yaml")
    demo.wait_for("modeldeployment/flights", "Ready", "True", seconds=180)
    return demo.summary("modeldeployment/flights")


def predict(demo: Namespace, prediction: dict[str, Any]) -> str:
    """Ask the served model about one flight with curl."""
    packages.install(packages.missing(packages.FOR_DEMO))
    question = HERE / "question.json"
    with demo.port_forward("service/flights", 80) as url:
        command = ["curl", "-sS", "--fail-with-body", "-d", f"@{question}", f"{url}/v2/models/flights/infer"]
        print("   $ " + " ".join(str(part) for part in command))
        answer = json.loads(run(command))
    prediction.update(answer)
    values = {output["name"]: output["data"] for output in answer["outputs"]}
    return (
        f"late: {values['label'][0]}, probabilities {values['probabilities']}, from version {answer['model_version']}"
    )


def roll_over(demo: Namespace, counted: dict[str, Any]) -> str:
    """Retrain with better parameters while clients keep asking: the better version takes over, no request fails."""
    question = (HERE / "question.json").read_text(encoding="utf-8")
    with load(demo, "flights", question, TRAINER, connections=CONNECTIONS) as clients:
        set_parameters(demo, {"max_iter": 300})
        wait_until_serves(demo, "flights-v2", seconds=300)
        wait_until_gone(demo, "flights-v1", seconds=120)
        time.sleep(3)  # the load goes on a little on the new version alone
    counted.update(clients.counted or {})
    clients.unbroken("1", "2")
    shares = ", ".join(f"{count} by version {version}" for version, count in sorted(counted["versions"].items()))
    total = f"{counted['requests']} requests, 0 failed ({shares}; p99 {counted['p99Ms']} ms)"
    return f"{demo.summary('modeldeployment/flights')}; {total}"


def reject(demo: Namespace) -> str:
    """Submit a worse model: the gate keeps it out, and what serves is not touched."""
    set_parameters(demo, {"max_iter": 20})
    demo.wait_for("trainingpipeline/flights", "LastVersionRejected", "True", seconds=240)
    serving = demo.get("modeldeployment/flights", "{.status.stable.version}")
    if serving != "flights-v2":
        raise KubectlError(f"{serving} serves, expected flights-v2")
    return f"{demo.summary('trainingpipeline/flights')}; {serving} goes on serving"


def deliver(demo: Namespace, delivery: Delivery) -> str:
    """Train one more version; it takes over in steps, each judged by what was counted."""
    set_parameters(demo, {"max_iter": 200})
    return delivery.deliver("flights-v4")


def set_parameters(demo: Namespace, parameters: Mapping[str, Any]) -> None:
    """Change the estimator's parameters: a new run starts by itself."""
    patch = {"spec": {"training": {"estimator": {"parameters": parameters}}}}
    demo.kubectl("patch", "trainingpipeline", "flights", "--type=merge", f"--patch={json.dumps(patch)}")


def wait_until_serves(demo: Namespace, version: str, *, seconds: float) -> None:
    """Wait until a version is the stable one."""
    what = "modeldeployment/flights"
    demo.wait_until(
        f"{version} serves",
        lambda: demo.get(what, "{.status.stable.version}") == version,
        seconds,
        lambda: demo.summary(what),
    )


def wait_until_gone(demo: Namespace, version: str, *, seconds: float) -> None:
    """Wait until no pod of a version is left."""
    select = f"--selector=mlwright.dev/version={version},mlwright.dev/deployment"
    demo.wait_until(
        f"the pods of {version} are gone",
        lambda: not demo.kubectl("get", "pods", select, "--output=name").strip(),
        seconds,
    )


def farewell(demo: Namespace) -> str:
    """Return what to try next."""
    kubectl = f"KUBECONFIG={demo.kubeconfig} {toolchain.kubectl()} -n {demo.name}"
    return f"The cluster stays up: {kubectl} get mlwright\n`make cluster-down` removes everything."


def shortened(parts: Sequence[str]) -> str:
    """Return what the demo sets otherwise than its reader should."""
    told = {"delivery": gradual.SHORTENED, "season": seasons.SHORTENED}
    settings = dict.fromkeys(setting for part in parts for setting in told.get(part, ()))
    return "\n".join(("Shortened for the demo:", *(f"  {setting}" for setting in settings))) if settings else ""


def table(stages: list[Stage]) -> str:
    """Return the closing table."""
    width = max(len(stage.name) for stage in stages)
    rows = [f"  {stage.name:<{width}}  {'ok' if stage.ok else 'FAILED':<6}  {stage.seconds:7.1f} s" for stage in stages]
    return "\n".join(rows)


@dataclass(frozen=True, slots=True)
class Told:
    """What the stages leave for the report."""

    prediction: dict[str, Any] = field(default_factory=dict)
    counted: dict[str, Any] = field(default_factory=dict)


def stages_of(part: str, demo: Namespace, played: Seasons, told: Told) -> list[tuple[str, Callable[[], str]]]:
    """Return the names of the stages of a part, and what each does."""
    if part == "season":
        return seasons.stages(played)
    if part == "life":
        return [
            ("train, gate, version", lambda: train_first(demo)),
            ("serve", lambda: serve(demo)),
            ("predict", lambda: predict(demo, told.prediction)),
            ("replace by a better version under load", lambda: roll_over(demo, told.counted)),
            ("protect from a worse version", lambda: reject(demo)),
        ]
    delivery = Delivery(demo, (HERE / "question.json").read_text(encoding="utf-8"), TRAINER, IMAGES["faulty"])
    return [
        ("divide the traffic", delivery.prepare),
        ("deliver a good version in steps", lambda: deliver(demo, delivery)),
        *((f"send back a version: {fault}", partial(delivery.refuse, number)) for number, fault in FAULTS.items()),
    ]


def write_report(story: Story, parts: Sequence[str], told: Told, happened: Sequence[Entry], *, ok: bool) -> None:
    """Write build/demo.json; `ok` is said of the parts that were played."""
    report = {
        "ok": ok,
        "parts": list(parts),
        "stages": [asdict(stage) for stage in story.stages],
        "prediction": told.prediction,
        "failedRequests": told.counted.get("failed"),
        "load": told.counted,
        "timeline": [asdict(entry) for entry in happened],
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")


def main(wanted: Sequence[str]) -> int:
    """Play the parts, all when none is named; returns the exit code."""
    unknown = set(wanted) - set(PARTS)
    if unknown:
        raise SystemExit(f"there is no part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    parts = [part for part in PARTS if not wanted or part in wanted]
    REPORT.unlink(missing_ok=True)  # an earlier one must not speak for a demo that does not come to its end
    demo, story, told = Namespace.of_this_cluster(NAMESPACE), Story(), Told()
    porter = Porter(demo, "flights")
    played = Seasons(demo, TRAINER, porter)
    stages: list[tuple[str, Callable[[], str]]] = [
        ("install the operator", lambda: install(demo)),
        ("bring the flights", lambda: load_data(demo, porter)),
        *(stage for part in parts for stage in stages_of(part, demo, played, told)),
    ]
    ok = all(story.tell(name, act) for name, act in stages)
    if not ok:
        print(demo.diagnosis(), flush=True)
    happened = played.end() if "season" in parts else ()
    write_report(story, parts, told, happened, ok=ok)
    print(f"\nTimeline of the closed loop:\n{shown(happened)}" if happened else "")
    print(f"\n{table(story.stages)}\n\n{shortened(parts)}\n\nreport: {REPORT.relative_to(ROOT)}")
    if ok:
        print(farewell(demo))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
