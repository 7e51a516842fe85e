"""Pipelines and runs in a world that does not keep to the plan: every story ends well and explains itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mlwright.api.conditions import timestamp
from mlwright.plan.resources import BY_NAME, Body, Key
from tests.support.replay import people
from tests.support.replay.actors import Surroundings, made_since
from tests.support.replay.invariants import watched
from tests.support.replay.losses import kill_uids, lose_statuses, new_times, strip_owners
from tests.support.replay.operator import SETTINGS, Operator
from tests.support.replay.people import annotate, conditions, status, summary
from tests.support.replay.world import World

HOUR = timedelta(hours=1)
A_WHILE = timedelta(minutes=10)
LONG_AGO = "2026-01-02T02:00:00Z"

pytestmark = pytest.mark.timeout(20)  # each plays a story of many minutes, on a machine that may be busy


@pytest.fixture
def operator() -> Operator:
    """Return an operator in an empty world, watched for what it never may do."""
    return watched()


@pytest.fixture
def trained(operator: Operator) -> Operator:
    """Return an operator whose pipeline has made v1."""
    operator.world.add(people.pipeline())
    operator.settle()
    return operator


def runs(world: World) -> list[str]:
    """Return the names of all runs."""
    return [body["metadata"]["name"] for body in world.all("TrainingRun")]


def versions(world: World) -> list[str]:
    """Return the names of all versions."""
    return [body["metadata"]["name"] for body in world.all("ModelVersion")]


def edit(world: World, change: Callable[[Body], Any]) -> None:
    """Edit the spec of the pipeline."""
    people.edit(world, "TrainingPipeline", "flights", change)


def test_a_pipeline_makes_its_first_version(trained: Operator) -> None:
    """The plain case, for comparison with all the others."""
    assert (runs(trained.world), versions(trained.world)) == (["flights-1"], ["flights-v1"])
    assert summary(trained.world, "TrainingPipeline") == "flights-1: made flights-v1, which passed its gates"


def test_back_and_forth_between_specs_trains_each_time(trained: Operator) -> None:
    """A, B, A: the newest version is always of the spec as it is."""
    people.train_with(trained.world, 300)
    trained.settle()
    people.train_with(trained.world, 100)
    trained.settle()

    assert versions(trained.world) == ["flights-v1", "flights-v2", "flights-v3"]


def test_a_change_during_a_run_waits_for_its_end(operator: Operator) -> None:
    """The run that goes on keeps what it froze; the next one takes the newest spec, not the one between."""
    operator.world.add(people.pipeline(100))
    operator.until(lambda: bool(operator.world.objects.get("Job")))
    people.train_with(operator.world, 20)
    operator.until(lambda: len(operator.world.all("Job")) > 1)
    people.train_with(operator.world, 300)
    operator.settle()

    parameters = [body["spec"]["lineage"]["parameters"] for body in operator.world.all("ModelVersion")]
    assert parameters == [{"max_iter": 100}, {"max_iter": 300}]


def test_a_request_is_answered_once(trained: Operator) -> None:
    """Whatever is lost afterwards, and however often anybody looks."""
    annotate(trained.world, "TrainingPipeline", "flights", run="monday")
    trained.settle()
    trained.world.one("TrainingPipeline", "flights").pop("status")
    trained.look_at_all()
    trained.settle(A_WHILE)

    assert runs(trained.world) == ["flights-1", "flights-2"]


def test_a_request_that_an_old_run_answered_stays_answered(trained: Operator) -> None:
    """Runs came after it, and the status that remembered it is lost."""
    annotate(trained.world, "TrainingPipeline", "flights", run="monday")
    trained.settle()
    for iterations in (300, 20):
        people.train_with(trained.world, iterations)
        trained.settle()
    trained.world.one("TrainingPipeline", "flights").pop("status")
    trained.look_at_all()
    trained.settle(A_WHILE)

    assert runs(trained.world) == ["flights-1", "flights-2", "flights-3", "flights-4"]


def test_the_longest_request_is_answered_once(trained: Operator) -> None:
    """An annotation may hold far more than a record."""
    annotate(trained.world, "TrainingPipeline", "flights", run="x" * 10_000)
    trained.settle(A_WHILE)

    assert runs(trained.world) == ["flights-1", "flights-2"]
    assert len(trained.world.one("TrainingRun", "flights-2")["spec"]["trigger"]["token"]) <= 253


@pytest.mark.parametrize("gone", [["flights-2"], ["flights-1", "flights-2"]], ids=["the newest", "all"])
@pytest.mark.parametrize("iterations", [300, 20], ids=["passed", "rejected"])
def test_runs_that_are_deleted_by_hand_do_not_come_again(trained: Operator, gone: list[str], iterations: int) -> None:
    """And a change of the spec afterwards still trains, under a number that was never used."""
    world = trained.world
    people.train_with(world, iterations)
    trained.settle()
    for name in gone:
        world.remove("TrainingRun", name)
    trained.settle(A_WHILE)
    quiet = runs(world)
    people.train_with(world, 100)
    trained.settle()

    assert quiet == sorted({"flights-1", "flights-2"} - set(gone))
    assert runs(world) == [*quiet, "flights-3"]


def test_a_failed_run_that_is_deleted_does_not_come_again(operator: Operator) -> None:
    """Its template is remembered by the status; the corrected spec trains."""
    operator.actors.around.user_error = "validate"
    operator.world.add(people.pipeline())
    operator.settle()
    operator.world.remove("TrainingRun", "flights-1")
    operator.settle(A_WHILE)
    quiet = runs(operator.world)
    operator.actors.around.user_error = ""
    people.train_with(operator.world, 300)
    operator.settle()

    assert (quiet, runs(operator.world)) == ([], ["flights-2"])


def _lose(*kinds: str) -> Callable[[World], None]:
    def lose(world: World) -> None:
        for kind in kinds:
            for body in world.all(kind):
                world.remove(kind, body["metadata"]["name"])

    return lose


LOSSES: dict[str, list[Callable[[World], None]]] = {
    "statuses": [lose_statuses],
    "owner references": [strip_owners],
    "times": [new_times],
    "uids": [kill_uids],
    "Jobs": [_lose("Job", "Pod")],
    "pods": [_lose("Pod")],
    "statuses and pods": [lose_statuses, _lose("Pod")],
    "everything at once": [lose_statuses, kill_uids, new_times, _lose("Pod")],
}


@pytest.mark.parametrize("what", LOSSES)
def test_after_a_restore_nothing_trains(trained: Operator, what: str) -> None:
    """Three runs ended: one well, one rejected, one failed. They stay as they are."""
    world = trained.world
    people.train_with(world, 20)
    trained.settle()
    trained.actors.around.user_error = "train"
    people.train_with(world, 300)
    trained.settle()
    trained.actors.around.user_error = ""
    before = [conditions(world, "TrainingRun", name) for name in runs(world)]
    for lose in LOSSES[what]:
        lose(world)
    written = len(world.writes)
    trained.look_at_all()
    for key in list(trained.queue):
        trained.look(key)  # adopts before the garbage collector comes
    trained.settle(A_WHILE)

    assert runs(world) == ["flights-1", "flights-2", "flights-3"]
    assert [write for write in world.writes[written:] if not write.startswith("status")] == []
    assert [conditions(world, "TrainingRun", name) for name in runs(world)] == before
    assert conditions(world, "TrainingPipeline") == {"Ready": "False", "Stalled": "True"}


def test_an_old_failed_run_does_not_run_again_when_those_behind_it_were_removed(operator: Operator) -> None:
    """The run with the next number is gone, and the pipeline has not told how many there were."""
    world = operator.world
    operator.actors.around.user_error = "train"
    world.add(people.pipeline(policy={"keepSucceeded": 1}))
    operator.settle()
    operator.actors.around.user_error = ""
    for iterations in (20, 300):
        people.train_with(world, iterations)
        operator.settle()
    lose_statuses(world)
    _lose("Job", "Pod")(world)
    operator.look(Key("TrainingRun", "demo", "flights-1"))

    assert runs(world) == ["flights-1", "flights-3"]
    assert world.objects["Job"] == {}


def test_old_runs_do_not_run_again_even_with_everything_lost(trained: Operator) -> None:
    """Of the first two, nothing but the objects themselves is left; the newest may have to show that it made v3."""
    world = trained.world
    for iterations in (20, 300):
        people.train_with(world, iterations)
        trained.settle()
    lose_statuses(world)
    _lose("Job", "Pod")(world)
    for name in ("flights-1", "flights-2"):
        world.remove("ControllerRevision", name)
    trained.look_at_all()
    trained.settle(A_WHILE)

    assert versions(world) == ["flights-v1", "flights-v2", "flights-v3"]
    assert world.objects["Job"] == {}


def test_a_version_that_is_deleted_by_hand_does_not_come_again(trained: Operator) -> None:
    """Nor does its number: the next version is another one."""
    trained.world.remove("ModelVersion", "flights-v1")
    trained.settle(A_WHILE)
    gone = versions(trained.world)
    people.train_with(trained.world, 300)
    trained.settle()

    assert (gone, versions(trained.world)) == ([], ["flights-v2"])


@pytest.mark.parametrize(
    "collected", [(), ("ControllerRevision",), ("Job",)], ids=["nothing", "its template", "its Jobs"]
)
def test_a_name_that_comes_again_does_not_find_the_results_of_the_first(
    trained: Operator, collected: tuple[str, ...]
) -> None:
    """Somebody replaces `by-hand`; whatever the garbage collector has taken by then, that is another training."""
    world = trained.world
    world.add(people.run("by-hand"))
    trained.settle()
    world.remove("TrainingRun", "by-hand")
    for kind in collected:
        for body in world.children(BY_NAME[kind], Key("TrainingRun", "demo", "by-hand")):
            world.remove(kind, body["metadata"]["name"])
    world.add(people.run("by-hand"))
    trained.look(Key("TrainingRun", "demo", "by-hand"))
    told = summary(world, "TrainingRun", "by-hand")
    trained.settle()

    uris = [body["spec"]["bundle"]["uri"] for body in world.all("ModelVersion")]
    assert told.startswith("waits until Kubernetes has removed what an earlier run of this name left (")
    assert versions(world) == ["flights-v1", "flights-v2", "flights-v3"]
    assert len(set(uris)) == 3


def test_a_run_that_is_ended_while_an_earlier_one_of_its_name_goes_takes_nothing_of_it(trained: Operator) -> None:
    """Its pods would be at work for a run that is over."""
    world = trained.world
    trained.actors.around.endless = {"train"}
    world.add(people.run("by-hand"))
    trained.settle()
    world.remove("TrainingRun", "by-hand")
    world.add(people.run("by-hand"))
    annotate(world, "TrainingRun", "by-hand", abort="now")
    trained.settle()

    assert conditions(world, "TrainingRun", "by-hand")["Failed"] == "True"
    assert [body["metadata"]["name"] for body in world.all("Job") if body["metadata"]["name"].startswith("by-")] == []


def test_a_run_that_was_ended_before_an_earlier_one_of_its_name_was_gone_trains_when_it_is_tried_again(
    trained: Operator,
) -> None:
    """What the first one made is not its own, however often it is looked at meanwhile."""
    world, key = trained.world, Key("TrainingRun", "demo", "by-hand")
    world.add(people.run("by-hand"))
    trained.settle()
    frozen = world.one("ControllerRevision", "by-hand")
    world.remove("TrainingRun", "by-hand")
    world.add(people.run("by-hand"))
    annotate(world, "TrainingRun", "by-hand", abort="now")
    for _ in range(3):
        trained.look(key)
    kept = world.one("ControllerRevision", "by-hand")
    annotate(world, "TrainingRun", "by-hand", retry="now")
    trained.settle()

    assert kept["metadata"]["ownerReferences"] == frozen["metadata"]["ownerReferences"]
    assert versions(world) == ["flights-v1", "flights-v2", "flights-v3"]


def test_a_run_that_waits_for_an_earlier_one_of_its_name_keeps_its_place(trained: Operator) -> None:
    """It waits a moment for Kubernetes and for nobody else, so no other run is started in its place."""
    world, key = trained.world, Key("TrainingRun", "demo", "by-hand")
    world.add(people.run("by-hand"))
    trained.settle()
    world.remove("TrainingRun", "by-hand")
    world.add(people.run("by-hand"))
    trained.look(key)
    people.train_with(world, 300)
    trained.look(Key("TrainingPipeline", "demo", "flights"))
    waiting = runs(world)
    trained.settle()

    assert waiting == ["by-hand", "flights-1"]
    assert conditions(world, "TrainingRun", "by-hand")["Complete"] == "True"


def test_a_pipeline_that_is_deleted_and_made_again_goes_on(trained: Operator) -> None:
    """Its versions stay, so an equal spec needs no run, and another one gets a new number."""
    world = trained.world
    old = world.one("TrainingPipeline", "flights")
    world.remove("TrainingPipeline", "flights")
    for _ in range(4):
        trained.actors.collect(world)
    world.add({**old, "metadata": {"name": "flights"}, "status": {}})
    trained.settle(A_WHILE)
    quiet = runs(world), conditions(world, "TrainingPipeline")
    people.train_with(world, 300)
    trained.settle()

    assert quiet == ([], {"Ready": "True"})
    assert (runs(world), versions(world)) == (["flights-2"], ["flights-v1", "flights-v2"])


def test_children_of_a_run_that_was_deleted_are_not_taken_for_those_of_a_new_one(operator: Operator) -> None:
    """The pipeline was deleted and made again while the garbage collector was half through."""
    world = operator.world
    operator.actors.around.user_error = "validate"
    world.add(people.pipeline())
    operator.settle()
    operator.actors.around.user_error = ""
    old = world.one("TrainingPipeline", "flights")
    world.remove("TrainingPipeline", "flights")
    world.remove("TrainingRun", "flights-1")
    made = world.add({**old, "metadata": {"name": "flights"}, "status": {}})
    operator.queue = {key: None for key in operator.queue if key.name == made["metadata"]["name"]}
    operator.until(lambda: bool(world.objects.get("TrainingRun")))
    operator.settle()

    assert runs(world) == ["flights-2"]
    assert versions(world) == ["flights-v1"]


def test_a_run_created_by_hand_counts(trained: Operator) -> None:
    """It trains the spec as it is, so a change that it took in needs no other run."""
    edit(trained.world, lambda spec: spec.update(triggers={"specChange": False}))
    people.train_with(trained.world, 300)
    trained.settle()
    trained.world.pass_time(timedelta(seconds=2))
    trained.world.add(people.run("by-hand"))
    trained.settle()
    edit(trained.world, lambda spec: spec.update(triggers={"specChange": True}))
    trained.settle(A_WHILE)

    assert (runs(trained.world), versions(trained.world)) == (["by-hand", "flights-1"], ["flights-v1", "flights-v2"])
    assert status(trained.world, "TrainingPipeline")["lastRun"]["name"] == "by-hand"


def test_a_run_of_an_absurd_name_breaks_nothing(trained: Operator) -> None:
    """Neither a number beyond all numbers, nor a name that no label can hold."""
    trained.world.add(people.run("flights-99999999999999999999"))
    trained.world.add(people.run("x" * 70))
    trained.settle()
    people.train_with(trained.world, 300)
    trained.settle()

    assert "flights-2" in runs(trained.world)
    assert "metadata.name" in summary(trained.world, "TrainingRun", "x" * 70)


def test_a_run_for_a_pipeline_that_comes_later_waits_for_it(operator: Operator) -> None:
    """It says what it waits for."""
    operator.world.add(people.run("by-hand"))
    operator.settle()
    waiting = summary(operator.world, "TrainingRun", "by-hand"), conditions(operator.world, "TrainingRun", "by-hand")
    operator.world.add(people.pipeline(triggers={"specChange": False}))
    operator.settle()

    assert waiting == (
        "TrainingPipeline flights (spec.pipelineRef) does not exist; the run starts when it does",
        {"Reconciling": "True"},
    )
    assert versions(operator.world) == ["flights-v1"]


def test_two_pipelines_of_one_model_share_its_numbers(operator: Operator) -> None:
    """Both make a version at the same time; the name of a version is the lock."""
    operator.world.add(people.pipeline(100))
    operator.world.add(people.pipeline(300, name="other", modelRef={"name": "flights"}))
    operator.settle()

    made = {
        body["metadata"]["name"]: body["spec"]["lineage"]["pipeline"] for body in operator.world.all("ModelVersion")
    }
    assert sorted(made) == ["flights-v1", "flights-v2"]
    assert sorted(made.values()) == ["flights", "other"]


def test_a_name_that_belongs_to_another_pipeline_is_passed_over(trained: Operator) -> None:
    """Somebody created a run flights-2, of another pipeline."""
    trained.world.add(people.pipeline(100, name="other", triggers={"specChange": False}))
    trained.world.add(people.run("flights-2", "other"))
    people.train_with(trained.world, 300)
    trained.settle()

    assert runs(trained.world) == ["flights-1", "flights-2", "flights-3"]
    assert conditions(trained.world, "TrainingPipeline") == {"Ready": "True"}


# what goes wrong, and goes away


def test_a_dataset_that_appears_later_is_found(operator: Operator) -> None:
    """Looked for after 15 s, 30 s and so on up to five minutes; only the last Job is kept."""
    operator.actors.around.data = False
    operator.world.add(people.pipeline())
    operator.settle(A_WHILE)
    waiting = conditions(operator.world, "TrainingPipeline"), summary(operator.world, "TrainingRun", "flights-1")
    attempts = [body["metadata"]["name"] for body in operator.world.all("Job")]
    operator.actors.around.data = True
    operator.settle(timedelta(minutes=6))

    assert waiting[0] == {"Ready": "False", "Reconciling": "True"}
    assert "spec.dataset.uri: nothing lies there" in waiting[1]
    assert attempts == ["flights-1-validate-4", "flights-1-validate-5"]
    assert versions(operator.world) == ["flights-v1"]


def test_looking_for_the_data_uses_up_no_attempt(operator: Operator) -> None:
    """After a long wait, a step may still crash as often as any other."""
    operator.actors.around.data = False
    operator.world.add(people.pipeline())
    operator.settle(A_WHILE)
    operator.actors.around.data = True
    operator.actors.around.crashes = {"validate": 2}
    operator.settle(timedelta(minutes=8))

    assert versions(operator.world) == ["flights-v1"]


@pytest.mark.parametrize("step", ["validate", "train", "evaluate"])
@pytest.mark.parametrize("crashes", [1, 2, 3])
def test_a_crash_is_tried_again_a_few_times(operator: Operator, step: str, crashes: int) -> None:
    """Three attempts by default, with growing pauses; then the run has failed for good."""
    operator.actors.around.crashes = {step: crashes}
    operator.world.add(people.pipeline())
    operator.settle(A_WHILE)

    assert versions(operator.world) == ([] if crashes == 3 else ["flights-v1"])
    if crashes == 3:
        assert conditions(operator.world, "TrainingRun", "flights-1") == {"Failed": "True", "Stalled": "True"}
        assert summary(operator.world, "TrainingRun", "flights-1") == (
            f"{step}: its container ended with exit code 70"
            f" (kubectl logs -n demo job/flights-1-{step}-2) (attempt 3 of 3)"
        )


@pytest.mark.parametrize("step", ["validate", "train", "evaluate"])
def test_a_message_that_gets_lost_is_read_again(operator: Operator, step: str) -> None:
    """The step is not repeated: a small Job reads its result from the store."""
    operator.actors.around.silent = {step}
    operator.world.add(people.pipeline())
    operator.settle()

    jobs = [body["metadata"]["name"] for body in operator.world.all("Job")]
    assert [name for name in jobs if step in name] == [f"flights-1-{step}-0", f"flights-1-{step}-0-read"]
    assert versions(operator.world) == ["flights-v1"]


def test_the_error_of_a_user_fails_the_run_and_names_field_and_remedy(operator: Operator) -> None:
    """And where the log is."""
    operator.actors.around.user_error = "validate"
    operator.world.add(people.pipeline())
    operator.settle(A_WHILE)

    assert summary(operator.world, "TrainingPipeline") == (
        "flights-1: validate: spec.dataset.target: no column late; name one that exists"
        " (kubectl logs -n demo job/flights-1-validate-0)"
    )
    assert conditions(operator.world, "TrainingPipeline") == {"Ready": "False", "Stalled": "True"}


def test_the_error_of_a_user_is_known_even_when_its_pod_is_gone(operator: Operator) -> None:
    """The Job's condition tells the exit code; nothing is tried again."""
    operator.actors.around.user_error = "validate"
    operator.world.add(people.pipeline())
    operator.settle()
    _lose("Pod")(operator.world)
    lose_statuses(operator.world)
    operator.look_at_all()
    operator.settle(A_WHILE)

    assert conditions(operator.world, "TrainingRun", "flights-1") == {"Failed": "True", "Stalled": "True"}
    assert len(operator.world.all("Job")) == 1


MENDING: dict[str, tuple[Callable[[Surroundings], None], str, Callable[[World], None]]] = {
    "the dataset lies elsewhere": (
        lambda around: setattr(around, "data", False),
        "nothing lies there",
        lambda world: edit(world, lambda spec: spec["dataset"].update(uri="pvc://data/there.csv")),
    ),
    "the claim has another name": (
        lambda around: around.claims.discard("data"),
        'persistentvolumeclaim "data" not found',
        lambda world: edit(world, lambda spec: spec["dataset"].update(uri="pvc://artifacts/flights.csv")),
    ),
    "the artifacts go elsewhere": (
        lambda around: around.claims.discard("artifacts"),
        'persistentvolumeclaim "artifacts" not found',
        lambda world: edit(world, lambda spec: spec.update(artifacts={"uri": "pvc://data/runs"})),
    ),
    "the image has another name": (
        lambda around: around.bad_images.add("trainer:1"),
        'Back-off pulling image "trainer:1"',
        lambda world: edit(world, lambda spec: spec.update(image="trainer:2")),
    ),
    "the Secret is not needed": (
        lambda around: around.secrets.clear(),
        'secret "token" not found',
        lambda world: edit(world, lambda spec: spec.pop("pod")),
    ),
}


@pytest.mark.parametrize("story", MENDING)
def test_a_run_that_is_stuck_gives_way_when_the_spec_is_mended(operator: Operator, story: str) -> None:
    """Nobody has to delete anything; the object says what is wrong until then."""
    spoil, said, mend = MENDING[story]
    spoil(operator.actors.around)
    env = [{"name": "TOKEN", "secretRef": {"name": "token", "key": "t"}}]
    operator.actors.around.secrets = set() if "Secret" in story else {"token"}
    operator.world.add(people.pipeline(pod={"env": env}))
    operator.settle(A_WHILE)
    stuck = summary(operator.world, "TrainingPipeline")
    operator.actors.around.data = True
    mend(operator.world)
    operator.settle(A_WHILE)

    assert said in stuck
    assert versions(operator.world) == ["flights-v1"]
    assert summary(operator.world, "TrainingRun", "flights-1") == (
        "flights-2 was started in its place, because this run could not go on"
    )
    assert conditions(operator.world, "TrainingPipeline") == {"Ready": "True"}


@pytest.mark.parametrize("story", MENDING)
def test_a_run_that_is_stuck_goes_on_when_the_cause_goes_away(operator: Operator, story: str) -> None:
    """Without another run."""
    MENDING[story][0](operator.actors.around)
    env = [{"name": "TOKEN", "secretRef": {"name": "token", "key": "t"}}]
    operator.world.add(people.pipeline(pod={"env": env} if "Secret" in story else {}))
    operator.settle(timedelta(minutes=5))
    operator.actors.around = Surroundings(secrets={"token"})
    operator.actors.act(operator.world)
    operator.settle(timedelta(minutes=6))

    assert (runs(operator.world), versions(operator.world)) == (["flights-1"], ["flights-v1"])


def test_a_new_image_of_the_installation_starts_no_run(trained: Operator) -> None:
    """Not even in place of one that waits for its data."""
    trained.actors.around.data = False
    people.train_with(trained.world, 300)
    trained.settle()
    trained.settings = SETTINGS.__class__(
        trainer_image="trainer:2", server_image="s:2", artifacts_uri="pvc://artifacts/runs"
    )
    trained.look_at_all()
    trained.settle(A_WHILE)

    assert runs(trained.world) == ["flights-1", "flights-2"]


def test_a_right_image_of_the_installation_frees_runs_that_a_wrong_one_held_up(operator: Operator) -> None:
    """The chart named an image that does not exist; an upgrade mends it."""
    operator.actors.around.bad_images.add("trainer:1")
    operator.world.add(people.pipeline())
    operator.settle()
    operator.settings = SETTINGS.__class__(trainer_image="trainer:2", artifacts_uri="pvc://artifacts/runs")
    operator.look_at_all()
    operator.settle()

    assert versions(operator.world) == ["flights-v1"]


def test_a_request_takes_the_place_of_a_run_that_is_stuck(operator: Operator) -> None:
    """Somebody asks for a run although nothing changed."""
    operator.actors.around.data = False
    operator.world.add(people.pipeline())
    operator.settle()
    annotate(operator.world, "TrainingPipeline", "flights", run="now")
    operator.actors.around.data = True
    operator.settle()

    assert runs(operator.world) == ["flights-1", "flights-2"]
    assert conditions(operator.world, "TrainingRun", "flights-1")["Failed"] == "True"


MAKING: dict[str, Callable[[str], Body]] = {
    "its image is large": lambda _: made_since(LONG_AGO),
    "somebody's own container has worked for an hour": lambda now: (
        made_since(LONG_AGO, "PodInitializing")
        | {
            "initContainerStatuses": [
                {"name": "own", "state": {"terminated": {"exitCode": 0, "startedAt": LONG_AGO, "finishedAt": now}}}
            ]
        }
    ),
}


@pytest.mark.parametrize("story", MAKING)
def test_a_run_whose_container_takes_its_time_keeps_its_place(operator: Operator, story: str) -> None:
    """What is asked for meanwhile waits for its end: work that was done is never thrown away for an image."""
    operator.actors.around.making = {"train"}
    operator.world.add(people.pipeline())
    operator.settle()
    [pod] = [pod for pod in operator.world.all("Pod") if pod["status"]["phase"] == "Pending"]
    made = MAKING[story](timestamp(operator.world.now))
    operator.world.edit(pod, lambda body: body.update(status=made))
    annotate(operator.world, "TrainingPipeline", "flights", run="now")
    operator.settle(A_WHILE)
    meanwhile, says = runs(operator.world), summary(operator.world, "TrainingRun", "flights-1")
    operator.actors.around.making.clear()
    operator.settle(A_WHILE)

    assert meanwhile == ["flights-1"]
    assert says.startswith("train: the container of pod flights-1-train-0-pod is being made since")
    assert versions(operator.world) == ["flights-v1", "flights-v2"]


def test_a_run_whose_node_is_lost_says_so_and_holds_nothing_up(operator: Operator) -> None:
    """Its pod is deleted and never ends, so nothing takes its place and no event tells of it."""
    operator.actors.around.endless = {"train"}
    operator.world.add(people.pipeline())
    operator.settle()
    [pod] = [pod for pod in operator.world.all("Pod") if pod["status"]["phase"] == "Running"]
    people.begin_to_delete(operator.world, pod)
    operator.settle(A_WHILE)
    says = summary(operator.world, "TrainingPipeline")
    annotate(operator.world, "TrainingPipeline", "flights", run="now")
    operator.actors.around.endless.clear()
    operator.settle()

    assert says.startswith("flights-1: train: pod flights-1-train-0-pod was to end by 2026-01-02T03:")
    assert runs(operator.world) == ["flights-1", "flights-2"]
    assert versions(operator.world) == ["flights-v1"]


def test_a_run_whose_deletion_hangs_holds_nothing_up(operator: Operator) -> None:
    """Its pod is on a lost node, or somebody's finalizer holds it: its status says for ever that it goes on."""
    operator.actors.around.endless = {"validate"}
    operator.world.add(people.pipeline())
    operator.settle()
    people.begin_to_delete(operator.world, operator.world.one("TrainingRun", "flights-1"))
    operator.settle()
    says, told = summary(operator.world, "TrainingPipeline"), status(operator.world, "TrainingPipeline")["lastRun"]
    operator.actors.around.endless.clear()
    people.train_with(operator.world, 300)
    operator.settle()

    assert says == "flights-1 is being deleted and goes on no more; a run that is due does not wait for that"
    assert told["sentence"] == says.removeprefix("flights-1 ")
    assert runs(operator.world) == ["flights-1", "flights-2"]
    assert versions(operator.world) == ["flights-v1"]


def test_a_frozen_template_that_is_deleted_is_not_replaced_by_another(operator: Operator) -> None:
    """The record of a version must not say something else than what was trained."""
    operator.world.add(people.pipeline(100))
    operator.until(lambda: len(operator.world.objects.get("Job", {})) > 1)
    people.train_with(operator.world, 300)
    operator.world.remove("ControllerRevision", "flights-1")
    operator.settle()

    [made] = operator.world.all("ModelVersion")
    assert made["spec"]["lineage"]["run"] == "flights-2"
    assert made["spec"]["lineage"]["parameters"] == {"max_iter": 300}


def test_a_clock_that_is_set_back_keeps_no_run_waiting_for_long(operator: Operator) -> None:
    """The pause before the next attempt is never longer than it would be."""
    operator.actors.around.crashes = {"train": 1}
    operator.world.add(people.pipeline())
    operator.until(lambda: operator.actors.around.crashes["train"] == 0)
    operator.world.pass_time(-HOUR)
    operator.settle(timedelta(seconds=30))

    assert versions(operator.world) == ["flights-v1"]


def test_paused_starts_nothing_and_finishes_what_goes_on(operator: Operator) -> None:
    """Afterwards everything that was asked for is done once."""
    operator.world.add(people.pipeline())
    operator.until(lambda: bool(operator.world.objects.get("Job")))
    edit(operator.world, lambda spec: spec.update(paused=True))
    people.train_with(operator.world, 300)
    annotate(operator.world, "TrainingPipeline", "flights", run="now")
    operator.settle(A_WHILE)
    paused = versions(operator.world), conditions(operator.world, "TrainingPipeline")
    edit(operator.world, lambda spec: spec.update(paused=False))
    operator.settle()

    assert paused == (["flights-v1"], {"Ready": "True", "Paused": "True"})
    assert versions(operator.world) == ["flights-v1", "flights-v2"]


@pytest.mark.parametrize(
    "spec, said",
    [
        ({"dataset": {"uri": "gs://lake/x.csv", "target": "y"}}, "spec.dataset.uri: the scheme 'gs' is not read"),
        ({"artifacts": {"uri": "pvc://artifacts"}}, "spec.artifacts.uri: the path after the name is empty"),
    ],
)
def test_an_address_that_is_refused_starts_no_run(operator: Operator, spec: Body, said: str) -> None:
    """The pipeline says which field, and goes on when it is corrected."""
    operator.world.add(people.pipeline(**spec))
    operator.settle()
    told = summary(operator.world, "TrainingPipeline"), runs(operator.world)
    edit(operator.world, lambda found: found.update(people.pipeline()["spec"], artifacts={"uri": "pvc://artifacts/x"}))
    operator.settle()

    assert told[0].startswith(said)
    assert told[1] == []
    assert versions(operator.world) == ["flights-v1"]


def test_the_keys_that_a_model_names_are_not_lent_to_a_pipeline(operator: Operator) -> None:
    """Its author names the image and was never asked for that Secret; with a store of its own it goes on."""
    storage = {"endpointURL": "https://store:9000", "secretRef": {"name": "keys"}}
    operator.world.add(people.model(artifacts={"uri": "s3://models/mlwright", "storage": storage}))
    operator.world.add(people.pipeline())
    operator.settle()
    told = summary(operator.world, "TrainingPipeline"), runs(operator.world)
    own = {"uri": "s3://mine/runs", "storage": storage}
    edit(operator.world, lambda found: found.update(artifacts=own))
    operator.settle()
    waits = summary(operator.world, "TrainingPipeline")
    operator.actors.around.secrets.add("keys")
    operator.settle()

    assert told[0] == (
        "spec.artifacts: Model flights (spec.artifacts.storage) names Secret keys, whose keys are not lent to pods that"
        " others define: set artifacts here as well, with uri and storage"
    )
    assert told[1] == []
    assert 'waits: secret "keys" not found; create it, the pod starts by itself' in waits
    [version] = operator.world.all("ModelVersion")
    assert version["spec"]["bundle"]["uri"].startswith("s3://mine/runs/")
    assert version["spec"]["bundle"]["storage"] == storage


@pytest.mark.parametrize(
    "lacking, said",
    [
        (
            {"trainer_image": ""},
            "spec.image: no image trains: set it here, or for the whole installation with the chart's images.trainer",
        ),
        (
            {"artifacts_uri": ""},
            (
                "spec.artifacts.uri: nobody says where runs are written: set it here, or in Model flights"
                " (spec.artifacts.uri), or for the whole installation with the chart's artifacts.uri, as pvc://CLAIM/path"
            ),
        ),
        (
            {"artifacts_uri": "configmap://runs/x"},
            "artifacts.uri of the chart: runs are written to a PersistentVolumeClaim; write pvc://CLAIM/path",
        ),
    ],
)
def test_an_installation_that_lacks_something_says_so(operator: Operator, lacking: dict[str, str], said: str) -> None:
    """And where it can be set."""
    given = {"trainer_image": "trainer:1", "artifacts_uri": "pvc://artifacts/runs", **lacking}
    operator.settings = SETTINGS.__class__(**given)  # type: ignore[arg-type]
    operator.world.add(people.pipeline())
    operator.settle()

    assert summary(operator.world, "TrainingPipeline") == said
    assert conditions(operator.world, "TrainingPipeline") == {"Ready": "False", "Stalled": "True"}
    assert runs(operator.world) == []


def test_the_longest_names(operator: Operator) -> None:
    """Forty characters for what people name, and the numbers behind them."""
    name = "a" * 40
    operator.world.add(people.pipeline(name=name))
    operator.world.add(people.run("b" * 63, name))
    operator.settle()

    assert conditions(operator.world, "TrainingPipeline", name) == {"Ready": "True"}
    assert max(len(body["metadata"]["name"]) for body in operator.world.everything() if body["kind"] != "Pod") <= 63
