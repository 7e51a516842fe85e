"""The rules of a pipeline: when a run starts, and what the runs so far say about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from mlwright.errors import InvalidSpecError
from mlwright.plan.training import MakeModel, StartRun, TrainingIntent
from mlwright.planners import pipeline
from mlwright.planners.pipeline import decide
from mlwright.settings import Settings
from tests.unit.planners.given import (
    AWAITED,
    DENIED,
    NOW,
    SETTINGS,
    WAITS,
    Pipeline,
    a_pipeline,
    named,
    with_conditions,
)

ESTIMATOR = {"task": "Classification", "estimator": {"class": "sklearn.tree.DecisionTreeClassifier"}}


@dataclass(frozen=True)
class Case:
    """A situation and what is decided about it."""

    given: Callable[[], Pipeline]
    says: str
    conditions: dict[str, str]
    records: list[str] = field(default_factory=list)


def succeeded() -> Pipeline:
    """Return a pipeline whose first run made v1."""
    told = a_pipeline().with_version(1, pipeline="churn", run="churn-1")
    return told.with_run(1, "Succeeded", "made churn-v1, which passed its gates", version="churn-v1")


def failed() -> Pipeline:
    """Return a pipeline whose second run failed."""
    return succeeded().with_run(2, "Failed", "validate: no column churned")


def stuck(state: str = "Waiting") -> Pipeline:
    """Return a pipeline whose second run cannot go on."""
    return succeeded().with_run(2, state, "validate: nothing lies there", stuck=True)


def waiting(told: Pipeline) -> Pipeline:
    """Let the second run have made a version that somebody must approve."""
    told = told.with_version(2, approval=AWAITED)
    return told.with_run(2, "Succeeded", f"made churn-v2, which {WAITS}", version="churn-v2")


CASES: dict[str, Case] = {
    # a run is due
    "the pipeline is new": Case(
        given=lambda: a_pipeline().knowing(model_exists=False),
        says="run churn-1 starts: the pipeline is new",
        conditions={"Ready": "Unknown RunInProgress", "Reconciling": "True RunInProgress"},
        records=["make model churn", "start 1 SpecChange"],
    ),
    "the spec changed": Case(
        given=lambda: succeeded().asking(training=ESTIMATOR),
        says="run churn-2 starts: the spec changed",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
        records=["start 2 SpecChange"],
    ),
    "the spec changed after a failure": Case(
        given=lambda: failed().asking(training=ESTIMATOR),
        says="run churn-3 starts: the spec changed",
        conditions={"Ready": "False RunFailed", "Reconciling": "True RunInProgress"},
        records=["start 3 SpecChange"],
    ),
    "somebody asked": Case(
        given=lambda: succeeded().knowing(request="monday"),
        says="run churn-2 starts: asked for with 'monday'",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
        records=["start 2 Request monday"],
    ),
    "somebody asked and the spec changed: one run for both": Case(
        given=lambda: succeeded().knowing(request="monday").asking(training=ESTIMATOR),
        says="run churn-2 starts: asked for with 'monday'",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
        records=["start 2 Request monday"],
    ),
    "the newest run was deleted, and the spec changed since": Case(
        given=lambda: succeeded().knowing(status={"runs": 2, "templateDigest": "sha256:other"}),
        says="run churn-2 starts: the spec changed",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
        records=["start 2 SpecChange"],
    ),
    "a stuck run gives way to a request": Case(
        given=lambda: stuck().knowing(request="now"),
        says="run churn-3 starts: asked for with 'now'",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
        records=["start 3 Request now"],
    ),
    "a stuck run gives way to a changed spec": Case(
        given=lambda: stuck().asking(training=ESTIMATOR),
        says="run churn-3 starts: the spec changed",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
        records=["start 3 SpecChange"],
    ),
    "a stuck run gives way to a changed pod": Case(
        given=lambda: stuck().asking(pod={"nodeSelector": {"disk": "ssd"}}),
        says="run churn-3 starts: churn-2 could not go on with what it was started with",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
        records=["start 3 SpecChange"],
    ),
    "a run whose pod does not start gives way to another image": Case(
        given=lambda: stuck("Running").asking(image="trainer:2"),
        says="run churn-3 starts: churn-2 could not go on with what it was started with",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
        records=["start 3 SpecChange"],
    ),
    # none is due
    "the last run succeeded": Case(
        given=succeeded,
        says="churn-1: made churn-v1, which passed its gates",
        conditions={"Ready": "True RunSucceeded"},
    ),
    "only its gates changed": Case(
        given=lambda: succeeded().asking(evaluation={"metrics": ["roc_auc"], "gates": []}),
        says="churn-1: made churn-v1, which passed its gates",
        conditions={"Ready": "True RunSucceeded"},
    ),
    "only its image changed": Case(
        given=lambda: succeeded().asking(image="trainer:2"),
        says="churn-1: made churn-v1, which passed its gates",
        conditions={"Ready": "True RunSucceeded"},
    ),
    "a request was answered by a run": Case(
        given=lambda: (
            succeeded()
            .with_run(2, "Failed", "validate: no column churned", answering="monday")
            .knowing(request="monday")
        ),
        says="churn-2: validate: no column churned",
        conditions={"Ready": "False RunFailed", "Stalled": "True RunFailed"},
    ),
    "a request was answered by a run that was deleted since": Case(
        given=lambda: succeeded().knowing(request="monday", status={"handledRequest": "monday"}),
        says="churn-1: made churn-v1, which passed its gates",
        conditions={"Ready": "True RunSucceeded"},
    ),
    "the spec changes while a run goes on": Case(
        given=lambda: succeeded().with_run(2, "Running", "train is running").asking(training=ESTIMATOR),
        says="churn-2: train is running",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
    ),
    "the first run goes on": Case(
        given=lambda: a_pipeline().with_run(1, "Running", "validate is running"),
        says="churn-1: validate is running",
        conditions={"Ready": "Unknown RunInProgress", "Reconciling": "True RunInProgress"},
    ),
    "the first run has not said anything yet": Case(
        given=lambda: a_pipeline().with_run(1, "Running"),
        says="churn-1 starts",
        conditions={"Ready": "Unknown RunInProgress", "Reconciling": "True RunInProgress"},
    ),
    "a run goes on after one that failed": Case(
        given=lambda: failed().with_run(3, "Running", "train is running"),
        says="churn-3: train is running",
        conditions={"Ready": "False RunFailed", "Reconciling": "True RunInProgress"},
    ),
    "a run waits for its data": Case(
        given=stuck,
        says="churn-2: validate: nothing lies there",
        conditions={"Ready": "False Waiting", "Reconciling": "True Waiting"},
    ),
    "a run that waits for its data is not replaced because of an image": Case(
        given=lambda: stuck().asking(image="trainer:2"),
        says="churn-2: validate: nothing lies there",
        conditions={"Ready": "False Waiting", "Reconciling": "True Waiting"},
    ),
    "the last run failed, an older version serves": Case(
        given=failed,
        says="churn-2: validate: no column churned",
        conditions={"Ready": "False RunFailed", "Stalled": "True RunFailed"},
    ),
    "a run that was replaced says nothing about the pipeline": Case(
        given=lambda: (
            succeeded()
            .with_run(2, "Failed", "churn-3 was started in its place", replaced=True)
            .with_run(3, "Running", "train is running")
        ),
        says="churn-3: train is running",
        conditions={"Ready": "True RunSucceeded", "Reconciling": "True RunInProgress"},
    ),
    "the last version was rejected, an older one is good": Case(
        given=lambda: (
            succeeded()
            .with_version(2, passed=False)
            .with_run(2, "Rejected", "made churn-v2, which is rejected: f1 is too low")
        ),
        says="churn-2: made churn-v2, which is rejected: f1 is too low; churn-v1 stays the newest good version",
        conditions={"Ready": "True LastVersionRejected", "LastVersionRejected": "True LastVersionRejected"},
    ),
    "the only version was rejected": Case(
        given=lambda: (
            a_pipeline()
            .with_version(1, passed=False)
            .with_run(1, "Rejected", "made churn-v1, which is rejected: f1 is too low")
        ),
        says="churn-1: made churn-v1, which is rejected: f1 is too low",
        conditions={"Ready": "False NoApprovedVersion", "Stalled": "True NoApprovedVersion"},
    ),
    "the last version waits for approval, an older one is good": Case(
        given=lambda: waiting(succeeded()),
        says=f"churn-2: made churn-v2, which {WAITS}; churn-v1 stays the newest good version",
        conditions={"Ready": "True RunSucceeded", "AwaitingApproval": "True AwaitingApproval"},
    ),
    "the only version waits for approval": Case(
        given=lambda: waiting(a_pipeline()),
        says=f"churn-2: made churn-v2, which {WAITS}",
        conditions={
            "Ready": "False AwaitingApproval",
            "Reconciling": "True AwaitingApproval",
            "AwaitingApproval": "True AwaitingApproval",
        },
    ),
    "the last version was denied, an older one is good": Case(
        given=lambda: (
            succeeded().with_version(2, approval=DENIED).with_run(2, "Rejected", "made churn-v2", version="churn-v2")
        ),
        says=(
            "churn-2: made churn-v2, which was denied by anna: it forgets the islands; churn-v1 stays the newest good"
            " version"
        ),
        conditions={"Ready": "True LastVersionRejected", "LastVersionRejected": "True LastVersionRejected"},
    ),
    "a version to come is approved ahead": Case(
        given=lambda: succeeded().knowing(approved_ahead="2"),
        says="churn-1: made churn-v1, which passed its gates; version 2 is approved ahead",
        conditions={"Ready": "True RunSucceeded"},
    ),
    "an approval ahead of a version that is there is not one": Case(
        given=lambda: succeeded().knowing(approved_ahead="1"),
        says="churn-1: made churn-v1, which passed its gates",
        conditions={"Ready": "True RunSucceeded"},
    ),
    "runs start only on request, and nobody asked": Case(
        given=lambda: a_pipeline().asking(triggers={"specChange": False}),
        says="no run was asked for yet",
        conditions={"Ready": "True Idle"},
    ),
    "paused: no run starts": Case(
        given=lambda: succeeded().asking(paused=True, training=ESTIMATOR).knowing(request="now"),
        says=("paused: no run starts until spec.paused is false; churn-1: made churn-v1, which passed its gates"),
        conditions={"Ready": "True RunSucceeded", "Paused": "True Paused"},
    ),
    # runs were deleted by hand
    "all runs were deleted, the version tells that nothing is due": Case(
        given=lambda: _forgotten(succeeded()),
        says="churn-v1 is the newest good version",
        conditions={"Ready": "True RunSucceeded"},
    ),
    "all runs were deleted, the status tells": Case(
        given=lambda: a_pipeline().knowing(
            status={**with_conditions(Ready="False RunFailed"), "runs": 3, "templateDigest": _digest()}
        ),
        says="it is RunFailed",
        conditions={"Ready": "False RunFailed"},
    ),
    "a run of which nothing is known is no reason to train": Case(
        given=lambda: a_pipeline().with_run(1, "Failed", "it broke", frozen=None),
        says="churn-1: it broke",
        conditions={"Ready": "False RunFailed", "Stalled": "True RunFailed"},
    ),
    "the newest run was deleted; what it was started with is remembered": Case(
        given=lambda: succeeded().knowing(status={"runs": 2, "templateDigest": _digest()}),
        says="churn-1: made churn-v1, which passed its gates",
        conditions={"Ready": "True RunSucceeded"},
    ),
}


def _digest() -> str:
    [run] = a_pipeline().with_run(1, "Failed").runs
    assert run.frozen is not None
    return run.frozen.digest


def _forgotten(told: Pipeline) -> Pipeline:
    told.runs.clear()
    told.versions[0] = replace(told.versions[0], template_digest=_digest())
    return told


def words(intents: tuple[TrainingIntent, ...]) -> list[str]:
    """Return what a pipeline is about to do, in a few words each."""
    return [_words(intent) for intent in intents]


def _words(intent: TrainingIntent) -> str:
    match intent:
        case MakeModel(name):
            return f"make model {name}"
        case StartRun(number, trigger):
            return f"start {number} {trigger.type} {trigger.token}".strip()
        case _:
            return str(intent)


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_and_done(name: str) -> None:
    """One situation, one sentence, one set of writes."""
    case = CASES[name]
    decision = decide(case.given().done(), SETTINGS, NOW)

    assert decision.status.summary == case.says
    assert named(decision.status.conditions) == case.conditions
    assert words(decision.records) == case.records
    assert decision.intents == ()


def test_the_rules_are_asked_in_this_order() -> None:
    """A person's word comes first."""
    names = [rule.__name__ for rule in pipeline.RULES]

    assert names == ["_requested", "_changed", "_mended", "_scheduled", "_data_changed", "_drifted"]


@pytest.mark.parametrize(
    "spec, settings, says",
    [
        (
            {"dataset": {"uri": "gs://lake/x", "target": "y"}},
            SETTINGS,
            "spec.dataset.uri: the scheme 'gs' is not read; write pvc://CLAIM/path, configmap://NAME/key or s3://BUCKET/path",
        ),
        (
            {},
            Settings(artifacts_uri="pvc://artifacts/x"),
            "spec.image: no image trains: set it here, or for the whole installation with the chart's images.trainer",
        ),
        (
            {"dataset": {"uri": "pvc://lake/x", "target": "y", "features": ["é" * 60 + str(n) for n in range(1000)]}},
            SETTINGS,
            (
                "spec.dataset.features: dataset and training are 126,121 bytes long and a step reads at most 100,000:"
                " name fewer features, or leave dataset.features out to use every column"
            ),
        ),
    ],
    ids=["an address", "an image", "too many words"],
)
def test_of_a_spec_with_which_no_run_could_start_none_starts(
    spec: dict[str, object], settings: Settings, says: str
) -> None:
    """The pipeline says which field, rather than a run that then hangs."""
    with pytest.raises(InvalidSpecError) as refused:
        decide(a_pipeline().asking(**spec).done(), settings, NOW)

    assert str(refused.value) == says


def test_what_a_run_was_started_for_is_known_at_once() -> None:
    """Were the run deleted before anybody looks again, it would not come again."""
    fields = decide(a_pipeline().knowing(request="now").done(), SETTINGS, NOW).status.fields

    assert (fields["runs"], fields["templateDigest"], fields["handledRequest"]) == (1, _digest(), "now")


def test_the_status_names_the_newest_run_and_the_newest_good_version() -> None:
    """And counts the runs."""
    fields = decide(failed().done(), SETTINGS, NOW).status.fields

    assert fields["lastRun"] == {"name": "churn-2", "state": "Failed", "sentence": "validate: no column churned"}
    assert (fields["runs"], fields["latestVersion"], fields["templateDigest"]) == (2, "churn-v1", _digest())
