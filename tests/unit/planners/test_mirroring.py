"""The mirror of a pipeline: told once of everything, told again after a failure, and never in the way of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import MirrorJob, MirrorSeen
from mlwright.plan.training import RemoveJob, StartMirror
from mlwright.planners.mirroring import Mirroring, mirroring
from mlwright.settings import Settings
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.people import edit, status, train_with
from tests.support.replay.world import World
from tests.unit.planners.given import NOW, SETTINGS, a_pipeline, said

OPEN = replace(SETTINGS, outside_hosts="https://mlflow.example.com")
MLFLOW = {"uri": "https://mlflow.example.com", "experiment": "churn"}
SPEC = {
    "version": 7,
    "modelRef": {"name": "churn"},
    "bundle": {"uri": "pvc://artifacts/b", "digest": "sha256:b", "format": "ONNX"},
    "lineage": {"pipeline": "churn", "run": "churn-7", "parameters": {"C": 1}},
}


def moved(
    *jobs: MirrorJob,
    mirror: Any = MLFLOW,
    settings: Settings = OPEN,
    told: dict[str, Any] | None = None,
    uid: str = "uid-model",
    now: datetime = NOW,
    **more: Any,
) -> Mirroring:
    """Return what is done about a mirror that is to show version 7, and has Jobs."""
    seen = MirrorSeen(versions=(SPEC,), since=6, through=7, aliases={"champion": 7}, kept=("champion",), jobs=jobs)
    spec = {"mirror": {"mlflow": mirror}} if mirror else {}
    known = {"mirror": seen, "model_uid": uid, "status": {"mirror": told} if told else {}}
    pipeline = a_pipeline().asking(**spec, **more).knowing(**known).done()
    return mirroring(pipeline, settings, now)


def wanted() -> str:
    """Return the first digits of the digest of what the mirror is to show."""
    (start,) = moved().intents
    assert isinstance(start, StartMirror)
    return start.digest


def a_job(state: JobState, attempt: int = 0, *, ago: timedelta = timedelta(0), words: str = "") -> MirrorJob:
    """Return a Job that tells the mirror of version 7."""
    ended = None if state is JobState.ACTIVE else NOW - ago
    return MirrorJob(f"churn-mirror-{attempt}", f"uid-{attempt}", wanted(), attempt, state, ended, words)


def condition(found: Mirroring) -> tuple[str, str]:
    """Return status and reason of the condition."""
    (verdict,) = found.conditions
    return verdict.status, verdict.reason.value


def test_a_new_version_is_told() -> None:
    """The Job is told all that it needs; nothing is looked up in the pod."""
    found = moved()

    (start,) = found.intents
    assert isinstance(start, StartMirror)
    assert condition(found) == ("False", "Mirroring")
    assert start.document["versions"] == [SPEC]
    assert start.document["aliases"] == {"champion": 7}
    assert start.document["hosts"] == ["https://mlflow.example.com"]
    assert (start.document["uid"], start.document["kept"]) == ("uid-model", ["champion"])


def test_another_model_of_that_name_is_told_anew() -> None:
    """Its uid says whose the registered model is; without a Model nobody could say."""
    told = done(words=said("Succeeded", "shows churn: v7"))

    assert moved(told=told).intents == ()
    (start,) = moved(told=told, uid="another").intents
    assert isinstance(start, StartMirror)
    assert condition(moved(uid="")) == ("False", "Mirroring")
    assert moved(uid="").intents == ()


def test_a_version_that_cannot_be_shown_is_tried_again_every_hour() -> None:
    """The others are shown, and those that come are not held up."""
    results = {"mirror": {"failed": [7, 99]}}
    words = said("Succeeded", "shows churn: v8; not shown: v7, because it is damaged", results=results)
    told = done(words=words)
    assert (told["failed"], told["through"]) == ([7], 7)

    waits = moved(a_job(JobState.COMPLETE, words=words), told=told, now=NOW + timedelta(minutes=20))
    again = moved(a_job(JobState.COMPLETE, words=words), told=told, now=NOW + timedelta(hours=1))

    assert (waits.intents, condition(waits), waits.again) == ((), ("False", "MirrorFailed"), timedelta(minutes=40))
    (start,) = again.intents
    assert isinstance(start, StartMirror)
    assert (start.digest != wanted(), again.fields) == (True, told)


def test_what_is_told_again_is_shown_in_the_end() -> None:
    """The Job of the second time is another one, and when it is done the mirror waits for nothing."""
    later = NOW + timedelta(hours=1)
    told = done(words=said("Succeeded", "not shown: v7", results={"mirror": {"failed": [7]}}))
    (start,) = moved(told=told, now=later).intents
    assert isinstance(start, StartMirror)
    job = replace(a_job(JobState.COMPLETE, words=said("Succeeded", "shows churn: v7")), told=start.digest, ended=later)

    found = moved(job, told=told, now=later)

    assert (condition(found), found.intents, found.again) == (("True", "Mirrored"), (), None)
    assert found.fields is not None
    assert "failed" not in found.fields
    assert moved(job, told=dict(found.fields), now=later).intents == ()


def done(words: str) -> dict[str, Any]:
    """Return the status after a Job told the mirror."""
    fields = moved(a_job(JobState.COMPLETE, words=words)).fields
    assert fields is not None
    return dict(fields)


def test_one_job_at_a_time() -> None:
    """Two that tell the same would do it twice."""
    assert moved(a_job(JobState.ACTIVE)).intents == ()
    other = replace(a_job(JobState.ACTIVE), told="0000")
    assert moved(other).intents == ()


def test_what_was_told_stays_in_the_status() -> None:
    """So that nothing is told again when its Job is gone."""
    done = moved(a_job(JobState.COMPLETE, words=said("Succeeded", "shows churn: v7")))

    assert condition(done) == ("True", "Mirrored")
    assert done.fields is not None
    assert (done.fields["through"], done.fields["sentence"]) == (7, "shows churn: v7")
    later = moved(told=dict(done.fields))
    assert (later.intents, condition(later), later.fields) == ((), ("True", "Mirrored"), done.fields)


def test_a_failure_is_told_and_tried_again_later() -> None:
    """The pauses grow; what was told before stays."""
    words = said("UserError", "it does not answer", field="spec.mirror.mlflow.uri", remedy="asked again by itself")

    waits = moved(a_job(JobState.FAILED, 2, ago=timedelta(minutes=1), words=words), told={"digest": "sha256:old"})
    again = moved(a_job(JobState.FAILED, 2, ago=timedelta(minutes=5), words=words))

    assert (condition(waits), waits.intents) == (("False", "MirrorFailed"), ())
    assert "spec.mirror.mlflow.uri: it does not answer" in waits.conditions[0].message
    assert waits.again == timedelta(minutes=3)
    assert waits.fields == {"digest": "sha256:old"}
    (start,) = again.intents
    assert isinstance(start, StartMirror)
    assert start.attempt == 3


def test_of_jobs_that_ended_the_newest_stays() -> None:
    """For its log."""
    old, new = a_job(JobState.FAILED, 0, ago=timedelta(hours=1)), a_job(JobState.FAILED, 1, ago=timedelta(minutes=1))

    assert [i for i in moved(old, new).intents if isinstance(i, RemoveJob)] == [RemoveJob(old.name, old.uid)]


def test_a_mirror_that_is_taken_away_leaves_nothing_here() -> None:
    """What it shows there stays; that is for its people to remove."""
    job = a_job(JobState.FAILED)

    found = moved(job, mirror=None)

    assert (found.intents, found.conditions, found.fields) == ((RemoveJob(job.name, job.uid),), (), None)


def test_a_suspended_pipeline_starts_no_pod() -> None:
    """Nor for its mirror."""
    found = moved(suspend=True)

    assert (found.intents, condition(found)) == ((), ("False", "Mirroring"))


def test_a_host_that_is_not_allowed_is_not_asked() -> None:
    """The administrator says which are; the pipeline trains nevertheless."""
    found = moved(settings=SETTINGS)

    assert (found.intents, condition(found)) == ((), ("False", "MirrorFailed"))
    assert "spec.mirror.mlflow.uri: https://mlflow.example.com is not among the hosts" in found.conditions[0].message


def test_more_than_a_step_reads_is_told_in_short() -> None:
    """Thousands of parameters must not keep a version from being shown."""
    lineage = {**SPEC["lineage"], "parameters": {f"p{i}": "x" * 100 for i in range(2000)}}  # type: ignore[dict-item]
    seen = MirrorSeen(versions=({**SPEC, "lineage": lineage},), through=7)
    pipeline = a_pipeline().asking(mirror={"mlflow": MLFLOW}).knowing(mirror=seen, model_uid="uid").done()

    (start,) = mirroring(pipeline, OPEN, NOW).intents

    assert isinstance(start, StartMirror)
    assert len(json.dumps(start.document)) < 100_000
    assert start.document["versions"][0]["lineage"] == {"pipeline": "churn", "run": "churn-7"}


MIRROR = {"mlflow": {"uri": "https://mlflow.example.com"}}


def mirrored(around: Surroundings | None = None) -> tuple[Operator, World]:
    """Return a world in which a pipeline with a mirror has made a version."""
    world = World()
    operator = Operator(world, Actors(around))
    world.add(people.pipeline(mirror=MIRROR))
    world.add(people.deployment(rollout={"setAlias": "champion"}))
    operator.settle()
    return operator, world


def told(world: World) -> list[Any]:
    """Return what the mirror was told, newest last: numbers of versions, and aliases."""
    jobs = [job for job in world.all("Job") if "-mirror-" in job["metadata"]["name"]]
    documents = [_document(job) for job in jobs]
    return [([spec["version"] for spec in one["versions"]], one["aliases"]) for one in documents]


def _document(job: Any) -> Any:
    return json.loads(job["spec"]["template"]["spec"]["containers"][0]["env"][-1]["value"].replace("$$", "$"))


def of(world: World) -> dict[str, str]:
    """Return the condition of the pipeline about its mirror."""
    found = status(world, "TrainingPipeline")["conditions"]
    return next({"status": c["status"], "reason": c["reason"]} for c in found if c["type"] == "Mirrored")


def test_versions_and_moves_of_aliases_are_mirrored() -> None:
    """Each change is told; the newest Job stays."""
    operator, world = mirrored()
    assert (told(world), of(world)) == ([([1], {"champion": 1})], {"status": "True", "reason": "Mirrored"})

    train_with(world, 300)
    operator.settle()

    assert told(world) == [([2], {"champion": 2})]
    assert status(world, "TrainingPipeline")["mirror"]["through"] == 2


def test_a_mirror_that_is_away_harms_no_run() -> None:
    """The version is made, served and promoted; the mirror is told when it is back."""
    operator, world = mirrored(Surroundings(crashes={"mirror": 5}))

    assert status(world, "TrainingPipeline")["lastRun"]["state"] == "Succeeded"
    assert status(world, "ModelDeployment")["stable"]["version"] == "flights-v1"
    assert of(world) == {"status": "False", "reason": "MirrorFailed"}
    operator.settle(within=timedelta(hours=2))
    assert of(world) == {"status": "True", "reason": "Mirrored"}


def test_versions_that_come_while_the_mirror_is_away_are_shown_when_it_is_back() -> None:
    """Also when it was never reached before: what it was new to is kept in the status."""
    around = Surroundings(crashes={"mirror": 1000})
    operator, world = mirrored(around)
    for iterations in (300, 20):
        train_with(world, iterations)
        operator.settle()
    around.crashes.clear()
    operator.settle(within=timedelta(hours=24))

    assert of(world) == {"status": "True", "reason": "Mirrored"}
    assert [numbers for numbers, _ in told(world)] == [[1, 2, 3]]


def test_an_alias_that_names_a_version_from_elsewhere_is_told_as_kept() -> None:
    """A mirror takes away only what the Model has no more."""
    operator, world = mirrored()
    world.add(people.imported())
    operator.settle()
    edit(world, "Model", "flights", lambda spec: spec.update(aliases=[{"name": "blue", "version": 2}]))
    operator.settle()

    (job,) = [job for job in world.all("Job") if "-mirror-" in job["metadata"]["name"]]
    document = _document(job)
    assert (document["kept"], document["aliases"]) == (["blue", "champion"], {})


def test_a_lost_status_tells_the_mirror_once_more() -> None:
    """It finds by its tags what it knows, so that does no harm; a run starts by it never."""
    operator, world = mirrored()
    world.edit(world.one("TrainingPipeline", "flights"), lambda body: body["status"].pop("mirror"))
    operator.settle()

    assert of(world) == {"status": "True", "reason": "Mirrored"}
    assert len(world.all("TrainingRun")) == 1


def test_versions_from_before_the_mirror_are_shown_when_an_alias_names_them() -> None:
    """Else a mirror that is new to an old model would be told of a thousand versions at once."""
    world = World()
    operator = Operator(world)
    world.add(people.pipeline())
    operator.settle()
    for iterations in (300, 20):
        train_with(world, iterations)
        operator.settle()
    edit(world, "TrainingPipeline", "flights", lambda spec: spec.update(mirror=MIRROR))
    operator.settle()
    assert told(world) == [([3], {})]

    edit(world, "Model", "flights", lambda spec: spec.update(aliases=[{"name": "blue", "version": 1}]))
    operator.settle()

    assert told(world) == [([1], {"blue": 1})]
    assert len(world.all("TrainingRun")) == 3
