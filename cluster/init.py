"""Process 1 of the node: gives it a file system of its own, starts its daemons and keeps them running.

Runs as ``python3 -m cluster.init STATE`` in new mount, network and process namespaces. When this process dies the
kernel ends everything else in them.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from cluster.api import Api, Credentials
from cluster.commands import run
from cluster.nodeconfig import BINARIES, INSIDE, SOCKET, Daemon

_BUSY_SECONDS = 0.05
_IDLE_SECONDS = 0.5
_RESTART_SECONDS = 1.0
_CONTAINERD_SECONDS = 10.0

# The kubelet sets these for the whole machine. It sees files of the right content instead, so it changes nothing.
_KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def main() -> None:
    """Run until killed."""
    state = Path(sys.argv[1])
    (state / "pid").write_text(str(Path("/proc/self").readlink()))  # still the host's /proc, so the host's number
    _mount(state)
    while not (INSIDE / "connected").exists():
        time.sleep(_BUSY_SECONDS)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    _sweep_containers()
    table = json.loads((INSIDE / "config" / "daemons.json").read_text())
    Supervisor([Daemon(**entry) for entry in table]).run()


class Supervisor:
    """Starts each daemon when what it needs is there, starts it again when it ends, and collects orphans."""

    def __init__(self, daemons: list[Daemon]) -> None:
        self._waiting = [(daemon, 0.0) for daemon in daemons]
        self._running: dict[int, Daemon] = {}

    def run(self) -> None:
        """Work for ever."""
        while True:
            self._start_what_can_start()
            self._collect()
            time.sleep(_BUSY_SECONDS if self._waiting else _IDLE_SECONDS)

    def _start_what_can_start(self) -> None:
        still_waiting = []
        for daemon, earliest in self._waiting:
            if time.monotonic() >= earliest and all(_holds(condition) for condition in daemon.after):
                self._running[_start(daemon)] = daemon
            else:
                still_waiting.append((daemon, earliest))
        self._waiting = still_waiting

    def _collect(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            daemon = self._running.pop(pid, None)
            if daemon:
                print(f"{daemon.name} ended with status {status}; starting it again", flush=True)
                self._waiting.append((daemon, time.monotonic() + _RESTART_SECONDS))


def _start(daemon: Daemon) -> int:
    with (INSIDE / "logs" / f"{daemon.name}.log").open("ab") as log:
        process = subprocess.Popen(
            daemon.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    process.returncode = 0  # the supervisor collects it; without this the destructor would try to
    return process.pid


def _holds(condition: str) -> bool:
    if condition.startswith("https://"):
        return Api(condition, Credentials.of(INSIDE / "pki", "admin")).is_ready()
    path = Path(condition)
    return _accepts(path) if path.suffix == ".sock" else path.exists()


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def _mount(state: Path) -> None:
    binaries = Path(os.environ["MLWRIGHT_NODE_BINARIES"])
    _run("mount", "-t", "proc", "proc", "/proc")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for source, target in ((state, INSIDE), (binaries, BINARIES)):
        target.mkdir()
        _run("mount", "--bind", str(source), str(target))
    var = INSIDE / "var"
    for directory in ("lib", "log", "cache", "local/volumes", "tmp"):
        (var / directory).mkdir(parents=True, exist_ok=True)
    (var / "run").unlink(missing_ok=True)
    (var / "run").symlink_to("/run")
    _run("mount", "--bind", str(var), "/var")
    _hide_kernel_settings()


def _hide_kernel_settings() -> None:
    home = Path("/run/kernel-settings")
    home.mkdir()
    for name, value in _KERNEL_SETTINGS.items():
        setting = Path("/proc/sys", name)
        if setting.exists():
            stand_in = home / setting.name
            stand_in.write_text(f"{value}\n")
            _run("mount", "--bind", str(stand_in), str(setting))


def _sweep_containers() -> None:
    """Forget the containers of the life before; only the images are kept from one start to the next."""
    ctr = ["ctr", "--address", str(SOCKET), "--namespace", "k8s.io"]
    if not Path("/var/lib/containerd").exists():
        return
    server = subprocess.Popen(
        ["containerd", "--config", str(INSIDE / "config" / "containerd.toml")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + _CONTAINERD_SECONDS
    while not _accepts(SOCKET) and time.monotonic() < deadline:
        time.sleep(_BUSY_SECONDS)
    old = run("listing old containers", [*ctr, "containers", "list", "--quiet"]).split()
    if old:
        run("removing old containers", [*ctr, "containers", "delete", *old])
    server.terminate()
    server.wait()
    for kind in ("sandboxes", "containers"):
        shutil.rmtree(f"/var/lib/containerd/io.containerd.grpc.v1.cri/{kind}", ignore_errors=True)


def _run(*argv: str) -> None:
    run("preparing the node", argv)


if __name__ == "__main__":
    main()
