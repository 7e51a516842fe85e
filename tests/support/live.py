"""A namespace of the real cluster: kubectl to act as users do, and the API server itself to look often."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from cluster.api import Api, Credentials
from cluster.kubectl import KubectlError, Namespace
from mlwright.adapters.kube.client import collection, item
from mlwright.api.conditions import find
from mlwright.api.reasons import Reason
from mlwright.plan.resources import BY_NAME, RECONCILED
from tests.support.apiserver import Json

T = TypeVar("T")

POLL_SECONDS = 0.2
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
MAKE_PODS = frozenset({"TrainingPipeline", "ModelDeployment", "BatchPrediction"})
MODEST: Json = {"requests": {"cpu": "10m", "memory": "64Mi"}}
OURS = {"mlwright.dev/e2e": "true"}
"""Label of the namespaces that tests make, by which leftovers are found."""


def host_of(api: Api) -> str:
    """Return the address under which pods reach this machine: the one that looks at their node. Nothing is sent."""
    (node,) = api.get("/api/v1/nodes")["items"]
    address = next(entry["address"] for entry in node["status"]["addresses"] if entry["type"] == "InternalIP")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return str(probe.getsockname()[0])


def administrator(kubeconfig: Path, folder: Path) -> Api:
    """Return the API server of a kubeconfig, as its one user; the keys are written into a folder of the test."""
    content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    files = {
        "ca.crt": cluster["certificate-authority-data"],
        "admin.crt": user["client-certificate-data"],
        "admin.key": user["client-key-data"],
    }
    folder.chmod(0o700)
    for name, data in files.items():
        (folder / name).write_bytes(base64.b64decode(data))
    return Api(cluster["server"], Credentials.of(folder, "admin"))


@dataclass(frozen=True, slots=True)
class Live(Namespace):
    """One namespace of the real cluster."""

    api: Api

    def apply(self, *things: Mapping[str, Any]) -> None:
        """Apply objects; those that make pods ask for little of the processor, for all tests share one small node."""
        Namespace.apply(self, *map(_modest, things))  # super() knows no class whose slots a decorator makes

    def begin(self) -> None:
        """Make the namespace, under restricted Pod Security."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}}
        self.api.apply("/api/v1/namespaces", body | {"metadata": {"name": self.name, "labels": RESTRICTED | OURS}})

    def end(self) -> None:
        """Let the namespace go; nobody waits for it.

        Raises:
            AssertionError: the operator failed at an object meanwhile, by an error of its own, and went on.
        """
        faults = [*self._faults()]
        self.api.request("DELETE", f"/api/v1/namespaces/{self.name}")
        assert not faults, f"the operator itself failed in {self.name}: {faults}"

    def _faults(self) -> Iterator[str]:
        for kind in RECONCILED:
            for thing in (self.api.get(collection(kind, self.name)) or {}).get("items", ()):
                for told in (thing.get("status") or {}).get("history") or ():
                    if told["reason"] == Reason.INTERNAL_ERROR.value:
                        yield f"{kind.name} {thing['metadata']['name']}: {told['sentence']}"

    def exists(self) -> bool:
        """Tell whether the namespace is there, and not about to go."""
        found = self.api.get(f"/api/v1/namespaces/{self.name}")
        return found is not None and "deletionTimestamp" not in found["metadata"]

    def read(self, kind: str, name: str) -> Json | None:
        """Return an object, or None when it is not there."""
        found: Json | None = self.api.get(item(BY_NAME[kind], self.name, name))
        return found

    def there(self, kind: str, name: str) -> Json:
        """Return an object that must be there."""
        found = self.read(kind, name)
        assert found is not None, f"{kind} {name} does not exist"
        return found

    def all(self, kind: str, **labels: str) -> list[Json]:
        """Return all objects of a kind, or those with labels of ours (`deployment="churn"`)."""
        select = ",".join(f"mlwright.dev/{key}={value}" for key, value in labels.items())
        found = self.api.get(collection(BY_NAME[kind], self.name) + (f"?labelSelector={select}" if select else ""))
        things: list[Json] = found["items"]
        return things

    def names(self, kind: str, **labels: str) -> list[str]:
        """Return the names of objects, sorted."""
        return sorted(thing["metadata"]["name"] for thing in self.all(kind, **labels))

    def status(self, kind: str, name: str) -> Json:
        """Return the status of an object; empty when it has none yet."""
        found: Json = (self.read(kind, name) or {}).get("status") or {}
        return found

    def until(self, what: str, look: Callable[[], T | None], seconds: float = 180) -> T:
        """Look until something is there, and return it.

        Raises:
            AssertionError: it did not come in time.
        """
        deadline = time.monotonic() + seconds
        while (found := look()) is None or found is False:
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
            time.sleep(POLL_SECONDS)
        return found

    def reaches(self, kind: str, name: str, condition: str, *parts: str, seconds: float = 180) -> str:
        """Wait until a condition is True and its message holds all parts; return the message.

        `!Ready` waits for a condition that is not True. Only what was judged of the newest spec counts.

        Raises:
            AssertionError: it did not come in time; with all that the object says of itself.
        """
        deadline = time.monotonic() + seconds
        while True:
            thing = self.read(kind, name) or {}
            message = _message(thing, condition)
            if message is not None and all(part in message for part in parts):
                return message
            assert time.monotonic() < deadline, _unreached(kind, name, condition, parts, thing)
            time.sleep(POLL_SECONDS)

    def refused(self, thing: Json) -> str:
        """Return the words with which kubectl apply refuses an object."""
        return refusal(lambda: self.apply(thing))


def _modest(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = thing.get("spec") or {}
    if thing["kind"] not in MAKE_PODS or "resources" in (spec.get("pod") or {}):
        return thing
    return {**thing, "spec": {**spec, "pod": {**(spec.get("pod") or {}), "resources": MODEST}}}


def refusal(act: Callable[[], Any]) -> str:
    """Return the words of the error with which a command ends.

    Raises:
        AssertionError: it did not end with one.
    """
    try:
        act()
    except KubectlError as error:
        return str(error)
    raise AssertionError("the command was not refused")


def _message(thing: Json, condition: str) -> str | None:
    status = thing.get("status") or {}
    if status.get("observedGeneration") != thing.get("metadata", {}).get("generation"):
        return None
    found = find(status, condition.removeprefix("!"))
    wanted = not condition.startswith("!")
    if found is None or (found["status"] == "True") is not wanted:
        return None
    return str(found["message"])


def _unreached(kind: str, name: str, condition: str, parts: tuple[str, ...], thing: Json) -> str:
    said = [
        f"{c['type']}={c['status']} {c['reason']}: {c['message']}"
        for c in (thing.get("status") or {}).get("conditions") or ()
    ]
    wanted = f"{kind} {name} never said {condition}" + "".join(f" ... {part!r}" for part in parts)
    return "\n".join([wanted, "it says:", *said])
