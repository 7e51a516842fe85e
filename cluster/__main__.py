"""``python3 -m cluster COMMAND``."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from cluster import doctor, gateway, images, jobset, toolchain
from cluster.apiserver import ApiServer
from cluster.buildah import Buildah
from cluster.errors import ClusterError
from cluster.paths import REPOSITORY, cache_root, cluster_name
from cluster.progress import say, stage
from cluster.provider import choose

_FAILED = 1


def main() -> int:
    """Run one command; returns the exit code."""
    arguments = _parser().parse_args()
    command: Callable[[argparse.Namespace], int | None] = arguments.run
    try:
        return command(arguments) or 0
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _up(_: argparse.Namespace) -> None:
    provider = choose(cluster_name())
    provider.up()
    toolchain.kubectl()
    toolchain.helm()
    say(f"kubeconfig  {provider.kubeconfig}")


def _down(_: argparse.Namespace) -> None:
    choose(cluster_name()).down()


def _purge(_: argparse.Namespace) -> None:
    provider = choose(cluster_name())
    provider.down()
    with stage("its images removed"):
        provider.purge()


def _prune(_: argparse.Namespace) -> None:
    with stage("built images removed"):
        Buildah().clear(images.known())


def _status(_: argparse.Namespace) -> int:
    provider = choose(cluster_name())
    print(provider.describe())
    return 0 if provider.is_up() else _FAILED


def _kubeconfig(_: argparse.Namespace) -> int:
    provider = choose(cluster_name())
    print(provider.kubeconfig)
    return 0 if provider.is_up() else _FAILED


def _images(arguments: argparse.Namespace) -> None:
    images.ensure(choose(cluster_name()), arguments.names)


def _load(arguments: argparse.Namespace) -> None:
    with stage(f"{arguments.archive.name} loaded"):
        names = choose(cluster_name()).load(arguments.archive)
    for name in names:
        say(name)


def _jobset(_: argparse.Namespace) -> None:
    jobset.install(choose(cluster_name()))


def _gateway(_: argparse.Namespace) -> None:
    gateway.install(choose(cluster_name()))


def _apiserver(arguments: argparse.Namespace) -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with ApiServer(controllers=arguments.controllers) as server:
        say(f"{server.url} is ready; end it by Ctrl-C")
        say(f"kubeconfig  {server.kubeconfig}")
        ended.wait()


def _doctor(_: argparse.Namespace) -> int:
    return doctor.report()


def _tool(arguments: argparse.Namespace) -> None:
    path = toolchain.kubectl() if arguments.command == "kubectl" else toolchain.helm()
    kubeconfig = str(choose(cluster_name()).kubeconfig)
    os.execve(path, [str(path), *arguments.rest], {**os.environ, "KUBECONFIG": kubeconfig})  # noqa: S606 - the tool takes our place


def _tools(_: argparse.Namespace) -> None:
    for tool in (toolchain.kube, toolchain.kubectl, toolchain.helm, toolchain.versitygw, toolchain.gateway_api):
        tool()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m cluster",
        description="A local Kubernetes for this project. MLWRIGHT_CLUSTER names it; the default is mlwright.",
        epilog=f"Caches and state are in {cache_root()}; the guide is {REPOSITORY}/docs/local-cluster.md.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int | None], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("up", _up, "start the cluster; nothing happens when it runs")
    add("down", _down, "stop the cluster and remove it; images stay for the next start")
    add("purge", _purge, "stop the cluster and remove the images in it as well")
    add("prune", _prune, "remove the built images and the build cache that all clusters share")
    add("status", _status, "say whether it runs; exit code 1 when it does not")
    add("kubeconfig", _kubeconfig, "print the path of the kubeconfig")
    add("images", _images, "build images and load them").add_argument("names", nargs="*", metavar="IMAGE")
    add("tools", _tools, "build or install the programs that the tests use, unless the cache holds them")
    add("load", _load, "load an image archive").add_argument("archive", type=Path)
    add("jobset", _jobset, "install the JobSet controller, for steps that make JobSets")
    add("gateway", _gateway, "install Envoy Gateway, for deployments at a Gateway")
    server = add("apiserver", _apiserver, "run an API server alone until Ctrl-C")
    server.add_argument("--controllers", nargs="*", default=[], metavar="NAME")
    add("doctor", _doctor, "say what this machine lacks")
    for tool in ("kubectl", "helm"):
        # No character begins an option of ours here: all that follows belongs to the tool.
        text = f"run {tool} on the cluster"
        command = commands.add_parser(tool, help=text, description=text, add_help=False, prefix_chars="\0")
        command.add_argument("rest", nargs=argparse.REMAINDER)
        command.set_defaults(run=_tool)
    return parser


if __name__ == "__main__":
    sys.exit(main())
