"""Our own cluster: one node in namespaces of its own, joined to the host by one virtual cable."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from cluster import base, cgroups, kubeconfig, nodeconfig, objects, packages, programimage, toolchain
from cluster.api import Api, Credentials
from cluster.buildah import Buildah
from cluster.commands import last_lines, run
from cluster.containerd import ImageStore
from cluster.errors import ClusterError
from cluster.layout import Layout
from cluster.locks import locked
from cluster.network import Network, first_free, host_routes, plug_in
from cluster.nodeconfig import Node
from cluster.paths import REPOSITORY, State, cache_root
from cluster.progress import stage
from cluster.waiting import Attempt, wait_until

_START_SECONDS = 120.0  # three seconds on a free machine; a busy one gets its time
_NODE_SECONDS = 120.0
_STOP_SECONDS = 20.0


class OwnNode:
    """The cluster of one name on this machine."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._state = State.of(name)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; it exists while the cluster is up."""
        return self._state.kubeconfig

    def is_up(self) -> bool:
        """Whether its process 1 lives."""
        return self._pid() is not None

    def up(self) -> None:
        """Start the cluster, or repair one that runs, and return when its node can run pods.

        Raises:
            ClusterError: something is missing or did not start; it says what to do.
        """
        packages.require_root()
        cgroups.require_writable()
        packages.install(packages.missing_for_node())
        binary = toolchain.kube()
        with self._lock():
            if self._pid() is None:
                self._clean()
                self._start(Node(self._state, first_free(host_routes())), binary)
            self._finish(self._node())

    def down(self) -> None:
        """End the cluster and remove all that it made, except the images for the next start."""
        packages.require_root()
        with self._lock(), stage("cluster stopped"):
            self._kill()
            self._clean()

    def require_pid(self) -> int:
        """The number of the node's process 1 on the host.

        Raises:
            ClusterError: it does not run.
        """
        pid = self._pid()
        if pid is None:
            raise ClusterError(f"the node ended at once; {self._words('init')}")
        return pid

    def network(self) -> Network:
        """The addresses that the cluster has.

        Raises:
            ClusterError: it was never started, or its state is damaged.
        """
        try:
            return Network(int(json.loads((self._state.root / "network.json").read_text())["index"]))
        except (OSError, ValueError, KeyError) as error:
            raise ClusterError(f"{self._state.root} is damaged; run python3 -m cluster down and try again") from error

    def purge(self) -> None:
        """Remove what ``down`` keeps for the next start, the images."""
        with self._lock():
            shutil.rmtree(self._state.root, ignore_errors=True)

    def load(self, file: Path) -> list[str]:
        """Import an OCI archive and return the image names that it brought."""
        return self._images().load(file)

    def image_names(self) -> set[str]:
        """The names of all images in the node."""
        return self._images().names()

    def build(self, dockerfile: Path, names: Sequence[str], arguments: Mapping[str, str]) -> None:
        """Build an image from the repository and import it under these names."""
        packages.install(packages.missing(packages.FOR_IMAGES))
        buildah, image = Buildah(), dockerfile.parent.name
        base.ensure(buildah)
        layout = Layout(buildah.home / "layout" / image)
        with buildah.building(image):
            buildah.build(REPOSITORY, dockerfile, [names[0]], arguments)
            buildah.export(names[0], layout.home, image)
            layout.prune()
            self._images().load_from(layout, image, names[0])
        for name in names[1:]:
            self.tag(names[0], name)

    def tag(self, image: str, name: str) -> None:
        """Give an image of the node one more name."""
        self._images().tag(image, name)

    def _images(self) -> ImageStore:
        pid = self._pid()
        if pid is None:
            raise ClusterError(f"the cluster {self.name} is not up; start it by python3 -m cluster up")
        return ImageStore(pid)

    def describe(self) -> str:
        """One line for a person."""
        pid = self._pid()
        if pid is None:
            return f"{self.name}: down"
        ready = "ready" if self._api(self._node()).is_ready() else "not ready"
        return f"{self.name}: up, API server {self._node().network.url} {ready}, process {pid}, {self.kubeconfig}"

    # ------------------------------------------------------------------------------------------ starting

    def _start(self, node: Node, binary: Path) -> None:
        with stage("node prepared"):
            self._prepare(node, binary)
            self._spawn(binary)
            plug_in(node.network, self.require_pid())
            (self._state.root / "connected").touch()
        with stage("etcd and API server ready"):
            self._wait("starting the API server", self._api(node).is_ready, "kube-apiserver", _START_SECONDS)

    def _prepare(self, node: Node, binary: Path) -> None:
        root = self._state.root
        for directory in (root, self._state.logs, root / "var"):
            directory.mkdir(parents=True, exist_ok=True)
        root.chmod(0o755)  # pods reach their volumes through it
        (root / "network.json").write_text(json.dumps({"index": node.network.index}))
        network = node.network
        hosts = [network.node, network.api_service, "127.0.0.1", "localhost", node.name, "kubernetes"]
        hosts += ["kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
        run("making certificates", [binary, "pki", self._state.pki, node.name, *(str(host) for host in hosts)])
        nodeconfig.write(node)
        admin = Credentials.of(self._state.pki, "admin")
        kubeconfig.write(self.kubeconfig, name=self.name, url=network.url, credentials=admin)
        cgroups.create(node.cgroup)

    def _spawn(self, binary: Path) -> None:
        # The node is nobody's child: it outlives us, and who started it need not collect it.
        unshare = ["setsid", "--fork", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--"]
        with (self._state.logs / "init.log").open("ab") as log:
            subprocess.run(
                [*unshare, sys.executable, "-m", "cluster.init", str(self._state.root)],
                cwd=REPOSITORY,
                env={**os.environ, "MLWRIGHT_NODE_BINARIES": str(binary.parent)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
            )
        self._wait("starting the node", self.is_up, "init", _START_SECONDS)

    def _finish(self, node: Node) -> None:
        api = self._api(node)
        self._wait("waiting for the API server", api.is_ready, "kube-apiserver", _START_SECONDS)
        self._keep_trying("creating the first objects", lambda: objects.apply_all(api, node.network))
        (self._state.root / "objects-applied").touch()
        self._load_pause()
        with stage("node ready"):
            self._keep_trying("waiting for the node", lambda: _node_is_ready(api, node.name))
            self._keep_trying("waiting for the controllers", lambda: _has_account(api))

    def _load_pause(self) -> None:
        store = self._images()
        if nodeconfig.PAUSE_IMAGE not in store.names():
            file = self._state.root / "pause.tar"
            programimage.write(file, program=toolchain.pause(), name=nodeconfig.PAUSE_IMAGE)
            store.load(file)
            file.unlink()

    # ------------------------------------------------------------------------------------------ stopping

    def _kill(self) -> None:
        pid = self._pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)  # process 1: the kernel ends all others of its namespace
        wait_until("stopping the node", lambda: not Path(f"/proc/{pid}").exists(), seconds=_STOP_SECONDS)

    def _clean(self) -> None:
        """Remove what a cluster leaves that has ended in whatever way; images stay."""
        cgroups.remove(f"mlwright-{self.name}")
        if self._state.root.exists():
            self._wait_for_link()
        for path in self._state.root.glob("*"):
            if path.name != "var":
                _remove(path)
        for path in (self._state.root / "var").glob("*"):
            if path.name != "lib":
                _remove(path)
        for path in (self._state.root / "var" / "lib").glob("*"):
            if path.name != "containerd":
                _remove(path)

    def _wait_for_link(self) -> None:
        with suppress(ClusterError):  # without a network there is no cable
            link = Path("/sys/class/net", self.network().link)
            wait_until("removing the cable", lambda: not link.exists(), seconds=_STOP_SECONDS)

    # ------------------------------------------------------------------------------------------- looking

    def _pid(self) -> int | None:
        """The number of the node's process 1; a number that somebody else got meanwhile does not count."""
        with suppress(OSError, ValueError):
            pid = int((self._state.root / "pid").read_text())
            if str(self._state.root).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        return None

    def _node(self) -> Node:
        return Node(self._state, self.network())

    def _api(self, node: Node) -> Api:
        return Api(node.network.url, Credentials.of(self._state.pki, "admin"))

    def _lock(self) -> AbstractContextManager[None]:
        return locked(cache_root() / "cluster" / ".lock", waiting_for="another run that starts or stops a cluster")

    def _keep_trying(self, what: str, action: Callable[[], object]) -> None:
        attempt = Attempt(action)
        logs = f" the logs are in {self._state.logs};"
        wait_until(what, attempt.succeeds, seconds=_NODE_SECONDS, explain=lambda: logs + attempt.reason())

    def _wait(self, what: str, holds: Callable[[], bool], log: str, seconds: float) -> None:
        wait_until(what, holds, seconds=seconds, explain=lambda: self._words(log))

    def _words(self, log: str) -> str:
        file = self._state.logs / f"{log}.log"
        text = file.read_text(errors="replace") if file.exists() else ""
        return f" the last lines of {file}:{last_lines(text)}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _node_is_ready(api: Api, name: str) -> bool:
    node = api.get(f"/api/v1/nodes/{name}") or {}
    conditions = node.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _has_account(api: Api) -> bool:
    return api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None
