"""How soon a verdict changes what clients get: from the recorded decision to the routers that follow the new route."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from cluster import toolchain
from mlwright.adapters.kube.client import collection
from mlwright.constants import ANNOTATION_FOLLOWED, ANNOTATION_ROUTE, ROUTER_NAME
from mlwright.plan.resources import BY_NAME
from mlwright.router.document import digest
from tests.support.apiserver import Json
from tests.support.live import Live

Sighting = tuple[float, Json]
"""When an object was seen, in seconds of a clock that only grows, and the object."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What followed from a rejection, in seconds since it was recorded."""

    routed: float
    """Until the route on the Service gave the rejected revision nothing any more."""
    followed: float
    """Until every pod of the router said that it follows that route."""


@dataclass(slots=True)
class Watched:
    """What watches have brought so far, in the order of its arrival."""

    seen: list[Sighting] = field(default_factory=list)

    def note(self, thing: Json) -> None:
        """Take in what came just now."""
        self.seen.append((time.monotonic(), thing))

    def reaction(self, deployment: str, version: str) -> Reaction | None:
        """Return what followed from the rejection of a version; None while something is missing."""
        return reaction(tuple(self.seen), deployment, version)


@contextmanager
def watched(live: Live, *kinds: str) -> Iterator[Watched]:
    """Watch objects of a namespace while the block runs: decisions and Services, where no kinds are named."""
    found = Watched()
    streams = [_stream(live, kind) for kind in kinds or ("Decision", "Service")]
    readers = [threading.Thread(target=_read, args=(stream, found), daemon=True) for stream in streams]
    for reader in readers:
        reader.start()
    try:
        yield found
    finally:
        for stream, reader in zip(streams, readers, strict=True):
            stream.kill()
            stream.wait()
            reader.join()
            assert stream.stdout is not None
            stream.stdout.close()


def _stream(live: Live, kind: str) -> subprocess.Popen[str]:
    path = f"{collection(BY_NAME[kind], live.name)}?watch=true"
    command = [str(toolchain.kubectl()), f"--kubeconfig={live.kubeconfig}", "get", "--raw", path]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _read(stream: subprocess.Popen[str], into: Watched) -> None:
    assert stream.stdout is not None
    for line in stream.stdout:
        into.note(json.loads(line)["object"])


def reaction(seen: Sequence[Sighting], deployment: str, version: str) -> Reaction | None:
    """Return what followed from the rejection of a version; None while something is missing.

    Decisions and Services come on connections of their own, so a route may be seen a moment before its decision.

    Args:
        seen: Decisions and Services as they came.
        deployment: The ModelDeployment.
        version: The ModelVersion that is rejected.
    """
    rejected = next(((at, thing) for at, thing in seen if _rejects(thing, deployment, version)), None)
    if rejected is None:
        return None
    began, revision = rejected[0], rejected[1]["spec"]["revision"]
    served, wanted, routed = False, "", began
    for at, thing in seen:
        told = thing["metadata"].get("annotations") or {}
        if thing["kind"] == "Service" and thing["metadata"]["name"] == deployment and ANNOTATION_ROUTE in told:
            serves = _has_share(told[ANNOTATION_ROUTE], revision)
            if served and not serves and not wanted:
                wanted, routed = digest(told[ANNOTATION_ROUTE]), at
            served = served or serves
        if wanted and thing["metadata"]["name"] == ROUTER_NAME and _all_follow(told, deployment, wanted):
            return Reaction(max(0.0, routed - began), max(0.0, at - began))
    return None


def _rejects(thing: Json, deployment: str, version: str) -> bool:
    spec = thing.get("spec") or {}
    about = (spec.get("type"), spec.get("version"), (spec.get("subjectRef") or {}).get("name"))
    return thing["kind"] == "Decision" and about == ("Reject", version, deployment)


def _has_share(route: str, revision: str) -> bool:
    return any(share["revision"] == revision and share["ranges"] for share in json.loads(route)["shares"])


def _all_follow(told: Json, deployment: str, wanted: str) -> bool:
    said = [json.loads(text).get(deployment) for key, text in told.items() if key.startswith(ANNOTATION_FOLLOWED)]
    return bool(said) and set(said) == {wanted}
