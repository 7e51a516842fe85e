"""Pods that run errands in a namespace: one carries files onto a claim, one asks a model without pause."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from cluster.kubectl import KubectlError, Namespace

LOAD_SCRIPT: Final = Path(__file__).resolve().parent / "load.py"
USER: Final = 65532
DATA: Final = "/data"
STOP: Final = "/tmp/stop"  # noqa: S108  # agreed with the load script; the pod is ours alone
_UNPACK: Final = f"import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall('{DATA}')"


@dataclass(frozen=True, slots=True)
class Porter:
    """A pod that holds a claim, through which files are put onto it and changed there."""

    namespace: Namespace
    claim: str

    @property
    def name(self) -> str:
        """Name of the pod."""
        return f"porter-{self.claim}"

    def start(self, image: str) -> None:
        """Start the pod; any image with Python will do."""
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": self.claim}}
        mount = {"name": "data", "mountPath": DATA}
        self.namespace.apply(pod(self.name, image, ["sleep", "3600"], volume, mount))
        self.namespace.kubectl("wait", "--for=condition=Ready", f"pod/{self.name}", "--timeout=120s")

    def carry(self, files: Mapping[str, bytes]) -> None:
        """Write files, by their path on the claim."""
        self.namespace.kubectl("exec", "-i", self.name, "--", "python", "-c", _UNPACK, stdin=_packed(files))

    def run(self, script: str) -> str:
        """Run shell commands in the root of the claim."""
        return self.namespace.kubectl("exec", self.name, "--", "sh", "-ec", f"cd {DATA}; {script}")

    def leave(self) -> None:
        """Remove the pod."""
        self.namespace.kubectl("delete", "pod", self.name, "--wait=false")


def _packed(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@contextmanager
def load(namespace: Namespace, deployment: str, question: str, image: str, *, connections: int) -> Iterator[Load]:
    """Ask a deployment for predictions without pause while the block runs; the last seconds count as well.

    Args:
        namespace: where the deployment is, and the pod that asks.
        deployment: the ModelDeployment, whose `status.url` is asked.
        question: body of the requests.
        image: any image with Python.
        connections: how many clients ask, each on a connection that is kept.
    """
    asking = Load(namespace, f"load-{deployment}")
    asking.start(namespace.get(f"modeldeployment/{deployment}", "{.status.url}"), question, image, connections)
    try:
        yield asking
    finally:
        asking.stop()


@dataclass(slots=True)
class Load:
    """A pod that asks for predictions without pause; keep-alive connections, no retries."""

    namespace: Namespace
    name: str
    seconds: float = 600
    """It stops by itself after this."""
    pause: float = 0.01
    """Seconds between two requests of a connection."""
    counted: dict[str, Any] | None = None
    """What it counted, once it has stopped."""

    def start(self, url: str, question: str, image: str, connections: int) -> None:
        """Start to ask."""
        content = {"load.py": LOAD_SCRIPT.read_text(encoding="utf-8"), "question.json": question}
        script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.name}, "data": content}
        arguments = (url, "/load/question.json", connections, self.seconds, self.pause)
        command = ["python", "/load/load.py", *map(str, arguments)]
        volume = {"name": "load", "configMap": {"name": self.name}}
        self._begin(pod(self.name, image, command, volume, {"name": "load", "mountPath": "/load"}), script)

    def replay(self, url: str, questions: str, image: str, connections: int, *, rewards: bool = False) -> None:
        """Start to ask what stands in a file of lines, again and again.

        Args:
            url: where the model answers.
            questions: the file, as `claim/path`; the load script lies beside it.
            image: any image with Python.
            connections: how many clients ask.
            rewards: whether each tells what its answers were worth.
        """
        claim, _, path = questions.partition("/")
        file = PurePosixPath(DATA, path)
        arguments = (file.with_name(LOAD_SCRIPT.name), url, file, connections, self.seconds, self.pause)
        command = ["python", *map(str, arguments), *(["rewards"] if rewards else [])]
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
        self._begin(pod(self.name, image, command, volume, {"name": "data", "mountPath": DATA}))

    def _begin(self, *things: Mapping[str, Any]) -> None:
        self.namespace.apply(*things)
        self.namespace.kubectl("wait", "--for=condition=Ready", f"pod/{self.name}", "--timeout=60s")

    def stop(self) -> None:
        """Stop, and take over what was counted.

        Raises:
            KubectlError: nothing was asked, so that no failure says nothing; or the script itself failed.
        """
        if self.counted is not None:
            return
        what = f"pod/{self.name}"
        self.namespace.kubectl("exec", self.name, "--", "touch", STOP)
        self.namespace.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", what, "--timeout=60s")
        counted = json.loads(self.namespace.kubectl("logs", self.name).strip().splitlines()[-1])
        self.namespace.kubectl("delete", what, f"configmap/{self.name}", "--ignore-not-found", "--wait=false")
        if not counted["requests"]:
            raise KubectlError(f"{self.name} asked nothing: {counted}")
        self.counted = counted

    def unbroken(self, *versions: str) -> dict[str, Any]:
        """Return what was counted, when every request was answered, and each of these versions answered some.

        Raises:
            KubectlError: a request failed, or a version answered none.
        """
        counted = self.counted
        if counted is None:
            raise KubectlError(f"{self.name} has not told what it counted")
        if counted["failed"]:
            raise KubectlError(f"{counted['failed']} of {counted['requests']} requests failed: {counted['failures']}")
        if idle := set(versions) - counted["versions"].keys():
            raise KubectlError(f"version {', '.join(sorted(idle))} answered no request: {counted['versions']}")
        return counted


def pod(
    name: str, image: str, command: list[str], volume: Mapping[str, Any], mount: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a pod under restricted Pod Security that runs one command beside one volume."""
    container = {
        "name": "errand",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "volumeMounts": [mount, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108  # an emptyDir of the pod
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": USER, "fsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": security,
            "containers": [container],
            "volumes": [volume, {"name": "tmp", "emptyDir": {}}],
        },
    }


def kill_the_leader(kubeconfig: Path, namespace: str, release: str) -> str:
    """Let the operator's leader vanish, as when its node is gone; returns the name of its pod.

    Args:
        kubeconfig: the administrator's.
        namespace: where the operator is installed.
        release: under which name.
    """
    operator = Namespace(kubeconfig, namespace)
    leader = operator.get(f"lease/{release}", "{.spec.holderIdentity}").partition("_")[0]
    operator.kubectl("delete", "pod", leader, "--grace-period=0", "--force")
    return leader
