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


def held_at_the_end(**policy: object) -> Operator:
    """Return an operator whose run has made its version, and waits for a queue with what runs at its end."""
    operator = Operator(World(), Actors(Surroundings(queue="open")))
    on_exit = {"container": {"image": "tidy:1"}, "timeoutAfter": "10m"}
    operator.world.add(people.pipeline(policy={"queueName": "q", **policy}, onExit=on_exit))
    operator.until(lambda: "flights-1-evaluate-0" in operator.world.objects.get("Job", {}))
    operator.until(lambda: step(operator, "evaluate")["state"] == "Succeeded")
    operator.actors.around.queue = "closed"
    operator.settle(timedelta(minutes=1))
    assert step(operator, "on-exit")["state"] == "Queued"
    return operator


def test_a_run_does_not_wait_for_its_end_longer_than_that_may_take() -> None:
    """A deadline does not count while a Job is suspended, so the run counts itself, and ends as it was told to."""
    operator = held_at_the_end()
    operator.settle(timedelta(minutes=10))
    says = people.summary(operator.world, "TrainingRun", "flights-1")

    assert people.conditions(operator.world, "TrainingRun", "flights-1") == {"Complete": "True"}
    assert says.endswith(
        "; on-exit did not run: its Job was suspended for longer than the 600 s of onExit.timeoutAfter"
    )
    assert step(operator, "on-exit")["state"] == "Stopped"
    assert "flights-1-on-exit-0" not in operator.world.objects["Job"]
    assert operator.undeclared() == []


def test_who_ends_a_run_ends_its_wait_for_a_queue() -> None:
    """Also when its end was decided before."""
    operator = held_at_the_end()
    people.annotate(operator.world, "TrainingRun", "flights-1", abort="ann")
    operator.settle(timedelta(seconds=20))

    assert people.conditions(operator.world, "TrainingRun", "flights-1") == {"Complete": "True"}
    assert people.status(operator.world, "TrainingRun", "flights-1")["handledAbort"] == "ann"


def test_a_run_that_waits_with_its_end_gives_way() -> None:
    """Where the pipeline replaces its runs."""
    operator = held_at_the_end(overlap="Replace")
    people.train_with(operator.world, 300)
    operator.settle(timedelta(seconds=20))

    assert people.conditions(operator.world, "TrainingRun", "flights-1") == {"Complete": "True"}
    assert "flights-2 was started in the place" in people.summary(operator.world, "TrainingRun", "flights-1")


def test_a_run_that_waits_with_its_end_is_over_when_its_time_is() -> None:
    """The limit of the whole run counts as well."""
    operator = held_at_the_end(timeoutAfter="5m")
    operator.settle(timedelta(minutes=5))

    assert people.conditions(operator.world, "TrainingRun", "flights-1") == {"Complete": "True"}
    assert "longer than the 300 s of policy.timeoutAfter" in people.summary(operator.world, "TrainingRun", "flights-1")


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
