"""How many pods a deployment gets: by its load, never fewer on what is not known, and why in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mlwright.api.conditions import StatusDraft, Verdict
from mlwright.api.reasons import Reason
from mlwright.plan.loads import Answer
from mlwright.plan.plan import Decided
from mlwright.plan.pods import PodSeen
from mlwright.plan.scaling import Memory, Wish
from mlwright.plan.serving import DeploymentSeen, ScaleVariant
from mlwright.planners import deployment
from mlwright.planners.autoscaling import Scaling, scale
from mlwright.planners.load_questions import REQUESTS, SECONDS, own, quick
from tests.unit.planners.given import LONG_AGO, NOW, SETTINGS, Deployment, a_deployment

RATE = {"name": "load", "type": "RequestRate", "requestRate": {"target": 10}}
BUSY = {"name": "busy", "type": "Concurrency", "concurrency": {"target": 2}}
SLOW = {"name": "slow", "type": "Latency", "latency": {"bound": "50ms", "maxShareSlower": 0.05}}
OWN = {"name": "own", "type": "Query", "query": {"promql": 'q{d="${deployment}"}', "target": 5}}
SOON = NOW.timestamp() - 1
BEFORE = Memory((Wish(SOON - 400, 3),))


def pod(number: int, *, ready: bool = True) -> PodSeen:
    """Return a pod of the stable revision."""
    return PodSeen(f"p{number}", "Running", ready=ready, deleting=False, labels={}, created=NOW)


def answer(*loads: float, at: float = SOON) -> Answer:
    """Return what each of the first pods carries."""
    return Answer(at, {("demo", f"p{number}"): load for number, load in enumerate(loads)})


def autoscaled(*metrics: dict[str, Any], pods: int = 3, **spec: Any) -> Deployment:
    """Tell a deployment that serves with so many pods."""
    asked = {"metrics": list(metrics) or [RATE], "minReplicas": 1, "maxReplicas": 20, **spec}
    return (
        a_deployment()
        .asking(replicas=2, autoscaling=asked)
        .stable(1, ready=pods, of=pods, pods=tuple(map(pod, range(pods))))
    )


def found(seen: Deployment, answers: Mapping[Any, Answer], memory: Memory | None = BEFORE, **known: Any) -> Scaling:
    """Return what is found from answers."""
    scaling = scale(seen.knowing(answers=answers, memory=memory, **known).done(), NOW)
    assert scaling is not None
    return scaling


def available(scaling: Scaling) -> tuple[str, str]:
    """Return whether the load is known, and what is said about it."""
    return scaling.verdicts[0].status, scaling.verdicts[0].message


def test_load_makes_pods_and_says_so() -> None:
    """From what to what, by which metric, and what holds back the rest."""
    scaling = found(autoscaled(), {REQUESTS: answer(30.0, 30.0, 30.0)})

    assert scaling.replicas == 7
    assert scaling.fields["sentence"] == (
        "3 -> 7: load: 90 requests/s against 10 per pod; 9 are wanted, its policies allow no more for now"
    )


def test_the_largest_of_several_metrics_counts() -> None:
    """Each of them could be the one that matters."""
    scaling = found(autoscaled(RATE, BUSY), {REQUESTS: answer(1, 1, 1), SECONDS: answer(4, 4, 4)})

    assert (scaling.replicas, scaling.fields["sentence"][:45]) == (6, "3 -> 6: busy: 12 requests under way against 2")


def test_slow_answers_make_pods() -> None:
    """A tenth is slow where a twentieth may be: twice as many."""
    scaling = found(autoscaled(SLOW), {REQUESTS: answer(10, 10, 10), quick("50ms"): answer(9, 9, 9)})

    assert scaling.fields["sentence"] == "3 -> 6: slow: 10.0% of the answers take longer than 50ms, 5.0% may"


def test_a_query_of_ones_own_speaks_for_the_whole() -> None:
    """Its number is shared by the pods."""
    scaling = found(autoscaled(OWN), {own('q{d="${deployment}"}', "demo", "churn"): Answer(SOON, number=24)})

    assert scaling.fields["sentence"] == "3 -> 5: own: the query returned 24 against 5 per pod"


def test_less_load_takes_pods_away_when_all_of_the_window_agrees() -> None:
    """A wish of four minutes ago still counts."""
    idle = {REQUESTS: answer(1, 1, 1)}

    assert found(autoscaled(), idle).replicas == 1
    held = found(autoscaled(), idle, Memory((Wish(SOON - 240, 3),)))
    assert (held.replicas, held.fields["sentence"]) == (
        3,
        "stays at 3 although fewer are wanted: its stabilization window holds it until 2026-01-02T12:00:59Z",
    )


MISSING: dict[str, tuple[Mapping[Any, Answer], str]] = {
    "away": ({REQUESTS: Answer(SOON, trouble="Prometheus did not answer")}, "load: Prometheus did not answer"),
    "empty": ({REQUESTS: Answer(SOON)}, "load: Prometheus knows no counter of the pods that are ready"),
    "old": ({REQUESTS: answer(0, 0, 0, at=SOON - 61)}, "load: Prometheus was not asked yet"),
}


@pytest.mark.parametrize("case", MISSING.values(), ids=MISSING)
def test_nothing_shrinks_on_what_is_not_known(case: tuple[Mapping[Any, Answer], str]) -> None:
    """And the condition says what is missing."""
    answers, why = case
    scaling = found(autoscaled(), answers)

    assert scaling.replicas == 3
    assert available(scaling)[0] == "False"
    assert available(scaling)[1].startswith(why)
    assert available(scaling)[1].endswith("until it is known nothing shrinks")


def test_one_metric_that_is_not_known_lets_others_grow_and_not_shrink() -> None:
    """What it would ask for could be more."""
    some = {SECONDS: Answer(SOON, trouble="away")}

    assert found(autoscaled(RATE, BUSY), {REQUESTS: answer(1, 1, 1), **some}).replicas == 3
    assert found(autoscaled(RATE, BUSY), {REQUESTS: answer(20, 20, 20), **some}).replicas == 6


@pytest.mark.parametrize("replicas, then", [(5, 5), (1, 3)], ids=["more", "fewer"])
def test_a_fallback_is_run_if_that_is_more(replicas: int, then: int) -> None:
    """Somebody knows what the model needs at least."""
    missing = {"type": "Fallback", "fallback": {"replicas": replicas}}
    scaling = found(autoscaled(whenMetricsMissing=missing), {REQUESTS: Answer(SOON, trouble="away")})

    assert scaling.replicas == then


def test_an_answer_is_judged_once() -> None:
    """Events come in between, and would let one answer count several times."""
    judged = found(autoscaled(), {REQUESTS: answer(30, 30, 30)})

    again = found(autoscaled(pods=7), {REQUESTS: answer(30, 30, 30)}, judged.memory)

    assert (again.replicas, again.memory) == (7, judged.memory)


def test_a_new_leader_takes_what_runs_for_what_was_wanted() -> None:
    """Nothing shrinks before it has seen as much as its window is long."""
    later = {REQUESTS: answer(1, 1, 1, at=SOON + 2)}

    assert found(autoscaled(), {REQUESTS: answer(1, 1, 1)}, memory=None).replicas == 3
    assert found(autoscaled(), later, memory=None).replicas == 3


def test_what_was_done_stays_told() -> None:
    """A status that changed with every look would be a write for every look."""
    told = {"wanted": 3, "sentence": "2 -> 3: load: 29 requests/s against 10 per pod", "at": "2026-01-01T00:00:00Z"}
    scaling = found(autoscaled(), {REQUESTS: answer(10, 10, 10)}, status={"scaling": told})

    assert scaling.fields == told


def test_more_load_waits_for_the_end_of_a_window_as_well() -> None:
    """As long as something of the last minute asked for no more than there are."""
    slow = {"scaleUp": {"stabilizationWindowSeconds": 60}}
    held = found(autoscaled(behavior=slow), {REQUESTS: answer(30, 30, 30)}, Memory((Wish(SOON - 15, 3),)))

    assert held.fields["sentence"] == (
        "stays at 3 although more are wanted: its stabilization window holds it until 2026-01-02T12:00:44Z"
    )


@pytest.mark.parametrize("slow, share", [({"bound": "50ms", "maxShareSlower": 0.0001}, 9), (None, None)])
def test_a_target_of_next_to_nothing_asks_for_as_many_pods_as_there_may_be(slow: Any, share: float | None) -> None:
    """Loads are counted in thousandths; a target below one of them is one."""
    tiny = SLOW | {"latency": slow} if slow else RATE | {"requestRate": {"target": 0.0001}}
    answers = {REQUESTS: answer(10, 10, 10)} | ({quick("50ms"): answer(share, share, share)} if share else {})

    assert found(autoscaled(tiny), answers).fields["sentence"].startswith("3 -> 7: ")


def test_a_number_that_the_status_does_not_tell_is_told_as_it_is() -> None:
    """The write of a status may be lost, and a status may be restored from a backup."""
    told = {"wanted": 2, "sentence": "begins with 2", "at": "2026-01-01T00:00:00Z"}
    calm = {REQUESTS: answer(10, 10, 10)}

    scaling = found(autoscaled(), calm, status={"scaling": told})
    anew = found(autoscaled(), calm, memory=None)

    assert (scaling.fields["wanted"], scaling.fields["sentence"]) == (3, "runs with 3")
    assert (anew.fields["wanted"], anew.fields["sentence"]) == (3, "runs with 3")


def test_a_cache_that_is_behind_a_move_tells_nothing_of_it() -> None:
    """What was done is told already; until its event comes the number is the one before."""
    told = {"wanted": 7, "sentence": "3 -> 7: load", "at": "2026-01-01T00:00:00Z"}
    judged = Memory((Wish(SOON, 9),), judged=SOON)

    assert found(autoscaled(), {REQUESTS: answer(30, 30, 30)}, judged, status={"scaling": told}).fields == told


def test_the_same_is_told_once_by_who_only_observes() -> None:
    """A time that changed with every look would be a write for every look."""
    first = found(autoscaled(mode="Observe"), {REQUESTS: answer(30, 30, 30)})
    before = {**first.fields, "at": "2026-01-01T00:00:00Z"}

    again = found(autoscaled(mode="Observe"), {REQUESTS: answer(30, 30, 30)}, status={"scaling": before})

    assert again.fields == before


def test_who_only_observes_is_told_and_nothing_more() -> None:
    """Pods stay as many as the spec says."""
    scaling = found(autoscaled(mode="Observe"), {REQUESTS: answer(30, 30, 30)})

    assert scaling.replicas == 2
    assert scaling.fields["sentence"].startswith("would be: 3 -> 7")


def scaled(seen: DeploymentSeen, minutes: int = 0) -> list[int]:
    """Return to how many pods variants are scaled."""
    decision = deployment.decide(seen, SETTINGS, NOW + timedelta(minutes=minutes))
    return [intent.replicas for intent in decision.intents if isinstance(intent, ScaleVariant)]


def test_the_deployment_is_scaled_and_asks_again() -> None:
    """By the same planner as everything else."""
    seen = autoscaled().knowing(answers={REQUESTS: answer(20, 20, 20)}, memory=BEFORE).done()

    decision = deployment.decide(seen, SETTINGS, NOW)

    assert scaled(seen) == [6]
    assert (decision.questions, decision.memory is not None) == ((REQUESTS,), True)
    assert decision.status.fields["scaling"]["wanted"] == 6


def test_a_paused_deployment_stays_as_large_as_it_is() -> None:
    """Nothing is decided, and what serves goes on serving."""
    seen = autoscaled().asking(paused=True).knowing(answers={REQUESTS: answer(20, 20, 20)}, memory=BEFORE).done()

    assert scaled(seen) == []


def test_a_rollout_that_misses_metrics_says_so_in_the_one_condition() -> None:
    """A list of conditions holds each type once."""
    size = found(autoscaled(), {REQUESTS: answer(10, 10, 10)})
    missing = Verdict("MetricsAvailable", "False", Reason.METRICS_UNAVAILABLE, "errors: nobody counts")
    decision: deployment.Decision = Decided(StatusDraft("rolls out", (missing,), {}))

    assert deployment.with_size(decision, size).status.conditions == (missing,)


def test_in_the_middle_of_a_rollout_the_load_of_both_counts_and_each_is_sized_for_its_share() -> None:
    """70 requests/s need 7 pods: the candidate gets a quarter of them, and stable can take everything back."""
    quarter = {"name": "quarter", "type": "Weight", "weight": {"percent": 25, "hold": "10m"}}
    told = autoscaled().asking(rollout={"strategy": "Canary", "steps": [quarter]}, traffic={"provider": "Router"})
    told = told.candidate(2, ready=1, of=1, created=LONG_AGO, pods=(pod(3),)).pinned(2)
    old, new = told.revision(1), told.revision(2)
    told.shares = {old: 75, new: 25}
    seen = told.knowing(answers={REQUESTS: answer(18, 17, 17, 18)}, memory=BEFORE).done()

    decision = deployment.decide(seen, replace(SETTINGS, router_image="router:1"), NOW)

    scales = [intent for intent in decision.intents if isinstance(intent, ScaleVariant)]
    assert {scale.variant.revision: scale.replicas for scale in scales} == {old: 7, new: 2}


def test_a_suspended_deployment_is_not_scaled() -> None:
    """It has no pods, whatever is asked for."""
    seen = autoscaled().asking(suspend=True).knowing(answers={REQUESTS: answer(20, 20, 20)}, memory=BEFORE).done()

    assert scaled(seen) == [0]


def test_a_deployment_that_begins_has_the_number_of_its_spec() -> None:
    """Brought between the limits."""
    seen = a_deployment().asking(replicas=1, autoscaling={"metrics": [RATE], "minReplicas": 3, "maxReplicas": 9})
    scaling = scale(seen.with_version(1).done(), NOW)

    assert scaling is not None
    assert scaling.replicas == 3


@pytest.mark.parametrize(
    "number, told",
    [
        (-3.0, "the query returned -3, expected one of at least 0"),
        (math.nan, "the query returned nan, expected one of at least 0"),
        (math.inf, "the query returned inf, expected one of at least 0"),
        (None, "the query returned no number"),
    ],
)
def test_a_query_that_makes_no_sense_moves_nothing(number: float | None, told: str) -> None:
    """Neither down nor up, and the condition says what came."""
    scaling = found(autoscaled(OWN), {own('q{d="${deployment}"}', "demo", "churn"): Answer(SOON, number=number)})

    assert scaling.replicas == 3
    assert told in available(scaling)[1]


def test_a_query_that_flips_its_sign_does_not_move_the_pods_to_and_fro() -> None:
    """Every other answer is none; what the others say still holds for the length of the window."""
    told, query, memory, sizes = autoscaled(OWN), own('q{d="${deployment}"}', "demo", "churn"), BEFORE, list[int]()
    for look, number in enumerate((24.0, -24.0, 24.0, -24.0)):
        at = Answer(SOON - 45 + 15 * look, number=number)
        scaling = found(told, {query: at}, memory)
        memory = scaling.memory
        sizes.append(scaling.replicas)
        told = autoscaled(OWN, pods=scaling.replicas)

    assert sizes == [5, 5, 5, 5]
