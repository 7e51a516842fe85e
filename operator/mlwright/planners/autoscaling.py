"""How many pods a deployment is to have, found by its load. Pure.

Each answer of the store of metrics is judged once. The largest number that a metric asks for counts; while one metric
is not known nothing shrinks, and while none is known the number stays (or a fallback is run, if that is more). What a
window looks back at is held in memory alone, as by HorizontalPodAutoscaler: without it, a new leader takes the present
number for what was wanted, so nothing shrinks for the length of the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from mlwright.api.autoscaling import Autoscaling, Behavior, Floor, ScaleDown, ScaleUp, ScalingMetric, ScalingQuery
from mlwright.api.conditions import Verdict, timestamp, written
from mlwright.api.reasons import Reason
from mlwright.plan.loads import Answer, Bounds, Question
from mlwright.plan.scaling import Behavior as Rules
from mlwright.plan.scaling import Calm, Carried, Change, Direction, Limits, Memory, Policy, Tolerance, Wish
from mlwright.plan.serving import DeploymentSeen, VariantSeen
from mlwright.plan.traffic import Provider
from mlwright.planners import floors, rush, sleeping
from mlwright.planners.load_questions import asked, questions
from mlwright.planners.replica_calculator import by_pods, by_ratio, by_total
from mlwright.planners.scaling_behavior import Move, held_until, move, remembered

STALE: Final = 60.0
"""Seconds after which an answer says nothing any more: four looks at the load."""
MILLI: Final = 1000


@dataclass(frozen=True, slots=True)
class Scaling:
    """What was found."""

    replicas: int
    """For the deployment as a whole."""
    memory: Memory
    questions: tuple[Question, ...]
    bounds: Bounds | None
    """What routers may know of without another look; None when nobody needs to ask them."""
    fields: Mapping[str, Any]
    """For status.scaling."""
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one metric asks for."""

    wish: int | None
    """None when it is not known."""
    sentence: str
    wakes: bool = False
    """Whether it keeps a deployment awake that could sleep, or wakes it."""


def check(seen: DeploymentSeen, now: datetime) -> None:
    """Refuse what no schema can: a sleep without end, a floor that never begins.

    Raises:
        InvalidSpecError: with the field and the remedy.
    """
    if seen.spec.autoscaling is not None:
        sleeping.check(seen)
        floors.check(seen.spec.autoscaling, now)


def scale(seen: DeploymentSeen, now: datetime, *, rolls: bool = False) -> Scaling | None:
    """Return how many pods there are to be; None without spec.autoscaling.

    Args:
        seen: the deployment.
        now: the time.
        rolls: whether another revision is about to take over: to be judged it needs one that serves beside it.

    Worked example: 3 pods carry 83 requests/s, 10 per pod are wanted, nothing was done before -> 7, for 9 are wanted
    and the default policies allow 4 more or twice as many within 15 s.
    """
    spec = seen.spec.autoscaling
    if spec is None:
        return None
    pods, size = _pods(seen), current(seen)
    found = _Look(seen, spec, pods, size, now, rolls=rolls, floor=floors.highest(spec, now))
    if size:
        return found.judged()
    return found.asleep() if pods and found.may_sleep else found.begun()


def current(seen: DeploymentSeen) -> int:
    """Return how many pods there are to be now, for the deployment as a whole: those of its largest variant."""
    return max((variant.wanted for variant in _pods(seen)), default=0)


def _pods(seen: DeploymentSeen) -> tuple[VariantSeen, ...]:
    """Return the variants that answer; before any does, those that start."""
    there = tuple(variant for variant in seen.variants if not variant.deleting)
    return tuple(variant for variant in there if seen.shares.has(variant.revision)) or there


@dataclass(frozen=True, slots=True)
class _Look:
    seen: DeploymentSeen
    spec: Autoscaling
    pods: tuple[VariantSeen, ...]
    current: int
    now: datetime
    rolls: bool
    floor: Floor | None

    @property
    def may_sleep(self) -> bool:
        """Whether there may be no pods at all, if nobody asks."""
        return self.spec.min_replicas == 0 and self.spec.mode == "Act"

    @property
    def least(self) -> int:
        """Fewest pods now, while it does not sleep."""
        return max(1, self.spec.min_replicas, self.floor.min_replicas if self.floor else 0)

    @property
    def total(self) -> int:
        """Pods of all variants that answer: with a candidate beside it there are more than the stable one's."""
        return sum(variant.wanted for variant in self.pods)

    def begun(self) -> Scaling:
        """Begin with the number of the spec: nothing runs yet, or anew."""
        return self.told(self._first, Memory(), f"begins with {self._first}")

    @property
    def _first(self) -> int:
        floor = self.floor.min_replicas if self.floor and self.spec.mode == "Act" else 0
        return min(max(self.seen.spec.replicas, self.spec.min_replicas, floor), self.spec.max_replicas)

    def asleep(self) -> Scaling:
        """Sleep on, or wake."""
        metrics = {metric.name: self._metric(metric) for metric in self.spec.metrics if metric.query}
        awake = max((judged for judged in metrics.values() if judged.wakes), key=lambda j: j.wish or 0, default=None)
        if self.floor:
            wanted, why = self.floor.min_replicas, self._raised
        elif self.rolls:
            wanted, why = 1, "another version is to be judged beside it"
        elif sleeping.asked(self.seen):
            wanted, why = 1, "a request came"
        elif awake:
            wanted, why = awake.wish or 1, awake.sentence
        else:
            return self.told(0, Memory(), self._untold, _missing(metrics))
        wanted = min(wanted, self.spec.max_replicas)
        return self.told(wanted, Memory(), f"0 -> {wanted}: {why}", _missing(metrics))

    @property
    def _raised(self) -> str:
        return f"floor {self.floor.name} asks for at least {self.floor.min_replicas}" if self.floor else ""

    def judged(self) -> Scaling:
        """Judge the last answers, if that was not done yet."""
        at = max((answer.at for answer in self.seen.answers.values()), default=0.0)
        begun = self.now.timestamp()
        memory = self.seen.memory or Memory((Wish(begun, self.current),), judged=begun)
        metrics = {metric.name: self._metric(metric) for metric in self.spec.metrics}
        if self.seen.spec.paused or memory.judged >= at:
            return self._between(memory, metrics)
        calm = self._calm(memory, metrics, at)
        if sleeping.long_enough(self.spec, calm, at):
            sentence = f"{self.current} -> 0: no request for {self.spec.idle_after}; the next one wakes it"
            return self.told(0, replace(memory, calm=calm), sentence)
        rushes = self._rushes()
        wish = max(self._wish(metrics), *(rushed.wish or 0 for rushed in rushes.values()), 0)
        moved, known = self._moved(wish, memory, at)
        sentence = self._sentence(wish, moved, _larger(metrics, rushes), memory)
        return self.told(moved.replicas, replace(known, judged=at, calm=calm), sentence, _missing(metrics))

    def _moved(self, wish: int, memory: Memory, at: float) -> tuple[Move, Memory]:
        behavior = rules(self.spec.behavior)
        moved = move(self.current, wish, memory, behavior, Limits(self.least, self.spec.max_replicas), at)
        change = Change(at, moved.replicas - self.current)
        return moved, remembered(memory, Wish(at, wish), change, behavior)

    def _between(self, memory: Memory, metrics: Mapping[str, Judged]) -> Scaling:
        """Between two answers of the store only a rush at the routers moves the number, and only up."""
        rushes, missing = self._rushes(), _missing(metrics)
        wish = max((rushed.wish or 0 for rushed in rushes.values()), default=0)
        if wish > self.current and not self.seen.spec.paused:
            moved, known = self._moved(wish, memory, self.seen.glances[-1].at)
            if moved.replicas > self.current:
                known = replace(known, judged=memory.judged, calm=memory.calm)
                return self.told(moved.replicas, known, self._sentence(wish, moved, rushes, memory), missing)
        return self.told(self.current, memory, "" if self.seen.memory else self._untold, missing)

    def _rushes(self) -> dict[str, Judged]:
        """Return what the metrics ask for of which more comes to the routers than the pods should carry."""
        glances = rush.fresh(self.seen.glances, self.now.timestamp()) if self._routed else ()
        up = self.spec.behavior.scale_up.tolerance
        found: dict[str, Judged] = {}
        for metric in self.spec.metrics:
            if known := rush.asked(metric, glances, self.total, up):
                (load, what), target = known, _per_pod(metric)[0]
                wish = by_total(self.total, round(load * MILLI), _millis(target), self._tolerance)
                found[metric.name] = Judged(wish, f"{load:.3g} {what} against {target:g} per pod")
        return found

    @property
    def _routed(self) -> bool:
        return self.seen.traffic.provider is Provider.ROUTER and rush.asks(self.spec)

    def _bounds(self) -> Bounds | None:
        """Return what routers may know of without another look: without an end where no more pods may be."""
        if not self._routed or not self.current:
            return None
        return rush.bounds(self.spec, self.total) if self.current < self.spec.max_replicas else Bounds()

    def _calm(self, memory: Memory, metrics: Mapping[str, Judged], at: float) -> Calm | None:
        """Return since when nobody asks; None while somebody does, or nobody knows, or pods are needed anyway."""
        busy = any(judged.wakes or judged.wish is None for judged in metrics.values())
        if not self.may_sleep or self.floor or self.rolls or busy:
            return None
        counts = sleeping.counted(self.seen, self.pods, self.now.timestamp() - STALE)
        return sleeping.calmed(memory.calm, counts, at)

    def _sentence(self, wish: int, moved: Move, metrics: Mapping[str, Judged], memory: Memory) -> str:
        """Say what was done and why; what only waits is said without numbers that change with every look."""
        held = f"floor {self.floor.name} is the limit" if self.floor and moved.held == "limit" else _HELD[moved.held]
        if moved.replicas != self.current:
            known = {name: judged for name, judged in metrics.items() if judged.wish is not None}
            why = max(known, key=lambda name: known[name].wish or 0, default="")
            because = f"{why}: {known[why].sentence}" if why else "nothing is known of the load"
            if wish < moved.replicas == self.least:
                return f"{self.current} -> {moved.replicas}: {self._raised or f'minReplicas is {self.least}'}"
            more = f"; {wish} are wanted, {held}" if moved.held else ""
            return f"{self.current} -> {moved.replicas}: {because}{more}"
        if wish == self.current or not moved.held:
            return self._untold
        if moved.held == "window":
            until = held_until(self.current, wish, memory.wishes, rules(self.spec.behavior))
            held = f"its stabilization window holds it until {written(until)}"
        return f"stays at {self.current} although {'more' if wish > self.current else 'fewer'} are wanted: {held}"

    def _wish(self, metrics: Mapping[str, Judged]) -> int:
        """Return the largest number that is asked for; what is not known lets nothing shrink."""
        wishes = [judged.wish for judged in metrics.values() if judged.wish is not None]
        unknown = len(wishes) < len(metrics)
        fallback = self.spec.when_metrics_missing.fallback
        if not wishes and fallback is not None:
            wishes = [fallback.replicas]
        kept = [self.current] if unknown or not wishes else []
        return max(wishes + kept)

    def _metric(self, metric: ScalingMetric) -> Judged:
        wanted = asked(metric, self.seen.namespace, self.seen.name)
        answers = [self.seen.answers.get(question) for question in wanted]
        known = [answer for answer in answers if answer is not None]
        if trouble := next((answer.trouble for answer in known if answer.trouble), ""):
            return Judged(None, trouble)
        if len(known) < len(answers) or any(self.now.timestamp() - answer.at > STALE for answer in known):
            return Judged(None, "Prometheus was not asked yet")
        if metric.query is not None:
            return self._total(metric.query, known[0].number)
        if metric.latency is not None:
            return self._slow(metric.latency.max_share_slower, metric.latency.bound, *known)
        target, what = _per_pod(metric)
        return self._mean(target, what, known[0])

    def _mean(self, target: float, what: str, answer: Answer) -> Judged:
        carried = self._carried(answer)
        wish = by_pods(self.total, carried, _millis(target), self._tolerance)
        if wish is None:
            return Judged(None, "Prometheus knows no counter of the pods that are ready: is it told to scrape them?")
        total = sum(carried.values.values()) / MILLI
        return Judged(wish, f"{total:.3g} {what} against {target:g} per pod")

    def _slow(self, target: float, bound: str, requests: Answer, quick: Answer) -> Judged:
        names = {(self.seen.namespace, pod.name) for variant in self.pods for pod in variant.pods if pod.ready}
        both = names & requests.pods.keys() & quick.pods.keys()
        if not both:
            return Judged(None, f"Prometheus knows no answers within {bound} of the pods that are ready")
        total = sum(requests.pods[pod] for pod in both)
        slow = max(0.0, total - sum(quick.pods[pod] for pod in both))
        share = slow / total if total else 0.0
        wish = by_ratio(self.total, len(names), round(share * MILLI), _millis(target), self._tolerance)
        return Judged(max(wish, 1), f"{share:.1%} of the answers take longer than {bound}, {target:.1%} may")

    def _total(self, query: ScalingQuery, number: float | None) -> Judged:
        target = query.target
        if number is None or not 0 <= number < float("inf"):
            told = "no number" if number is None else f"{number:g}, expected one of at least 0"
            return Judged(None, f"the query returned {told}")
        wish = by_total(self.total, round(number * MILLI), _millis(target), self._tolerance)
        sentence = f"the query returned {number:.3g} against {target:g} per pod"
        return Judged(wish, sentence, wakes=number > query.activation)

    def _carried(self, answer: Answer) -> Carried:
        own = {pod.name: pod for variant in self.pods for pod in variant.pods if not pod.deleting}
        values = {name: answer.pods[key] for name in own if (key := (self.seen.namespace, name)) in answer.pods}
        ready = {name for name, pod in own.items() if pod.ready}
        return Carried(
            {name: round(value * MILLI) for name, value in values.items() if name in ready},
            unready=frozenset(own.keys() - ready),
            missing=frozenset(ready - values.keys()),
        )

    @property
    def _tolerance(self) -> Tolerance:
        behavior = self.spec.behavior
        return Tolerance(behavior.scale_up.tolerance, behavior.scale_down.tolerance)

    def told(self, replicas: int, memory: Memory, sentence: str, missing: str = "") -> Scaling:
        """Return what was found, told as it stands in the status; what was told stays until there is news."""
        before: Mapping[str, Any] = self.seen.status.get("scaling") or {}
        observed = self.spec.mode == "Observe"
        asked_ = questions(self.spec, self.seen.namespace, self.seen.name)
        now = f"would be: {sentence}" if observed and sentence else sentence
        news = {"wanted": replicas, "sentence": now, "at": timestamp(self.now)}
        fields = news if now and now != before.get("sentence") else before
        size = self._first if observed else replicas
        return Scaling(size, memory, asked_, self._bounds(), fields, self._verdicts(missing))

    @property
    def _untold(self) -> str:
        """Say how many pods there are where the status tells another number: its write was lost, or it was.

        Never right after a move of this term of leading: the cache may be behind it, and the status is not.
        """
        told = (self.seen.status.get("scaling") or {}).get("wanted")
        if told == self.current or self.spec.mode == "Observe":
            return ""
        return f"runs with {self.current}" if self.current else "sleeps; the next request wakes it"

    def _verdicts(self, missing: str) -> tuple[Verdict, ...]:
        if not self.seen.answers:
            return (
                Verdict("MetricsAvailable", "Unknown", Reason.METRICS_UNAVAILABLE, "Prometheus is asked for the load"),
            )
        if not missing:
            return (Verdict("MetricsAvailable", "True", Reason.METRICS_KNOWN, "the load is known"),)
        kind = self.spec.when_metrics_missing.type
        what = "nothing shrinks" if kind == "Hold" else "spec.autoscaling.whenMetricsMissing.fallback counts"
        return (
            Verdict("MetricsAvailable", "False", Reason.METRICS_UNAVAILABLE, f"{missing}; until it is known {what}"),
        )


def _larger(one: Mapping[str, Judged], other: Mapping[str, Judged]) -> dict[str, Judged]:
    """Return for each metric what asks for more."""
    return {**one, **{name: judged for name, judged in other.items() if (judged.wish or 0) > (one[name].wish or 0)}}


def _millis(target: float) -> int:
    """Return a target in thousandths: at least one, however small it is."""
    return max(1, round(target * MILLI))


def _per_pod(metric: ScalingMetric) -> tuple[float, str]:
    if metric.concurrency is not None:
        return metric.concurrency.target, "requests under way"
    assert metric.request_rate is not None  # noqa: S101  # one of a union
    return metric.request_rate.target, "requests/s"


def _missing(metrics: Mapping[str, Judged]) -> str:
    return "; ".join(f"{name}: {judged.sentence}" for name, judged in metrics.items() if judged.wish is None)


_HELD: Final = {
    "": "",
    "window": "its stabilization window waits until all of it agrees",
    "policy": "its policies allow no more for now",
    "limit": "minReplicas and maxReplicas are the limits",
}


def rules(behavior: Behavior) -> Rules:
    """Return the behavior of a spec as the arithmetic takes it."""
    return Rules(_direction(behavior.scale_up), _direction(behavior.scale_down))


def _direction(way: ScaleUp | ScaleDown) -> Direction:
    policies = tuple(Policy(policy.type, policy.value, policy.period_seconds) for policy in way.policies)
    return Direction(way.stabilization_window_seconds, policies, way.select_policy)


def sized(seen: DeploymentSeen, found: Scaling | None) -> DeploymentSeen:
    """Return the deployment as if the spec asked for the number that was found."""
    if found is None:
        return seen
    return replace(seen, spec=seen.spec.model_copy(update={"replicas": found.replicas}))
