"""Jobs that a queue admits: a suspended one is queued, an evicted one is queued again, and no attempt is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mlwright.plan.resources import Body
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)
JOB = "flights-1-validate-0"


def closed() -> Operator:
    """Return an operator whose one pipeline names a queue that admits nothing."""
    operator = Operator(World(), Actors(Surroundings(queue="closed")))
    operator.world.add(people.pipeline(policy={"queueName": "team-a"}))
    operator.settle()
    return operator


def step(operator: Operator, name: str = "validate") -> Body:
    """Return a step of the run as its status shows it."""
    found: Body = next(
        s for s in people.status(operator.world, "TrainingRun", "flights-1")["steps"] if s["name"] == name
    )
    return found


def let(operator: Operator, queue: str, *endless: str) -> None:
    """Let the queue admit or evict."""
    operator.actors.around.queue, operator.actors.around.endless = queue, set(endless)
    operator.settle(timedelta(minutes=1))


def test_a_suspended_job_is_queued() -> None:
    """It has no pod, has not begun, and the sentence names the queue."""
    operator = closed()
    says = f"validate is queued: Job {JOB} is suspended until LocalQueue team-a admits it"

    assert step(operator) == {"name": "validate", "state": "Queued", "attempt": 0, "job": JOB}
    assert people.summary(operator.world, "TrainingRun", "flights-1") == says
    assert people.summary(operator.world, "TrainingPipeline") == f"flights-1: {says}"


def test_an_admitted_job_runs() -> None:
    """As if it had not been queued."""
    operator = closed()
    let(operator, "open")

    assert people.conditions(operator.world, "TrainingRun", "flights-1") == {"Complete": "True"}
    assert "evictions" not in step(operator)


def test_an_evicted_job_is_queued_again_and_no_attempt_is_counted() -> None:
    """The same Job goes on when there is room, as often as it takes."""
    operator = closed()
    for _ in range(3):
        let(operator, "open", "validate")
        let(operator, "closed")
    said = people.summary(operator.world, "TrainingRun", "flights-1")
    evicted = step(operator)
    let(operator, "open")

    assert said == (
        f"validate is queued again: Job {JOB} was evicted after it had started, and begins anew when LocalQueue team-a"
        " admits it"
    )
    assert (evicted["state"], evicted["evictions"], evicted["attempt"]) == ("Queued", 3, 0)
    assert (step(operator)["state"], step(operator)["job"]) == ("Succeeded", JOB)


def test_whether_a_job_is_suspended_is_never_ours_to_say() -> None:
    """No body of ours has the field, and no write of ours touches a Job that is there."""
    operator = closed()
    let(operator, "open", "train")
    let(operator, "closed")
    jobs = [write for write in operator.world.writes if " Job " in write]

    assert all(write.startswith("create") for write in jobs)


def test_a_queued_run_keeps_its_place() -> None:
    """A full queue is no trouble that another run would mend."""
    operator = closed()
    people.train_with(operator.world, 300)
    operator.settle()

    assert [run["metadata"]["name"] for run in operator.world.all("TrainingRun")] == ["flights-1"]


def test_a_job_that_a_person_suspends_says_how_it_goes_on() -> None:
    """Without a queue nobody else does."""
    operator = Operator(World())
    operator.actors.around.endless = {"validate"}
    operator.world.add(people.pipeline())
    operator.settle(timedelta(seconds=20))
    operator.world.edit(operator.world.one("Job", JOB), lambda job: job["spec"].update(suspend=True))
    operator.settle(timedelta(seconds=20))

    assert people.summary(operator.world, "TrainingRun", "flights-1").endswith(
        "somebody sets its spec.suspend to false"
    )


def test_only_jobs_of_a_pipeline_with_a_queue_name_it() -> None:
    """The label is Kueue's own."""
    labels = closed().world.one("Job", JOB)["metadata"]["labels"]
    plain = Operator(World())
    plain.world.add(people.pipeline())
    plain.settle()

    assert labels["kueue.x-k8s.io/queue-name"] == "team-a"
    assert "kueue.x-k8s.io/queue-name" not in plain.world.one("Job", JOB)["metadata"]["labels"]


def test_the_end_of_a_run_waits_for_the_queue_as_well() -> None:
    """Also what runs at the end of every run is a Job."""
    operator = Operator(World(), Actors(Surroundings(queue="open")))
    operator.world.add(people.pipeline(policy={"queueName": "q"}, onExit={"container": {"image": "tidy:1"}}))
    operator.until(lambda: "flights-1-evaluate-0" in operator.world.objects.get("Job", {}))
    operator.until(lambda: step(operator, "evaluate")["state"] == "Succeeded")
    operator.actors.around.queue = "closed"
    operator.settle(timedelta(minutes=1))
    queued = people.summary(operator.world, "TrainingRun", "flights-1")
    let(operator, "open")

    assert "on-exit is queued" in queued
    assert people.conditions(operator.world, "TrainingRun", "flights-1") == {"Complete": "True"}
