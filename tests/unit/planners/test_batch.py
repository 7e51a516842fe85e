"""Batch predictions, played in a world: when a run starts, what it uses, and how it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from mlwright.plan.resources import BY_NAME, Body, Key
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings, made_since
from tests.support.replay.operator import SETTINGS, Operator
from tests.support.replay.people import annotate, edit
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)

PINNED = {"type": "Version", "version": {"name": "flights-v1"}}
HOURLY = {"cron": "0 * * * *"}
OF_ANSWERS = ("MLWRIGHT_OUTPUT_AWS_ACCESS_KEY_ID", "MLWRIGHT_OUTPUT_AWS_SECRET_ACCESS_KEY")


def begun(around: Surroundings | None = None) -> Operator:
    """Return a world in which version 1 exists and nothing else."""
    operator = Operator(World(), Actors(around or Surroundings()))
    operator.world.add(people.model())
    operator.world.add(people.version(1))
    return operator


def asked(operator: Operator, **spec: Any) -> Operator:
    """Ask for a batch prediction by version 1, and let it come to rest."""
    operator.world.add(people.batch(**{"source": PINNED, **spec}))
    operator.settle()
    return operator


def last(operator: Operator) -> Body:
    """Return what the status says of the newest run."""
    return dict(people.status(operator.world, "BatchPrediction", "scores").get("lastRun") or {})


def read_from(uri: str, spec: Body) -> None:
    """Let rows be read elsewhere."""
    spec["input"] = {"uri": uri}


def jobs(operator: Operator) -> list[str]:
    """Return the names of all Jobs."""
    return [body["metadata"]["name"] for body in operator.world.all("Job")]


def told(job: Body) -> Body:
    """Return what the pods of a Job are told."""
    env = {entry["name"]: entry.get("value") for entry in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    found: Body = json.loads(env["MLWRIGHT_BATCH"])
    return found


STORED = {
    "uri": "s3://models/handmade/1",
    "digest": "sha256:" + "1" * 64,
    "format": "ONNX",
    "storage": {"endpointURL": "https://store:9000", "secretRef": {"name": "their-keys"}},
}


def test_an_image_of_somebodys_own_never_sees_the_keys_of_the_bundles_store() -> None:
    """The author of the prediction names the image, that of the version the Secret: another container fetches."""
    operator = Operator(World(), Actors(Surroundings(secrets={"their-keys"})))
    operator.world.add(people.model())
    operator.world.add(people.version(1, bundle=STORED))
    asked(operator, runOnce=True, image="mine:1", input={"uri": "pvc://data/rows"})
    [shards, publish] = operator.world.all("Job")
    pod = shards["spec"]["template"]["spec"]
    [fetch], [step] = pod["initContainers"], pod["containers"]

    assert last(operator)["state"] == "Succeeded"
    assert (fetch["image"], step["image"]) == (SETTINGS.trainer_image, "mine:1")
    assert ("their-keys" in str(fetch), "their-keys" in str(step)) == (True, False)
    assert "initContainers" not in publish["spec"]["template"]["spec"]


def test_a_run_answers_and_says_where() -> None:
    """Shards first, then one Job lets the answers appear; the summary holds number, version and place."""
    operator = asked(begun())

    assert jobs(operator) == ["scores-batch-1", "scores-batch-1-publish"]
    assert (last(operator)["state"], last(operator)["rows"]) == ("Succeeded", 100)
    assert last(operator)["output"].startswith("pvc://data/answers/")
    assert people.conditions(operator.world, "BatchPrediction", "scores") == {"Ready": "True", "Complete": "True"}


def test_shards_are_an_indexed_job_in_which_each_fails_alone() -> None:
    """The Job controller starts a failed shard again, and no other."""
    operator = asked(begun(), shards=3, retries=4, timeoutAfter="1h")

    spec = operator.world.one("Job", "scores-batch-1")["spec"]
    wanted = {
        "completionMode": "Indexed",
        "completions": 3,
        "parallelism": 3,
        "backoffLimitPerIndex": 4,
        "activeDeadlineSeconds": 3600,
        "podReplacementPolicy": "Failed",
    }
    assert {key: spec[key] for key in wanted} == wanted


def test_the_version_is_frozen_when_a_run_starts() -> None:
    """A deployment that moves on meanwhile changes nothing of the run, but of the next one."""
    operator = begun(Surroundings(endless={"predict"}))
    operator.world.add(people.deployment())
    operator.world.add(people.batch())
    operator.settle()
    operator.world.add(people.version(2))
    operator.settle()
    operator.actors.around.endless.clear()
    operator.settle()
    first = last(operator)["version"]
    annotate(operator.world, "BatchPrediction", "scores", run="again")
    operator.settle()

    assert (first, last(operator)["version"]) == ("flights-v1", "flights-v2")
    assert told(operator.world.one("Job", "scores-batch-1"))["version"]["name"] == "flights-v1"


def test_a_deployment_that_serves_nothing_yet_is_waited_for() -> None:
    """The run starts when the first version has taken over."""
    operator = Operator(World())
    operator.world.add(people.batch())
    operator.settle()
    waited = people.summary(operator.world, "BatchPrediction", "scores")
    operator.world.add(people.model())
    operator.world.add(people.version(1))
    operator.world.add(people.deployment())
    operator.settle()

    assert waited == ("ModelDeployment flights (spec.source.deployment) does not exist; the run starts when it serves")
    assert last(operator)["state"] == "Succeeded"


def test_run_once_runs_once() -> None:
    """Neither time, nor a restart, nor an operator of another release starts it again."""
    operator = asked(begun())
    operator.settings = replace(SETTINGS, trainer_image="trainer:2")
    operator.look_at_all()
    operator.settle(timedelta(days=2))

    assert last(operator)["number"] == 1


def test_run_once_is_remembered_without_its_jobs_and_records() -> None:
    """Who tidies up by hand starts nothing."""
    operator = asked(begun())
    for kind in ("Job", "ControllerRevision"):
        for body in operator.world.all(kind):
            operator.world.remove(kind, body["metadata"]["name"])
    operator.settle()

    assert (last(operator)["number"], jobs(operator)) == (1, [])


def test_other_rows_are_answered_again() -> None:
    """And the first rows once more when they are named again."""
    operator = asked(begun())
    for uri in ("pvc://data/tomorrow", "pvc://data/today"):
        edit(operator.world, "BatchPrediction", "scores", partial(read_from, uri))
        operator.settle()

    assert last(operator)["number"] == 3


def test_a_request_is_answered_once() -> None:
    """The same value of the annotation asks for nothing more."""
    operator = asked(begun())
    for value in ("1", "1", "2"):
        annotate(operator.world, "BatchPrediction", "scores", run=value)
        operator.settle()

    assert last(operator)["number"] == 3


def test_of_slots_that_were_missed_the_newest_runs() -> None:
    """An operator that was down for a day does not make up for all of it."""
    operator = asked(begun(), schedule=HOURLY)
    operator.world.pass_time(timedelta(hours=9))
    operator.look_at_all()
    operator.settle()

    frozen = operator.world.one("ControllerRevision", "scores-batch-1")["data"]
    assert last(operator)["number"] == 1
    assert frozen["slot"] == "2026-01-02T12:00:00+00:00"


def test_a_slot_that_is_too_late_starts_nothing() -> None:
    """StartingDeadline says how late a slot may be."""
    operator = asked(begun(), schedule={**HOURLY, "startingDeadline": "1m"})
    operator.world.pass_time(timedelta(hours=1, minutes=30))
    operator.look_at_all()
    operator.settle()

    assert last(operator) == {}
    told_of = people.status(operator.world, "BatchPrediction", "scores")["schedule"]["sentence"]
    assert told_of == "slot 2026-01-02T04:00:00Z started no run within its startingDeadline of 1m"


def test_a_slot_waits_for_the_run_that_goes_on() -> None:
    """One run at a time."""
    operator = asked(begun(Surroundings(endless={"predict"})), schedule=HOURLY)
    operator.settle(timedelta(hours=3))
    during = last(operator)["number"]
    operator.actors.around.endless.clear()
    operator.settle()

    assert (during, last(operator)["number"]) == (1, 2)


def test_a_failed_run_says_what_to_do() -> None:
    """Field, sentence and remedy of the shard that found it, and how to go on."""
    operator = asked(begun(Surroundings(user_error="predict")))

    assert people.summary(operator.world, "BatchPrediction", "scores") == (
        "scores-batch-1 failed: spec.dataset.target: no column late; name one that exists; then set the annotation"
        " mlwright.dev/retry to run again what is not done"
    )


def test_a_retry_goes_on_in_the_same_folder() -> None:
    """So what is done is found, and the run stays the same run."""
    operator = asked(begun(Surroundings(crashes={"predict": 1})))
    annotate(operator.world, "BatchPrediction", "scores", retry="now")
    operator.settle()

    found = [told(body)["output"]["folder"] for body in operator.world.all("Job")]
    assert (last(operator)["number"], last(operator)["state"]) == (1, "Succeeded")
    assert len(found) == 3
    assert len(set(found)) == 1


def test_an_old_retry_asks_for_nothing_new() -> None:
    """A later run that fails is not tried again by an annotation that was there before."""
    operator = asked(begun(Surroundings(crashes={"predict": 1})))
    annotate(operator.world, "BatchPrediction", "scores", retry="now")
    operator.settle()
    operator.actors.around.crashes["predict"] = 1
    annotate(operator.world, "BatchPrediction", "scores", run="again")
    operator.settle()

    assert (last(operator)["number"], last(operator)["state"]) == (2, "Failed")


def test_suspended_shards_stop_and_go_on() -> None:
    """No pods while suspended; then the Job of the same name."""
    operator = asked(begun(Surroundings(endless={"predict"})))
    edit(operator.world, "BatchPrediction", "scores", lambda spec: spec.update(suspend=True))
    operator.settle()
    during = (jobs(operator), people.conditions(operator.world, "BatchPrediction", "scores").get("Suspended"))
    operator.actors.around.endless.clear()
    edit(operator.world, "BatchPrediction", "scores", lambda spec: spec.update(suspend=False))
    operator.settle()

    assert during == ([], "True")
    assert last(operator)["state"] == "Succeeded"


@pytest.mark.parametrize("step", ["predict", "publish"])
def test_a_pod_whose_node_is_lost_is_told(step: str) -> None:
    """It never ends, so nothing takes its place; no event tells of it."""
    operator = asked(begun(Surroundings(endless={step})))
    people.begin_to_delete(operator.world, operator.world.one("Pod", f"{jobs(operator)[-1]}-pod"))
    operator.settle(timedelta(minutes=5))
    found = last(operator)

    assert found["state"] == "Waiting"
    assert "and its node has not told that it did" in found["sentence"]


@pytest.mark.parametrize("step", ["predict", "publish"])
def test_a_pod_whose_container_takes_its_time_is_told_and_no_harm(step: str) -> None:
    """Its image is large: the run goes on, and says since when."""
    operator = asked(begun(Surroundings(making={step})))
    pod = operator.world.one("Pod", f"{jobs(operator)[-1]}-pod")
    operator.world.edit(pod, lambda body: body.update(status=made_since("2026-01-02T02:00:00Z")))
    operator.settle(timedelta(minutes=5))
    found = last(operator)

    assert found["state"] == "Running"
    assert "is being made since 2026-01-02T02:00:00Z" in found["sentence"]


def test_old_runs_are_forgotten_with_their_jobs() -> None:
    """As many as keepRuns says are remembered, the newest always."""
    operator = asked(begun(), keepRuns=2)
    for value in ("1", "2", "3"):
        annotate(operator.world, "BatchPrediction", "scores", run=value)
        operator.settle()

    assert [body["metadata"]["name"] for body in operator.world.all("ControllerRevision")] == [
        "scores-batch-3",
        "scores-batch-4",
    ]
    assert jobs(operator) == [
        "scores-batch-3",
        "scores-batch-3-publish",
        "scores-batch-4",
        "scores-batch-4-publish",
    ]


def test_a_version_that_answers_is_kept() -> None:
    """Retention knows who needs a version."""
    operator = asked(begun())
    edit(operator.world, "Model", "flights", lambda spec: spec.update(retention={"keepVersions": 1}))
    for number in (2, 3):
        operator.world.add(people.version(number))
    operator.settle(timedelta(days=3))

    assert sorted(operator.world.objects["ModelVersion"]) == ["flights-v1", "flights-v3"]
    kept = people.status(operator.world, "Model")["retention"]["sentence"]
    assert "flights-v1 because BatchPrediction scores" in kept


def test_keys_of_a_model_reach_the_pods() -> None:
    """A bundle must be signed as the Model asks, whoever answers with it."""
    operator = begun()
    keys = {"verify": {"keys": [{"name": "team", "pem": people.PEM}]}}
    edit(operator.world, "Model", "flights", lambda spec: spec.update(keys))
    asked(operator)

    assert told(operator.world.one("Job", "scores-batch-1"))["version"]["keys"] == {"team": people.PEM}


def test_keys_of_the_rows_are_read_by_the_shards_alone() -> None:
    """What lets the answers appear needs those for the answers only."""
    operator = begun(Surroundings(secrets={"keys", "others"}))
    rows, answers = ({"storage": {"secretRef": {"name": name}}} for name in ("keys", "others"))
    asked(operator, input={"uri": "s3://lake/rows", **rows}, output={"uri": "s3://lake/answers", **answers})

    secrets = {
        body["metadata"]["name"]: [
            entry["name"]
            for entry in body["spec"]["template"]["spec"]["containers"][0]["env"]
            if "secretKeyRef" in entry.get("valueFrom", {})
        ]
        for body in operator.world.all("Job")
    }
    assert secrets == {
        "scores-batch-1": ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", *OF_ANSWERS],
        "scores-batch-1-publish": [*OF_ANSWERS],
    }


SCORES = Key("BatchPrediction", "demo", "scores")


@pytest.mark.parametrize(
    "collected", [(), ("ControllerRevision",), ("Job",)], ids=["nothing", "its record", "its Jobs"]
)
def test_a_name_that_comes_again_does_not_find_the_answers_of_the_first(collected: tuple[str, ...]) -> None:
    """Somebody replaces it to have the rows of today; whatever the garbage collector has taken by then, they answer."""
    operator = asked(begun())
    world = operator.world
    first = world.one("ControllerRevision", "scores-batch-1")["metadata"]["uid"]
    world.remove("BatchPrediction", "scores")
    for kind in collected:
        for body in world.children(BY_NAME[kind], SCORES):
            world.remove(kind, body["metadata"]["name"])
    record = world.children(BY_NAME["ControllerRevision"], SCORES)
    world.add(people.batch(source=PINNED))
    operator.look(SCORES)
    waits = people.summary(world, "BatchPrediction", "scores")
    kept = world.children(BY_NAME["ControllerRevision"], SCORES)
    operator.settle()

    assert waits.startswith("waits until Kubernetes has removed what an earlier object of this name left (")
    assert kept == record
    assert last(operator)["state"] == "Succeeded"
    assert world.one("ControllerRevision", "scores-batch-1")["metadata"]["uid"] != first


def test_a_prediction_that_was_restored_without_its_status_answers_no_second_time() -> None:
    """All is restored with it, so the version has another uid than the one that was frozen."""
    operator = asked(begun())
    world = operator.world
    for kind, name in (("BatchPrediction", "scores"), ("ModelVersion", "flights-v1")):
        body = world.one(kind, name)
        world.remove(kind, name)
        meta = {key: body["metadata"][key] for key in ("name", "labels", "annotations") if key in body["metadata"]}
        world.add({**body, "metadata": meta, "status": {}})
    operator.look(SCORES)
    operator.settle()

    assert jobs(operator) == ["scores-batch-1", "scores-batch-1-publish"]
    assert last(operator)["number"] == 1
