"""What the demo does to the cluster, all of it through kubectl, as a user would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from cluster import toolchain
from cluster.paths import State, cluster_name

HERE = Path(__file__).resolve().parent


class DemoError(Exception):
    """Something did not happen that the demo promises."""


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    text: str | None = None,
) -> str:
    """Run a command and return what it prints.

    Raises:
        DemoError: it failed; with its last words.
    """
    given = {"input": text.encode()} if text is not None else {"stdin": stdin or subprocess.DEVNULL}
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        env={**os.environ, **(env or {})},
        **given,  # type: ignore[call-overload]  # either input or stdin
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-2000:]
        raise DemoError(f"{Path(command[0]).name} {' '.join(str(part) for part in command[1:4])} ...: {said}")
    return str(done.stdout.decode())


def porter(image: str) -> dict[str, Any]:
    """Return a pod that holds the claim, so that data can be carried onto it."""
    return _pod(
        "porter",
        image,
        ["sleep", "600"],
        [{"name": "data", "persistentVolumeClaim": {"claimName": "flights"}}],
        [{"name": "data", "mountPath": "/data"}],
    )


def _pod(
    name: str, image: str, command: list[str], volumes: list[dict[str, Any]], mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "volumeMounts": [*mounts, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
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
            "volumes": [*volumes, {"name": "tmp", "emptyDir": {}}],
        },
    }


@dataclass(frozen=True, slots=True)
class Demo:
    """One namespace of one cluster."""

    kubeconfig: Path
    namespace: str

    @classmethod
    def of_this_cluster(cls, namespace: str) -> Demo:
        """Return the demo on the cluster that `make cluster` started."""
        return cls(State.of(cluster_name()).kubeconfig, namespace)

    def kubectl(self, *arguments: str | Path, stdin: IO[bytes] | None = None, text: str | None = None) -> str:
        """Run kubectl in the namespace."""
        command = [toolchain.kubectl(), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *arguments]
        return run(command, stdin=stdin, text=text)

    def apply(self, body: Mapping[str, Any]) -> None:
        """Apply one object."""
        self.kubectl("apply", "-f", "-", text=json.dumps(body))

    def get(self, what: str, path: str) -> str:
        """Return one field of an object."""
        return self.kubectl("get", what, f"--output=jsonpath={path}").strip()

    def summary(self, what: str) -> str:
        """Return an object's own sentence."""
        return self.get(what, "{.status.summary}")

    def fresh_namespace(self) -> None:
        """Begin in an empty namespace under restricted Pod Security; what an earlier demo left goes."""
        self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--timeout=120s")
        self.kubectl("create", "namespace", self.namespace)
        self.kubectl("label", "namespace", self.namespace, "pod-security.kubernetes.io/enforce=restricted")

    def trainer_image(self) -> str:
        """Return the image that the chart was installed with."""
        return str(yaml.safe_load((HERE / "values.yaml").read_text())["images"]["trainer"])

    def wait_for(self, what: str, condition: str, state: str, *, seconds: float) -> None:
        """Wait for a condition; ends early when the object says that it is stalled."""
        query = '{range .status.conditions[*]}{.type}={.status}{"\\n"}{end}'

        def reached() -> bool:
            found = self.get(what, query).split()
            if "Stalled=True" in found and condition != "Stalled":
                raise DemoError(f"{what} is stalled: {self.summary(what)}")
            return f"{condition}={state}" in found

        self._until(reached, seconds, lambda: f"{what} is not {condition}={state} after {seconds:.0f} s: {self.summary(what)}")

    def wait_until_serves(self, version: str, *, seconds: float) -> None:
        """Wait until a version is the stable one."""
        self._until(
            lambda: self.get("modeldeployment/flights", "{.status.stable.version}") == version,
            seconds,
            lambda: f"{version} does not serve after {seconds:.0f} s: {self.summary('modeldeployment/flights')}",
        )

    def wait_until_gone(self, version: str, *, seconds: float) -> None:
        """Wait until no pod of a version is left."""
        select = f"--selector=mlwright.dev/version={version},mlwright.dev/deployment"
        self._until(
            lambda: not self.kubectl("get", "pods", select, "--output=name").strip(),
            seconds,
            lambda: f"pods of {version} are left after {seconds:.0f} s",
        )

    def _until(self, reached: Any, seconds: float, otherwise: Any) -> None:
        deadline = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > deadline:
                raise DemoError(otherwise())
            time.sleep(0.5)

    def patch_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Change the estimator's parameters: a new run starts by itself."""
        patch = {"spec": {"training": {"estimator": {"parameters": parameters}}}}
        self.kubectl("patch", "trainingpipeline", "flights", "--type=merge", f"--patch={json.dumps(patch)}")

    def start_load(self, script: Path, question: Path, connections: int, seconds: float) -> None:
        """Start a pod that asks for predictions without pause."""
        url = self.get("modeldeployment/flights", "{.status.url}")
        self.kubectl("create", "configmap", "load", f"--from-file=load.py={script}", f"--from-file=question.json={question}")
        command = ["python", "/load/load.py", url, "/load/question.json", str(connections), str(seconds)]
        volumes = [{"name": "load", "configMap": {"name": "load"}}]
        self.apply(_pod("load", self.trainer_image(), command, volumes, [{"name": "load", "mountPath": "/load"}]))
        self.kubectl("wait", "--for=condition=Ready", "pod/load", "--timeout=60s")

    def stop_load(self) -> dict[str, Any]:
        """Stop the load and return what it counted."""
        self.kubectl("exec", "load", "--", "touch", "/tmp/stop")  # noqa: S108
        self.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/load", "--timeout=60s")
        counted: dict[str, Any] = json.loads(self.kubectl("logs", "load").strip().splitlines()[-1])
        return counted

    @contextmanager
    def port_forward(self, what: str, port: int) -> Iterator[str]:
        """Lead a local port to a service; yields its URL."""
        command = [toolchain.kubectl(), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}"]
        forward = subprocess.Popen(
            [*(str(part) for part in command), "port-forward", what, f":{port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert forward.stdout is not None  # noqa: S101  # it is a pipe
            line = forward.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if not found:
                raise DemoError(f"kubectl port-forward {what} said: {line.strip()}")
            yield f"http://127.0.0.1:{found.group(1)}"
        finally:
            forward.terminate()
            forward.wait()

    def diagnosis(self) -> str:
        """Return what a person would look at first when something went wrong."""
        parts = []
        for arguments in (
            ("get", "mlwright,pods,jobs"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("logs", "--namespace=mlwright-system", "deployment/mlwright", "--tail=40"),
        ):
            try:
                parts.append(self.kubectl(*arguments))
            except DemoError as error:
                parts.append(str(error))
        return "\n".join(parts)

    def farewell(self) -> str:
        """Return what to try next."""
        kubectl = f"KUBECONFIG={self.kubeconfig} {toolchain.kubectl()} -n {self.namespace}"
        return f"The cluster stays up: {kubectl} get mlwright\n`make cluster-down` removes everything."
