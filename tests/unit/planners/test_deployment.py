"""The rules of a deployment: what each says, and does, in every situation that it speaks of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import pytest

from mlwright.planners import deployment
from mlwright.planners.deployment import decide
from mlwright.settings import Settings
from tests.unit.planners.given import (
    AWAITED,
    DENIED,
    NOW,
    SETTINGS,
    WAITS,
    Deployment,
    a_deployment,
    a_pod,
    a_refusing_pod,
    named,
    words,
)

SERVING = "churn-v1 serves with 2 of 2 pods ready"
KEPT = ["keep v1", "point to v1", "keep budget"]
JUST_NOW = NOW - timedelta(seconds=2)
LEAVING: Final[dict[str, Any]] = {"deleting": True, "deleted": NOW, "finalizers": ("foregroundDeletion",)}
HELD = "is being deleted since 2026-01-02T12:00:00Z (finalizers: foregroundDeletion)"
FIRST, SECOND = (f"churn-{a_deployment().with_version(1).with_version(2).revision(number)}" for number in (1, 2))


@dataclass(frozen=True)
class Case:
    """A situation and what is decided about it."""

    given: Callable[[], Deployment]
    says: str
    conditions: dict[str, str]
    records: list[str] = field(default_factory=list)
    intents: list[str] = field(default_factory=list)
    again: float | None = None


def serving() -> Deployment:
    """Return a deployment that serves v1."""
    return a_deployment().stable(1, ready=2)


def rejected() -> Deployment:
    """Return a deployment whose v2 was rejected, and is gone."""
    return serving().with_version(2).recorded(2).rejected(2)


def taken_over(**since: str) -> Deployment:
    """Return a deployment whose v2 was promoted; its status knows since when the Service leads to it."""
    told = a_deployment().stable(1, ready=2).candidate(2, ready=2).promoted(2)
    return told.knowing(status={"stable": {"revision": told.revision(2), **since}})


CASES: dict[str, Case] = {
    # suspended
    "suspended: the stable version keeps its Deployment without pods": Case(
        given=lambda: serving().asking(suspend=True).knowing(budget_uid="uid-budget"),
        says="suspended: no pods run until spec.suspend is false",
        conditions={"Ready": "True Suspended", "Suspended": "True Suspended"},
        intents=["point to v1", "scale v1 to 0", "remove budget"],
    ),
    "suspended: a candidate goes and starts anew afterwards": Case(
        given=lambda: serving().candidate(2, ready=0).asking(suspend=True),
        says="suspended: no pods run until spec.suspend is false",
        conditions={"Ready": "True Suspended", "Suspended": "True Suspended"},
        intents=["point to v1", "scale v1 to 0", "remove v2"],
    ),
    "suspended wins over paused": Case(
        given=lambda: a_deployment().asking(suspend=True, paused=True),
        says="suspended: no pods run until spec.suspend is false",
        conditions={"Ready": "True Suspended", "Suspended": "True Suspended"},
    ),
    # paused
    "paused: what serves is repaired and nothing else happens": Case(
        given=lambda: a_deployment().stable(1, ready=2, of=3).candidate(2, ready=2).asking(paused=True),
        says=f"paused: nothing is decided until spec.paused is false; {SERVING}",
        conditions={"Ready": "True Serving", "Paused": "True Paused"},
        intents=["keep v1", "scale v1 to 2", "point to v1", "keep budget"],
    ),
    "paused before anything served": Case(
        given=lambda: a_deployment().with_version(1).asking(paused=True),
        says="paused: nothing is decided until spec.paused is false; nothing serves yet",
        conditions={"Ready": "Unknown Starting", "Paused": "True Paused"},
    ),
    # nothing to aim at
    "there is no version yet": Case(
        given=a_deployment,
        says="Model churn (spec.model.ref) has no version yet; the first that passes its gates is served",
        conditions={"Ready": "False Waiting", "Reconciling": "True Waiting"},
        again=30,
    ),
    "no version has passed its gates": Case(
        given=lambda: a_deployment().with_version(1, passed=False),
        says=(
            "no version of Model churn may be served; churn-v1 is rejected:"
            " gate good failed: f1 is 0.7000, 0.1000 below the required 0.8"
        ),
        conditions={"Ready": "False NoApprovedVersion", "Stalled": "True NoApprovedVersion"},
    ),
    "the pinned version does not exist; what serves goes on": Case(
        given=lambda: serving().pinned(7),
        says=(
            "spec.model.version is version 7 of Model churn, which does not exist; it is served as soon as it does;"
            f" {SERVING}"
        ),
        conditions={"Ready": "False Waiting", "Reconciling": "True Waiting"},
        intents=KEPT,
        again=30,
    ),
    "the only version waits for approval": Case(
        given=lambda: a_deployment().with_version(2, approval=AWAITED),
        says=f"churn-v2 {WAITS}",
        conditions={"Ready": "False AwaitingApproval", "Reconciling": "True AwaitingApproval"},
        again=30,
    ),
    "a newer version waits for approval; what serves goes on": Case(
        given=lambda: serving().with_version(2, approval=AWAITED),
        says=f"{SERVING}; churn-v2 {WAITS}",
        conditions={"Ready": "True Serving", "AwaitingApproval": "True AwaitingApproval"},
        intents=KEPT,
    ),
    "the pinned version waits for approval; what serves goes on": Case(
        given=lambda: serving().with_version(2, approval=AWAITED).pinned(2),
        says=f"spec.model.version is churn-v2, which {WAITS}; {SERVING}",
        conditions={"Ready": "False AwaitingApproval", "Reconciling": "True AwaitingApproval"},
        intents=KEPT,
        again=30,
    ),
    "a newer version was denied; what serves goes on": Case(
        given=lambda: serving().with_version(2, approval=DENIED),
        says=SERVING,
        conditions={"Ready": "True Serving"},
        intents=KEPT,
    ),
    "the pinned version was rejected by a gate": Case(
        given=lambda: serving().with_version(2, passed=False).pinned(2),
        says=(
            "spec.model.version is churn-v2, which is rejected: gate good failed: f1 is 0.7000, 0.1000 below the"
            f" required 0.8; choose a version that may be served; {SERVING}"
        ),
        conditions={"Ready": "False NoApprovedVersion", "Stalled": "True NoApprovedVersion"},
        intents=KEPT,
    ),
    "the alias does not exist": Case(
        given=lambda: a_deployment().with_version(1).following("blue"),
        says="Model churn has no alias blue (spec.model.alias); it is followed as soon as it is set",
        conditions={"Ready": "False Waiting", "Reconciling": "True Waiting"},
        again=30,
    ),
    "the alias names a version that does not exist": Case(
        given=lambda: a_deployment().with_version(1).following("blue").knowing(aliases={"blue": 4}),
        says="alias blue is version 4 of Model churn, which does not exist; it is served as soon as it does",
        conditions={"Ready": "False Waiting", "Reconciling": "True Waiting"},
        again=30,
    ),
    "it follows the alias that it sets": Case(
        given=lambda: serving().following("blue").asking(rollout={"setAlias": "blue"}),
        says=(
            "spec.rollout.setAlias: a deployment cannot follow the alias that it sets: change it, or spec.model.alias;"
            f" {SERVING}"
        ),
        conditions={"Ready": "False AliasCycle", "Stalled": "True AliasCycle"},
        intents=KEPT,
        again=30,
    ),
    "a bundle lies at an address that is not read": Case(
        given=lambda: a_deployment().with_version(1, uri="gs://lake/b"),
        says=(
            "ModelVersion churn-v1 spec.bundle.uri: the scheme 'gs' is not read;"
            " write pvc://CLAIM/path, configmap://NAME/key or s3://BUCKET/path"
        ),
        conditions={"Ready": "False InvalidSpec", "Stalled": "True InvalidSpec"},
    ),
    "a candidate goes when there is nothing to aim at any more": Case(
        given=lambda: serving().candidate(2, ready=0).pinned(7),
        says=(
            "spec.model.version is version 7 of Model churn, which does not exist; it is served as soon as it does;"
            f" {SERVING}"
        ),
        conditions={"Ready": "False Waiting", "Reconciling": "True Waiting"},
        intents=[*KEPT],
        again=5,
    ),
    # rejected
    "following, the candidate was rejected": Case(
        given=rejected,
        says=f"churn-v2 is rejected: it broke; {SERVING}",
        conditions={"Ready": "True Serving", "CandidateRejected": "True CandidateRejected"},
        intents=KEPT,
    ),
    "pinned, the version was rejected": Case(
        given=lambda: rejected().pinned(2),
        says=(
            f"churn-v2 is rejected: it broke; {SERVING};"
            " pin another version, or set the annotation mlwright.dev/retry to try again"
        ),
        conditions={"Ready": "False VersionRejected", "Stalled": "True VersionRejected"},
        intents=KEPT,
    ),
    "a rejection of before the retry does not count": Case(
        given=lambda: rejected().knowing(epoch="1"),
        says="churn-v2 starts",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=[*KEPT, "start v2 with 2"],
    ),
    "a rejected version whose pods are still there is removed": Case(
        given=lambda: rejected().running(2, ready=0).knowing(status=_settled_since(serving(), "2026-01-02T11:00:00Z")),
        says=f"churn-v2 is rejected: it broke; {SERVING}",
        conditions={"Ready": "True Serving", "CandidateRejected": "True CandidateRejected"},
        intents=[*KEPT, "remove v2"],
    ),
    # not frozen yet
    "the first version is frozen before it starts": Case(
        given=lambda: a_deployment().with_version(1),
        says="churn-v1 is about to start",
        conditions={"Ready": "Unknown Starting", "Reconciling": "True Starting"},
        records=["record v1 as 1"],
    ),
    "a newer version is frozen before it starts": Case(
        given=lambda: serving().with_version(2),
        says="churn-v2 is about to start",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        records=["record v2 as 2"],
    ),
    # rolling
    "the first version starts, and the address is there from the beginning": Case(
        given=lambda: a_deployment().with_version(1).recorded(1),
        says="churn-v1 starts",
        conditions={"Ready": "Unknown Starting", "Reconciling": "True Starting"},
        intents=["point to v1", "keep budget", "start v1 with 2"],
    ),
    "the first version is starting": Case(
        given=lambda: a_deployment().candidate(1, ready=1).leading_to(1),
        says="churn-v1 is starting, 1 of 2 pods ready",
        conditions={"Ready": "Unknown Starting", "Reconciling": "True Starting"},
        intents=KEPT,
        again=30,
    ),
    "the first version fails: nothing replaces it, so it is not rejected": Case(
        given=lambda: a_deployment().candidate(1, ready=0, pods=(a_refusing_pod(),)).leading_to(1),
        says="churn-v1 is starting, 0 of 2 pods ready: pod churn-1 ended with exit code 64: the digest is another one",
        conditions={
            "Ready": "False PodsUnhealthy",
            "Reconciling": "True PodsUnhealthy",
            "PodsHealthy": "False PodsUnhealthy",
        },
        intents=KEPT,
        again=30,
    ),
    "a newer version starts beside the one that serves": Case(
        given=lambda: serving().with_version(2).recorded(2),
        says="churn-v2 starts",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=[*KEPT, "start v2 with 2"],
    ),
    "a newer version waits until earlier pods have made room": Case(
        given=lambda: taken_over(since="2026-01-02T11:59:58Z").leading_to(2).with_version(3).recorded(3),
        says="churn-v3 starts when earlier pods are gone",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", "point to v2", "keep budget"],
        again=3,
    ),
    "the candidate is starting": Case(
        given=lambda: serving().candidate(2, ready=1, created=JUST_NOW),
        says=f"churn-v2 is starting, 1 of 2 pods ready; {SERVING}",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", *KEPT],
        again=30,
    ),
    "the candidate's pod lacks a Secret": Case(
        given=lambda: serving().candidate(
            2,
            ready=0,
            pods=(a_pod(waiting_reason="CreateContainerConfigError", waiting_message='secret "key" not found'),),
        ),
        says=(
            'churn-v2 is starting, 0 of 2 pods ready: pod churn-1 waits: secret "key" not found;'
            f" create it, the pod starts by itself; {SERVING}"
        ),
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", *KEPT],
        again=30,
    ),
    "the candidate's container is being made for an hour": Case(
        given=lambda: serving().candidate(
            2,
            ready=0,
            pods=(a_pod(waiting_reason="ContainerCreating", started=None, made_since=NOW - timedelta(hours=1)),),
        ),
        says=(
            "churn-v2 is starting, 0 of 2 pods ready: the container of pod churn-1 is being made since"
            " 2026-01-02T11:00:00Z; kubectl describe pod churn-1 says which image or volume it waits for; "
            f"{SERVING}"
        ),
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", *KEPT],
        again=30,
    ),
    "the candidate's pods may not be created": Case(
        given=lambda: serving().candidate(2, ready=0, refused="exceeded quota: pods"),
        says=(f"churn-v2 is starting, 0 of 2 pods ready: its pods cannot be created: exceeded quota: pods; {SERVING}"),
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", *KEPT],
        again=30,
    ),
    "the candidate gets the number of pods that is wanted now": Case(
        given=lambda: serving().candidate(2, ready=1, of=1),
        says=f"churn-v2 is starting, 1 of 2 pods ready; {SERVING}",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", "scale v2 to 2", *KEPT],
        again=30,
    ),
    "a count of before the last change of scale promotes nobody": Case(
        given=lambda: serving().candidate(2, ready=2, observed=False),
        says=f"churn-v2 is starting, 1 of 2 pods ready; {SERVING}",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", *KEPT],
        again=30,
    ),
    "the candidate is ready: it takes over": Case(
        given=lambda: serving().candidate(2, ready=2),
        says="churn-v2 takes over: 2 of 2 pods ready",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        records=["promote v2"],
    ),
    "the candidate is ready after the deadline: ready is ready": Case(
        given=lambda: serving().candidate(2, ready=2, created=NOW - timedelta(hours=2)),
        says="churn-v2 takes over: 2 of 2 pods ready",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        records=["promote v2"],
    ),
    "the candidate says that its bundle cannot be served": Case(
        given=lambda: serving().candidate(2, ready=0, pods=(a_refusing_pod(),)),
        says="churn-v2 is rejected: pod churn-1 ended with exit code 64: the digest is another one",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        records=["reject v2"],
        intents=["remove v2"],
    ),
    "the candidate crashes for another reason: it has until the deadline": Case(
        given=lambda: serving().candidate(2, ready=0, pods=(a_refusing_pod(70, "disk full"),)),
        says=(f"churn-v2 is starting, 0 of 2 pods ready: pod churn-1 ended with exit code 70: disk full; {SERVING}"),
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", *KEPT],
        again=30,
    ),
    "the deadline is over": Case(
        given=lambda: (
            serving()
            .asking(rollout={"progressDeadline": "90s"})
            .candidate(2, ready=1, created=NOW - timedelta(seconds=90), pods=(a_refusing_pod(70, "disk full"),))
        ),
        says=("churn-v2 is rejected: 1 of 2 pods ready after 90 s: pod churn-1 ended with exit code 70: disk full"),
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        records=["reject v2"],
        intents=["remove v2"],
    ),
    "the deadline comes soon: it is looked at then": Case(
        given=lambda: (
            serving()
            .asking(rollout={"progressDeadline": "90s"})
            .candidate(2, ready=1, created=NOW - timedelta(seconds=80))
        ),
        says=f"churn-v2 is starting, 1 of 2 pods ready; {SERVING}",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", *KEPT],
        again=10,
    ),
    "the Deployment that was rejected before a retry is made anew": Case(
        given=lambda: (
            serving()
            .candidate(2, ready=0, created=NOW - timedelta(minutes=9))
            .rejected(2, created=NOW - timedelta(minutes=1))
            .knowing(epoch="1", status=_settled_since(serving(), "2026-01-02T11:00:00Z"))
        ),
        says="churn-v2 starts",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["remove v2", *KEPT],
    ),
    "a candidate whose Deployment is on its way out is not made yet": Case(
        given=lambda: serving().candidate(2, ready=2, **LEAVING),
        says=f"churn-v2 starts when earlier pods are gone; Deployment {SECOND} {HELD}",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=KEPT,
        again=30,
    ),
    "a newer version waits for pods that answer, and names whose deletion hangs": Case(
        given=lambda: serving().candidate(2, ready=1, **LEAVING).rejected(2).with_version(3).recorded(3),
        says=f"churn-v3 starts when earlier pods are gone; Deployment {SECOND} {HELD}",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=KEPT,
        again=30,
    ),
    "a newer version does not wait for a deletion that hangs without a pod that answers": Case(
        given=lambda: serving().candidate(2, ready=0, **LEAVING).rejected(2).with_version(3).recorded(3),
        says="churn-v3 starts",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=[*KEPT, "start v3 with 2"],
    ),
    # settled
    "the stable version serves": Case(given=serving, says=SERVING, conditions={"Ready": "True Serving"}, intents=KEPT),
    "the stable version's Deployment is being deleted, which takes its time": Case(
        given=lambda: a_deployment().stable(1, ready=0, **LEAVING),
        says=f"churn-v1 serves with 0 of 2 pods ready; Deployment {FIRST} {HELD}; another is made when it is gone",
        conditions={
            "Ready": "False PodsUnhealthy",
            "Reconciling": "True PodsUnhealthy",
            "PodsHealthy": "False PodsUnhealthy",
        },
        intents=["point to v1", "keep budget"],
        again=30,
    ),
    "the Service follows the promotion": Case(
        given=lambda: taken_over().leading_to(1),
        says="churn-v2 serves with 2 of 2 pods ready",
        conditions={"Ready": "True Serving"},
        intents=["keep v2", "point to v2", "keep budget"],
        again=5,
    ),
    "the old pods stay until the proxies of the nodes have followed": Case(
        given=lambda: taken_over(since="2026-01-02T11:59:58Z").leading_to(2),
        says="churn-v2 serves with 2 of 2 pods ready",
        conditions={"Ready": "True Serving"},
        intents=["keep v2", "point to v2", "keep budget"],
        again=3,
    ),
    "then they go": Case(
        given=lambda: taken_over(since="2026-01-02T11:59:55Z").leading_to(2),
        says="churn-v2 serves with 2 of 2 pods ready",
        conditions={"Ready": "True Serving"},
        intents=["keep v2", "point to v2", "keep budget", "remove v1"],
    ),
    "the promoted version failed before traffic moved: the old one still answers": Case(
        given=lambda: (
            a_deployment()
            .stable(1, ready=2)
            .candidate(2, ready=0, pods=(a_refusing_pod(70, "disk full"),))
            .promoted(2)
            .leading_to(1)
        ),
        says=(
            "churn-v2 serves with 0 of 2 pods ready; pod churn-1 ended with exit code 70: disk full;"
            " churn-v1 still answers"
        ),
        conditions={
            "Ready": "False PodsUnhealthy",
            "Reconciling": "True PodsUnhealthy",
            "PodsHealthy": "False PodsUnhealthy",
        },
        intents=["keep v2", "point to v1", "keep budget"],
        again=5,
    ),
    "a pod of the stable version fails": Case(
        given=lambda: a_deployment().stable(1, ready=1, pods=(a_refusing_pod(137, ""),)),
        says="churn-v1 serves with 1 of 2 pods ready; pod churn-1 ended with exit code 137",
        conditions={
            "Ready": "False PodsUnhealthy",
            "Reconciling": "True PodsUnhealthy",
            "PodsHealthy": "False PodsUnhealthy",
        },
        intents=KEPT,
        again=30,
    ),
    "more pods are wanted": Case(
        given=lambda: a_deployment().stable(1, ready=2, of=2).asking(replicas=3),
        says="churn-v1 serves with 2 of 3 pods ready",
        conditions={"Ready": "True Scaling", "Reconciling": "True Scaling"},
        intents=["keep v1", "scale v1 to 3", "point to v1", "keep budget"],
    ),
    "one pod needs no budget": Case(
        given=lambda: a_deployment().asking(replicas=1).stable(1, ready=1).knowing(budget_uid="uid-budget"),
        says="churn-v1 serves with 1 of 1 pods ready",
        conditions={"Ready": "True Serving"},
        intents=["keep v1", "point to v1", "remove budget"],
    ),
    "no pods are wanted": Case(
        given=lambda: a_deployment().asking(replicas=0).stable(1, ready=0),
        says="churn-v1 is scaled to zero (spec.replicas)",
        conditions={"Ready": "True Serving"},
        intents=["keep v1", "point to v1"],
    ),
    "its Deployment was deleted": Case(
        given=lambda: a_deployment().with_version(1).recorded(1).promoted(1).leading_to(1),
        says="churn-v1 serves with 0 of 2 pods ready",
        conditions={"Ready": "False Scaling", "Reconciling": "True Scaling"},
        intents=["start v1 with 2", "point to v1", "keep budget"],
    ),
    "the alias is set after the takeover": Case(
        given=lambda: serving().asking(rollout={"setAlias": "champion"}),
        says=SERVING,
        conditions={"Ready": "True Serving"},
        intents=[*KEPT, "let champion be 1"],
    ),
    "the alias is right already": Case(
        given=lambda: serving().asking(rollout={"setAlias": "champion"}).knowing(aliases={"champion": 1}),
        says=SERVING,
        conditions={"Ready": "True Serving"},
        intents=KEPT,
    ),
    "the alias waits for the Service": Case(
        given=lambda: taken_over().leading_to(1).asking(rollout={"setAlias": "champion"}),
        says="churn-v2 serves with 2 of 2 pods ready",
        conditions={"Ready": "True Serving"},
        intents=["keep v2", "point to v2", "keep budget"],
        again=5,
    ),
    "the alias waits for the Model": Case(
        given=lambda: serving().asking(rollout={"setAlias": "champion"}).knowing(model_exists=False),
        says=f"{SERVING}; alias champion (spec.rollout.setAlias) is set when Model churn exists",
        conditions={"Ready": "True Serving"},
        intents=KEPT,
    ),
    # records are lost
    "all decisions are lost: what answers is stable until the asked one is ready": Case(
        given=lambda: (
            a_deployment()
            .with_version(1)
            .recorded(1)
            .running(1, ready=2)
            .leading_to(1)
            .candidate(2, ready=1, created=JUST_NOW)
        ),
        says=f"churn-v2 is starting, 1 of 2 pods ready; {SERVING}",
        conditions={"Ready": "True Serving", "Reconciling": "True RollingOut"},
        intents=["keep v2", *KEPT],
        again=30,
    ),
    "all decisions are lost: what is asked for and answers is promoted anew": Case(
        given=lambda: a_deployment().candidate(1, ready=2).leading_to(1),
        says="churn-v1 takes over: 2 of 2 pods ready",
        conditions={"Ready": "Unknown Starting", "Reconciling": "True Starting"},
        records=["promote v1"],
    ),
}


def _settled_since(told: Deployment, since: str) -> dict[str, object]:
    return {"stable": {"revision": told.revision(1), "since": since}}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_and_done(name: str) -> None:
    """One situation, one sentence, one set of writes."""
    case = CASES[name]
    seen = case.given().done()
    decision = decide(seen, SETTINGS, NOW)

    assert decision.status.summary == case.says
    assert named(decision.status.conditions) == case.conditions
    assert words(seen, decision.records) == case.records
    assert words(seen, decision.intents) == case.intents
    assert decision.again == (None if case.again is None else timedelta(seconds=case.again))


def test_the_rules_are_asked_in_this_order() -> None:
    """People's words first, then what cannot be aimed at, then what was decided, then what goes on."""
    assert [rule.__name__ for rule in deployment.RULES] == [
        "_suspended",
        "_paused",
        "experiment",
        "_obstructed",
        "_rejected",
        "_unrecorded",
        "_indivisible",
        "_unmeasured",
        "roll",
        "_settled",
    ]


def test_without_an_image_nothing_new_starts_and_what_serves_goes_on() -> None:
    """The image of what serves is frozen in its revision."""
    seen = serving().with_version(2).done()
    decision = decide(seen, Settings(), NOW)

    assert decision.status.summary == (
        "spec.server.image: no image serves: set it here, or for the whole installation with the chart's images.server;"
        f" {SERVING}"
    )
    assert words(seen, decision.intents) == KEPT


def test_a_payload_log_without_a_folder_is_refused_before_a_pod_is_made() -> None:
    """The sentence names the field; what serves goes on."""
    seen = serving().asking(server={"payloadLog": {"uri": "pvc://payloads"}}).done()
    decision = decide(seen, SETTINGS, NOW)

    assert decision.status.summary.startswith("spec.server.payloadLog.uri: the path after the name is empty")
    assert words(seen, decision.intents) == KEPT


def test_a_payload_log_in_a_store_needs_the_image_that_sends_it() -> None:
    """The server's own has no client of a store; the sentence says what to set."""
    seen = serving().asking(server={"payloadLog": {"uri": "s3://logs/live"}}).done()
    decision = decide(seen, replace(SETTINGS, trainer_image=""), NOW)

    assert decision.status.summary.startswith("images.trainer of the chart: is not set")
    assert "s3://logs/live" in decision.status.summary


def test_a_frozen_revision_needs_no_image_any_more() -> None:
    """A chart that lost its server image does not stop a rollout that has begun."""
    decision = decide(serving().candidate(2, ready=2).done(), Settings(), NOW)

    assert decision.status.summary == "churn-v2 takes over: 2 of 2 pods ready"


def test_the_status_names_what_is_stable_and_what_comes() -> None:
    """With pods of both, and what the scale subresource reads."""
    told = serving().candidate(2, ready=1)
    fields = decide(told.done(), SETTINGS, NOW).status.fields

    assert fields["url"] == "http://churn.demo.svc.cluster.local/v2/models/churn"
    assert fields["stable"] == {
        "version": "churn-v1",
        "revision": told.revision(1),
        "digest": "sha256:" + "1".zfill(64),
        "since": "2026-01-02T12:00:00Z",
    }
    assert fields["candidate"]["version"] == "churn-v2"
    assert [(v["name"], v["weight"], v["ready"], v["sentence"]) for v in fields["variants"]] == [
        ("stable", 100, 2, "2 of 2 pods ready"),
        ("candidate", 0, 1, "1 of 2 pods ready"),
    ]
    assert (fields["replicas"], fields["selector"]) == (4, "mlwright.dev/deployment=churn")


def test_a_rejected_candidate_is_a_candidate_no_more() -> None:
    """The status says so until somebody asks for something else."""
    assert decide(rejected().done(), SETTINGS, NOW).status.fields["candidate"] is None


def test_a_promotion_follows_the_last_one_and_says_why() -> None:
    """The record holds all that it rests on."""
    seen = serving().candidate(2, ready=2).done()
    [record] = decide(seen, SETTINGS, NOW).records

    assert record.after == "churn-promote-0"  # type: ignore[union-attr]
    assert record.evidence == {  # type: ignore[union-attr]
        "ready": 2,
        "wanted": 2,
        "replaces": "churn-v1",
        "digest": "sha256:" + "2".zfill(64),
    }


def test_a_rejection_says_how_the_pods_were() -> None:
    """The pods themselves are gone soon."""
    seen = serving().candidate(2, ready=0, pods=(a_refusing_pod(),)).done()
    [record] = decide(seen, SETTINGS, NOW).records

    assert record.evidence["pods"] == [  # type: ignore[union-attr]
        {"name": "churn-1", "exitCode": 64, "restarts": 3, "waiting": "CrashLoopBackOff"}
    ]
