"""Snapshots are taken from objects as they are found, not as they should be."""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.controller.kinds import deployments, models, parsing, pipelines, runs, versions
from mlwright.errors import InvalidSpecError
from mlwright.plan.resources import Body, ResourceKind
from tests.support.replay import people
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

RUN_LABELS = {"mlwright.dev/owner-kind": "TrainingRun", "mlwright.dev/owner": "flights-1"}
DEPLOYMENT_LABELS = {"mlwright.dev/owner-kind": "ModelDeployment", "mlwright.dev/owner": "flights"}


@pytest.fixture
def trained() -> World:
    """Return a world in which a pipeline made v1 and a deployment serves it."""
    operator = Operator(World())
    operator.world.add(people.pipeline())
    operator.world.add(people.deployment())
    operator.settle()
    return operator.world


def a_job(name: str, **labels: str) -> Body:
    """Return a Job that bears the labels of a run's children."""
    return {"kind": "Job", "metadata": {"name": name, "labels": {**RUN_LABELS, **labels}}, "spec": {}}


def jobs(world: World) -> dict[str, tuple[str, int]]:
    """Return the Jobs of the run as they are seen: step and attempt."""
    seen = runs.gather(world.one("TrainingRun", "flights-1"), world)
    return {job.name: (job.step, job.attempt) for job in seen.jobs}


def test_a_job_whose_labels_were_edited_is_known_by_its_name(trained: World) -> None:
    """Otherwise it would be asked for again and again."""
    for edited in ({}, {"mlwright.dev/step": "dance"}, {"mlwright.dev/step": "train", "mlwright.dev/attempt": "x"}):
        body = trained.one("Job", "flights-1-train-0")
        body["metadata"]["labels"] = {**RUN_LABELS, **edited}

        assert jobs(trained)["flights-1-train-0"] == ("train", 0)


def test_versions_are_known_also_when_the_job_of_evaluate_is_gone(trained: World) -> None:
    """Else the run would record its version under a number that another version has."""
    run = trained.one("TrainingRun", "flights-1")
    run["status"]["conditions"] = []  # as before it was over
    trained.remove("Job", "flights-1-evaluate-0")

    seen = runs.gather(run, trained)

    assert [job.step for job in seen.jobs] == ["train", "validate"]
    assert [version.name for version in seen.versions] == ["flights-v1"]


def test_a_job_that_is_no_step_is_left_alone(trained: World) -> None:
    """Somebody gave it our labels."""
    trained.add(a_job("stranger"))

    assert "stranger" not in jobs(trained)


def test_a_look_at_a_tuning_is_no_step(trained: World) -> None:
    """It is known by its slot and its name; one that somebody labelled by hand is not ours."""
    trained.add(a_job("flights-1-look-1767355200", **{"mlwright.dev/probe": "1767355200"}))
    trained.add(a_job("flights-1-look-1767355230", **{"mlwright.dev/probe": "1767355200"}))
    seen = runs.gather(trained.one("TrainingRun", "flights-1"), trained)

    assert [(look.name, look.slot) for look in seen.looks] == [("flights-1-look-1767355200", 1767355200)]
    assert not any("look" in name for name in jobs(trained))


def test_the_pod_of_an_earlier_job_of_that_name_does_not_speak(trained: World) -> None:
    """The Job was deleted and made anew; its first pod is still there."""
    pod = trained.one("Pod", "flights-1-train-0-pod")
    pod["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] = "of-the-first-one"
    seen = runs.gather(trained.one("TrainingRun", "flights-1"), trained)

    assert [job.pods for job in seen.jobs if job.step == "train"] == [()]


def test_a_foreign_revision_of_the_runs_name_is_not_its_template(trained: World) -> None:
    """Making its own then fails as a name conflict, and says so."""
    trained.one("ControllerRevision", "flights-1")["metadata"]["labels"] = {}

    assert parsing.frozen("flights-1", "demo", trained) is None


def test_a_template_that_a_newer_release_froze_is_read(trained: World) -> None:
    """After a roll-back of the operator: fields that are not known are passed over."""
    body = trained.one("ControllerRevision", "flights-1")
    known = parsing.frozen("flights-1", "demo", trained)
    body["data"]["tuning"] = {"trials": 9}

    assert parsing.frozen("flights-1", "demo", trained) == known


def test_a_run_that_began_before_an_upgrade_goes_on(trained: World) -> None:
    """What its template does not say yet is as it ever was."""
    body = trained.one("ControllerRevision", "flights-1")
    known = parsing.frozen("flights-1", "demo", trained)
    for later in ("steps", "on_exit", "timeout"):
        del body["data"][later]

    assert parsing.frozen("flights-1", "demo", trained) == known


def test_a_run_with_overrides_is_none_of_the_pipelines_own(trained: World) -> None:
    """Whatever its name: it takes no number of the pipeline's, and nobody asks what it was frozen with."""
    body = people.run("flights-7")
    trained.add({**body, "spec": {**body["spec"], "overrides": {"seed": 3}}})
    found = {run.name: run for run in pipelines.gather(trained.one("TrainingPipeline", "flights"), trained).runs}

    other, own = found["flights-7"], found["flights-1"]
    assert (other.overridden, other.number, other.asked, other.frozen) == (True, 0, True, None)
    assert (own.overridden, own.number, own.frozen is not None) == (False, 1, True)


@pytest.mark.parametrize("told", ["2026-01-01T00:00:00+25:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00"])
def test_a_run_for_a_time_that_is_none_holds_up_no_pipeline(trained: World, told: str) -> None:
    """An older schema let it in: the run itself says which field is wrong, and answers no slot."""
    body = people.run("mine")
    body["spec"]["trigger"] = {"type": "Request", "scheduledTime": told}
    trained.add(body)

    seen = pipelines.gather(trained.one("TrainingPipeline", "flights"), trained)

    assert [run.slot for run in seen.runs if run.name == "mine"] == [None]
    with pytest.raises(InvalidSpecError, match=r"spec\.trigger\.scheduledTime"):
        runs.gather(trained.one("TrainingRun", "mine"), trained)


@pytest.mark.parametrize("data", [None, {}, {"version": "v"}])
def test_a_revision_without_content_is_none(trained: World, data: Any) -> None:
    """Somebody gave it our labels."""
    labels = {**DEPLOYMENT_LABELS, "mlwright.dev/revision": "0"}
    body = {"kind": "ControllerRevision", "metadata": {"name": "x", "labels": labels}, "revision": 1, "spec": {}}
    trained.add({**body, "data": data} if data is not None else body)
    seen = deployments.gather(trained.one("ModelDeployment", "flights"), trained)

    assert [revision.version for revision in seen.revisions] == ["flights-v1"]


def test_a_deployment_without_a_revision_label_is_a_stranger_to_be_removed(trained: World) -> None:
    """It has our labels, so it is ours, and serves nobody."""
    trained.one("Deployment", trained.all("Deployment")[0]["metadata"]["name"])["metadata"]["labels"] = (
        DEPLOYMENT_LABELS
    )
    seen = deployments.gather(trained.one("ModelDeployment", "flights"), trained)

    assert [variant.revision for variant in seen.variants] == [""]


def test_only_the_service_of_the_deployments_name_counts(trained: World) -> None:
    """Another one with our labels leads nowhere that matters."""
    wrong = {"kind": "Service", "metadata": {"name": "a", "labels": DEPLOYMENT_LABELS}, "spec": {"selector": {}}}
    trained.add(wrong)
    seen = deployments.gather(trained.one("ModelDeployment", "flights"), trained)

    assert seen.shares.whole == seen.revisions[0].name


def test_versions_are_locked_by_their_names(trained: World) -> None:
    """A record of another name is no version: there could be two of a number."""
    stranger = people.version(9)
    stranger["metadata"]["name"] = "mine"
    trained.add(stranger)

    assert [version.number for version in versions.versions(trained, "demo", "flights")] == [1]
    assert models.gather(trained.one("Model", "flights"), trained).misnamed == ("mine",)


@pytest.mark.parametrize(
    "kind, gather, spec, said",
    [
        ("TrainingPipeline", pipelines.gather, {}, "spec.dataset: Field required; correct the field"),
        (
            "ModelDeployment",
            deployments.gather,
            {"model": {"ref": {"name": "flights"}}, "replicas": -1},
            "spec.replicas: Input should be greater than or equal to 0; correct the field",
        ),
        ("TrainingRun", runs.gather, {"pipelineRef": {}}, "spec.pipelineRef.name: Field required; correct the field"),
    ],
)
def test_a_spec_that_an_older_schema_let_in_names_its_field(
    trained: World, kind: str, gather: Any, spec: Body, said: str
) -> None:
    """Admission of an older CRD may have taken what is impossible now."""
    body = trained.all(kind)[0]
    body["spec"] = spec
    with pytest.raises(InvalidSpecError) as refused:
        gather(body, trained)

    assert str(refused.value) == said


class Counting(World):
    """A world that counts what is read."""

    read = 0

    def get(self, kind: ResourceKind, namespace: str, name: str) -> Body | None:
        """Return one object."""
        self.read += 1
        return super().get(kind, namespace, name)


def many(number: int) -> Counting:
    """Return a world with so many runs and versions of one pipeline."""
    world = Counting()
    world.add(people.pipeline(policy={"keepSucceeded": 1000, "keepFailed": 1000}))  # else most would be removed
    world.add(people.deployment())
    for n in range(1, number + 1):
        world.add(people.version(n))
        run = world.add(people.run(f"flights-{n}"))
        run["status"] = {"conditions": [{"type": "Complete", "status": "True", "reason": "Complete", "message": "m"}]}
    return world


@pytest.mark.parametrize(
    "kind, gather", [("TrainingPipeline", pipelines.gather), ("ModelDeployment", deployments.gather)]
)
def test_what_ended_long_ago_is_not_read(kind: str, gather: Any) -> None:
    """A pipeline with a thousand runs is looked at as often as one with ten."""
    world = many(100)
    seen = gather(world.one(kind, "flights"), world)

    assert world.read <= 8
    assert [version.number for version in seen.versions] == [100]


def test_a_run_that_is_over_costs_next_to_nothing() -> None:
    """Thousands of them are looked at when the operator starts."""
    world = many(100)
    runs.gather(world.one("TrainingRun", "flights-7"), world)

    assert world.read == 0


def test_all_versions_down_to_the_newest_good_one_are_read() -> None:
    """And the one that is asked for by its number."""
    world = many(3)
    for number in (4, 5):
        world.add(people.version(number, passed=False))

    assert [v.number for v in versions.newest_versions(world, "demo", "flights", also={1})] == [1, 3, 4, 5]
    assert [v.number for v in versions.newest_versions(world, "demo", "flights", also={9})] == [3, 4, 5]


def test_runs_stand_in_the_order_in_which_they_were_made() -> None:
    """By their numbers, which a restore does not change; runs of other names behind those that existed then."""

    def a_run(name: str, second: int) -> Body:
        return {"metadata": {"name": name, "creationTimestamp": f"2026-01-01T00:00:{second:02d}Z"}}

    found = [a_run("f-2", 50), a_run("f-10", 10), a_run("f-1", 59), a_run("zz", 30), a_run("aa", 5), a_run("f-0", 1)]
    names = [(number, body["metadata"]["name"]) for number, body in pipelines.in_order("f", found)]

    assert names == [(0, "f-0"), (0, "aa"), (1, "f-1"), (2, "f-2"), (10, "f-10"), (0, "zz")]


@pytest.mark.parametrize(
    "name, number",
    [
        ("f-1", 1),
        ("f-999999999", 999999999),
        ("f-9999999999", 0),
        ("f-01", 0),
        ("f-0", 0),
        ("f-x", 0),
        ("f-1-2", 0),
        ("ff-1", 0),
        ("f.1", 0),
    ],
)
def test_only_a_number_of_ours_is_one(name: str, number: int) -> None:
    """A status could not hold a longer one."""
    assert pipelines.number_of(name, "f") == number


def test_an_annotation_that_no_record_could_hold_stands_for_itself() -> None:
    """By its digest, which is the same each time."""
    body = {"metadata": {"annotations": {"a": "x" * 254, "b": "y" * 253}}}

    assert parsing.annotation(body, "a").startswith("sha256:")
    assert parsing.annotation(body, "a") == parsing.annotation(body, "a")
    assert parsing.annotation(body, "b") == "y" * 253
    assert parsing.annotation({"metadata": {}}, "a") == ""


def test_the_sweep_of_a_model_with_a_long_name_is_known() -> None:
    """Names of Jobs are cut, so the slot stands in a label."""
    name = "m" * 63
    operator = Operator(World())
    operator.world.add(people.model(name, retention={"keepVersions": 1, "artifacts": "Delete"}))
    operator.settle()
    [job] = operator.world.all("Job")
    [sweep] = models.gather(operator.world.one("Model", name), operator.world).sweeps

    assert (sweep.name, str(sweep.slot)) == (job["metadata"]["name"], job["metadata"]["labels"]["mlwright.dev/probe"])
    assert people.status(operator.world, "Model", name)["artifacts"]["folders"] == 0
