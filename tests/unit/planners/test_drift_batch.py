"""A monitor of stored rows, played in a world: when they are looked at, what is judged, and what is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mlwright.api.conditions import timestamp
from mlwright.bundle.packed import pack
from mlwright.constants import ANNOTATION_LOOK
from mlwright.plan.resources import Body
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings, ended, made_since
from tests.support.replay.operator import Operator
from tests.support.replay.people import annotate
from tests.support.replay.world import World, owner_named

pytestmark = pytest.mark.timeout(20)
SLOT = timedelta(minutes=10)
AGAIN = {"name": "again", "when": ["DataDrift"], "type": "Retrain", "retrain": {"pipelineRef": {"name": "flights"}}}
NAIVE = '{"slot": "2026-01-02T03:10:00", "since": "2026-01-02T03:00:00", "token": "schedule/1"}'
NAMELESS = '{"slot": "2026-01-02T03:10:00Z", "since": "2026-01-02T03:00:00Z", "token": 1}'
AT_ONCE = [
    {"name": "data", "type": "DataDrift", "dataDrift": {"persistence": {"required": 1, "of": 1}}},
]


def begun(around: Surroundings | None = None, *, kept: Body | None = None, **monitor: Any) -> Operator:
    """Return an operator that serves version 1, whose bundle is `kept` as said, and a monitor of stored rows."""
    operator = Operator(World(), Actors(around or Surroundings()))
    operator.world.add(people.model())
    operator.world.add(people.version(1, bundle=kept) if kept else people.version(1))
    operator.world.add(people.deployment())
    operator.settle()
    operator.world.add(people.stored_monitor(**monitor))
    operator.settle(timedelta(minutes=1))
    return operator


def later(operator: Operator, slots: int = 1) -> None:
    """Let slots come, each with rows of its own."""
    for _ in range(slots):
        operator.actors.around.revision += "+"
        operator.settle(SLOT)


def status(operator: Operator) -> Body:
    """Return what the monitor says."""
    return people.status(operator.world, "DriftMonitor")


def conditions(operator: Operator) -> dict[str, str]:
    """Return its conditions."""
    return people.conditions(operator.world, "DriftMonitor")


def looks(operator: Operator) -> list[Body]:
    """Return the Jobs that count."""
    return operator.world.all("Job")


def counted(operator: Operator) -> list[Body]:
    """Return the records of what was counted, in order."""
    found = [body["data"]["counted"] for body in operator.world.all("ControllerRevision") if "counted" in body["data"]]
    return sorted(found, key=lambda one: one["until"])


def drop_status(operator: Operator) -> None:
    """Lose what the monitor says, and let it look again."""
    operator.world.edit(operator.world.one("DriftMonitor", "flights"), lambda body: body.pop("status"))
    operator.settle(timedelta(minutes=1))


def born(operator: Operator) -> dict[str, str]:
    """Return the uids of the Jobs that count, by what asked for them."""
    found = ((json.loads(job["metadata"]["annotations"][ANNOTATION_LOOK]), job["metadata"]) for job in looks(operator))
    return {asked["token"]: meta["uid"] for asked, meta in found}


def told(job: Body) -> Body:
    """Return what the pods of a Job are told."""
    env = {entry["name"]: entry.get("value") for entry in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    found: Body = json.loads(env["MLWRIGHT_COUNT"])
    return found


def test_nothing_is_looked_at_before_the_first_slot() -> None:
    """The status says when that is."""
    operator = begun(cron="0 3 * * *")

    assert looks(operator) == []
    assert status(operator)["summary"].startswith("stored rows are compared with what flights-v1 learned at the next")
    assert conditions(operator)["EnoughData"] == "Unknown"


def test_an_image_of_somebodys_own_never_sees_the_keys_of_the_bundles_store() -> None:
    """The author of the monitor names the image, that of the version the Secret: another container fetches, first."""
    storage = {"endpointURL": "https://store:9000", "secretRef": {"name": "their-keys"}}
    kept = {"uri": "s3://models/1", "digest": "sha256:" + "1" * 64, "format": "ONNX", "storage": storage}
    operator = begun(Surroundings(secrets={"their-keys"}), kept=kept, batch={"image": "mine:1"})
    later(operator)
    pod = looks(operator)[-1]["spec"]["template"]["spec"]
    containers = [*pod["initContainers"], *pod["containers"]]

    assert [container["name"] for container in containers] == ["fetch", "learned", "step"]
    assert [container["image"] for container in containers] == ["trainer:1", "mine:1", "mine:1"]
    assert ["their-keys" in str(container) for container in containers] == [True, False, False]
    assert status(operator)["lastLook"]["state"] == "Counted"


def test_rows_like_the_training_are_steady() -> None:
    """A slot is one look, a look one window, and the status holds its figures."""
    operator = begun()
    later(operator)

    assert conditions(operator) == {"Ready": "True", "Drifted": "False", "EnoughData": "True"}
    assert status(operator)["window"]["rows"] == 1_000
    assert status(operator)["lastLook"]["state"] == "Counted"
    assert [body["metadata"]["name"] for body in looks(operator)] == [status(operator)["lastLook"]["job"]]


def test_rows_that_moved_are_drift_when_that_lasts() -> None:
    """Three of five slots, as for requests, and the same sentence."""
    operator = begun(Surroundings(stored=(200, 800)))
    later(operator, 2)
    early = conditions(operator)["Drifted"]
    later(operator)

    assert early == "False"
    assert conditions(operator)["Drifted"] == "True"
    summary = status(operator)["summary"]
    assert summary.startswith("flights-v1 has drifted: hour: 0.2")
    assert "> 0.1 in 3 of the last 3 windows; 30 % of the rows moved" in summary


def test_the_same_rows_count_once() -> None:
    """A file that nobody writes again is no new window, however often it is looked at."""
    operator = begun(Surroundings(stored=(200, 800)))
    later(operator)
    for _ in range(4):
        operator.settle(SLOT)

    assert len(counted(operator)) == 1
    assert status(operator)["lastLook"]["state"] == "Unchanged"
    assert "are those that were counted at" in status(operator)["lastLook"]["sentence"]
    assert conditions(operator)["Drifted"] == "False"


def test_what_the_version_learned_is_recorded_with_names_of_bins() -> None:
    """Once for a revision; a page needs no bundle."""
    operator = begun()
    later(operator, 3)

    found = [body["data"]["learned"] for body in operator.world.all("ControllerRevision") if "learned" in body["data"]]
    assert len(found) == 1
    assert found[0]["surfaces"]["feature:hour"] == {"0": 10_000, "1": 10_000}
    assert found[0]["names"]["feature:hour"] == ["0 to 11", "12 to 23"]


def test_a_look_that_fails_is_told_and_the_next_one_comes() -> None:
    """What was found before stays; the sentence names field and remedy."""
    operator = begun(Surroundings(stored=(200, 800)), checks=AT_ONCE)
    later(operator)
    operator.actors.around.user_error = "count"
    later(operator)
    failed = status(operator)
    operator.actors.around.user_error = ""
    later(operator)

    assert failed["lastLook"]["state"] == "Failed"
    assert "no column late; name one that exists" in failed["summary"]
    assert {one["type"]: one["status"] for one in failed["conditions"]}["DataAvailable"] == "False"
    assert {one["type"]: one["status"] for one in failed["conditions"]}["Drifted"] == "True"
    assert "DataAvailable" not in conditions(operator)
    assert len(counted(operator)) == 1


def test_what_was_lost_with_a_pod_is_said() -> None:
    """A Job that is complete and said nothing has counted nothing; a person may ask for another look."""
    operator = begun(Surroundings(silent={"count"}))
    later(operator)
    lost = status(operator)
    operator.actors.around.silent = set()
    annotate(operator.world, "DriftMonitor", "flights", run="again")
    operator.settle(timedelta(minutes=2))

    assert "what shard 0 counted was lost with its pod; set mlwright.dev/run" in lost["summary"]
    assert status(operator)["lastLook"]["state"] == "Counted"
    assert status(operator)["handledRequest"] == "again"


def test_a_claim_that_does_not_exist_is_waited_for() -> None:
    """The pod waits, and so does the sentence."""
    operator = begun(Surroundings(claims={"artifacts"}))
    operator.settle(SLOT)

    assert status(operator)["lastLook"]["state"] == "Waiting"
    assert 'persistentvolumeclaim "data" not found' in status(operator)["summary"]


def test_a_version_without_distributions_has_nothing_to_compare_with() -> None:
    """As of requests: models that were trained elsewhere come without."""
    operator = begun(Surroundings(learned=pack([])))
    later(operator)

    assert conditions(operator)["EnoughData"] == "False"
    assert "flights-v1 came without distributions" in status(operator)["summary"]
    assert counted(operator) == []


def test_pods_are_told_whose_bins_and_which_rows() -> None:
    """The address holds the slot in the schedule's zone; the version is answering only where a check asks for it."""
    batch = {
        "dataset": {"uri": "pvc://data/day=${scheduledTime:%Y-%m-%d}/*.parquet"},
        "schedule": {"cron": "*/10 * * * *", "timeZone": "Pacific/Kiritimati"},
        "shards": 4,
        "retries": 1,
        "timeoutAfter": "1h",
    }
    operator = begun(batch=batch, checks=people.CHECKS)
    operator.settle(SLOT)

    (job,) = looks(operator)
    document, spec = told(job), job["spec"]
    slot = status(operator)["lastLook"]["slot"]
    assert document["dataset"]["uri"].startswith("pvc://data/day=20")
    assert document["dataset"]["uri"][15:25] >= slot[:10]
    assert (document["outputs"], document["shards"], document["version"]["name"]) == (True, 4, "flights-v1")
    assert (spec["completionMode"], spec["completions"], spec["backoffLimitPerIndex"]) == ("Indexed", 4, 1)
    assert spec["activeDeadlineSeconds"] == 3600
    assert [one["args"] for one in spec["template"]["spec"]["initContainers"]] == [["learned"]]


def test_another_version_is_compared_with_what_it_learned_itself() -> None:
    """After a promotion windows begin anew at the next slot."""
    operator = begun(Surroundings(stored=(200, 800)), checks=AT_ONCE, cron="0 * * * *")
    operator.settle(timedelta(hours=1))
    drifted = conditions(operator)["Drifted"]
    operator.world.add(people.version(2))
    operator.settle(timedelta(minutes=40))
    rebased = status(operator)
    operator.settle(timedelta(hours=1))

    assert drifted == "True"
    assert rebased["version"] == "flights-v2"
    assert "window" not in rebased
    assert conditions(operator)["Drifted"] == "True"
    assert len(counted(operator)) == 1


def test_nothing_starts_again_when_the_status_is_lost() -> None:
    """Which slots were answered is known from Jobs and records."""
    operator = begun()
    later(operator, 2)
    before = [body["metadata"]["uid"] for body in looks(operator)]
    drop_status(operator)

    assert [body["metadata"]["uid"] for body in looks(operator)] == before
    assert conditions(operator)["Drifted"] == "False"
    assert len(counted(operator)) == 2


def test_a_failed_request_is_not_answered_again_when_the_status_is_lost() -> None:
    """Its Job stays while the annotation still asks for it, whatever slots came since."""
    operator = begun(Surroundings(user_error="count"))
    annotate(operator.world, "DriftMonitor", "flights", run="one")
    operator.settle(timedelta(minutes=1))
    first = born(operator)["request/one"]
    later(operator, 2)
    drop_status(operator)

    assert born(operator)["request/one"] == first
    assert status(operator)["handledRequest"] == "one"
    assert len(looks(operator)) == 2


def test_a_failed_slot_is_not_answered_again_when_the_status_is_lost_after_a_request() -> None:
    """The same the other way about."""
    operator = begun(Surroundings(user_error="count"), cron="0 * * * *")
    operator.settle(timedelta(hours=1))
    before = born(operator)
    annotate(operator.world, "DriftMonitor", "flights", run="one")
    operator.settle(timedelta(minutes=1))
    drop_status(operator)

    assert len(before) == 1
    assert before.items() < born(operator).items()
    assert born(operator).keys() - before.keys() == {"request/one"}


def test_an_old_answer_that_is_kept_is_no_window_when_the_newest_job_is_deleted() -> None:
    """What it counted is over: only the newest look says how the rows are."""
    operator = begun()
    later(operator)
    annotate(operator.world, "DriftMonitor", "flights", run="one")
    operator.settle(timedelta(minutes=1))
    later(operator)
    before, newest = counted(operator), status(operator)["lastLook"]["job"]
    operator.world.remove("Job", newest)
    operator.settle(timedelta(minutes=1))

    assert len(before) == 2
    assert counted(operator) == before
    assert status(operator)["lastLook"]["job"] == newest


def test_a_look_whose_node_is_lost_says_so() -> None:
    """Its pod never ends, so nothing takes its place; no event tells of it."""
    operator = begun(Surroundings(endless={"count"}))
    operator.settle(SLOT)
    [pod] = [
        pod
        for pod in operator.world.all("Pod")
        if pod["metadata"]["name"].startswith(looks(operator)[0]["metadata"]["name"])
    ]
    people.begin_to_delete(operator.world, pod)
    operator.settle(timedelta(minutes=4))

    assert "and its node has not told that it did" in status(operator)["summary"]


def test_a_look_whose_container_takes_its_time_is_told_and_has_not_failed() -> None:
    """Its image is large: nothing says that the rows cannot be seen."""
    operator = begun(Surroundings(making={"count"}))
    operator.settle(SLOT)
    for pod in [pod for pod in operator.world.all("Pod") if pod["status"] == {"phase": "Pending"}]:
        operator.world.edit(pod, lambda body: body.update(status=made_since("2026-01-02T02:00:00Z")))
    operator.settle(timedelta(minutes=4))

    assert status(operator)["lastLook"]["state"] == "Running"
    assert "is being made since 2026-01-02T02:00:00Z" in status(operator)["lastLook"]["sentence"]
    assert "DataAvailable" not in conditions(operator)


def test_a_look_whose_pods_are_not_heard_yet_is_not_thrown_away_for_the_next() -> None:
    """The end of the Job is known first: what it counted still comes, and then the next look starts."""
    operator = begun(Surroundings(endless={"count"}))
    operator.settle(SLOT)
    (job,) = looks(operator)
    over = {"type": "Complete", "status": "True", "lastTransitionTime": timestamp(operator.world.now)}
    operator.world.edit(job, lambda body: body["status"].update(conditions=[over]))
    annotate(operator.world, "DriftMonitor", "flights", run="now")
    operator.settle(timedelta(seconds=2))
    waiting = looks(operator)
    operator.actors.around.endless.clear()
    operator.settle(timedelta(minutes=1))

    assert waiting == [job]
    assert [one["token"].partition("/")[0] for one in counted(operator)] == ["schedule"]
    assert status(operator)["handledRequest"] == "now"


def test_a_version_without_its_record_is_said() -> None:
    """Nothing tells what it learned: no look starts, and the sentence says what helps."""
    operator = begun()
    operator.world.remove("ModelVersion", "flights-v1")
    later(operator, 2)
    without = status(operator)
    started = looks(operator)
    operator.world.add(people.version(1))
    later(operator)

    assert started == []
    assert without["summary"].startswith("flights-v1, which ModelDeployment flights serves, has no record any more")
    assert "when ModelVersion flights-v1 is back or another serves" in without["summary"]
    assert {one["type"]: one["status"] for one in without["conditions"]}["DataAvailable"] == "False"
    assert conditions(operator) == {"Ready": "True", "Drifted": "False", "EnoughData": "True"}


def test_what_was_found_stays_beside_a_version_without_its_record() -> None:
    """The verdict is that of the last look."""
    operator = begun(Surroundings(stored=(200, 800)), checks=AT_ONCE)
    later(operator)
    operator.world.remove("ModelVersion", "flights-v1")
    later(operator)

    assert conditions(operator)["Drifted"] == "True"
    assert conditions(operator)["DataAvailable"] == "False"
    assert status(operator)["summary"].startswith("flights-v1 has drifted")
    assert "; flights-v1, which ModelDeployment flights serves, has no record any more" in status(operator)["summary"]


@pytest.mark.parametrize("annotation", [None, "", "[]", "1", "{}", '{"slot": 1}', NAIVE, NAMELESS])
def test_a_job_that_does_not_say_any_more_what_asked_for_it_stops_nothing(annotation: str | None) -> None:
    """Somebody changed its annotation: it is removed, and the next slot is looked at as ever."""
    operator = begun()
    later(operator)
    (job,) = looks(operator)
    operator.world.edit(job, lambda body: body["metadata"]["annotations"].pop(ANNOTATION_LOOK))
    if annotation is not None:
        operator.world.edit(job, lambda body: body["metadata"]["annotations"].update({ANNOTATION_LOOK: annotation}))
    later(operator)

    assert conditions(operator)["Ready"] == "True"
    assert job not in looks(operator)
    assert [one["metadata"]["name"] for one in looks(operator)] == [status(operator)["lastLook"]["job"]]
    assert len(counted(operator)) == 2


def test_what_a_foreign_image_says_stops_nothing() -> None:
    """Its words are no count: that is told, and the next slot is looked at as ever."""
    operator = begun(Surroundings(endless={"count"}))
    operator.settle(SLOT)
    said = json.dumps({"outcome": "Succeeded", "sentence": "counted", "results": {"count": [1]}})
    (pod,) = (pod for pod in operator.world.all("Pod") if owner_named(pod)[0] == "DriftMonitor")
    operator.world.edit(pod, lambda body: body.update(status=ended("step", 0, said)))
    operator.settle(timedelta(minutes=1))
    foreign = status(operator)
    operator.actors.around.endless.clear()
    later(operator)

    assert "what shard 0 counted was lost with its pod" in foreign["summary"]
    assert status(operator)["lastLook"]["state"] == "Counted"


def test_nothing_is_left_of_looks_when_requests_are_watched_instead() -> None:
    """The Job goes, also one that is at work, and the status tells of no look."""
    operator = begun(Surroundings(endless={"count"}))
    operator.settle(SLOT)
    before = looks(operator)
    live = {"type": "Live", "live": {"deploymentRef": {"name": "flights"}}}
    operator.world.edit(operator.world.one("DriftMonitor", "flights"), lambda body: body["spec"].update(target=live))
    operator.settle(timedelta(minutes=1))

    assert len(before) == 1
    assert looks(operator) == []
    assert "lastLook" not in status(operator)


def test_a_run_is_asked_for_because_of_stored_rows() -> None:
    """Actions follow as they do from requests."""
    operator = begun(Surroundings(stored=(200, 800)), checks=AT_ONCE, independentRows=True, actions=[AGAIN])
    operator.world.add(people.pipeline())
    operator.settle()
    later(operator)

    asked = [body["spec"] for body in operator.world.all("Decision") if body["spec"]["type"] == "Retrain"]
    assert [spec["subjectRef"]["name"] for spec in asked] == ["flights"]
    assert asked[0]["evidence"]["deployment"] == "flights"


def test_stored_rows_that_may_hang_together_start_no_run() -> None:
    """How much they vary is not learnt of looks, whatever their schedule: only a person can know it."""
    operator = begun(Surroundings(stored=(200, 800)), checks=AT_ONCE, actions=[AGAIN])
    later(operator)

    assert conditions(operator)["Drifted"] == "True"
    assert not [body for body in operator.world.all("Decision") if body["spec"]["type"] == "Retrain"]
    assert "how much more is not learnt of stored rows (spec.target.batch)" in status(operator)["summary"]
    assert "set spec.independentRows" in status(operator)["summary"]


@pytest.mark.parametrize(
    "batch, sentence",
    [
        ({"schedule": {"cron": "0 0 30 2 *"}}, "spec.target.batch.schedule.cron"),
        ({"dataset": {"uri": "pvc://data/${today}"}}, "spec.target.batch.dataset.uri"),
    ],
)
def test_what_cannot_be_is_refused_with_field_and_remedy(batch: Body, sentence: str) -> None:
    """Nothing is started meanwhile."""
    operator = begun(batch=batch)

    assert sentence in status(operator)["summary"]
    assert looks(operator) == []
