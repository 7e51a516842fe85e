"""An API server alone: etcd and kube-apiserver on loopback, for tests and benchmarks.

    with ApiServer(controllers=("garbage-collector-controller",)) as server:
        ...  # server.kubeconfig, server.url

There is no node, so nothing runs pods. Nothing is left behind, also when the process that started it is killed.
"""

import os
import shutil
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cluster import controlplane, kubeconfig, toolchain
from cluster.api import Api, Credentials
from cluster.commands import Argv, run
from cluster.errors import ClusterError
from cluster.processes import Daemon
from cluster.waiting import wait_until

_PREFIX = "mlwright-apiserver-"
_READY_SECONDS = 120.0  # three seconds on a free machine; a busy one gets its time
_ATTEMPTS = 3
_HOST = "127.0.0.1"
_SERVICES = "10.96.0.0/16"
_MEMORY = Path("/dev/shm")  # noqa: S108 - etcd's data is small and short-lived


class ApiServer:
    """A running kube-apiserver of our own; a context manager.

    Attributes:
        url: ``https://127.0.0.1:PORT``; the port stays the same over restarts.
        kubeconfig: file with the administrator's credentials.
        directory: certificates, logs and the kubeconfig; removed at the end.
    """

    def __init__(self, *, controllers: Sequence[str] = (), arguments: Sequence[str] = ()) -> None:
        """Prepare, without starting anything.

        Args:
            controllers: names for ``--controllers`` of a kube-controller-manager, such as
                ``garbage-collector-controller`` or ``job-controller``; none means that it does not run.
            arguments: further arguments of kube-apiserver, such as ``--max-requests-inflight=800``.
        """
        self.url = ""
        self.directory = Path()
        self.kubeconfig = Path()
        self._controllers = tuple(controllers)
        self._arguments = tuple(arguments)
        self._data = Path()
        self._etcd: Daemon | None = None
        self._server: Daemon | None = None
        self._manager: Daemon | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and return when the server is ready.

        Raises:
            ClusterError: it did not become ready; with the last lines of the log that matters.
        """
        binary = toolchain.kube()
        _remove_orphans()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._start(binary)
            except ClusterError:
                try_again = self._lost_its_port() and attempt < _ATTEMPTS
                self.stop()
                if not try_again:
                    raise
            else:
                break

    def stop(self) -> None:
        """End the processes and remove their files."""
        for daemon in (self._manager, self._server, self._etcd):
            if daemon:
                daemon.stop(kill=True)  # nothing of it is kept, so nobody has to say goodbye
        for directory in (self.directory, self._data):
            if directory != Path():
                shutil.rmtree(directory, ignore_errors=True)

    def stop_server(self, *, graceful: bool = False) -> None:
        """Take the API server away (an outage); its data stay.

        By default it is killed, which is the harder test and takes no time. A graceful stop waits for open
        watches, so it lasts up to ten seconds and ends in a kill as well.
        """
        self._running_server().stop(kill=not graceful)

    def start_server(self) -> None:
        """Bring the API server back on the same port and the same data; returns when it is ready."""
        self._running_server().start()
        self._wait_until_ready()

    def restart(self, *, graceful: bool = False) -> None:
        """Stop and start the API server; connections and watches of all clients break."""
        self.stop_server(graceful=graceful)
        self.start_server()

    def _start(self, binary: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._data = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_data_home()))
        client, peer, port = _free_ports(3)
        self.url = f"https://{_HOST}:{port}"
        pki = self._write_credentials(binary)
        client_url = f"http://{_HOST}:{client}"
        etcd = controlplane.etcd(binary, self._data / "etcd", client=client_url, peer=f"http://{_HOST}:{peer}")
        server = [
            *controlplane.apiserver(binary, pki, etcd_url=client_url, port=port, services=_SERVICES),
            f"--bind-address={_HOST}",
            f"--advertise-address={_HOST}",
            "--endpoint-reconciler-type=none",  # a loopback address is no valid endpoint
            *self._arguments,
        ]
        self._etcd = self._daemon("etcd", etcd)
        self._server = self._daemon("kube-apiserver", server)
        self._wait_until_ready()
        self._start_controllers(binary, pki)

    def _write_credentials(self, binary: Path) -> Path:
        pki = self.directory / "pki"
        run("making certificates", [binary, "pki", pki, "nobody", _HOST, "localhost", "kubernetes.default.svc"])
        self._api = Api(self.url, Credentials.of(pki, "admin"))
        self.kubeconfig = self.directory / "kubeconfig"
        kubeconfig.write(
            self.kubeconfig, name="mlwright-apiserver", url=self.url, credentials=Credentials.of(pki, "admin")
        )
        return pki

    def _start_controllers(self, binary: Path, pki: Path) -> None:
        if not self._controllers:
            return
        argv = controlplane.controller_manager(binary, pki, self.kubeconfig, self._controllers)
        # It serves health and metrics that nobody asks for here; port 0 is "do not listen".
        self._manager = self._daemon("kube-controller-manager", [*argv, "--secure-port=0"])

    def _daemon(self, name: str, argv: Argv) -> Daemon:
        daemon = Daemon(name, argv, self.directory / f"{name}.log")
        daemon.start()
        return daemon

    def _running_server(self) -> Daemon:
        if self._server is None:
            raise ClusterError("the API server was never started; call start() or use it in a with statement")
        return self._server

    def _wait_until_ready(self) -> None:
        server = self._running_server()
        wait_until(
            "starting kube-apiserver",
            self._api.is_ready,
            seconds=_READY_SECONDS,
            explain=server.last_words,
            hopeless=lambda: not server.is_running(),
        )

    def _lost_its_port(self) -> bool:
        """Whether somebody took a free port between our choice and its use."""
        logs = [daemon.log for daemon in (self._etcd, self._server) if daemon]
        return any("address already in use" in log.read_text(errors="replace") for log in logs)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((_HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _data_home() -> Path:
    return _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def _remove_orphans() -> None:
    """Remove the directories of processes that were killed before they could do it themselves."""
    for home in {_data_home(), Path(tempfile.gettempdir())}:
        for directory in home.glob(f"{_PREFIX}*"):
            pid = directory.name.removeprefix(_PREFIX).split("-")[0]
            if pid.isdigit() and not Path("/proc", pid).exists():
                shutil.rmtree(directory, ignore_errors=True)
