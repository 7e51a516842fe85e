"""The second part of the demo: a good version gets growing shares of the traffic, and three faulty ones are found.

Each faulty version is the good one's bundle, served by examples/faulty, which lets it go wrong under traffic only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from cluster.kubectl import KubectlError, Namespace
from examples.flights.errands import Load, load

WHAT: Final = "modeldeployment/flights"
CONNECTIONS: Final = 8
ALL: Final = 100
SHARES: Final = (5, 25, 50, ALL)
FAULTY_SHARE: Final = 10
"""Percent of the requests that a faulty version answers until it is found."""
FAULTS: Final[Mapping[str, str]] = {"5": "errors", "6": "slow", "7": "wrong"}
JUDGED: Final = (
    "hold 10 s (5 to 15 minutes are usual)",
    "bake 15 s (30 minutes)",
    "noise: Binomial (Auto learns from six hours)",
    "warmup: 0s (60s)",
    "passMargin 0.05 and 0.1 (0.01 and 0.02)",
    "a scrape each second (15 s)",
)
"""What every rollout of the demo sets so."""
SHORTENED: Final = (*JUDGED, "copies for 5 s at least (10 minutes)")
"""What the demo sets otherwise than its reader should, to be told in a few minutes."""

ERRORS: Final = {"name": "errors", "type": "ErrorRate", "errorRate": {"maxIncrease": 0.01, "passMargin": 0.05}}
SLOW: Final = {
    "name": "slow",
    "type": "Latency",
    "latency": {"bound": "200ms", "maxIncrease": 0.02, "passMargin": 0.1},
}
OTHERWISE: Final = {"name": "otherwise", "type": "Disagreement", "disagreement": {"max": 0.05}}
QUIET: Final = {"name": "quiet", "type": "Shadow", "shadow": {"percent": 50, "duration": "5s"}}


def weight(percent: int) -> dict[str, Any]:
    """Return a step that gives a share."""
    return {"name": f"to-{percent}", "type": "Weight", "weight": {"percent": percent, "hold": "10s"}}


@dataclass(frozen=True, slots=True)
class Delivery:
    """Delivers versions of the model to the deployment flights, under load."""

    demo: Namespace
    question: str
    image: str
    """Image of the pod that asks."""
    faulty: str
    """Image of the server of examples/faulty."""

    def prepare(self) -> str:
        """Put the router before the deployment, and the server under it whose later versions are faulty."""
        env = [{"name": "FAULTS", "value": json.dumps(FAULTS)}]
        self._set({"traffic": {"provider": "Router"}, "server": {"image": self.faulty}, "pod": {"env": env}})
        self.demo.wait_until("the router and the other server are there", self._prepared, 180, self._summary)
        self._pass([weight(percent) for percent in SHARES], [ERRORS, SLOW])
        return f"the router divides requests; {self._summary()}"

    def deliver(self, version: str) -> str:
        """Let a good version take over in steps; the shares are those that the router was seen to apply."""
        seen: list[int] = []

        def over() -> bool:
            share = self._share("candidate")
            if share and share not in seen:
                seen.append(share)
                print(f"   {version} answers {share} % of the requests", flush=True)
            return self.demo.get(WHAT, "{.status.stable.version}") == version

        with self._load() as clients:
            self.demo.wait_until(f"{version} took over", over, 400, self._summary)
        counted = clients.unbroken(version.rpartition("-v")[2])
        shares = " -> ".join(f"{share} %" for share in seen)
        return f"{shares}, baked; {counted['requests']} requests, 0 failed; {self._summary()}"

    def refuse(self, number: str) -> str:
        """Record a faulty version and see it sent back.

        Raises:
            KubectlError: it was not, or more requests failed than its share.
        """
        first, checks = ([QUIET], [ERRORS, SLOW, OTHERWISE]) if FAULTS[number] == "wrong" else ([], [ERRORS, SLOW])
        self._pass([*first, weight(FAULTY_SHARE)], checks)
        with self._load() as clients:
            began = time.monotonic()
            self._record(number)
            why = self._rejection(f"flights-v{number} is rejected")
            seconds = time.monotonic() - began
        counted = clients.counted or {"failed": 1, "requests": 0}
        most = 0 if FAULTS[number] != "errors" else FAULTY_SHARE / 100 * counted["requests"]
        if counted["failed"] > most:
            raise KubectlError(f"{counted['failed']} of {counted['requests']} requests failed: {counted['failures']}")
        part = counted["failed"] / counted["requests"]
        return f"{why}; found in {seconds:.0f} s, {part:.1%} of {counted['requests']} requests failed"

    def _rejection(self, words: str) -> str:
        """Wait until the deployment says that it sent a version back, and return why."""
        message = "{.status.conditions[?(@.type=='CandidateRejected')].message}"
        self.demo.wait_until(words, lambda: words in self.demo.get(WHAT, message), 240, self._summary)
        return self.demo.get(WHAT, message)

    def _record(self, number: str) -> None:
        """Record the bundle of the version that serves as one more version."""
        good = json.loads(self.demo.kubectl("get", "modelversion/flights-v4", "--output=json"))
        version = {
            "apiVersion": good["apiVersion"],
            "kind": "ModelVersion",
            "metadata": {"name": f"flights-v{number}"},
            "spec": {"modelRef": {"name": "flights"}, "version": int(number), "bundle": good["spec"]["bundle"]},
        }
        self.demo.apply(version)

    def _load(self) -> AbstractContextManager[Load]:
        return load(self.demo, "flights", self.question, self.image, connections=CONNECTIONS)

    def _pass(self, steps: list[dict[str, Any]], checks: list[dict[str, Any]]) -> None:
        analysis = {"noise": "Binomial", "warmup": "0s", "checks": checks}
        self._set({"rollout": {"strategy": "Canary", "steps": steps, "bake": "15s", "analysis": analysis}})

    def _set(self, spec: Mapping[str, Any]) -> None:
        self.demo.kubectl("patch", WHAT, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def _prepared(self) -> bool:
        select = "--selector=mlwright.dev/deployment=flights"
        image = "{range .items[*]}{.spec.containers[0].image}{'\\n'}{end}"
        images = set(self.demo.kubectl("get", "pods", select, f"--output=jsonpath={image}").split())
        return images == {self.faulty} and self._share("stable") == ALL

    def _share(self, variant: str) -> int:
        """Return the percent of the requests that a variant is known to answer."""
        found = self.demo.get(WHAT, f"{{.status.variants[?(@.name=='{variant}')].verifiedWeight}}")
        return int(found or 0)

    def _summary(self) -> str:
        return self.demo.summary(WHAT)
