"""The stages of a rollout: what each situation in them leads to, in one sentence, and what no situation may lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.api.conditions import StatusDraft, merge
from mlwright.api.rollouts import Rollout as Asked
from mlwright.plan.rollout import Failed, Onward, Phase, Progress, Proven, Stage, StageType, Step, progress_told
from mlwright.plan.serving import VariantSeen
from mlwright.planners import rollout
from mlwright.planners.health import health
from mlwright.planners.preflight import Answered, Preflown
from mlwright.planners.rollout import Commands, Rollout, follow
from mlwright.planners.stages import pods, resumed, stages
from tests.unit.planners.given import LONG_AGO, NOW, a_pod, a_refusing_pod

STAGES = (
    Stage("five", StageType.WEIGHT, percent=5, size=5, hold=300),
    Stage("ask", StageType.APPROVAL, percent=5, size=5),
    Stage("bake", StageType.BAKE, percent=100, size=100, hold=600),
)
REPLICAS = 2
A_MINUTE_AGO = NOW - timedelta(minutes=1)


def at(stage: int, *, ready: int = 2, share: int | None = None, **known: Any) -> Rollout:
    """Return a rollout at a stage, whose share is applied everywhere unless told otherwise."""
    given_ = {name: known.pop(name) for name in ("since", "lacking") if name in known}
    progress = Progress("0a1b2c3d", 2, STAGES, stage, **{"since": A_MINUTE_AGO, **given_})
    seen = running(ready, *known.pop("broken", ()))
    percent = STAGES[stage].percent if share is None else share
    state = health(seen, pods(progress.now, REPLICAS))
    usual: dict[str, Any] = {
        "requested": percent,
        "verified": percent,
        "copied": 0,
        "stable_ready": 2,
        "commands": Commands(),
    }
    usual |= {"conclusion": None, "preflown": Preflown(Answered.UNASKED, "is about to be asked")}
    return Rollout("churn", "churn-v2", progress, seen, state, deadline=timedelta(minutes=10), now=NOW, **usual | known)


def running(ready: int, *lacking: Any) -> VariantSeen:
    """Return the Deployment of the candidate."""
    return VariantSeen(
        revision="0a1b2c3d",
        object="churn-0a1b2c3d",
        uid="uid",
        resource_version="7",
        created=LONG_AGO,
        wanted=2,
        replicas=2,
        ready=ready,
        observed=True,
        deleting=False,
        pods=lacking,
    )


@dataclass(frozen=True)
class Case:
    """A situation, what comes of it, and the share that the candidate then has."""

    given: Callable[[], Rollout]
    says: str
    percent: int | None
    stage: int = 0
    again: float | None = None


CASES = {
    "the share is not there yet": Case(
        lambda: at(0, share=0), "churn-v2 is about to answer 5 % of the requests at step five", 5, again=30
    ),
    "the share is asked for and not known to be applied": Case(
        lambda: at(0, verified=0), "churn-v2 is about to answer 5 % of the requests at step five", 5, again=30
    ),
    "nobody knows for a moment which share it has": Case(
        lambda: at(0, verified=None),
        "churn-v2 at step five goes on when all who divide requests say again that it has its share",
        5,
        again=30,
    ),
    "it was never known to have its share": Case(
        lambda: at(0, verified=None, since=None),
        "churn-v2 is about to answer 5 % of the requests at step five",
        5,
        again=30,
    ),
    "it holds": Case(
        lambda: at(0), "churn-v2 answers 5 % of the requests at step five until 2026-01-02T12:04:00Z", 5, again=240
    ),
    "the hold begins when the share is seen": Case(
        lambda: at(0, since=None),
        "churn-v2 answers 5 % of the requests at step five until 2026-01-02T12:05:00Z",
        5,
        again=300,
    ),
    "the hold is over": Case(
        lambda: at(0, since=LONG_AGO), "churn-v2 passed step five; next is ask", 5, stage=1, again=0
    ),
    "it waits for a person": Case(
        lambda: at(1),
        "churn-v2 waits for approval at step ask; approve it with: kubectl annotate --overwrite modeldeployment churn"
        " mlwright.dev/approve=2",
        5,
        stage=1,
    ),
    "somebody approved it": Case(
        lambda: at(1, commands=Commands(approve="spec.rollout.approvedVersions")),
        "churn-v2 passed step ask; next is bake",
        5,
        stage=2,
        again=0,
    ),
    "it bakes": Case(
        lambda: at(2), "churn-v2 bakes with all traffic until 2026-01-02T12:09:00Z", 100, stage=2, again=540
    ),
    "it has baked": Case(
        lambda: at(2, since=LONG_AGO), "2 of 2 pods ready, steps passed: five, ask, baked for 600 s", None
    ),
    "a pod lacks while it has a small share": Case(
        lambda: replace(at(0), state=health(running(1), 2)), "churn-v2 at step five has 1 of 2 pods ready", 5, again=30
    ),
    "no pod answers: its share goes to the stable revision": Case(
        lambda: at(0, ready=0), "churn-v2 at step five has 0 of 1 pods ready", 0, again=30
    ),
    "in the bake a pod lacks, and the stable revision has more": Case(
        lambda: at(2, ready=1), "churn-v2 in its bake has 1 of 2 pods ready", 0, stage=2, again=30
    ),
    "in the bake a pod lacks, and the stable revision has no more": Case(
        lambda: at(2, ready=1, stable_ready=1), "churn-v2 in its bake has 1 of 2 pods ready", 100, stage=2, again=30
    ),
    "nobody answers: nothing is moved": Case(
        lambda: at(2, ready=0, stable_ready=0), "churn-v2 in its bake has 0 of 2 pods ready", 100, stage=2, again=30
    ),
    "pods lack and the share is not there yet: it does not grow": Case(
        lambda: at(2, ready=1, share=5), "churn-v2 in its bake has 1 of 2 pods ready", 5, stage=2, again=30
    ),
    "pods lack for too long": Case(
        lambda: at(2, ready=1, lacking=NOW - timedelta(minutes=10)), "in its bake, 1 of 2 pods ready for 10 min", None
    ),
    "a pod says that it cannot serve": Case(
        lambda: at(2, ready=1, broken=(a_refusing_pod(),)),
        "in its bake, pod churn-1 ended with exit code 64 again and again (3 times): the digest is another one",
        None,
    ),
    "a pod ends again and again": Case(
        lambda: at(2, ready=1, broken=(a_refusing_pod(139, ""),)),
        "in its bake, pod churn-1 ended with exit code 139 again and again (3 times): it left no message",
        None,
    ),
    "a pod waits for a Secret for long: it is not judged": Case(
        lambda: at(
            2,
            ready=1,
            lacking=LONG_AGO,
            broken=(a_pod(waiting_reason="CreateContainerConfigError", waiting_message='secret "key" not found'),),
        ),
        'churn-v2 in its bake has 1 of 2 pods ready: pod churn-1 waits: secret "key" not found; create it, the pod'
        " starts by itself",
        0,
        stage=2,
        again=30,
    ),
    "somebody ends it": Case(
        lambda: at(2, commands=Commands(abort=True)),
        "in its bake, somebody asked for it with mlwright.dev/abort=2",
        None,
    ),
    "somebody hurries it": Case(
        lambda: at(0, commands=Commands(promote=True)),
        "churn-v2 takes over as soon as its pods are ready, as mlwright.dev/promote=2 asks",
        5,
        stage=2,
        again=0,
    ),
    "somebody hurried it, and it is ready": Case(
        lambda: at(2, commands=Commands(promote=True)),
        "2 of 2 pods ready, and mlwright.dev/promote=2 asks for it",
        None,
    ),
    "a hold of before a clock was set back": Case(
        lambda: at(0, since=NOW + timedelta(days=1)),
        "churn-v2 answers 5 % of the requests at step five until 2026-01-02T12:05:00Z",
        5,
        again=300,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_situation_one_sentence(name: str) -> None:
    """And one share, one stage, one time to look again."""
    case = CASES[name]
    step = follow(case.given())

    assert said(step) == case.says
    if isinstance(step, Onward):
        assert (step.percent, step.progress.stage, step.again) == (case.percent, case.stage, case.again)
    else:
        assert case.percent is None


def said(step: Step) -> str:
    """Return the words of a step."""
    return step.sentence if isinstance(step, Onward) else step.why


def test_the_rules_are_asked_in_this_order() -> None:
    """A person's end first, then failures, then what is to be waited for."""
    assert [rule.__name__ for rule in rollout.RULES] == [
        "_aborted",
        "_failed",
        "_hurried",
        "_lacking",
        "_unverified",
        "_preflown",
        "_judged",
        "_unapproved",
        "_holding",
        "_onward",
    ]


PERCENT = st.sampled_from([0, 5, 100])
ROLLOUTS = st.builds(
    lambda stage, ready, share, verified, stable, promote, since: at(
        stage,
        ready=ready,
        share=share,
        verified=verified,
        stable_ready=stable,
        commands=Commands(promote=promote),
        since=since,
    ),
    st.integers(0, 2),
    st.integers(0, 2),
    PERCENT,
    PERCENT,
    st.integers(0, 2),
    st.booleans(),
    st.sampled_from([None, A_MINUTE_AGO, LONG_AGO]),
)


def test_copies_go_on_up_to_the_bake() -> None:
    """So that answers can be compared in every step; the candidate has pods for copies and share."""
    steps = [
        {"name": "quiet", "type": "Shadow", "shadow": {"percent": 25, "duration": "10m"}},
        {"name": "half", "type": "Weight", "weight": {"percent": 50, "hold": "5m"}},
    ]
    told = stages(Asked.model_validate({"strategy": "Canary", "steps": steps, "bake": "5m"}))

    assert [(s.name, s.percent, s.copies, s.size, s.hold) for s in told] == [
        ("quiet", 0, 25, 25, 600),
        ("half", 50, 25, 75, 300),
        ("bake", 100, 0, 100, 300),
    ]


QUIET = Stage("quiet", StageType.SHADOW, 0, 100, 300, copies=25)


def shadowed(stage: int, since: datetime | None, *steps: Stage) -> Rollout:
    """Return a rollout at a stage of these, whose copies are asked for unless it has just begun."""
    found = at(0, share=0, since=since)
    return replace(
        found,
        progress=replace(found.progress, stages=(*steps, *STAGES), stage=stage),
        copied=steps[stage].copies if since else 0,
    )


def test_a_shadow_is_timed_from_when_every_pod_knows_of_it() -> None:
    """A step of some seconds has copies too; until then it says what it waits for, and when to look again."""
    before, told = shadowed(0, None, QUIET), shadowed(0, NOW, QUIET)
    knows = shadowed(0, NOW - timedelta(seconds=90), QUIET)
    over = shadowed(0, NOW - timedelta(seconds=390), QUIET)

    first, then, known, after = (follow(one) for one in (before, told, knows, over))

    assert isinstance(first, Onward)
    assert isinstance(then, Onward)
    assert isinstance(after, Onward)
    assert (first.copies, first.progress.since) == (25, None)
    assert said(first) == "churn-v2 is about to be asked 25 % of the requests again at step quiet"
    assert said(then) == (
        "churn-v2 is asked 25 % of the requests again at step quiet as soon as its kubelet has told each pod; "
        "the time of the step counts from 2026-01-02T12:01:30Z"
    )
    assert then.again == 90
    assert said(known) == "churn-v2 is asked 25 % of the requests again at step quiet until 2026-01-02T12:05:00Z"
    assert after.progress.stage == 1


def test_a_second_shadow_waits_for_no_kubelet() -> None:
    """Copies are asked for by then; only their share changes."""
    more = replace(QUIET, name="more", copies=50)

    assert said(follow(shadowed(1, NOW, QUIET, more))) == (
        "churn-v2 is asked 50 % of the requests again at step more until 2026-01-02T12:05:00Z"
    )


def test_who_promotes_waits_for_no_kubelet() -> None:
    """It takes over without what is left."""
    told = shadowed(0, NOW, QUIET)
    step = follow(replace(told, commands=Commands(promote=True)))

    assert isinstance(step, Onward)
    assert step.progress.last


@given(ROLLOUTS)
def test_a_share_grows_only_with_all_pods_ready(seen: Rollout) -> None:
    """Whatever else is the case."""
    step = follow(seen)

    assert not isinstance(step, Onward) or step.percent <= seen.requested or seen.state.complete


@given(ROLLOUTS)
def test_no_stage_is_left_before_its_share_is_applied(seen: Rollout) -> None:
    """Time that was spent with another share proves nothing; only a person may skip what is left."""
    step, share = follow(seen), seen.progress.now.percent
    left = isinstance(step, Proven) or (isinstance(step, Onward) and step.progress.stage > seen.progress.stage)

    assert not left or seen.requested == seen.verified == share or seen.commands.promote


@given(ROLLOUTS)
def test_a_look_goes_at_most_one_stage_further(seen: Rollout) -> None:
    """And never back; a person's promote goes to the last."""
    step = follow(seen)
    if isinstance(step, Onward):
        ahead = step.progress.stage - seen.progress.stage
        assert ahead in {0, 1} or (seen.commands.promote and step.progress.last)


@given(ROLLOUTS)
def test_an_end_by_hand_wins(seen: Rollout) -> None:
    """Over everything else that could be said."""
    assert isinstance(follow(replace(seen, commands=replace(seen.commands, abort=True))), Failed)


def test_phases_tell_when_the_candidate_had_which_share() -> None:
    """One ends when the share is gone or the stage is left; the next begins when a share is seen."""
    began = Progress("0a1b2c3d", 2, STAGES).moved(LONG_AGO, 0, LONG_AGO, None)
    went_on = began.moved(A_MINUTE_AGO, 0, LONG_AGO, None)
    lost = went_on.moved(A_MINUTE_AGO, 0, None, A_MINUTE_AGO)
    entered = lost.moved(NOW, 1, None, None).moved(NOW, 1, NOW, None)

    assert began.phases == went_on.phases == (Phase(0, LONG_AGO),)
    assert entered.phases == (Phase(0, LONG_AGO, A_MINUTE_AGO), Phase(1, NOW))


def test_progress_survives_the_status() -> None:
    """As it was written, so it is read."""
    phases = (Phase(0, LONG_AGO, A_MINUTE_AGO), Phase(1, A_MINUTE_AGO))
    progress = Progress("0a1b2c3d", 2, STAGES, 1, A_MINUTE_AGO, LONG_AGO, phases)
    status = merge({}, StatusDraft("it goes on", (), {"rollout": progress.told()}), 1, NOW)

    assert progress_told(status) == progress


@pytest.mark.parametrize(
    "told", [None, {}, {"stages": [{"name": "x"}]}, {"revision": "a", "version": 1, "stage": 3, "stages": []}]
)
def test_a_status_that_cannot_be_read_is_none(told: Any) -> None:
    """The rollout then goes on at the share that it has."""
    assert progress_told({"rollout": told}) is None


@pytest.mark.parametrize("share, stage", [(0, 0), (5, 0), (6, 2), (100, 2)])
def test_lost_progress_changes_no_share(share: int, stage: int) -> None:
    """It is taken up at the first stage that has no less."""
    assert resumed(STAGES, share) == stage


@pytest.mark.parametrize(
    "asked, found",
    [
        ({}, [("bake", "Bake", 0, 100, 0)]),
        ({"bake": "30m"}, [("bake", "Bake", 100, 100, 1800)]),
        (
            {"strategy": "BlueGreen", "steps": [{"name": "ask", "type": "Approval"}], "bake": "1h"},
            [("ask", "Approval", 0, 100, 0), ("bake", "Bake", 100, 100, 3600)],
        ),
        (
            {
                "strategy": "Canary",
                "steps": [
                    {"name": "look", "type": "Approval"},
                    {"name": "five", "type": "Weight", "weight": {"percent": 5, "hold": "5m"}},
                    {"name": "ask", "type": "Approval"},
                    {"name": "half", "type": "Weight", "weight": {"percent": 50, "hold": "90s"}},
                ],
            },
            [
                ("look", "Approval", 0, 0, 0),
                ("five", "Weight", 5, 5, 300),
                ("ask", "Approval", 5, 5, 0),
                ("half", "Weight", 50, 50, 90),
                ("bake", "Bake", 50, 100, 0),
            ],
        ),
    ],
)
def test_what_is_asked_for_becomes_stages(asked: dict[str, Any], found: list[tuple[Any, ...]]) -> None:
    """A bake is always the last."""
    told = stages(Asked.model_validate(asked))

    assert [(s.name, s.type.value, s.percent, s.size, s.hold) for s in told] == found
