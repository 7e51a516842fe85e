"""The third part of the demo: the season changes, and the loop closes itself.

A model learns the flights of January to March with their weather and serves. Clients then ask about April to June: a
monitor finds that these days are others, a run learns from the newer flights, its version is better than the champion,
takes over in steps, and is watched in turn. Last, an experiment proves what that was worth.
"""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet

from cluster.kubectl import KubectlError, Namespace
from examples.flights import weather
from examples.flights.errands import LOAD_SCRIPT, Load, Porter, kill_the_leader
from examples.flights.gradual import JUDGED
from examples.flights.timeline import Entry, timeline

WHAT: Final = "modeldeployment/weather"
MONITOR: Final = "driftmonitor/weather"
MONTHS: Final = {"winter": (1, 3), "spring": (4, 6)}
CONNECTIONS: Final = 2
PAUSE: Final = 0.03
"""Seconds between two requests of a connection: some forty requests a second of 25 flights each."""
QUIET_WINDOWS: Final = 5
"""So many windows in a row must say that nothing drifted, until it counts as quiet."""
SHORTENED: Final = (
    *JUDGED,
    "windows of 10 s that hold a season in a random order (24 h, judged each hour)",
    "what came true is known at once (the experiment's delay is 0s)",
)
"""What this part sets otherwise than its reader should."""
KINDS: Final = ("trainingruns", "modelversions", "decisions", "events")
OPERATOR: Final = ("mlwright-system", "mlwright")
"""Namespace and release of the operator."""


@dataclass(slots=True)
class Seasons:
    """Plays the closed loop; its stages follow one another."""

    demo: Namespace
    image: str
    """Image of the pods that ask."""
    porter: Porter
    """Who carries files onto the claim of the flights."""
    asking: Load | None = None
    """Who asks at present."""
    told: list[dict[str, Any]] = field(default_factory=list)
    """The monitor as it was at moments that its conditions do not keep."""
    parts: dict[str, weather.Season] = field(default_factory=dict)

    def learn(self) -> str:
        """Bring the flights of winter, and learn from them."""
        year = weather.year()
        self.parts = {name: weather.season(year, *months) for name, months in MONTHS.items()}
        asked = {f"asked/{name}.jsonl": _lines(part) for name, part in self.parts.items()}
        script = {f"asked/{LOAD_SCRIPT.name}": LOAD_SCRIPT.read_bytes()}
        self.porter.carry({**self._learned("winter"), **asked, **script})
        self.demo.apply(_secret())
        self.demo.kubectl("apply", "-f", Path(__file__).with_name("weather.yaml"))
        self.demo.wait_for("trainingpipeline/weather", "Ready", "True", seconds=240)
        return self.demo.summary("trainingrun/weather-1")

    def watch(self) -> str:
        """Serve, let clients ask about winter, and see that the monitor finds nothing."""
        self.demo.wait_for(WHAT, "Ready", "True", seconds=180)
        self._ask("winter")
        return self._quiet("weather-v1")

    def drift(self) -> str:
        """Let clients ask about spring until the monitor finds the drift and a run starts for it."""
        self._stop()
        self.porter.carry(self._learned("spring"))
        self._ask("spring")
        self.demo.wait_until("drift is found", lambda: self._drifted() == "True", 180, self._summary)
        self._remember()
        self.demo.wait_until("a run starts for it", self._started, 60, self._summary)
        return self.demo.get(MONITOR, "{.status.conditions[?(@.type=='Drifted')].message}")

    def train(self) -> str:
        """Wait until the run has learned spring and its version has passed the gate against the champion."""
        self.demo.wait_for("trainingrun/weather-2", "Complete", "True", seconds=240)
        gate = self.demo.get("modelversion/weather-v2", "{.spec.verdict.gates[0].sentence}")
        if self.demo.get("modelversion/weather-v2", "{.spec.verdict.outcome}") != "Passed":
            raise KubectlError(f"weather-v2 did not pass: {gate}")
        return gate

    def deliver(self) -> str:
        """Kill the operator's leader while the new version has a share, and wait until that version has taken over."""
        self.demo.wait_until(
            "weather-v2 has a share", lambda: self._share() > 0 or self._served(), 180, self._deployment
        )
        share, leader = self._share(), kill_the_leader(self.demo.kubeconfig, *OPERATOR)
        self.demo.wait_until("weather-v2 took over", self._served, 300, self._deployment)
        return f"the leader {leader} was killed when weather-v2 answered {share or 100} %; {self._deployment()}"

    def calm(self) -> str:
        """See that the monitor compares with what was learned now, and finds nothing any more."""
        sentence = self._quiet("weather-v2")
        counted = self._stop()
        return f"{sentence}; {counted['requests']} requests about spring, 0 failed"

    def experiment(self) -> str:
        """Let the model of winter answer half of the flights of spring, and count who is right more often.

        Raises:
            KubectlError: the version that learned spring did not win.
        """
        goal = {"type": "Reward", "reward": {"effect": 0.02}}
        variants = [{"name": "winter", "model": {"version": 1}, "weight": 50}]
        spec = {"experiment": {"name": "was-it-worth-it", "variants": variants, "goal": goal}}
        self.demo.kubectl("patch", WHAT, "--type=merge", f"--patch={json.dumps({'spec': spec})}")
        self._ask("spring", rewards=True)
        state = "{.status.experiment.state}"
        self.demo.wait_until(
            "the experiment ends", lambda: self.demo.get(WHAT, state) == "Ended", 240, self._experiment
        )
        self._stop()
        outcome = next(one["spec"] for one in self._all("decisions") if one["spec"]["type"] == "ExperimentOutcome")
        if outcome["version"] != "weather-v2":
            raise KubectlError(outcome["sentence"])
        return str(outcome["sentence"])

    def end(self) -> tuple[Entry, ...]:
        """Stop to ask, whatever happened, and return what happened when."""
        if self.asking is not None and self.asking.counted is None:
            self.demo.kubectl("delete", "pod", self.asking.name, "--ignore-not-found", "--wait=false")
        things = (thing for kind in KINDS for thing in self._all(kind))
        return timeline([*(thing for thing in things if _is_ours(thing)), *self.told])

    def _quiet(self, version: str) -> str:
        """Wait until enough windows say of a version that nothing drifted, and return the sentence."""

        def quiet() -> bool:
            status = self._monitor().get("status", {})
            features = status.get("features") or ()
            judged = [one for one in features if one["windows"] >= QUIET_WINDOWS and not one["over"]]
            return status.get("version") == version and bool(features) and len(judged) == len(features)

        self.demo.wait_until(f"the monitor is quiet about {version}", quiet, 240, self._summary)
        self._remember()
        return self._summary()

    def _drifted(self) -> str:
        return self.demo.get(MONITOR, "{.status.conditions[?(@.type=='Drifted')].status}")

    def _started(self) -> bool:
        return any(run["spec"]["trigger"]["type"] == "Drift" for run in self._all("trainingruns"))

    def _monitor(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.demo.kubectl("get", MONITOR, "--output=json"))
        return found

    def _remember(self) -> None:
        self.told.append(self._monitor())

    def _all(self, kind: str) -> Sequence[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.demo.kubectl("get", kind, "--output=json"))["items"]
        return found

    def _learned(self, name: str) -> dict[str, bytes]:
        """Return the file of the flights that a pipeline may learn from."""
        file = io.BytesIO()
        pyarrow.parquet.write_table(self.parts[name].learned, file)
        return {f"weather/{name}.parquet": file.getvalue()}

    def _ask(self, name: str, *, rewards: bool = False) -> None:
        """Let clients ask about a season from now on."""
        self.asking = Load(self.demo, f"ask-{name}-{'rewarded' if rewards else 'on'}", seconds=1200, pause=PAUSE)
        url = self.demo.get(WHAT, "{.status.url}")
        self.asking.replay(url, f"{self.porter.claim}/asked/{name}.jsonl", self.image, CONNECTIONS, rewards=rewards)

    def _stop(self) -> dict[str, Any]:
        """Let clients stop, none of whose requests may have failed."""
        if self.asking is None:
            raise KubectlError("nobody asks")
        self.asking.stop()
        return self.asking.unbroken()

    def _served(self) -> bool:
        return self.demo.get(WHAT, "{.status.stable.version}") == "weather-v2"

    def _share(self) -> int:
        """Return the percent of the requests that the new version is known to answer."""
        return int(self.demo.get(WHAT, "{.status.variants[?(@.name=='candidate')].verifiedWeight}") or 0)

    def _deployment(self) -> str:
        return self.demo.summary(WHAT)

    def _summary(self) -> str:
        return self.demo.summary(MONITOR)

    def _experiment(self) -> str:
        return self.demo.get(WHAT, "{.status.experiment.sentence}")


def stages(seasons: Seasons) -> list[tuple[str, Callable[[], str]]]:
    """Return the names of the stages and what each does."""
    return [
        ("learn the winter", seasons.learn),
        ("serve and watch it", seasons.watch),
        ("spring comes: find the drift", seasons.drift),
        ("learn the spring, beside the champion", seasons.train),
        ("deliver what was learned", seasons.deliver),
        ("be quiet again", seasons.calm),
        ("prove by an experiment what it was worth", seasons.experiment),
    ]


def _lines(part: weather.Season) -> bytes:
    return "\n".join(weather.questions(part.asked)).encode()


def _secret() -> dict[str, Any]:
    """Return the key that seals prediction ids, made now."""
    key = {"key-1": secrets.token_hex(32)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "weather-feedback"}, "stringData": key}


def _is_ours(thing: dict[str, Any]) -> bool:
    """Tell whether an object belongs to this part of the demo."""
    about = thing["involvedObject"]["name"] if thing["kind"] == "Event" else thing["metadata"]["name"]
    return str(about).startswith("weather")
