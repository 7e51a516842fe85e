"""Objects of training: what the Job controller, the trainer and the records need, and nothing of the user's labels."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from mlwright.api.kinds import KINDS
from mlwright.api.models import ModelVersionSpec
from mlwright.api.runs import TrainingRunSpec, Trigger
from mlwright.builders.training import for_pipeline, for_run, step_document
from mlwright.plan.frozen import Frozen
from mlwright.plan.training import (
    Freeze,
    MakeModel,
    RecordVersion,
    RemoveJob,
    RemoveRun,
    StartLook,
    StartMirror,
    StartProbe,
    StartRun,
    StartStep,
    TrainingIntent,
)
from mlwright.plan.writes import Create, Delete
from mlwright.planners.run import decide
from mlwright.planners.template import freeze
from tests.support.podsecurity import violations
from tests.unit.planners.given import NOW, PIPELINE, SETTINGS, a_pipeline, a_run

RUN = a_run().started().done()
OWNER = {
    "apiVersion": "mlwright.dev/v1alpha1",
    "kind": "TrainingRun",
    "name": "churn-1",
    "uid": "uid-1",
    "controller": True,
    "blockOwnerDeletion": True,
}
OWNED = {
    "app.kubernetes.io/managed-by": "mlwright",
    "mlwright.dev/owner-kind": "TrainingRun",
    "mlwright.dev/owner": "churn-1",
}


def frozen(**spec: Any) -> Frozen:
    """Return what a run of a pipeline freezes."""
    return freeze(a_pipeline().asking(**spec).done(), SETTINGS, run="churn-1", uid="uid-1", at=NOW)


def made(intent: TrainingIntent) -> dict[str, Any]:
    """Return the object that an intent of the run makes."""
    write = for_run(RUN)(intent)
    assert isinstance(write, Create)
    return write.body


def step(**known: Any) -> dict[str, Any]:
    """Return the Job of a step."""
    known = {"frozen": frozen(), "step": "train", "attempt": 2, "inputs": {"validate": 1}, **known}
    return made(StartStep(**known))


def told(job: dict[str, Any]) -> dict[str, Any]:
    """Return what the step of a Job is told, as its container sees it."""
    env = {v["name"]: v["value"] for v in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    document: dict[str, Any] = json.loads(env["MLWRIGHT_STEP"].replace("$$", "$"))
    return document


def test_every_intent_is_rendered() -> None:
    """By the pipeline or by the run."""
    rendered = {MakeModel, StartRun, StartProbe, StartMirror, RemoveRun}
    rendered |= {Freeze, StartStep, StartLook, RemoveJob, RecordVersion}

    assert rendered == set(get_args(TrainingIntent))


@pytest.mark.parametrize("render", [for_pipeline(a_pipeline().done()), for_run(RUN)])
def test_an_intent_of_the_other_kind_is_refused(render: Any) -> None:
    """It would be a mistake of ours."""
    with pytest.raises(TypeError, match="has no intent"):
        render(Freeze(frozen()) if render.__qualname__.startswith("for_pipeline") else RemoveRun("churn-1", "uid"))


def test_a_job_is_the_runs_own_and_named_after_run_step_and_attempt() -> None:
    """So it is found, adopted and deleted with the run, and never made twice."""
    job = step()

    assert job["metadata"] == {
        "name": "churn-1-train-2",
        "namespace": "demo",
        "labels": {
            **OWNED,
            "mlwright.dev/pipeline": "churn",
            "mlwright.dev/model": "churn",
            "mlwright.dev/step": "train",
            "mlwright.dev/attempt": "2",
        },
        "ownerReferences": [OWNER],
        "annotations": {"mlwright.dev/crashes": "0"},
    }
    assert job["spec"]["template"]["metadata"]["labels"] == job["metadata"]["labels"]


def test_a_reader_is_another_job_of_the_same_attempt() -> None:
    """Labelled, so that it is not taken for the attempt itself."""
    job = step(collects=True, crashes=1)

    assert job["metadata"]["name"] == "churn-1-train-2-read"
    assert job["metadata"]["labels"]["mlwright.dev/collects"] == "true"
    assert job["metadata"]["annotations"] == {"mlwright.dev/crashes": "1"}


def of_store(name: str, **storage: Any) -> dict[str, Any]:
    """Return the pod of a step of a pipeline whose data lies in an object store."""
    asked = {"endpointURL": "https://store:9000", "secretRef": {"name": "lake-keys"}, **storage}
    data = {"uri": "s3://lake/churn.csv", "target": "churned", "storage": asked}
    job = step(frozen=frozen(dataset=data), step=name, inputs={})
    pod: dict[str, Any] = job["spec"]["template"]["spec"]
    return pod


def test_only_the_step_that_reads_the_data_gets_the_keys_of_the_store() -> None:
    """From the Secret, by the kubelet; nothing is mounted for the data, and the document holds no key."""
    validate, train = of_store("validate"), of_store("train")
    refs = {v["name"]: v["valueFrom"]["secretKeyRef"] for v in validate["containers"][0]["env"] if "valueFrom" in v}

    assert refs == {
        "AWS_ACCESS_KEY_ID": {"name": "lake-keys", "key": "AWS_ACCESS_KEY_ID"},
        "AWS_SECRET_ACCESS_KEY": {"name": "lake-keys", "key": "AWS_SECRET_ACCESS_KEY"},
    }
    assert not [v for v in train["containers"][0]["env"] if "valueFrom" in v]
    assert [volume["name"] for volume in validate["volumes"]] == ["tmp", "pvc-artifacts"]


SIGNING = {"secretRef": {"name": "signing", "key": "private.pem"}}


def secrets_of(container: dict[str, Any]) -> dict[str, Any]:
    """Return what a container takes from Secrets."""
    return {v["name"]: v["valueFrom"]["secretKeyRef"] for v in container["env"] if "valueFrom" in v}


@pytest.mark.parametrize(
    "name, secrets", [("validate", {}), ("train", {"MLWRIGHT_SIGNING_KEY": SIGNING["secretRef"]}), ("evaluate", {})]
)
def test_only_the_step_that_trains_gets_the_key_to_sign(name: str, secrets: dict[str, Any]) -> None:
    """From the Secret, by the kubelet; the document holds no key."""
    inputs = {"evaluate": {"validate": 0, "train": 0}, "train": {"validate": 0}}.get(name, {})
    job = step(frozen=frozen(signing=SIGNING), step=name, inputs=inputs)
    [container] = job["spec"]["template"]["spec"]["containers"]
    told = json.loads(next(v["value"] for v in container["env"] if v["name"] == "MLWRIGHT_STEP"))

    assert secrets_of(container) == secrets
    assert told["signed"] is True


def test_a_container_of_somebodys_own_does_not_get_the_key_to_sign() -> None:
    """It could sign whatever it likes."""
    own = {"task": "Classification", "type": "Container", "container": {"image": "mine:1"}}
    job = step(frozen=frozen(signing=SIGNING, training=own), step="train", inputs={"validate": 0})
    pod = job["spec"]["template"]
    found = {c["name"]: secrets_of(c) for c in [*pod["spec"]["containers"], *pod["spec"]["initContainers"]]}

    assert found == {"step": {"MLWRIGHT_SIGNING_KEY": SIGNING["secretRef"]}, "prepare": {}, "own": {}}


def test_the_certificates_of_a_store_are_mounted() -> None:
    """Where the trainer looks for them."""
    pod = of_store("validate", caBundleRef={"name": "authorities", "key": "ca.crt"})

    places = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
    assert "/mlwright/configmap/authorities" in places


def test_the_job_controller_never_tries_again_by_itself() -> None:
    """We count attempts; a disruption is none, and the user's error ends the Job at once."""
    spec = step()["spec"]

    assert spec["backoffLimit"] == 0
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert [rule["action"] for rule in spec["podFailurePolicy"]["rules"]] == ["Ignore", "FailJob"]
    assert spec["podFailurePolicy"]["rules"][1]["onExitCodes"] == {
        "containerName": "step",
        "operator": "In",
        "values": [64],
    }
    assert "suspend" not in spec  # that is Kueue's


def test_a_step_is_told_all_that_it_needs() -> None:
    """As docs/contracts.md says."""
    assert told(step()) == {
        "schemaVersion": 1,
        "run": {
            "namespace": "demo",
            "name": "churn-1",
            "pipeline": "churn",
            "generation": 1,
            "attempt": 2,
            "triggeredAt": "2026-01-02T11:00:00Z",
        },
        "model": "churn",
        "dataset": {"uri": "pvc://lake/churn.csv", "target": "churned", "split": {"type": "Hash"}},
        "training": {
            "task": "Classification",
            "type": "Estimator",
            "estimator": {
                "class": "sklearn.linear_model.LogisticRegression",
                "parameters": {},
                "preprocessing": "Auto",
            },
            "seed": 0,
        },
        "evaluation": {"metrics": ["roc_auc", "f1"], "gates": []},
        "runUri": f"pvc://artifacts/runs/demo/churn/runs/{frozen().folder}",
        "inputs": {"validate": f"pvc://artifacts/runs/demo/churn/runs/{frozen().folder}/validate-1"},
        "image": "trainer:1",
    }


def test_the_run_of_a_slot_is_told_the_slot() -> None:
    """So that a late run reads the rows of its slot, not those that came later."""
    trigger = {"type": "Schedule", "scheduledTime": "2026-01-02T03:00:00+01:00"}
    spec = TrainingRunSpec.model_validate({"pipelineRef": {"name": "churn"}, "trigger": trigger})
    document = step_document(replace(RUN, spec=spec), StartStep(frozen(), "train", 0, {}))

    assert document["run"]["triggeredAt"] == "2026-01-02T02:00:00Z"


def test_what_people_call_their_columns_reaches_the_step_unchanged() -> None:
    """Kubernetes expands dollar signs in variables."""
    dataset = {"uri": "pvc://lake/churn.csv", "target": "$(HOME)", "features": ["price_$$", "é"]}

    assert told(step(frozen=frozen(dataset=dataset)))["dataset"]["features"] == ["price_$$", "é"]
    assert told(step(frozen=frozen(dataset=dataset)))["dataset"]["target"] == "$(HOME)"


def test_the_pod_of_a_step_is_restricted_and_reads_and_writes_where_it_may() -> None:
    """Data read-only, artifacts writable."""
    spec = step()["spec"]["template"]["spec"]
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in spec["containers"][0]["volumeMounts"]}

    assert violations(spec) == []
    assert mounts == {"/tmp": False, "/mlwright/pvc/lake": True, "/mlwright/pvc/artifacts": False}  # noqa: S108
    assert (spec["containers"][0]["name"], spec["containers"][0]["args"]) == ("step", ["train"])
    assert spec["containers"][0]["terminationMessagePolicy"] == "File"


def test_data_and_artifacts_on_one_claim_are_one_mount() -> None:
    """A pod with the same volume twice would be refused."""
    spec = step(frozen=frozen(artifacts={"uri": "pvc://lake/runs"}))["spec"]["template"]["spec"]

    assert [volume["name"] for volume in spec["volumes"]] == ["tmp", "pvc-lake"]


def test_what_a_run_freezes_comes_back_as_it_was() -> None:
    """The ControllerRevision holds it in full; JSON knows no tuples."""
    body = made(Freeze(frozen()))
    data = json.loads(json.dumps(body["data"]))

    assert Frozen.read(data) == frozen()
    assert (body["kind"], body["metadata"]["name"], body["revision"]) == ("ControllerRevision", "churn-1", 1)


def test_a_version_belongs_to_nobody_and_its_spec_is_as_the_schema_says() -> None:
    """Deleting a pipeline never removes a version that is served."""
    seen = a_run().started().succeeded("validate", "train", "evaluate").done()
    [record] = decide(seen, SETTINGS, NOW).records
    assert isinstance(record, RecordVersion)
    body = made(record)
    spec = ModelVersionSpec.model_validate(
        body["spec"] | {"bundle": {**body["spec"]["bundle"], "digest": "sha256:" + "b" * 64}, "lineage": {}}
    )

    assert "ownerReferences" not in body["metadata"]
    assert body["metadata"]["name"] == "churn-v1"
    assert (spec.version, spec.verdict.outcome, spec.metrics) == (1, "Passed", {"f1": 0.9, "roc_auc": 0.95})
    assert body["spec"]["lineage"]["folder"] == frozen().folder
    assert body["spec"]["lineage"]["templateDigest"] == frozen().digest


def test_a_run_is_the_pipelines_own_and_says_why_it_started() -> None:
    """Its trigger carries the token, so that each is answered once."""
    write = for_pipeline(a_pipeline().done())(
        StartRun(7, Trigger.model_validate({"type": "Request", "reason": "r", "token": "monday"}))
    )
    assert isinstance(write, Create)

    assert write.body["metadata"]["name"] == "churn-7"
    assert write.body["metadata"]["ownerReferences"][0]["kind"] == "TrainingPipeline"
    assert write.body["spec"] == {
        "pipelineRef": {"name": "churn"},
        "trigger": {"type": "Request", "by": "", "reason": "r", "token": "monday"},
    }


def test_a_job_is_deleted_only_if_it_is_the_one_that_was_seen() -> None:
    """By its uid."""
    write = for_run(RUN)(RemoveJob("churn-1-train-0", "uid-job"))

    assert isinstance(write, Delete)
    assert (write.kind.name, write.name, write.uid) == ("Job", "churn-1-train-0", "uid-job")


def test_all_objects_are_of_known_kinds_and_small() -> None:
    """A ControllerRevision or an environment variable that is too large would be refused."""
    features = [f"column-{n:04d}" for n in range(1000)]
    large = frozen(dataset={**PIPELINE["dataset"], "features": features})
    job, revision = step(frozen=large), made(Freeze(large))
    variable = job["spec"]["template"]["spec"]["containers"][0]["env"][-1]["value"]

    assert revision["kind"] not in KINDS
    assert len(variable) < 131_072
    assert len(json.dumps(revision)) < 1_000_000


def test_the_pods_of_a_tuning_are_one_indexed_job() -> None:
    """Kubernetes numbers them, and number 0 is the coordinator; a reader of the result is one pod without number."""
    asked = {
        "trials": 8,
        "parallelism": 2,
        "objectives": [{"name": "good", "metric": "roc_auc"}],
        "space": [{"name": "C", "type": "Float", "float": {"low": 0.1, "high": 10}}],
    }
    tuned = frozen(training={**PIPELINE["training"], "tuning": asked})
    job, reader = (
        step(frozen=tuned, step="tune", inputs={"validate": 0}, collects=collects) for collects in (False, True)
    )

    sizes = {key: job["spec"].get(key) for key in ("completionMode", "completions", "parallelism", "backoffLimit")}
    assert sizes == {"completionMode": "Indexed", "completions": 2, "parallelism": 2, "backoffLimit": 0}
    assert "completionMode" not in reader["spec"]
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["tune"]
    assert job["spec"]["template"]["metadata"]["labels"]["mlwright.dev/step"] == "tune"
    assert told(job)["training"]["tuning"]["parallelism"] == 2
    assert list(told(job)["inputs"]) == ["validate"]
    assert violations(job["spec"]["template"]["spec"]) == []
