"""What a policy would have made of a load: pods, late requests and cost, by the function that decides live. Pure.

The decisions are those of `planners.autoscaling.scale`; the world around them is a model that moves by the second:

- a ready pod answers up to `capacity` requests per second; requests wait in one line, first come, first served;
- a pod is ready `start` seconds after it was asked for, and ends at once; of several the youngest goes first;
- Prometheus scrapes ready pods every 15 s, and is asked every 15 s, 7 s after a scrape: the mean age of what it knows;
- what sleeps is woken by the first request that waits, a second later;
- routers, where there are any, are asked every second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from math import ceil
from typing import Any, Final

from mlwright.api.autoscaling import Autoscaling, Behavior
from mlwright.api.deployments import ModelDeploymentSpec
from mlwright.api.fields import parse_latency
from mlwright.errors import InvalidSpecError
from mlwright.plan.loads import Answer, Bounds, Glance, Pod, Question
from mlwright.plan.pods import PodSeen
from mlwright.plan.scaling import Memory
from mlwright.plan.serving import ALL, DeploymentSeen, SharesSeen, VariantSeen
from mlwright.plan.traffic import Provider, RouterPod, TrafficSeen
from mlwright.planners import rush, traffic
from mlwright.planners.autoscaling import Scaling, scale
from mlwright.planners.load_questions import COUNTED, REQUESTS, SECONDS, quick

EVERY: Final = 15
"""Seconds between scrapes, and between looks."""
AGE: Final = 7
"""Seconds after a scrape at which Prometheus is asked."""
WINDOW: Final = 60
_REVISION: Final = "simulated"
_BEFORE: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class World:
    """What is around the decisions."""

    capacity: float
    """Requests per second that one pod can answer."""
    start: int = 15
    """Seconds from the wish for a pod to its readiness."""
    late: int = 1
    """Seconds; a request that waits so long or longer is late."""
    routed: bool = False
    """Whether requests come by a router, which is asked what comes and what is under way."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A move, as it is told."""

    at: float
    """Seconds since 1970."""
    load: float
    """Requests per second then."""
    replicas: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of a policy."""

    moves: tuple[Moved, ...]
    pods: tuple[int, ...]
    """Pods that there were, for every second, those that start among them."""
    requests: float
    late: float
    """Requests that waited too long."""

    @property
    def late_share(self) -> float:
        """Share of the requests that were late."""
        return self.late / self.requests if self.requests else 0.0

    @property
    def pod_hours(self) -> float:
        """What it cost."""
        return sum(self.pods) / 3600


def replayable(spec: Autoscaling) -> Autoscaling:
    """Return the policy with the metrics that follow from requests alone, as if it acted.

    Raises:
        InvalidSpecError: none does.
    """
    metrics = tuple(metric for metric in spec.metrics if metric.query is None)
    if not metrics:
        raise InvalidSpecError(
            "spec.autoscaling.metrics",
            "what a query of your own would have returned does not follow from requests: name a metric of another type",
        )
    return spec.model_copy(update={"metrics": metrics, "mode": "Act"})


def as_hpa(spec: Autoscaling) -> Autoscaling:
    """Return what a HorizontalPodAutoscaler with the same metrics and no behavior of its own would do."""
    least = max(1, spec.min_replicas)
    return spec.model_copy(update={"behavior": Behavior(), "floors": (), "min_replicas": least})


def oracle(spec: Autoscaling, load: Sequence[float], world: World) -> tuple[int, ...]:
    """Return the fewest pods, for every second, with which nobody waits: asked for in time by who knows the load."""
    needed = [ceil(rate / world.capacity) for rate in load]
    least = max(1, spec.min_replicas)
    span = world.start + 1
    return tuple(max(least, *needed[second : second + span]) for second in range(len(needed)))


def simulate(spec: Autoscaling, load: Sequence[float], world: World, begin: float, first: int = 1) -> Simulated:
    """Return what a policy makes of a load.

    Args:
        spec: the policy, as `replayable` returns it.
        load: requests per second, one number for each second.
        world: what is around the decisions.
        begin: seconds since 1970 at the first of them; floors go by it.
        first: pods at the begin.

    Worked example: 10 requests/s for ten minutes, then 100, at 20 per pod, pods that can answer 25 and start in 15 s ->
    the number goes 1, 5, 9 or less within a minute, and what came meanwhile was late.
    """
    run = _Run(spec, world, begin, load, ModelDeploymentSpec.model_validate(_asked(first)))
    run.pods = [_Pod(number, -world.start) for number in range(first)]
    run.born = first
    for second, rate in enumerate(load):
        run.tick(second, rate)
    return Simulated(tuple(run.moves), tuple(run.sizes), sum(load), run.late + sum(run.overdue(len(load))))


def _asked(first: int) -> dict[str, Any]:
    return {"model": {"ref": {"name": "simulated"}}, "replicas": first}


@dataclass(frozen=True, slots=True)
class _Pod:
    number: int
    asked: int
    """The second in which it was asked for."""

    @property
    def name(self) -> str:
        return f"pod-{self.number}"


@dataclass(slots=True)
class _Run:
    """One simulation under way. A counter of a pod is what all pods counted per pod since it was ready."""

    spec: Autoscaling
    world: World
    begin: float
    load: Sequence[float]
    asked: ModelDeploymentSpec
    pods: list[_Pod] = field(default_factory=list)
    born: int = 0
    generation: int = 1
    waiting: deque[tuple[int, float]] = field(default_factory=deque)
    """Second of arrival, and how many requests of it still wait."""
    late: float = 0.0
    counters: dict[Question, float] = field(default_factory=dict)
    scraped: deque[tuple[int, dict[Question, float]]] = field(default_factory=deque)
    served: float = 0.0
    """Requests that were answered in this second."""
    births: dict[int, dict[Question, float]] = field(default_factory=dict)
    """The counters when a pod became ready, by its number."""
    answers: dict[Question, Answer] = field(default_factory=dict)
    """What Prometheus said when it was asked last."""
    glances: tuple[Glance, ...] = ()
    bounds: Bounds | None = None
    rushed: int = -1
    """The second of the last look because of a rush."""
    memory: Memory | None = None
    told: dict[str, Any] = field(default_factory=dict)
    moves: list[Moved] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin to count what is asked for, at nothing."""
        quicks = [quick(metric.latency.bound) for metric in self.spec.metrics if metric.latency]
        self.counters = dict.fromkeys((REQUESTS, SECONDS, *quicks), 0.0)

    def tick(self, second: int, rate: float) -> None:
        """Let a second pass."""
        if rate > 0:
            self.waiting.append((second, rate))
        ready = self._ready(second)
        for pod in ready:
            self.births.setdefault(pod.number, dict(self.counters))
        self._answer(second, len(ready))
        if second % EVERY == 0:
            self.scraped.append((second, dict(self.counters)))
            while self.scraped[0][0] <= second - WINDOW:
                self.scraped.popleft()
        woken = not self.pods and self.waiting
        asked = second % EVERY == AGE or woken
        if asked:
            self.answers = self._answers(second)
        if self._rush(second, rate) or asked:
            self._look(second, rate)
        self.sizes.append(len(self.pods))

    def _rush(self, second: int, rate: float) -> bool:
        """Take a glance at the routers; tell whether it is a reason to look, as the operator would."""
        if not self.world.routed:
            return False
        under_way = sum(amount for _, amount in self.waiting) + self.served / self.world.capacity
        glance = Glance(self.begin + second, under_way, rate, 1.0)
        self.glances = (*self.glances, glance)[-rush.GLANCES :]
        if self.bounds is None or second - self.rushed < rush.AGAIN or not rush.rushes(self.bounds, self.glances):
            return False
        self.rushed = second
        return True

    def overdue(self, second: int) -> Iterator[float]:
        """Return the requests that wait for too long already."""
        return (amount for came, amount in self.waiting if second - came >= self.world.late)

    def _ready(self, second: int) -> list[_Pod]:
        return [pod for pod in self.pods if second - pod.asked >= self.world.start]

    def _answer(self, second: int, ready: int) -> None:
        """Answer as many as the pods can, the oldest first."""
        room = ready * self.world.capacity
        self.served = 0.0
        while room > 0 and self.waiting:
            came, amount = self.waiting.popleft()
            done = min(room, amount)
            room -= done
            if done < amount:
                self.waiting.appendleft((came, amount - done))
            self._count(second - came, done, ready)

    def _count(self, waited: int, done: float, ready: int) -> None:
        self.served += done
        took = waited + 1 / self.world.capacity
        self.late += done if waited >= self.world.late else 0.0
        self.counters[REQUESTS] += done / ready
        self.counters[SECONDS] += done * took / ready
        for metric in self.spec.metrics:
            if metric.latency and took <= float(parse_latency(metric.latency.bound)):
                self.counters[quick(metric.latency.bound)] += done / ready

    def _look(self, second: int, rate: float) -> None:
        """Decide as the operator does, and do it."""
        now = datetime.fromtimestamp(self.begin + second, UTC)
        found = scale(self._seen(second), now)
        assert found is not None  # noqa: S101  # the spec has autoscaling
        self._take(found)
        if found.replicas == len(self.pods):
            return
        self.moves.append(Moved(self.begin + second, rate, found.replicas, self.told["sentence"]))
        self.generation += 1
        self.pods = self.pods[: found.replicas]  # the youngest come last
        more = range(self.born, self.born + found.replicas - len(self.pods))
        self.pods += [_Pod(number, second) for number in more]
        self.born = more.stop

    def _take(self, found: Scaling) -> None:
        self.memory, self.bounds, self.told = found.memory, found.bounds, dict(found.fields)

    def _seen(self, second: int) -> DeploymentSeen:
        """Return the snapshot that the operator would take."""
        ready = {pod.name for pod in self._ready(second)}
        pods = tuple(
            PodSeen(pod.name, "Running", ready=pod.name in ready, deleting=False, labels={}, created=_BEFORE)
            for pod in self.pods
        )
        size = len(self.pods)
        variant = VariantSeen(
            revision=_REVISION,
            object=_REVISION,
            uid=_REVISION,
            resource_version="",
            created=_BEFORE,
            wanted=size,
            replicas=size,
            ready=len(ready),
            observed=True,
            deleting=False,
            pods=pods,
            generation=self.generation,
        )
        shares = SharesSeen({_REVISION: ALL}, {_REVISION: ALL})
        seen = DeploymentSeen(
            namespace="",
            name="simulated",
            uid="",
            generation=1,
            spec=self.asked.model_copy(update={"autoscaling": self.spec}),
            epoch="",
            refresh="",
            status={"scaling": self.told} if self.told else {},
            model_exists=True,
            variants=(variant,),
            shares=shares,
            answers=self.answers,
            glances=self.glances,
            memory=self.memory,
            traffic=TrafficSeen(self._provider),
        )
        return self._asking(seen)

    @property
    def _provider(self) -> Provider:
        """A deployment that sleeps needs a router, whether it is asked or not."""
        return Provider.ROUTER if self.world.routed or not self.spec.min_replicas else Provider.SERVICE

    def _asking(self, seen: DeploymentSeen) -> DeploymentSeen:
        """Let the router hold a request for what sleeps."""
        if self.pods or not self.waiting:
            return seen
        held = RouterPod("router", ready=True, deleting=False, applied="", asks=traffic.sleep(seen))
        return replace(seen, traffic=TrafficSeen(Provider.ROUTER, pods=(held,)))

    def _answers(self, second: int) -> dict[Question, Answer]:
        """Return what Prometheus would say now."""
        at = self.begin + second
        answers = {question: partial(self._rate, question) for question in self.counters} | {COUNTED: self._last}
        return {question: Answer(at, self._by_pod(known)) for question, known in answers.items()}

    def _by_pod(self, known: Callable[[_Pod], float | None]) -> dict[Pod, float]:
        return {("", pod.name): value for pod in self.pods if (value := known(pod)) is not None}

    def _samples(self, pod: _Pod) -> list[tuple[int, dict[Question, float]]]:
        since = pod.asked + self.world.start
        return [sample for sample in self.scraped if sample[0] >= since]

    def _rate(self, question: Question, pod: _Pod) -> float | None:
        samples = self._samples(pod)
        if len(samples) < 2:  # noqa: PLR2004  # a rate needs two
            return None
        (begun, before), (ended, after) = samples[0], samples[-1]
        return (after[question] - before[question]) / (ended - begun)

    def _last(self, pod: _Pod) -> float | None:
        samples = self._samples(pod)
        return samples[-1][1][REQUESTS] - self.births[pod.number][REQUESTS] if samples else None
