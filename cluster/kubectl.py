"""One namespace of a cluster as its users see it: through kubectl."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import toolchain
from cluster.errors import ClusterError
from cluster.paths import State, cluster_name

_POLL_SECONDS = 0.5
_LAST_WORDS = 2000
_OPERATOR = "app.kubernetes.io/name=mlwright,app.kubernetes.io/component=operator"
_RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


class KubectlError(ClusterError):
    """A command failed, or what was waited for did not come."""


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> str:
    """Run a command and return what it prints.

    Raises:
        KubectlError: it failed; with its last words.
    """
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        capture_output=True,
        env={**os.environ, **(env or {})},
        input=stdin,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-_LAST_WORDS:]
        raise KubectlError(f"{Path(command[0]).name} {' '.join(str(part) for part in command[1:5])} ...: {said}")
    return done.stdout.decode()


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace of one cluster."""

    kubeconfig: Path
    name: str

    @classmethod
    def of_this_cluster(cls, name: str) -> "Namespace":
        """Return a namespace of the cluster that `make cluster` started."""
        return cls(State.of(cluster_name()).kubeconfig, name)

    def kubectl(self, *arguments: str | Path, stdin: bytes = b"") -> str:
        """Run kubectl in the namespace and return what it prints.

        Raises:
            KubectlError: it failed; with its last words.
        """
        return run([*self._kubectl, *arguments], stdin=stdin)

    @property
    def _kubectl(self) -> list[str | Path]:
        return [toolchain.kubectl(), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.name}"]

    def make(self) -> None:
        """Begin in an empty namespace under restricted Pod Security; what an earlier one held goes."""
        self.kubectl("delete", "namespace", self.name, "--ignore-not-found", "--timeout=120s")
        self.kubectl("create", "namespace", self.name)
        self.kubectl("label", "namespace", self.name, _RESTRICTED)

    def apply(self, *things: Mapping[str, Any]) -> None:
        """Apply objects."""
        listed = {"apiVersion": "v1", "kind": "List", "items": things}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(listed).encode())

    def get(self, what: str, path: str) -> str:
        """Return one field of an object, named by a JSON path."""
        return self.kubectl("get", what, f"--output=jsonpath={path}").strip()

    def summary(self, what: str) -> str:
        """Return the sentence that one of our objects says of itself."""
        return self.get(what, "{.status.summary}")

    def wait_for(self, what: str, condition: str, state: str, *, seconds: float) -> None:
        """Wait for a condition; ends early when the object says that it is stalled.

        Raises:
            KubectlError: it did not come; with the object's own sentence.
        """
        query = '{range .status.conditions[*]}{.type}={.status}{"\\n"}{end}'

        def reached() -> bool:
            found = self.get(what, query).split()
            if "Stalled=True" in found and condition != "Stalled":
                raise KubectlError(f"{what} is stalled: {self.summary(what)}")
            return f"{condition}={state}" in found

        self.wait_until(f"{what} is {condition}={state}", reached, seconds, lambda: self.summary(what))

    def wait_until(
        self, what: str, holds: Callable[[], bool], seconds: float, explain: Callable[[], str] = lambda: ""
    ) -> None:
        """Wait until something holds.

        Raises:
            KubectlError: it does not hold in time; with the explanation.
        """
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise KubectlError(f"{what}: not after {seconds:.0f} s. {explain()}")
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def port_forward(self, what: str, port: int) -> Iterator[str]:
        """Lead a local port to a pod or a service; yields its URL."""
        forward = subprocess.Popen(
            [*(str(part) for part in self._kubectl), "port-forward", what, f":{port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert forward.stdout is not None  # noqa: S101  # it is a pipe
            line = forward.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if not found:
                raise KubectlError(f"kubectl port-forward {what} said: {line.strip()}")
            yield f"http://127.0.0.1:{found.group(1)}"
        finally:
            forward.kill()  # it holds nothing that it would have to give back
            forward.wait()
            if forward.stdout is not None:
                forward.stdout.close()

    def diagnosis(self, operator: str = "mlwright-system") -> str:
        """Return what a person would look at first when something went wrong.

        Args:
            operator: the namespace of the operator, whose log is looked at.
        """
        looks: tuple[tuple[str, ...], ...] = (
            ("get", "mlwright,pods,jobs", "--output=wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("logs", f"--namespace={operator}", f"--selector={_OPERATOR}", "--prefix", "--tail=40"),
        )
        return "\n\n".join(self._look(look) for look in looks)

    def _look(self, arguments: tuple[str, ...]) -> str:
        said = f"$ kubectl {' '.join(arguments)}\n"
        try:
            return said + self.kubectl(*arguments)
        except KubectlError as error:
            return said + str(error)
