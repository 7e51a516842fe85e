"""The rules of a run: what each says, and does, in every situation that it speaks of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mlwright.plan.pods import PodSeen
from mlwright.plan.training import Freeze, RecordVersion, RemoveJob, StartStep, TrainingIntent
from mlwright.planners import run
from mlwright.planners.run import Decision, decide
from mlwright.planners.steps import HEARD
from mlwright.settings import Settings
from tests.unit.planners.given import NOW, SETTINGS, Run, a_pod, a_run, a_version, named, with_conditions

LOG = "(kubectl logs -n demo job/churn-1-{})"
GOING = {"Reconciling": "True RunInProgress"}


@dataclass(frozen=True)
class Case:
    """A situation and what is decided about it."""

    given: Callable[[], Run]
    says: str
    conditions: dict[str, str]
    records: list[str] = field(default_factory=list)
    intents: list[str] = field(default_factory=list)
    again: float | None = None
    progress: str | None = "0/3"


def a_pod_in_the_making(since: datetime) -> PodSeen:
    """Return a pod that has a node and no container that started."""
    return a_pod("p", phase="Pending", waiting_reason="ContainerCreating", made_since=since, started=None)


def a_leaving_pod(gone_by: datetime) -> PodSeen:
    """Return a pod whose deletion was asked for."""
    return a_pod("p", deleting=True, node="n1", gone_by=gone_by)


def made(*, passed: bool = True, folder: str = "churn-1-e7a9c0ab") -> Run:
    """Return a run whose steps are done and of whose name a version exists."""
    told = a_run().started().succeeded("validate", "train", "evaluate")
    assert told.frozen is not None
    folder = told.frozen.folder if folder == "churn-1-e7a9c0ab" else folder
    return told.knowing(versions=(a_version(4, passed=passed, run="churn-1", folder=folder),))


CASES: dict[str, Case] = {
    # it ended
    "its version passed": Case(
        given=made,
        says="made churn-v4, which passed its gates",
        conditions={"Complete": "True Complete"},
        progress="3/3",
    ),
    "its version was rejected": Case(
        given=lambda: made(passed=False),
        says="made churn-v4, which is rejected: gate good failed: f1 is 0.7000, 0.1000 below the required 0.8",
        conditions={"Complete": "True Complete"},
        progress="3/3",
    ),
    "its version exists although its Jobs are gone": Case(
        given=lambda: a_run().started().knowing(versions=made().seen["versions"]),
        says="made churn-v4, which passed its gates",
        conditions={"Complete": "True Complete"},
        progress="3/3",
    ),
    "a version of an earlier run of that name is not its own": Case(
        given=lambda: made(folder="churn-1-other"),
        says="all steps are done: all gates passed",
        conditions=GOING,
        records=["record v5, passed"],
        progress="3/3",
    ),
    "it was complete, and its version was deleted since": Case(
        given=lambda: (
            a_run()
            .started()
            .succeeded("validate", "train", "evaluate")
            .knowing(status=with_conditions(Complete="True Complete"))
        ),
        says="it is Complete",
        conditions={"Complete": "True Complete"},
        progress=None,
    ),
    "it failed, and stays so although its Jobs are gone": Case(
        given=lambda: a_run().started().knowing(status=with_conditions(Failed="True UserError")),
        says="it is UserError",
        conditions={"Failed": "True UserError", "Stalled": "True UserError"},
        progress=None,
    ),
    "a newer run took its place": Case(
        given=lambda: a_run().started().active("validate").knowing(newer="churn-2"),
        says="churn-2 was started in its place, because this run could not go on",
        conditions={"Failed": "True Superseded", "Stalled": "True Superseded"},
        intents=["remove churn-1-validate-0"],
    ),
    "a newer run replaced it": Case(
        given=lambda: a_run().started().active("validate").knowing(newer="churn-2", replaced=True),
        says="churn-2 was started in its place, because the pipeline's policy.overlap is Replace",
        conditions={"Failed": "True Superseded", "Stalled": "True Superseded"},
        intents=["remove churn-1-validate-0"],
    ),
    # it begins
    "the pipeline does not exist": Case(
        given=lambda: a_run().without_pipeline(),
        says="TrainingPipeline churn (spec.pipelineRef) does not exist; the run starts when it does",
        conditions={"Reconciling": "True Waiting"},
        again=30,
    ),
    "it freezes the pipeline and starts": Case(
        given=a_run,
        says="validate starts",
        conditions=GOING,
        records=["freeze churn"],
        intents=["start validate-0 []"],
    ),
    "what it froze was deleted while it was at work": Case(
        given=lambda: a_run().active("validate"),
        says=(
            "ControllerRevision churn-1, which holds what this run uses, was deleted; restore it, or ask for another"
            " run with the annotation mlwright.dev/run on the pipeline"
        ),
        conditions={"Reconciling": "True Waiting"},
        again=30,
    ),
    # it goes on
    "the first step starts": Case(
        given=lambda: a_run().started(),
        says="validate starts",
        conditions=GOING,
        intents=["start validate-0 []"],
    ),
    "a step is running": Case(
        given=lambda: a_run().started().active("validate"),
        says="validate is running",
        conditions=GOING,
    ),
    "the container of a step is being made": Case(
        given=lambda: a_run().started().active("validate", 0, a_pod_in_the_making(NOW)),
        says="validate is running",
        conditions=GOING,
        again=30,
    ),
    "the container of a step is being made for long": Case(
        given=lambda: a_run().started().active("validate", 0, a_pod_in_the_making(NOW - timedelta(minutes=6))),
        says=(
            "validate: the container of pod p is being made since 2026-01-02T11:54:00Z; kubectl describe pod p says"
            " which image or volume it waits for"
        ),
        conditions=GOING,
        again=30,
    ),
    "the pod of a step is being deleted": Case(
        given=lambda: a_run().started().active("validate", 0, a_leaving_pod(NOW)),
        says="validate is running",
        conditions=GOING,
        again=30,
    ),
    "the pod of a step does not end, because its node is lost": Case(
        given=lambda: a_run().started().active("validate", 0, a_leaving_pod(NOW - timedelta(minutes=5))),
        says=(
            "validate: pod p on node n1 was to end by 2026-01-02T11:55:00Z, and its node has not told that it did; if"
            " the node is lost, delete the Node, and another pod takes its place"
        ),
        conditions={"Reconciling": "True PodsUnhealthy"},
        again=30,
    ),
    "the next step starts, and is told where the earlier ones wrote": Case(
        given=lambda: a_run().started().succeeded("validate", attempt=2).succeeded("train"),
        says="evaluate starts",
        conditions=GOING,
        intents=["start evaluate-0 [train-0 validate-2]"],
        progress="2/3",
    ),
    "a pod lacks a claim": Case(
        given=lambda: (
            a_run()
            .started()
            .active(
                "validate", 0, a_pod("p", scheduling='0/1 nodes are available: persistentvolumeclaim "lake" not found.')
            )
        ),
        says=(
            'validate: pod p waits: 0/1 nodes are available: persistentvolumeclaim "lake" not found.;'
            " create it, the pod starts by itself"
        ),
        conditions={"Reconciling": "True Waiting"},
        again=30,
    ),
    "a pod's image cannot be fetched": Case(
        given=lambda: (
            a_run()
            .started()
            .active("validate", 0, a_pod("p", waiting_reason="ErrImagePull", waiting_message="no such host"))
        ),
        says=(
            "validate: the image of pod p cannot be fetched: no such host; correct the image's name or"
            " the pull secret, or load the image; it is fetched again by itself"
        ),
        conditions={"Reconciling": "True PodsUnhealthy"},
        again=30,
    ),
    "a Job gets no pod": Case(
        given=lambda: a_run().started().without_pods("validate"),
        says="validate: its pod could not be made yet; kubectl describe job/churn-1-validate-0 says why",
        conditions={"Reconciling": "True PodsUnhealthy"},
        again=30,
    ),
    "a pod ended, and its Job has not noticed yet": Case(
        given=lambda: a_run().started().active("validate", 0, a_pod("p", phase="Failed", exit_code=64)),
        says="validate is running",
        conditions=GOING,
    ),
    "a Job is done, and what its pod said is still on its way": Case(
        given=lambda: a_run().started().succeeded("validate").podless(),
        says="validate is running",
        conditions=GOING,
        again=10,
    ),
    "a Job failed, and what its pod said is still on its way": Case(
        given=lambda: a_run().started().refused("validate").podless(),
        says="validate is running",
        conditions=GOING,
        again=10,
    ),
    "the end of a Job is known before its pod's, by a clock that is a little ahead of ours": Case(
        given=lambda: a_run().started().succeeded("validate", ended=NOW + timedelta(seconds=2)).podless(),
        says="validate is running",
        conditions=GOING,
        again=10,
    ),
    "a pod that was disturbed says nothing about the one after it": Case(
        given=lambda: a_run().started().succeeded("validate").disturbed(),
        says="validate is running",
        conditions=GOING,
        again=10,
    ),
    # its result
    "the pod of a Job that is done long since is gone": Case(
        given=lambda: a_run().started().succeeded("validate", ended=NOW - HEARD).podless(),
        says="validate ended, its result is read from the store",
        conditions=GOING,
        intents=["read validate-0 []"],
    ),
    "nobody heard what a step reported": Case(
        given=lambda: a_run().started().unread("validate"),
        says="validate ended, its result is read from the store",
        conditions=GOING,
        intents=["read validate-0 []"],
    ),
    "the result is being read": Case(
        given=lambda: a_run().started().unread("validate").active("validate", collects=True),
        says="validate is running",
        conditions=GOING,
    ),
    "the result was read": Case(
        given=lambda: a_run().started().unread("validate").succeeded("validate", collects=True),
        says="train starts",
        conditions=GOING,
        intents=["start train-0 [validate-0]"],
        progress="1/3",
    ),
    "the result cannot be read either": Case(
        given=lambda: a_run().started().unread("validate").unread("validate", collects=True, ended=NOW),
        says=f"validate: it ended without a result {LOG.format('validate-0-read')}; tried again by itself",
        conditions={"Reconciling": "True Retrying"},
        again=10,
    ),
    "what a step reported is known from the status when its Job is gone": Case(
        given=lambda: a_run().started().remembering("validate", "train"),
        says="evaluate starts",
        conditions=GOING,
        intents=["start evaluate-0 [train-0 validate-0]"],
        progress="2/3",
    ),
    # it fails
    "a step found an error of the user's": Case(
        given=lambda: a_run().started().refused("validate"),
        says=f"validate: spec.dataset.target: no column churned; name one {LOG.format('validate-0')}",
        conditions={"Failed": "True UserError", "Stalled": "True UserError"},
    ),
    "that is known even if an earlier result is not": Case(
        given=lambda: a_run().started().unread("validate").refused("train"),
        says=f"train: spec.dataset.target: no column churned; name one {LOG.format('train-0')}",
        conditions={"Failed": "True UserError", "Stalled": "True UserError"},
    ),
    "the data is not there yet": Case(
        given=lambda: a_run().started().refused("validate", reason="DatasetMissing"),
        says=(
            f"validate: spec.dataset.target: no column churned; name one {LOG.format('validate-0')};"
            " tried again by itself"
        ),
        conditions={"Reconciling": "True Waiting"},
        again=15,
    ),
    "the store of the data does not answer": Case(
        given=lambda: a_run().started().refused("validate", reason="StorageAway"),
        says=(
            f"validate: spec.dataset.target: no column churned; name one {LOG.format('validate-0')};"
            " tried again by itself"
        ),
        conditions={"Reconciling": "True Waiting"},
        again=15,
    ),
    "the data is still not there, and is looked for less often": Case(
        given=lambda: a_run().started().refused("validate", 3, reason="DatasetMissing", crashes=1),
        says=(
            f"validate: spec.dataset.target: no column churned; name one {LOG.format('validate-3')};"
            " tried again by itself"
        ),
        conditions={"Reconciling": "True Waiting"},
        again=60,
    ),
    "but at least every five minutes": Case(
        given=lambda: a_run().started().refused("validate", 900, reason="DatasetMissing"),
        says=(
            f"validate: spec.dataset.target: no column churned; name one {LOG.format('validate-900')};"
            " tried again by itself"
        ),
        conditions={"Reconciling": "True Waiting"},
        again=300,
    ),
    "the pause is over: another attempt": Case(
        given=lambda: (
            a_run()
            .started()
            .refused("validate", 2, reason="DatasetMissing", ended=NOW - timedelta(seconds=60), crashes=0)
        ),
        says=(
            f"validate: spec.dataset.target: no column churned; name one {LOG.format('validate-2')};"
            " tried again by itself"
        ),
        conditions={"Reconciling": "True Waiting"},
        intents=["start validate-3 []"],
    ),
    "a step crashed": Case(
        given=lambda: a_run().started().crashed("validate"),
        says=f"validate: its container ended with exit code 70 {LOG.format('validate-0')}; tried again by itself",
        conditions={"Reconciling": "True Retrying"},
        again=10,
    ),
    "a step ran out of memory, once more": Case(
        given=lambda: a_run().started().crashed("train", 1, 137, crashes=1).succeeded("validate"),
        says=f"train: its container ended with exit code 137 {LOG.format('train-1')}; tried again by itself",
        conditions={"Reconciling": "True Retrying"},
        again=20,
        progress="1/3",
    ),
    "its attempts are used up": Case(
        given=lambda: a_run().started().crashed("validate", 7, crashes=2),
        says=f"validate: its container ended with exit code 70 {LOG.format('validate-7')} (attempt 3 of 3)",
        conditions={"Failed": "True StepFailed", "Stalled": "True StepFailed"},
    ),
    "the next attempt counts the crash": Case(
        given=lambda: a_run().started().crashed("validate", 0, ended=NOW - timedelta(minutes=1)),
        says=f"validate: its container ended with exit code 70 {LOG.format('validate-0')}; tried again by itself",
        conditions={"Reconciling": "True Retrying"},
        intents=["start validate-1 [] after 1 crash"],
    ),
    "a clock was set back by an hour: nobody waits an hour": Case(
        given=lambda: a_run().started().crashed("validate", 0, ended=NOW + timedelta(hours=1)),
        says=f"validate: its container ended with exit code 70 {LOG.format('validate-0')}; tried again by itself",
        conditions={"Reconciling": "True Retrying"},
        intents=["start validate-1 [] after 1 crash"],
    ),
    "a Job failed of which nothing is left": Case(
        given=lambda: (
            a_run().started().crashed("validate", message="Job has reached its deadline", ended=NOW - HEARD).podless()
        ),
        says=f"validate: Job has reached its deadline {LOG.format('validate-0')}; tried again by itself",
        conditions={"Reconciling": "True Retrying"},
        intents=["start validate-1 [] after 1 crash"],
    ),
    "Jobs of earlier attempts go, the last two stay": Case(
        given=lambda: a_run().started().crashed("validate", 0).crashed("validate", 1, crashes=1).active("validate", 2),
        says="validate is running",
        conditions=GOING,
        intents=["remove churn-1-validate-0"],
    ),
    # it is recorded
    "all steps are done: the version is recorded": Case(
        given=lambda: a_run().started().succeeded("validate", "train", "evaluate"),
        says="all steps are done: all gates passed",
        conditions=GOING,
        records=["record v1, passed"],
        progress="3/3",
    ),
    "a version that somebody must approve is recorded without an approval": Case(
        given=lambda: a_run().started(approvalPolicy="Manual").succeeded("validate", "train", "evaluate"),
        says="all steps are done: all gates passed",
        conditions=GOING,
        records=["record v1, passed"],
        progress="3/3",
    ),
    "the version that was approved ahead is recorded with its approval": Case(
        given=lambda: (
            a_run()
            .started(approvalPolicy="Manual")
            .succeeded("validate", "train", "evaluate")
            .knowing(approved_ahead="1")
        ),
        says="all steps are done: all gates passed",
        conditions=GOING,
        records=["record v1, passed, approved ahead"],
        progress="3/3",
    ),
    "another version was approved ahead": Case(
        given=lambda: (
            a_run()
            .started(approvalPolicy="Manual")
            .succeeded("validate", "train", "evaluate")
            .knowing(approved_ahead="2")
        ),
        says="all steps are done: all gates passed",
        conditions=GOING,
        records=["record v1, passed"],
        progress="3/3",
    ),
    "numbers that were used are not used again": Case(
        given=lambda: (
            a_run()
            .started()
            .succeeded("validate", "train", "evaluate")
            .knowing(versions=(a_version(2), a_version(5)), last_number=8)
        ),
        says="all steps are done: all gates passed",
        conditions=GOING,
        records=["record v9, passed"],
        progress="3/3",
    ),
    "a gate that is not met": Case(
        given=lambda: a_run().started().succeeded("validate", "train").measured(f1=0.7),
        says="all steps are done: gate good failed: f1 is 0.7000, 0.1000 below the required 0.8",
        conditions=GOING,
        records=["record v1, rejected"],
        progress="3/3",
    ),
    "a gate on what was not measured": Case(
        given=lambda: a_run().started().succeeded("validate", "train").measured(roc_auc=0.9),
        says="all steps are done: gate good has no data: f1 was not measured on the held-out rows",
        conditions=GOING,
        records=["record v1, rejected"],
        progress="3/3",
    ),
}


def words(intents: tuple[TrainingIntent, ...]) -> list[str]:
    """Return what a run is about to do, in a few words each."""
    return [_words(intent) for intent in intents]


def _words(intent: TrainingIntent) -> str:
    match intent:
        case Freeze(frozen):
            return f"freeze {frozen.pipeline}"
        case StartStep(_, step, attempt, inputs, crashes, collects):
            read = " ".join(f"{name}-{number}" for name, number in sorted(inputs.items()))
            after = f" after {crashes} crash" if crashes else ""
            return f"{'read' if collects else 'start'} {step}-{attempt} [{read}]{after}"
        case RemoveJob(name):
            return f"remove {name}"
        case RecordVersion(number, outcome=outcome, approval=approval):
            return f"record v{number}, {outcome.lower()}{', approved ahead' if approval else ''}"
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
    assert words(decision.intents) == case.intents
    assert decision.again == (None if case.again is None else timedelta(seconds=case.again))
    assert decision.status.fields.get("progress") == case.progress


def test_the_rules_are_asked_in_this_order() -> None:
    """What ended first, then what must not go on, then the steps."""
    assert [rule.__name__ for rule in run.RULES] == [
        "_ending",
        "_recorded",
        "_ended",
        "_superseded",
        "_aborted",
        "_left",
        "_lost",
        "_suspended",
        "_unfrozen",
        "_timed_out",
        "_failed",
        "_advance",
        "_without_version",
        "_record",
    ]


@pytest.mark.parametrize("minutes, reason", [(4, "RunInProgress"), (6, "Waiting")])
def test_what_an_earlier_run_left_is_waited_for_as_what_goes_on_only_while_it_may_go_by_itself(
    minutes: int, reason: str
) -> None:
    """Kubernetes takes a moment; what is held longer is in the way, and another run may take the place of this one."""
    seen = replace(a_run().knowing(left=("Job churn-1-train-0",)).done(), created=NOW - timedelta(minutes=minutes))

    assert named(decide(seen, SETTINGS, NOW).status.conditions)["Reconciling"] == f"True {reason}"


def test_the_number_of_attempts_is_a_setting() -> None:
    """One attempt is enough for somebody."""
    decision = decide(a_run().started().crashed("validate").done(), Settings(step_attempts=1), NOW)

    assert decision.status.summary.endswith("(attempt 1 of 1)")


def test_the_record_holds_what_the_steps_reported() -> None:
    """Metrics that are no finite number are left out, long words are cut: the API server would refuse the record."""
    told = a_run().started().succeeded("validate")
    bundle = {"uri": "pvc://a/b", "digest": "sha256:b", "format": "Skops"}
    results = {
        "bundle": bundle,
        "formatReason": "x" * 900,
        "environment": {f"lib{n:02d}": "1" * 200 for n in range(40)},
    }
    told.reported("train", results).reported("evaluate", {"metrics": {"f1": 1, "roc_auc": None, "mae": True}})
    [record] = decide(told.done(), SETTINGS, NOW).records
    assert isinstance(record, RecordVersion)

    assert record.metrics == {"f1": 1.0}
    assert record.bundle == {**bundle, "formatReason": "x" * 512}
    assert record.lineage["dataset"]["rows"] == 100
    assert list(record.lineage["environment"].values()) == ["1" * 128] * 32
    assert record.lineage["finishedAt"] == "2026-01-02T12:00:00Z"
    assert [(gate["name"], gate["outcome"]) for gate in record.gates] == [("good", "Passed")]


STORE = "s3://models/mlwright"


def own(place: str = "train-0/kept-0/bundle") -> str:
    """Return an address in the folder of the run."""
    frozen = a_run().started().done().frozen
    assert frozen is not None
    return f"{STORE}/demo/churn/runs/{frozen.folder}/{place}"


def recorded(uri: str, *, artifacts: str = STORE, **said: Any) -> Decision:
    """Return what follows when all steps are done and train reports a bundle at this address."""
    bundle = {"uri": uri, "digest": "sha256:b", "format": "ONNX", **said.pop("bundle", {})}
    told = a_run().started().succeeded("validate").reported("train", {"bundle": bundle})
    seen = told.reported("evaluate", {"metrics": {"f1": 1}, **said}).done()
    assert seen.frozen is not None
    keys = {"secretRef": {"name": "keys"}} if artifacts == STORE else {}
    frozen = replace(seen.frozen, artifacts_uri=artifacts, artifacts_storage=keys)
    return decide(replace(seen, frozen=frozen), SETTINGS, NOW)


def test_a_step_says_nothing_of_the_keys_with_which_its_bundle_is_fetched() -> None:
    """It runs what people bring: else they would name a Secret that they may not read, and nobody would be asked."""
    forged = {"storage": {"endpointURL": "https://listens", "secretRef": {"name": "password"}}, "more": 1}

    [on_claim] = recorded("pvc://a/b", artifacts="pvc://a", bundle=forged).records
    [in_store] = recorded(own(), bundle=forged).records
    assert isinstance(on_claim, RecordVersion)
    assert isinstance(in_store, RecordVersion)

    assert on_claim.bundle.keys() == {"uri", "digest", "format", "formatReason"}
    assert in_store.bundle["storage"] == {"secretRef": {"name": "keys"}}
    assert "more" not in in_store.bundle


@pytest.mark.parametrize(
    "uri, artifacts",
    [
        ("s3://payroll/x", STORE),
        (f"{STORE}/demo/churn/runs/../../../payroll", STORE),
        (f"{STORE}/other/churn/runs/x/bundle", STORE),
        (own("../churn-0/train-0/bundle"), STORE),
        (f"{STORE}/demo/churn/runs/churn-0-ab/train-0/bundle", STORE),
        ("pvc://claim/x", STORE),
        ("s3://payroll/x", "pvc://artifacts/runs"),
    ],
)
def test_no_bundle_is_recorded_outside_of_the_folder_of_its_runs(uri: str, artifacts: str) -> None:
    """Whatever fetches it would read there with the keys of the store."""
    found = recorded(uri, artifacts=artifacts)

    assert found.records == ()
    assert "the bundle is reported at" in found.status.summary
    assert f"and that of a run lies below {artifacts}/demo/churn/runs/" in found.status.summary


def test_gates_judge_the_bundle_that_is_recorded() -> None:
    """Of two pods that trained at once each may have sent one; which was evaluated is told."""
    same, other = recorded(own(), judged="sha256:b"), recorded(own(), judged="sha256:c")

    assert len(same.records) == 1
    assert other.records == ()
    assert "another bundle was evaluated than the one that is reported" in other.status.summary


def test_a_result_that_is_not_finite_reaches_no_status() -> None:
    """JSON of the API server knows no NaN and no infinity."""
    told = a_run().started().succeeded("validate", "train")
    told.said("evaluate", '{"outcome": "Succeeded", "results": {"metrics": {"f1": NaN, "roc_auc": 1e999, "mae": 0.5}}}')

    assert decide(told.done(), SETTINGS, NOW).status.fields["metrics"] == {"mae": 0.5}


@pytest.mark.parametrize("step", ["validate", "train", "evaluate"])
@pytest.mark.parametrize("results", [{}, {"dataset": {}, "bundle": {}, "metrics": None}, {"dataset": 1, "bundle": 2}])
def test_a_result_that_lacks_what_is_needed_is_none(step: str, results: dict[str, object]) -> None:
    """An image of somebody's own may report anything; it is read once more, then it counts as a crash."""
    earlier = {"validate": (), "train": ("validate",), "evaluate": ("validate", "train")}[step]
    told = a_run().started().succeeded(*earlier).reported(step, results)

    assert decide(told.done(), SETTINGS, NOW).status.summary == f"{step} ended, its result is read from the store"


def test_what_is_known_of_a_run_that_is_over_stays() -> None:
    """Its Jobs are deleted; steps, data, metrics and version stand as they did."""
    over = decide(made().done(), SETTINGS, NOW).status
    stored = {
        **over.fields,
        "conditions": [{"type": "Complete", "status": "True", "reason": "Complete", "message": "m"}],
    }
    later = decide(a_run().started().knowing(status=stored).done(), SETTINGS, NOW).status

    assert later.fields == over.fields
    assert over.fields["modelVersionRef"] == {"name": "churn-v4"}


def test_what_a_failed_step_said_stays() -> None:
    """Nobody else remembers it when its Job is gone."""
    failed = decide(a_run().started().refused("validate").done(), SETTINGS, NOW).status
    stored = {
        **failed.fields,
        "conditions": [{"type": "Failed", "status": "True", "reason": "UserError", "message": "m"}],
    }
    later = decide(a_run().started().knowing(status=stored).done(), SETTINGS, NOW).status

    assert later.fields["steps"][0] == {
        "name": "validate",
        "state": "Failed",
        "attempt": 0,
        "job": "churn-1-validate-0",
        "startedAt": "2026-01-02T11:00:00Z",
        "finishedAt": "2026-01-02T12:00:00Z",
        "sentence": "no column churned",
    }


def test_a_step_that_was_given_up_is_not_at_work_for_ever() -> None:
    """The run that was replaced shows it as stopped."""
    fields = decide(a_run().started().active("validate").knowing(newer="churn-2").done(), SETTINGS, NOW).status.fields

    assert [step["state"] for step in fields["steps"]] == ["Stopped", "Pending", "Pending"]


def test_the_status_shows_every_step() -> None:
    """With its Job, its times, and what it reported."""
    fields = decide(a_run().started().succeeded("validate").active("train").done(), SETTINGS, NOW).status.fields

    assert [(s["name"], s["state"], s.get("job")) for s in fields["steps"]] == [
        ("validate", "Succeeded", "churn-1-validate-0"),
        ("train", "Running", "churn-1-train-0"),
        ("evaluate", "Pending", None),
    ]
    assert fields["steps"][0]["results"]["dataset"]["rows"] == 100
    assert fields["dataset"]["rows"] == 100
    assert fields["metrics"] is None
