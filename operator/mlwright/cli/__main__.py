"""`kubectl mlwright COMMAND ...`: reads the command line, asks, prints.

Exit codes: 0 done, 1 not as things stand (or `verify` or `replay` found a difference), 2 wrong usage, 3 not found, 4
refused by the API server, 5 kubectl or the API server cannot be reached.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from mlwright.api.fields import parse_duration
from mlwright.cli import commands, drift, drift_page, proof, replaying, reports, simulation
from mlwright.cli.answers import Answer, CommandError
from mlwright.cli.kubectl import Body, Kubectl
from mlwright.cli.subjects import find
from mlwright.planners.simulating import World

DEPLOYMENT: Final = ("ModelDeployment",)
SERVED_OR_TRAINED: Final = ("ModelDeployment", "TrainingPipeline")
WITH_RUNS: Final = (*SERVED_OR_TRAINED, "TrainingRun")
MINUTE: Final = 60
EVERYTHING: Final = (*WITH_RUNS, "Model")


def main(
    argv: Sequence[str] | None = None,
    *,
    out: TextIO = sys.stdout,
    err: TextIO = sys.stderr,
    program: str = "kubectl",
) -> int:
    """Run one command and return its exit code."""
    told = _parser().parse_args(argv)
    flags = tuple(
        f"--{name}={value}" for name in ("namespace", "context", "kubeconfig") if (value := getattr(told, name))
    )
    try:
        answer = _answer(Kubectl(flags, program), told)
    except CommandError as error:
        err.write(f"kubectl mlwright {told.command}: {error}\n")
        return error.code
    out.write((json.dumps(answer.data, indent=2) if told.output == "json" else answer.text) + "\n")
    return answer.code


def _answer(kubectl: Kubectl, told: argparse.Namespace) -> Answer:
    if told.command == "status" and not told.name:
        return reports.overview(kubectl)
    return _COMMANDS[told.command](kubectl, told)


def _read(report: Callable[[Body, list[Body]], Answer]) -> Callable[[Kubectl, argparse.Namespace], Answer]:
    """Return a command that reads an object and what was decided about it."""

    def answer(kubectl: Kubectl, told: argparse.Namespace) -> Answer:
        body = find(kubectl, told.name, EVERYTHING)
        return report(body, reports.about(body, kubectl.all("Decision")))

    return answer


def _verify(kubectl: Kubectl, told: argparse.Namespace) -> Answer:
    body = find(kubectl, told.name, DEPLOYMENT)
    records = proof.Records(
        deployment=body,
        decisions=reports.about(body, kubectl.all("Decision")),
        versions={version["metadata"]["name"]: version for version in kubectl.all("ModelVersion")},
        revisions=proof.by_revision(kubectl.revisions("ModelDeployment", body["metadata"]["name"])),
    )
    return proof.verify(records)


def _drift(kubectl: Kubectl, told: argparse.Namespace) -> Answer:
    body = find(kubectl, told.name, ("DriftMonitor",))
    records = kubectl.revisions("DriftMonitor", body["metadata"]["name"])
    found = drift.told(body, records, kubectl.all("Decision"))
    if told.report:
        drift_page.write(found, Path(told.report))
    return drift.answer(found)


def _simulate(kubectl: Kubectl, told: argparse.Namespace) -> Answer:
    drafted = told.name.endswith(simulation.MANIFESTS)
    body = kubectl.manifest(told.name) if drafted else find(kubectl, told.name, DEPLOYMENT)
    meta = body["metadata"]
    trace = simulation.read(Path(told.trace)) if told.trace else _past(told, meta["namespace"], meta["name"])
    return simulation.answer(body, trace, World(told.capacity, told.start, told.late))


def _past(told: argparse.Namespace, namespace: str, name: str) -> simulation.Trace:
    from mlwright.cli import past  # noqa: PLC0415  # its HTTP client takes a while to load, and only this asks

    end = float(told.until or int(_now().timestamp()))
    credentials = Path(told.credentials) if told.credentials else None
    return past.read(past.Source(told.prometheus, credentials, end - told.window, end), namespace, name)


def _now() -> datetime:
    return datetime.now(UTC)


_COMMANDS: Final[Mapping[str, Callable[[Kubectl, argparse.Namespace], Answer]]] = {
    "status": lambda k, told: reports.status(find(k, told.name, EVERYTHING)),
    "why": _read(reports.why),
    "history": _read(reports.history),
    "drift": _drift,
    "verify": _verify,
    "approve": lambda k, told: commands.approve(
        k, find(k, told.name, (*SERVED_OR_TRAINED, "ModelVersion")), told.version
    ),
    "promote": lambda k, told: commands.promote(k, find(k, told.name, DEPLOYMENT), told.version),
    "abort": lambda k, told: commands.abort(k, find(k, told.name, WITH_RUNS), told.version),
    "retry": lambda k, told: commands.retry(k, find(k, told.name, WITH_RUNS), _now()),
    "rollback": lambda k, told: commands.rollback(k, find(k, told.name, DEPLOYMENT), told.version),
    "run": lambda k, told: commands.run(k, find(k, told.name, ("TrainingPipeline",)), _now()),
    "simulate": _simulate,
    "replay": lambda _, told: replaying.answer(Path(told.name)),
}
_HELP: Final[Mapping[str, str]] = {
    "status": "how an object is; without a name, how everything in the namespace is",
    "why": "why an object is as it is: conditions, what happened, what was decided",
    "history": "what was decided about an object and what happened to it, the oldest first",
    "drift": "how far what is asked and answered is from what the model learned, window by window",
    "verify": "recompute the records of a deployment; exit code 1 when something differs",
    "approve": "approve a version: of a deployment's rollout, of a pipeline ahead, or mv/NAME itself",
    "promote": "let the version that rolls out take over without the rest of its rollout",
    "abort": "end the rollout of a deployment, or the newest run of a pipeline",
    "retry": "try again what a deployment rejected, or the newest run of a pipeline that failed",
    "rollback": "end the rollout that goes on, else go back to the version that served before",
    "run": "ask a pipeline for a run",
    "simulate": "what the autoscaling of a deployment, or of a manifest of one, would have made of a load",
    "replay": "decide again what an operator saw in the looks that it wrote out; exit code 1 when they end otherwise",
}
_WITH_VERSION: Final = frozenset({"approve", "promote", "abort", "rollback"})


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("-n", "--namespace", help="namespace of the object; that of the context otherwise")
    shared.add_argument("--context", help="context of the kubeconfig")
    shared.add_argument("--kubeconfig", help="kubeconfig file")
    shared.add_argument("-o", "--output", choices=["text", "json"], default="text", help="json for programs")
    parser = argparse.ArgumentParser(
        prog="kubectl mlwright",
        description="Asks and commands the models of a namespace.",
        epilog=(__doc__ or "").partition("\n\n")[2],
    )
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in _COMMANDS:
        own = parsers.add_parser(name, parents=[shared], help=_HELP[name], description=_HELP[name])
        if name == "simulate":
            own.add_argument("what", choices=["autoscaling"], help="what is simulated")
            _simulates(own)
        if name == "drift":
            own.add_argument("--report", metavar="FILE", help="write the distributions side by side, as one HTML page")
        asks = "the file of looks" if name == "replay" else "NAME, or KIND/NAME such as md/flights"
        own.add_argument("name", nargs="?" if name == "status" else None, help=asks)
        if name in _WITH_VERSION:
            own.add_argument(
                "version", nargs="?", type=int, help="number of the version; that which rolls out otherwise"
            )
    return parser


def _simulates(own: argparse.ArgumentParser) -> None:
    load = own.add_mutually_exclusive_group(required=True)
    load.add_argument("--trace", metavar="FILE", help="a CSV file with the columns time and requests (per second)")
    load.add_argument("--prometheus", metavar="URL", type=_address, help="the Prometheus that knows what came")
    own.add_argument(
        "--window",
        metavar="TIME",
        type=_window,
        default=86400,
        help="with --prometheus: how much of the past, such as 24h (24h)",
    )
    own.add_argument("--until", metavar="TIME", type=_moment, help="with --prometheus: where it ends, RFC 3339 (now)")
    own.add_argument(
        "--credentials",
        metavar="FOLDER",
        help="with --prometheus: files token, or username and password; ca.crt, tls.crt, tls.key",
    )
    own.add_argument("--capacity", required=True, type=_positive, help="requests per second that one pod can answer")
    own.add_argument("--start", type=_seconds, default=15, help="seconds until a new pod is ready (15)")
    own.add_argument("--late", type=_seconds, default=1, help="seconds of waiting that make a request late (1)")


def _positive(text: str) -> float:
    with suppress(ValueError):
        if 0 < (number := float(text)) < float("inf"):
            return number
    raise argparse.ArgumentTypeError("expected a number above 0")


def _address(text: str) -> str:
    if text.startswith(("http://", "https://")):
        return text
    raise argparse.ArgumentTypeError("expected http://HOST:PORT or https://HOST/PATH")


def _window(text: str) -> int:
    with suppress(ValueError):
        if MINUTE <= (seconds := int(parse_duration(text).total_seconds())) <= simulation.LONGEST:
            return seconds
    raise argparse.ArgumentTypeError(f"expected a time of 1m to {simulation.LONGEST // 3600}h, such as 24h")


def _moment(text: str) -> float:
    with suppress(ValueError):
        if (moment := datetime.fromisoformat(text)).tzinfo is not None:
            return moment.timestamp()
    raise argparse.ArgumentTypeError("expected a time with its zone, such as 2026-01-05T07:00:00Z")


def _seconds(text: str) -> int:
    with suppress(ValueError):
        if 1 <= (number := int(text)) <= 3600:  # noqa: PLR2004  # an hour
            return number
    raise argparse.ArgumentTypeError("expected whole seconds from 1 to 3600")


if __name__ == "__main__":
    sys.exit(main())
