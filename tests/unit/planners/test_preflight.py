"""A candidate is asked before anybody else asks it: what follows from the Job that does it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mlwright.api.conditions import merge
from mlwright.api.preflight import Preflight
from mlwright.plan.jobs import JobState
from mlwright.plan.pods import PodSeen
from mlwright.plan.rollout import Progress, StageType, progress_told
from mlwright.plan.serving import Decide, DeploymentSeen, PreflightSeen, RemovePreflight, ShareTraffic, StartPreflight
from mlwright.planners import deployment
from mlwright.planners.deployment import Decision
from mlwright.planners.stages import stages
from tests.unit.planners.given import LONG_AGO, NOW, SETTINGS, a_deployment, a_pod

ASKED: dict[str, Any] = {"preflight": {"replay": {"requests": 50}}}
ANSWERED = "64 golden rows were answered as expected by 2 pods; the slowest took 2.0 ms"
WRONG = "golden row 3 of 64 was answered otherwise than the bundle expects: 1 of 1 labels differ"


def rolling(*jobs: PreflightSeen, ready: int = 2, **rollout: Any) -> DeploymentSeen:
    """Return a deployment whose version 2 is ready beside version 1, which serves."""
    pods = tuple(a_pod(f"churn-{n}", ready=n < ready, address=f"10.0.0.{n}") for n in range(2))
    told = a_deployment().stable(1, ready=2).candidate(2, ready=ready, pods=pods)
    return replace(told.asking(rollout={**ASKED, **rollout}).done(), preflights=jobs)


OWN: dict[str, Any] = {"preflight": {"container": {"image": "example/asks:1", "retries": 1}}}
"""A preflight by a container of somebody's own alone."""


def an_own_job(state: JobState, *tries: PodSeen) -> PreflightSeen:
    """Return the Job by which somebody's own container asks version 2."""
    return replace(a_job(state), own=True, pods=tries)


def a_try(number: int, code: int | None, words: str = "", **more: Any) -> PodSeen:
    """Return the pod of a try that began, unless it is said otherwise."""
    pod = PodSeen(f"asks-{number}", "Failed", ready=False, deleting=False, labels={}, created=NOW, exit_code=code)
    known: dict[str, Any] = {"started": LONG_AGO, "exit_message": words, "created": LONG_AGO + number * A_MINUTE}
    return replace(pod, **(known | more))


A_MINUTE = timedelta(minutes=1)


def a_job(state: JobState, words: str = "", *, outcome: str = "", ended: datetime = LONG_AGO) -> PreflightSeen:
    """Return the Job that asks version 2; its pod said how it came out."""
    seen = rolling()
    said = json.dumps({"outcome": outcome, "sentence": words, "results": {"golden": 64}}) if outcome else words
    code = {"Succeeded": 0, "UserError": 64}.get(outcome, 70)
    pod = PodSeen("asks", "Failed", ready=False, deleting=False, labels={}, created=NOW, exit_code=code)
    pods = (replace(pod, exit_message=said),) if words else ()
    return PreflightSeen(
        "churn-asks",
        "uid-job",
        seen.variants[1].uid,
        state,
        None if state is JobState.ACTIVE else ended,
        "gave up",
        pods,
    )


def decided(seen: DeploymentSeen) -> Decision:
    """Decide."""
    return deployment.decide(seen, SETTINGS, NOW)


def shares(decision: Decision) -> list[dict[str, int]]:
    """Return the shares that are asked for."""
    return [dict(intent.weights) for intent in decision.intents if isinstance(intent, ShareTraffic)]


def test_a_candidate_whose_pods_are_ready_is_asked_first() -> None:
    """By a Job for its Deployment; it gets no share."""
    seen = rolling()
    found = decided(seen)

    [start] = [intent for intent in found.intents if isinstance(intent, StartPreflight)]
    assert (start.variant.uid, start.stable) == (seen.variants[1].uid, seen.revisions[0].name)
    assert start.asked == Preflight.model_validate(ASKED["preflight"])
    assert "churn-v2 is about to be asked what is known and recorded at step preflight" in found.status.summary
    assert shares(found) == [{seen.revisions[0].name: 100}]


def test_it_is_asked_when_all_its_pods_are_ready() -> None:
    """Not before: those that lack would not be asked."""
    found = decided(rolling(ready=1))

    assert [intent for intent in found.intents if isinstance(intent, StartPreflight)] == []


def test_while_it_is_asked_nothing_goes_on() -> None:
    """No second Job, no share."""
    seen = rolling(a_job(JobState.ACTIVE))
    found = decided(seen)

    assert [intent for intent in found.intents if isinstance(intent, StartPreflight | RemovePreflight)] == []
    assert "churn-v2 is asked what is known and recorded at step preflight" in found.status.summary
    assert shares(found) == [{seen.revisions[0].name: 100}]


def test_what_answered_as_expected_goes_on() -> None:
    """And what was asked is remembered, for the record of the promotion."""
    found = decided(rolling(a_job(JobState.COMPLETE, ANSWERED, outcome="Succeeded")))

    progress = progress_told({"rollout": found.status.fields["rollout"]})
    assert progress is not None
    assert (progress.now.name, progress.replayed) == ("bake", ANSWERED)
    assert f"churn-v2 passed step preflight; next is bake: {ANSWERED}" in found.status.summary


def test_what_answered_otherwise_is_rejected() -> None:
    """With the sentence that names the request and what was expected."""
    found = decided(rolling(a_job(JobState.FAILED, WRONG, outcome="UserError")))

    [record] = found.records
    assert isinstance(record, Decide)
    assert (record.type, record.sentence) == ("Reject", f"churn-v2 is rejected: at step preflight, {WRONG}")
    assert record.evidence["preflight"] == {"golden": 64}


def test_a_verdict_is_taken_although_the_job_is_not_over() -> None:
    """A later try may find a pod that is not there any more; what one found stays true."""
    found = decided(rolling(a_job(JobState.COMPLETE, WRONG, outcome="UserError")))

    assert [record.type for record in found.records if isinstance(record, Decide)] == ["Reject"]


def test_a_job_that_could_not_ask_is_made_anew() -> None:
    """Nothing that was not asked gets a share, and nothing is rejected because of that."""
    found = decided(rolling(a_job(JobState.FAILED, "no pod is ready to be asked")))

    assert [intent.job.name for intent in found.intents if isinstance(intent, RemovePreflight)] == ["churn-asks"]
    assert found.records == ()
    assert "could not be asked what is known and recorded and is asked again: no pod is ready" in found.status.summary


def test_a_job_that_did_not_get_its_bundle_says_nothing_about_the_candidate() -> None:
    """The store is away, which is not the fault of the version; it is asked again."""
    job = a_job(JobState.FAILED, "the store does not answer", outcome="UserError")
    away = replace(job, pods=tuple(replace(pod, fetching="its bundle") for pod in job.pods))

    found = decided(rolling(away))

    assert "is asked again" in found.status.summary
    assert found.records == ()


def test_what_its_pod_said_is_waited_for() -> None:
    """Two watches tell the end of a Job and that of its pod, in no order."""
    just_ended = decided(rolling(a_job(JobState.FAILED, ended=NOW - timedelta(seconds=2))))

    assert just_ended.records == ()
    assert "churn-v2 is asked what is known and recorded at step preflight" in just_ended.status.summary


def test_the_end_of_a_job_whose_pod_is_gone_is_enough() -> None:
    """It completes only when all was answered as expected."""
    found = decided(rolling(a_job(JobState.COMPLETE)))

    assert "passed step preflight; next is bake: what is known and recorded was answered as expected" in (
        found.status.summary
    )


def test_a_job_of_an_earlier_try_says_nothing() -> None:
    """A candidate that is started anew is asked anew."""
    old = replace(a_job(JobState.FAILED, WRONG, outcome="UserError"), of="uid-of-before")
    found = decided(rolling(old))

    assert [type(intent) for intent in found.intents if isinstance(intent, StartPreflight)] == [StartPreflight]
    assert found.records == ()


def test_somebody_may_pass_over_it() -> None:
    """A person's promote goes before it, as before every step."""
    seen = replace(rolling(a_job(JobState.ACTIVE)), promote="2")

    progress = progress_told({"rollout": decided(seen).status.fields["rollout"]})
    assert progress is not None
    assert progress.now.name == "bake"


def test_an_edit_acts_on_the_next_rollout() -> None:
    """What was asked for when the candidate was ready first stands in the status."""
    first = decided(rolling())
    status = merge({}, first.status, 1, NOW)
    later = replace(rolling(), status=status, spec=rolling(preflight=None).spec)

    [start] = [intent for intent in decided(later).intents if isinstance(intent, StartPreflight)]
    assert start.asked == Preflight.model_validate(ASKED["preflight"])


def test_it_needs_the_pods_of_the_first_step() -> None:
    """A canary of 5 % needs no more pods to be asked."""
    steps = [{"name": "five", "type": "Weight", "weight": {"percent": 5, "hold": "5m"}}]
    told = stages(rolling(strategy="Canary", steps=steps, bake="5m").spec.rollout)

    assert [(s.name, s.type, s.percent, s.size) for s in told] == [
        ("preflight", StageType.PREFLIGHT, 0, 5),
        ("five", StageType.WEIGHT, 5, 5),
        ("bake", StageType.BAKE, 100, 100),
    ]


def test_a_container_of_ones_own_asks_after_what_is_recorded() -> None:
    """And gives no share before it has passed: one stage behind the other."""
    both = ASKED["preflight"] | OWN["preflight"]
    told = rolling(a_job(JobState.COMPLETE, ANSWERED, outcome="Succeeded"), preflight=both)
    first = decided(told)
    found = decided(replace(told, status=merge({}, first.status, 1, NOW)))

    [start] = [intent for intent in found.intents if isinstance(intent, StartPreflight)]
    assert (start.own, start.variant.uid) == (True, told.variants[1].uid)
    assert "churn-v2 is about to be asked by the container of its preflight at step own-preflight" in (
        found.status.summary
    )
    assert shares(found) == [{told.revisions[0].name: 100}]


def test_what_a_container_passes_goes_on() -> None:
    """The last line of what it said is remembered."""
    job = an_own_job(JobState.COMPLETE, a_try(0, 0, "collected 3 items\n\n3 passed\n"))
    found = decided(rolling(job, **OWN))

    progress = progress_told({"rollout": found.status.fields["rollout"]})
    assert progress is not None
    assert (progress.now.name, progress.replayed) == ("bake", "the container of its preflight passed it: 3 passed")


def test_both_are_remembered() -> None:
    """What was recorded and what the container said."""
    both = ASKED["preflight"] | OWN["preflight"]
    jobs = (a_job(JobState.COMPLETE, ANSWERED, outcome="Succeeded"), an_own_job(JobState.COMPLETE, a_try(0, 0)))
    told = rolling(*jobs, preflight=both)
    found = decided(replace(told, status=merge({}, decided(told).status, 1, NOW)))

    progress = progress_told({"rollout": found.status.fields["rollout"]})
    assert progress is not None
    assert progress.replayed == f"{ANSWERED}; the container of its preflight passed it"


@pytest.mark.parametrize(
    "tries,why,results",
    [
        ((a_try(0, 64, "no bias allowed"),), "ended with exit code 64: no bias allowed", {"exitCode": 64, "tries": 1}),
        (
            (a_try(1, 1, "AssertionError: 3"), a_try(0, 2, "refused")),
            "ended with exit code 1 at try 2: AssertionError: 3",
            {"exitCode": 1, "tries": 2},
        ),
        (
            (a_try(0, 137, exit_reason="OOMKilled"),),
            "ended with exit code 137 (OOMKilled)",
            {"exitCode": 137, "tries": 1},
        ),
        ((a_try(0, 137, ended_by="DeadlineExceeded"),), "did not end in time", {"exitCode": 137, "tries": 1}),
    ],
    ids=["its verdict", "its last try", "too little memory", "too long"],
)
def test_a_container_that_does_not_pass_rejects(tries: tuple[PodSeen, ...], why: str, results: dict[str, int]) -> None:
    """With what it said, and its exit code in the record."""
    [record] = decided(rolling(an_own_job(JobState.FAILED, *tries), **OWN)).records

    assert isinstance(record, Decide)
    expected = f"churn-v2 is rejected: at step own-preflight, the container of its preflight {why}"
    assert (record.type, record.sentence) == ("Reject", expected)
    assert record.evidence["preflight"] == results


@pytest.mark.parametrize(
    "tries",
    [
        (),
        (a_try(0, None),),
        (a_try(0, 137, started=None, exit_reason="ContainerStatusUnknown", ended_by="DeadlineExceeded"),),
        (a_try(0, 137, ended_by="Evicted"),),
    ],
    ids=["no pod is left", "it never ended", "its image was never there", "its node put it out"],
)
def test_a_container_that_could_not_ask_rejects_nobody(tries: tuple[PodSeen, ...]) -> None:
    """The Job is made anew, and the version waits without a share."""
    told = rolling(an_own_job(JobState.FAILED, *tries), **OWN)
    found = decided(told)

    assert [intent.job.own for intent in found.intents if isinstance(intent, RemovePreflight)] == [True]
    assert found.records == ()
    assert "could not be asked by the container of its preflight and is asked again: gave up" in found.status.summary
    assert shares(found) == [{told.revisions[0].name: 100}]


def test_a_try_that_failed_is_no_verdict_while_another_may_follow() -> None:
    """The Job says when its tries are used up."""
    found = decided(rolling(an_own_job(JobState.ACTIVE, a_try(0, 1, "refused")), **OWN))

    assert found.records == ()
    assert "churn-v2 is asked by the container of its preflight at step own-preflight" in found.status.summary


def test_an_image_that_is_not_there_is_told() -> None:
    """It is waited for, and named."""
    pod = a_try(0, None, started=None, waiting_reason="ImagePullBackOff", waiting_message="example/asks:1 is not found")
    found = decided(rolling(an_own_job(JobState.ACTIVE, pod), **OWN))

    assert "the image of pod asks-0 cannot be fetched: example/asks:1 is not found" in found.status.summary
    assert found.records == ()


ANOTHER: dict[str, Any] = {"preflight": {"container": {"image": "example/asks:2", "retries": 1}}}


def underway(*jobs: PreflightSeen, **rollout: Any) -> DeploymentSeen:
    """Return a deployment whose version 2 is asked by the first container, while the spec says something else now."""
    status = merge({}, decided(rolling(*jobs, **OWN)).status, 1, NOW)
    return replace(rolling(*jobs, **rollout), status=status)


def test_a_container_that_never_ran_can_be_corrected() -> None:
    """Its Job goes, and the one that the spec names now asks: else nothing would ever go on."""
    waits = a_try(0, None, started=None, waiting_reason="ImagePullBackOff")
    first = underway(an_own_job(JobState.ACTIVE, waits), **ANOTHER)
    removed = decided(first)
    then = replace(rolling(**ANOTHER), status=merge(first.status, removed.status, 1, NOW))

    assert [intent.job.own for intent in removed.intents if isinstance(intent, RemovePreflight)] == [True]
    [start] = [intent for intent in decided(then).intents if isinstance(intent, StartPreflight)]
    assert start.asked.container is not None
    assert start.asked.container.image == "example/asks:2"


def test_a_container_that_ran_is_not_exchanged() -> None:
    """What asks was asked for when the rollout began, as its steps were."""
    seen = underway(an_own_job(JobState.ACTIVE, a_try(0, 1, "refused")), **ANOTHER)

    assert [intent for intent in decided(seen).intents if isinstance(intent, RemovePreflight | StartPreflight)] == []


def test_a_container_whose_pods_went_rejects_nobody() -> None:
    """It was told their addresses, and may have failed because nobody is there any more."""
    job = replace(an_own_job(JobState.FAILED, a_try(0, 1, "no route to host")), asked=("10.0.0.0", "10.0.0.9"))
    found = decided(rolling(job, **OWN))

    assert found.records == ()
    assert [intent.job.own for intent in found.intents if isinstance(intent, RemovePreflight)] == [True]
    assert "is asked again: the pod that it was to ask at 10.0.0.9 is gone" in found.status.summary


def test_a_container_whose_pods_are_still_there_rejects() -> None:
    """All of them were asked."""
    job = replace(an_own_job(JobState.FAILED, a_try(0, 1, "too low")), asked=("10.0.0.0", "10.0.0.1"))

    assert [type(record) for record in decided(rolling(job, **OWN)).records] == [Decide]


@pytest.mark.parametrize(
    "known", [{"abort": "2"}, {"promote": "2"}, {"suspend": True}], ids=["aborted", "promoted", "suspended"]
)
def test_nobody_asks_on_when_nobody_waits_for_the_answer(known: dict[str, Any]) -> None:
    """A pod that finds no room would keep its Job for ever, and one that runs would ask what serves."""
    spec = {name: known.pop(name) for name in ("suspend",) if name in known}
    seen = replace(underway(an_own_job(JobState.ACTIVE, a_try(0, None)), **OWN), **known)
    seen = replace(seen, spec=seen.spec.model_copy(update=spec))

    assert [intent.job.own for intent in decided(seen).intents if isinstance(intent, RemovePreflight)] == [True]


def test_a_paused_deployment_keeps_what_asks() -> None:
    """Nothing is decided, and the answer is not lost."""
    seen = underway(an_own_job(JobState.ACTIVE, a_try(0, None)), **OWN)
    seen = replace(seen, spec=seen.spec.model_copy(update={"paused": True}))

    assert [intent for intent in decided(seen).intents if isinstance(intent, RemovePreflight)] == []


def test_the_job_of_another_preflight_says_nothing() -> None:
    """What our own program found is no verdict of the container."""
    found = decided(rolling(a_job(JobState.COMPLETE, ANSWERED, outcome="Succeeded"), **OWN))

    assert [intent.own for intent in found.intents if isinstance(intent, StartPreflight)] == [True]


def test_progress_survives_the_status() -> None:
    """As it was written, so it is read."""
    asked = rolling().spec.rollout
    progress = Progress("0a1b2c3d", 2, stages(asked), preflight=asked.preflight, replayed=ANSWERED)

    assert progress_told({"rollout": progress.told()}) == progress
