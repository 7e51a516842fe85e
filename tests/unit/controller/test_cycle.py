"""One look at one object, against an API server in memory."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlwright.api.conditions import find
from mlwright.api.reasons import Reason
from mlwright.constants import ANNOTATION_APPLIED, LABEL_MANAGED_BY, LABEL_OWNER, MANAGED_BY
from mlwright.controller.cache import Cache
from mlwright.controller.cycle import UNHEARD, Cycle, Outcome, Result
from mlwright.controller.election import LeadershipLostError
from mlwright.controller.intake import Intake
from mlwright.controller.status import NUMBERS_EVERY
from mlwright.errors import (
    ConflictError,
    FieldConflictError,
    InvalidSpecError,
    RefusedError,
    UnavailableError,
)
from mlwright.plan.drift_counts import Wanted
from mlwright.plan.loads import Question
from mlwright.plan.measuring import Measure
from mlwright.plan.resources import DEPLOYMENT, MODEL, MODEL_DEPLOYMENT, SERVICE, Body, Key
from mlwright.plan.scaling import Memory
from mlwright.plan.writes import Apply, ApplyEntry, Census, Create, Delete, Scale, Witness
from mlwright.ports.events import Notice
from mlwright.ports.outside import Outside
from mlwright.settings import Settings
from tests.support.memory_cluster import MemoryCluster
from tests.support.toys import Seen, Toy, run, service

KEY = Key("TrainingRun", "demo", "flights-1")


class Story:
    """An operator for one toy run, whose looks are asked for one by one."""

    def __init__(self, toy: Toy | None = None, *, make_run: bool = True) -> None:
        self.toy = toy or Toy()
        self.cluster = MemoryCluster()
        self.time = 0.0
        self.woken: list[Key] = []
        self.told: list[Notice] = []
        self.leading = True
        self.intake = Intake(Cache(), self.woken.append, self.woken.append, ["TrainingRun"])
        clock = SimpleNamespace(
            now=lambda: datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=self.time), monotonic=lambda: self.time
        )
        outside = cast("Outside", SimpleNamespace(cluster=self.cluster, clock=clock))
        self.cycle = Cycle(
            [self.toy.reconciler], outside, self.intake, settings=Settings(), tell=self.told.append, fence=self._fence
        )
        if make_run:
            self.hear(self.cluster.put(run()))

    def _fence(self) -> None:
        if not self.leading:
            raise LeadershipLostError("lost")

    def hear(self, body: Body) -> Body:
        """Let an event arrive."""
        self.intake.observe(body)
        return body

    def look(self) -> Outcome:
        """Look once."""
        return asyncio.run(self.cycle.look(KEY))

    def settle(self) -> None:
        """Look until nothing is written any more."""
        for _ in range(5):
            before = len(self.cluster.writes)
            self.look()
            if len(self.cluster.writes) == before:
                return
        raise AssertionError("it never settles")

    def writes_of(self, looks: int = 1) -> list[str]:
        """Return what is written by the next looks."""
        before = len(self.cluster.writes)
        for _ in range(looks):
            self.look()
        return self.cluster.writes[before:]

    def condition(self, type_: str) -> Any:
        """Return the run's condition as stored."""
        return find(self.cluster.read(*KEY_PLACE).get("status") or {}, type_)


KEY_PLACE = ("TrainingRun", "flights-1")


def test_a_new_object_gets_its_child_and_then_one_status() -> None:
    """The first status waits for the look that already sees the child."""
    story = Story()

    assert story.writes_of(looks=2) == ["create Service flights-1", "status TrainingRun flights-1"]
    assert story.cluster.read(*KEY_PLACE)["status"]["summary"] == "1 services"


def test_a_settled_object_is_not_written_again() -> None:
    """A second look writes nothing: the fixed point."""
    story = Story()
    story.settle()

    assert story.writes_of(looks=3) == []


def test_a_look_after_a_restart_writes_nothing() -> None:
    """A new process with an empty memory finds everything as it should be."""
    old = Story()
    old.settle()
    new = Story(make_run=False)
    new.cluster.objects = old.cluster.objects
    for body in list(old.cluster.objects.values()):
        new.hear(body)

    assert new.writes_of(looks=2) == []


def test_own_writes_wake_whom_they_concern() -> None:
    """Nobody waits for the event of what the operator itself wrote."""
    story = Story()
    story.woken.clear()

    story.look()

    assert KEY in story.woken


def test_a_changed_spec_is_applied_with_the_uid_of_the_child() -> None:
    """The child is the one that was seen; a later namesake would be refused."""
    story = Story()
    story.settle()
    story.hear(story.cluster.edit(*KEY_PLACE, spec={"trigger": {"reason": "green"}}))

    story.settle()

    child = story.cluster.read("Service", "flights-1")
    assert child["spec"]["selector"] == {"colour": "green"}
    assert child["metadata"]["uid"] == "uid-2"


def test_a_child_edited_by_hand_is_repaired_and_the_editor_named(caplog: pytest.LogCaptureFixture) -> None:
    """The log says who it was."""
    story = Story()
    story.settle()
    hand = {"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-02T00:00:00Z"}
    metadata = {"managedFields": [*story.cluster.read("Service", "flights-1")["metadata"]["managedFields"], hand]}
    story.hear(story.cluster.edit("Service", "flights-1", spec={"selector": {"colour": "red"}}, metadata=metadata))

    with caplog.at_level("INFO"):
        story.settle()

    assert story.cluster.read("Service", "flights-1")["spec"]["selector"] == {"colour": "blue"}
    assert [vars(r)["editor"] for r in caplog.records if r.message == "child repaired"] == ["kubectl-edit"]


def test_a_deleted_child_comes_back() -> None:
    """Its event is enough."""
    story = Story()
    story.settle()
    story.intake.bury(story.cluster.remove("Service", "flights-1"))

    story.settle()

    assert ("Service", "demo", "flights-1") in story.cluster.objects


def test_an_object_that_is_gone_is_left_alone() -> None:
    """Its children go by themselves."""
    story = Story(make_run=False)

    assert story.look() == Outcome(Result.GONE)


def test_an_object_that_is_being_deleted_is_left_alone() -> None:
    """Nothing is made for what is about to go."""
    story = Story(make_run=False)
    dying = run()
    dying["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    story.hear(story.cluster.put(dying))

    assert story.look() == Outcome(Result.GONE)
    assert story.cluster.writes == []


def foreign(**labels: str) -> Body:
    metadata = {"namespace": "demo", "name": "flights-1", "labels": labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": []}}


def test_a_foreign_object_of_the_name_is_left_alone_and_told() -> None:
    """The sentence names the object and the remedy."""
    story = Story()
    before = story.cluster.put(foreign())

    outcome = story.look()

    assert outcome.result is Result.NAME_CONFLICT
    assert story.cluster.read("Service", "flights-1") == before
    assert story.condition("Stalled")["reason"] == "NameConflict"
    assert story.condition("Ready")["status"] == "False"
    assert "Service flights-1 was not made by mlwright" in story.condition("Stalled")["message"]
    assert "delete or rename it" in story.condition("Stalled")["message"]


def test_a_name_conflict_ends_by_itself_when_the_name_is_free() -> None:
    """Nobody has to touch the object that waited."""
    story = Story()
    story.cluster.put(foreign())
    story.look()
    story.cluster.remove("Service", "flights-1")

    story.settle()

    assert story.condition("Stalled") is None
    assert story.condition("Ready")["status"] == "True"


def test_a_child_of_another_controller_is_left_alone_though_it_has_our_labels() -> None:
    """Labels are copied easily; the controller decides."""
    story = Story()
    other = service(story.cluster.read(*KEY_PLACE))
    other["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "Else", "name": "x", "uid": "u", "controller": True}
    ]
    story.hear(story.cluster.put(other))

    assert story.look().result is Result.NAME_CONFLICT
    assert "is controlled by Else x" in story.condition("Stalled")["message"]


def test_a_child_that_the_cache_did_not_know_is_taken_in() -> None:
    """The answer to the first POST was lost: the second finds the child, and no conflict."""
    story = Story()
    made = story.cluster.put(service(story.cluster.read(*KEY_PLACE), selector={"colour": "blue"}))

    outcome = story.look()

    assert outcome.result is Result.SUPERSEDED
    assert story.intake.cache.get(SERVICE, "demo", "flights-1") is not None
    story.settle()
    assert story.cluster.read("Service", "flights-1")["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_child_from_which_our_label_was_taken_gets_it_back(caplog: pytest.LogCaptureFixture) -> None:
    """Watches ask for that label, so it looked as if the child were gone; its name was taken all the same."""
    story = Story()
    story.settle()
    story.intake.bury(story.cluster.read("Service", "flights-1"))
    child = story.cluster.edit("Service", "flights-1", metadata={"labels": {LABEL_MANAGED_BY: "kustomize"}})

    with caplog.at_level("INFO"):
        story.settle()

    assert "child labelled again" in caplog.text
    assert story.cluster.read("Service", "flights-1")["metadata"]["labels"][LABEL_MANAGED_BY] == MANAGED_BY
    assert story.cluster.read("Service", "flights-1")["metadata"]["uid"] == child["metadata"]["uid"]
    assert story.condition("Ready")["status"] == "True"


@pytest.mark.parametrize("uid", ["", "dead"], ids=["stripped", "of a dead uid"])
def test_a_child_whose_owner_reference_was_lost_is_adopted(uid: str) -> None:
    """After a restore the reference is absent or names a uid that is no more."""
    story = Story()
    story.settle()
    child = story.cluster.read("Service", "flights-1")
    references = child["metadata"].pop("ownerReferences")
    if uid:
        child["metadata"]["ownerReferences"] = [references[0] | {"uid": uid}]
    story.hear(story.cluster.put(child))

    assert story.writes_of() == ["adopt Service flights-1"]
    adopted = story.cluster.read("Service", "flights-1")["metadata"]["ownerReferences"]
    assert [ref["uid"] for ref in adopted] == [story.cluster.read(*KEY_PLACE)["metadata"]["uid"]]
    assert story.writes_of(looks=2) == []


def test_nothing_is_adopted_against_the_plan() -> None:
    """It knows whose the child is."""
    story = Story()
    story.settle()
    story.toy.asks = {"adopts": False}
    child = story.cluster.read("Service", "flights-1")
    child["metadata"]["ownerReferences"][0]["uid"] = "dead"
    story.hear(story.cluster.put(child))

    assert story.writes_of(looks=2) == []


def test_nothing_is_adopted_for_an_owner_that_was_replaced() -> None:
    """The live owner is another one than the one that was seen: look again."""
    story = Story()
    story.settle()
    child = story.cluster.read("Service", "flights-1")
    del child["metadata"]["ownerReferences"]
    story.hear(story.cluster.put(child))
    story.cluster.remove(*KEY_PLACE)
    story.cluster.put(run())

    assert story.look().result is Result.SUPERSEDED
    assert "adopt Service flights-1" not in story.cluster.calls


def test_records_come_before_everything_else() -> None:
    """What cannot be derived again is written first."""
    story = Story(Toy(records=lambda seen: (Create(decision(seen.body)),)))

    assert story.writes_of()[:2] == ["create Decision promote", "create Service flights-1"]


def test_nothing_is_done_when_a_record_cannot_be_written() -> None:
    """An act without its record would be an act that nobody remembers."""
    story = Story(Toy(records=lambda seen: (Create(decision(seen.body)),)))
    story.cluster.failures["create Decision promote"] = [UnavailableError("busy")]

    assert story.look().result is Result.UNAVAILABLE
    assert story.cluster.writes == ["create Decision promote"]


def decision(owner: Body, sentence: str = "v1 takes over") -> Body:
    metadata = service(owner)["metadata"] | {"name": "promote"}
    spec = {"subjectRef": {"kind": "TrainingRun", "name": "flights-1"}, "type": "Promote", "sentence": sentence}
    return {"apiVersion": "mlwright.dev/v1alpha1", "kind": "Decision", "metadata": metadata, "spec": spec}


def test_a_record_that_somebody_else_made_first_is_taken_in_and_decided_upon_anew() -> None:
    """A leader that stalled finds that its successor decided already, and does not act on its own plan."""
    story = Story(Toy(records=lambda seen: (Create(decision(seen.body)),)))
    story.cluster.put(decision(story.cluster.read(*KEY_PLACE), "v2 takes over"))

    assert story.look().result is Result.SUPERSEDED
    assert story.cluster.writes == ["create Decision promote"]


def version(run_name: str) -> Body:
    spec = {"modelRef": {"name": "flights"}, "version": 1, "lineage": {"run": run_name}}
    metadata = {"namespace": "demo", "name": "flights-v1"}
    return {"apiVersion": "mlwright.dev/v1alpha1", "kind": "ModelVersion", "metadata": metadata, "spec": spec}


def test_a_version_name_that_another_run_took_is_no_conflict() -> None:
    """The plan is made anew and sees the other version; its planner takes the next number."""
    story = Story(Toy(records=lambda _: (Create(version("flights-1")),)))
    story.cluster.put(version("flights-0"))

    assert story.look().result is Result.SUPERSEDED


def test_a_record_that_stands_in_the_way_for_good_is_a_conflict() -> None:
    """The planner saw it and still wants the name: only a person can help."""
    story = Story(Toy(records=lambda _: (Create(version("flights-1")),)))
    story.hear(story.cluster.put(version("flights-0")))

    assert story.look().result is Result.NAME_CONFLICT


def test_a_record_of_the_same_run_is_done() -> None:
    """The answer to an earlier POST was lost, and the record is there."""
    story = Story(Toy(records=lambda _: (Create(version("flights-1")),)))
    story.hear(story.cluster.put(version("flights-1")))

    assert story.writes_of() == ["create Service flights-1"]


def test_an_impossible_spec_touches_nothing() -> None:
    """The condition names the field; what runs keeps running."""
    story = Story()
    story.settle()
    story.toy.raises = InvalidSpecError("spec.dataset.uri", "no such scheme; use pvc://")

    assert story.writes_of() == ["status TrainingRun flights-1"]
    assert story.condition("Stalled")["reason"] == "InvalidSpec"
    assert story.condition("Stalled")["message"] == "spec.dataset.uri: no such scheme; use pvc://"
    assert story.writes_of() == []


def test_a_refused_object_is_told_in_the_words_of_the_server_and_recovers() -> None:
    """Quota, policies and webhooks speak for themselves."""
    story = Story()
    story.cluster.failures["create Service flights-1"] = [RefusedError("create Service: exceeded quota")]

    assert story.look().result is Result.REFUSED
    assert story.condition("Stalled")["message"] == "create Service: exceeded quota"
    story.settle()
    assert story.condition("Stalled") is None


def test_a_refusal_in_ever_new_words_is_told_every_half_minute_and_wakes_nobody() -> None:
    """A webhook denies with the id of the request: each denial was news, and the news of it led to the next one."""
    story = Story()
    words = [RefusedError(f"denied, trace {chr(ord('a') + n) * 8}") for n in range(5)]
    story.cluster.failures["create Service flights-1"] = [*words]
    story.look()
    story.woken.clear()

    assert story.writes_of(looks=2) == ["create Service flights-1"] * 2
    assert story.condition("Stalled")["message"] == "denied, trace aaaaaaaa"
    story.time = NUMBERS_EVERY
    assert story.writes_of() == ["create Service flights-1", "status TrainingRun flights-1"]
    assert story.condition("Stalled")["message"] == "denied, trace dddddddd"
    assert KEY not in story.woken
    story.hear(story.cluster.edit(*KEY_PLACE, spec={"trigger": {"reason": "green"}}))
    assert story.writes_of()[1:] == ["status TrainingRun flights-1"]


def test_after_a_refusal_the_other_writes_wait() -> None:
    """A half-done plan is not made more than half."""
    toy = Toy(writes=lambda seen: (Create(service(seen.body)), Delete(SERVICE, "demo", "old", "u")))
    story = Story(toy)
    story.cluster.failures["create Service flights-1"] = [RefusedError("no")]

    story.look()

    assert "delete Service old" not in story.cluster.calls


def test_the_server_says_when_to_come_back() -> None:
    """Retry-After is passed on."""
    story = Story()
    story.cluster.failures["create Service flights-1"] = [UnavailableError("busy", retry_after=7.0)]

    assert story.look() == Outcome(Result.UNAVAILABLE, 7.0)


def test_what_is_refused_by_failures_for_a_while_is_told_on_the_object_until_it_goes_through() -> None:
    """A webhook that guards Services is away: nobody looks into the log of an operator for the words of that."""
    story = Story()
    away = 'create Service flights-1: failed calling webhook "guard", request {}'
    story.cluster.failures["create Service flights-1"] = [UnavailableError(away.format(n)) for n in "abcd"]
    story.look()
    story.woken.clear()
    story.time = UNHEARD - 1.0
    assert story.writes_of() == ["create Service flights-1"]
    story.time = UNHEARD

    assert story.writes_of(looks=2)[1:] == ["status TrainingRun flights-1", "create Service flights-1"]
    for condition in ("Ready", "Reconciling"):
        assert story.condition(condition)["reason"] == "Unavailable"
        assert story.condition(condition)["message"] == (
            f"what is to be done next cannot be written yet: {away.format('c')}; it is tried again by itself"
        )
    assert KEY not in story.woken
    story.settle()
    assert story.condition("Reconciling") is None
    assert story.condition("Ready")["status"] == "True"


def test_a_server_that_says_when_to_come_back_is_told_nothing_before() -> None:
    """It has too much to do: the words of that are one call more, of each object."""
    story = Story()
    story.cluster.failures["create Service flights-1"] = [UnavailableError("busy", retry_after=1.0)] * 3
    story.look()
    story.time = UNHEARD

    assert story.writes_of(looks=2) == ["create Service flights-1"] * 2


def test_words_that_do_not_get_through_either_are_tried_every_half_minute() -> None:
    """Looks that fail grow no second call of their own."""
    story = Story()
    story.cluster.failures["create Service flights-1"] = [UnavailableError("away")] * 6
    story.cluster.failures["status TrainingRun flights-1"] = [UnavailableError("away")] * 2
    story.look()
    told = []
    for story.time in (UNHEARD, UNHEARD + 1, UNHEARD + NUMBERS_EVERY - 1, UNHEARD + NUMBERS_EVERY):
        told.append(story.writes_of()[1:])

    assert told == [["status TrainingRun flights-1"], [], [], ["status TrainingRun flights-1"]]


def test_failures_that_pass_between_two_looks_are_not_added_up() -> None:
    """Each minute something fails once, and goes through at once when it is tried again."""
    story = Story()
    for minute in range(3):
        story.time = minute * 60.0
        story.hear(story.cluster.edit(*KEY_PLACE, spec={"trigger": {"reason": f"colour {minute}"}}))
        place = f"{'apply' if minute else 'create'} Service flights-1"
        story.cluster.failures[place] = [UnavailableError("away")]
        assert story.look().result is Result.UNAVAILABLE
        story.settle()

    assert not [notice for notice in story.told if notice.reason == "Unavailable"]


def test_a_namesake_whose_deletion_hangs_is_told_with_its_finalizers() -> None:
    """A foreign finalizer holds the name; only who put it there can help."""
    story = Story()
    child = service(story.cluster.read(*KEY_PLACE))
    child["metadata"] |= {"deletionTimestamp": "2026-01-02T00:00:00Z", "finalizers": ["example.com/keeps"]}
    story.toy.writes = lambda seen: (Create(service(seen.body)),)
    story.hear(story.cluster.put(child))
    story.look()
    story.time = UNHEARD

    assert story.look().result is Result.UNAVAILABLE
    assert (
        "Service flights-1 is still being deleted, until its finalizers are gone (example.com/keeps);"
        in story.condition("Reconciling")["message"]
    )


def test_an_error_of_our_own_is_told_on_the_object_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody looks into the log of an operator while the object says that all is well."""
    story = Story()
    story.settle()
    before = story.cluster.read(*KEY_PLACE)["status"]
    story.toy.raises = ZeroDivisionError("oops")

    assert story.look() == Outcome(Result.ERROR)
    assert story.condition("Ready")["status"] == "Unknown"
    assert story.condition("Stalled")["reason"] == "InternalError"
    assert "ZeroDivisionError: oops" in story.condition("Stalled")["message"]
    assert story.cluster.read(*KEY_PLACE)["status"]["progress"] == before["progress"]
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]  # whatever else is told


def test_an_error_of_our_own_is_written_once_and_forgotten_when_it_is_gone() -> None:
    """It is looked at again by itself, and a further failure says nothing new."""
    story = Story()
    story.settle()
    story.toy.raises = ZeroDivisionError("oops")

    assert story.writes_of(looks=3) == ["status TrainingRun flights-1"]
    story.toy.raises = None
    story.settle()
    assert story.condition("Stalled") is None


def test_an_error_that_cannot_be_told_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The API server may be what failed; the look ends as an error all the same."""
    story = Story(Toy(raises=ZeroDivisionError("oops")))
    story.cluster.failures["status TrainingRun flights-1"] = [UnavailableError("away")]

    assert story.look() == Outcome(Result.ERROR)
    assert caplog.records[-1].getMessage() == "the error is told in the log alone"


def test_one_who_leads_no_more_tells_no_error() -> None:
    """The next leader sees for itself."""
    story = Story(Toy(raises=ZeroDivisionError("oops")))
    story.leading = False

    with pytest.raises(LeadershipLostError):
        story.look()


def test_a_status_is_never_written_over_a_newer_object() -> None:
    """What was judged is not what is there any more: look again, with what is there."""
    story = Story()
    story.look()
    story.cluster.edit(*KEY_PLACE, spec={"trigger": {"reason": "green"}})

    assert story.look().result is Result.SUPERSEDED
    assert story.cluster.read(*KEY_PLACE).get("status") is None
    story.settle()
    assert story.cluster.read("Service", "flights-1")["spec"]["selector"] == {"colour": "green"}


def test_a_child_that_was_replaced_meanwhile_is_not_hit() -> None:
    """Between the look and the apply the child was deleted and made anew by somebody."""
    story = Story()
    story.settle()
    story.hear(story.cluster.edit(*KEY_PLACE, spec={"trigger": {"reason": "green"}}))
    story.cluster.remove("Service", "flights-1")
    story.cluster.put(foreign())

    assert story.look().result is Result.SUPERSEDED
    assert story.cluster.read("Service", "flights-1")["spec"] == {"ports": []}


def test_a_refused_object_keeps_the_status_that_it_had() -> None:
    """What the plan claims of things that were not done is not told."""
    story = Story()
    story.settle()
    story.toy.writes = lambda seen: (Create(decision(seen.body)),)
    story.toy.records = lambda _: ()
    refusal = RefusedError("no quota")
    story.cluster.failures["create Decision promote"] = [refusal, refusal]
    before = story.cluster.read(*KEY_PLACE)["status"]

    story.look()
    story.look()

    after = story.cluster.read(*KEY_PLACE)["status"]
    assert after["progress"] == before["progress"]
    assert story.cluster.writes.count("status TrainingRun flights-1") == 2


def test_an_apply_that_was_decided_upon_another_state_does_not_land() -> None:
    """A leader that wakes up late finds the child changed, and looks again before it leads traffic anywhere."""
    story = Story()
    story.settle()
    story.hear(story.cluster.edit(*KEY_PLACE, spec={"trigger": {"reason": "green"}}))
    story.cluster.edit("Service", "flights-1", spec={"selector": {"colour": "red"}})

    assert story.look().result is Result.SUPERSEDED
    assert story.cluster.read("Service", "flights-1")["spec"]["selector"] == {"colour": "red"}


def test_mere_numbers_are_told_every_half_minute() -> None:
    """A status that counts is not written at every count."""
    story = Story()
    story.settle()
    story.time = 10.0
    second = service(story.cluster.read(*KEY_PLACE))
    second["metadata"]["name"] = "second"
    story.toy.writes = lambda _: ()
    story.cluster.objects[("TrainingRun", "demo", "flights-1")]["status"].pop("progress")
    story.hear(story.cluster.put(story.cluster.read(*KEY_PLACE)))

    plan = story.toy.plan
    sentence = iter(["1 services", "2 services", "2 services"])

    def counting(seen: Seen, settings: Settings, now: datetime) -> Any:
        made = plan(seen, settings, now)
        words = next(sentence)
        draft = type(made.status)(words, made.status.conditions, {})
        return type(made)(words, draft)

    story.cycle._reconcilers["TrainingRun"] = type(story.toy.reconciler)(
        story.toy.reconciler.kind, story.toy.reconciler.gather, counting
    )

    assert story.writes_of() == []
    assert story.look() == Outcome(Result.DONE, NUMBERS_EVERY - 10.0)
    story.time = NUMBERS_EVERY
    assert story.writes_of() == ["status TrainingRun flights-1"]


def test_a_plan_says_when_to_look_again() -> None:
    """Seconds of the plan become seconds of the outcome."""
    story = Story(Toy(again=timedelta(minutes=2)))
    story.settle()

    assert story.look() == Outcome(Result.DONE, 120.0)


def test_transitions_are_told_as_events_once() -> None:
    """The Event has the sentence of the condition."""
    story = Story()
    story.settle()
    story.look()

    assert [(notice.reason, notice.sentence) for notice in story.told] == [("Settled", "1 services")]


def test_an_alias_of_somebody_else_is_told_and_hinders_nothing() -> None:
    """The entry is asked for, never forced; the rest of the plan goes on."""
    meta, key = {"namespace": "demo", "name": "flights"}, 'k:{"name":"champion"}'
    entry: Body = {"kind": "Model", "metadata": meta, "spec": {"aliases": [{"name": "champion", "version": 2}]}}
    story = Story(Toy(writes=lambda seen: (ApplyEntry(entry, "m"), Create(service(seen.body)))))
    owned = [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:aliases": {key: {"f:version": {}}}}}}]
    aliases = [{"name": "champion", "version": 1}]
    story.cluster.put({"kind": "Model", "metadata": {**meta, "managedFields": owned}, "spec": {"aliases": aliases}})
    refusal = FieldConflictError('apply Model flights: conflict with "kubectl"')
    story.cluster.failures["apply Model flights"] = [refusal, refusal]

    story.look()
    story.look()

    assert story.condition("AliasConflict")["status"] == "True"
    assert story.condition("AliasConflict")["message"] == (
        "spec.rollout.setAlias: alias champion of Model flights names version 1, set by kubectl, and version 2 serves"
        " here; remove that entry of the Model, or set another alias"
    )
    assert ("Service", "demo", "flights-1") in story.cluster.objects


def test_a_scale_at_an_old_version_is_decided_anew() -> None:
    """Somebody else scaled meanwhile."""
    body = service({"kind": "TrainingRun", "metadata": {"namespace": "demo", "name": "web", "uid": "u"}})
    body |= {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1}}
    story = Story(Toy(writes=lambda _: (Scale(DEPLOYMENT, "demo", "web", 3, "1"),)))
    story.cluster.put(body)

    assert story.look().result is Result.SUPERSEDED


QUESTION = Question("sum(up)")
WANTED = Wanted("demo", "web", "r", 0.0, 600.0)
MEASURE = cast("Measure", "what a rollout wants counted")


def test_a_refused_write_blinds_nobody() -> None:
    """A new leader whose first write is refused asks for the load all the same, and counts what judges a canary."""
    asks = {"questions": (QUESTION,), "memory": Memory(judged=1.0), "measure": MEASURE, "wanted": WANTED}
    story = Story(Toy(asks=asks))
    story.cluster.failures["create Service flights-1"] = [RefusedError("exceeded quota")] * 2
    cache = story.intake.cache

    assert story.look().result is Result.REFUSED
    assert cache.loads.asked == {QUESTION}
    assert dict(cache.wanted) == {KEY: MEASURE}
    assert cache.tallies.open == ((KEY, WANTED),)
    assert cache.memory(KEY) is None
    story.toy.asks = {}
    story.look()
    assert cache.loads.asked == {QUESTION}
    story.settle()
    assert not cache.loads.asked
    assert not cache.wanted
    assert not cache.tallies.open


@pytest.mark.parametrize("scaled", [True, False])
def test_a_step_up_is_remembered_when_it_was_made_whatever_else_failed(*, scaled: bool) -> None:
    """What limits the next step looks back at it; a step that was not made counts for nothing."""
    asks = {"questions": (QUESTION,), "memory": Memory(judged=1.0)}
    body = service({"kind": "TrainingRun", "metadata": {"namespace": "demo", "name": "web", "uid": "u"}})
    body |= {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1}}
    story = Story(Toy(asks=asks))
    version = story.cluster.put(body)["metadata"]["resourceVersion"] if scaled else "1"
    scale = Scale(DEPLOYMENT, "demo", "web", 3, version)
    story.toy.writes = lambda seen: (scale, Apply(service(seen.body)))
    story.cluster.failures["create Service flights-1"] = [RefusedError("exceeded quota")]

    story.look()

    assert story.intake.cache.memory(KEY) == (Memory(judged=1.0) if scaled else None)


def test_a_delete_hits_only_the_object_that_was_seen() -> None:
    """A namesake with another uid lives."""
    story = Story(Toy(writes=lambda _: (Delete(SERVICE, "demo", "web", "uid-of-the-old-one"),)))
    story.cluster.put({"kind": "Service", "metadata": {"namespace": "demo", "name": "web"}, "spec": {}})

    assert story.look().result is Result.SUPERSEDED
    assert ("Service", "demo", "web") in story.cluster.objects


def test_what_cannot_be_made_again_is_deleted_only_in_the_world_that_was_seen() -> None:
    """The object that it rests on changed, which no event has told yet: it is read live, and the plan made anew."""
    story = Story()
    story.settle()
    judged = story.cluster.put({"kind": "Model", "metadata": {"namespace": "demo", "name": "m"}, "spec": {}})
    uid = story.cluster.read("Service", "flights-1")["metadata"]["uid"]
    witness = Witness(MODEL, "demo", "m", judged["metadata"]["resourceVersion"])
    story.toy.writes = lambda _: (Delete(SERVICE, "demo", "flights-1", uid, (witness,)),)
    story.cluster.edit("Model", "m", spec={"aliases": []})
    before = story.look().result, ("Service", "demo", "flights-1") in story.cluster.objects
    story.cluster.objects["Model", "demo", "m"]["metadata"]["resourceVersion"] = witness.resource_version
    story.look()

    assert before == (Result.SUPERSEDED, True)
    assert ("Service", "demo", "flights-1") not in story.cluster.objects


def test_what_cannot_be_made_again_is_not_deleted_while_somebody_refers_to_it_of_whom_no_event_told() -> None:
    """A watch stood still while a deployment was created, which pins what is about to go; then it is known."""
    story = Story()
    story.settle()
    uid = story.cluster.read("Service", "flights-1")["metadata"]["uid"]
    census = Census(MODEL_DEPLOYMENT, "demo", "m")
    story.toy.writes = lambda _: (Delete(SERVICE, "demo", "flights-1", uid, (), census),)
    for name, model in (("late", "m"), ("of-another", "x")):
        spec = {"model": {"ref": {"name": model}}}
        story.cluster.put({"kind": "ModelDeployment", "metadata": {"namespace": "demo", "name": name}, "spec": spec})
    result, there = story.look().result, ("Service", "demo", "flights-1") in story.cluster.objects
    known = story.intake.cache.get(MODEL_DEPLOYMENT, "demo", "late")
    story.cluster.objects.pop(("ModelDeployment", "demo", "late"))
    story.look()

    assert (result, there) == (Result.SUPERSEDED, True)
    assert known is not None
    assert ("Service", "demo", "flights-1") not in story.cluster.objects


def test_who_does_not_lead_writes_nothing() -> None:
    """The fence stands before every single write."""
    story = Story()
    story.leading = False

    with pytest.raises(LeadershipLostError):
        story.look()
    assert story.cluster.writes == []


def test_leadership_lost_between_two_writes_stops_before_the_second() -> None:
    """A plan is not finished by who may not act any more."""
    toy = Toy(records=lambda seen: (Create(decision(seen.body)),))
    story = Story(toy)

    def lose(call: str) -> None:
        story.leading = not call.startswith("create Decision")

    story.cluster.before = lose

    with pytest.raises(LeadershipLostError):
        story.look()
    assert story.cluster.writes == ["create Decision promote"]


def test_a_field_that_is_wanted_no_longer_leaves_the_child() -> None:
    """Before the first change the fields of the POST become fields of the apply, or nothing would ever leave."""
    story = Story()
    story.settle()
    story.toy.writes = lambda seen: (Apply(service(seen.body)),)

    writes = story.writes_of()

    assert writes == ["rewrite Service flights-1", "apply Service flights-1"]


def test_a_child_carries_the_hash_of_what_was_applied() -> None:
    """It tells a restarted operator whether anything must be sent."""
    story = Story()
    story.settle()

    metadata = story.cluster.read("Service", "flights-1")["metadata"]
    assert metadata["annotations"][ANNOTATION_APPLIED]
    assert metadata["labels"][LABEL_OWNER] == "flights-1"


def test_a_conflict_brings_the_cache_up_to_date() -> None:
    """The next look decides on what is, not on what the conflict was about."""
    story = Story()
    story.settle()
    story.hear(story.cluster.edit(*KEY_PLACE, spec={"trigger": {"reason": "green"}}))
    story.cluster.failures["apply Service flights-1"] = [ConflictError("changed")]
    story.cluster.edit("Service", "flights-1", spec={"extra": 1})

    assert story.look().result is Result.SUPERSEDED
    held = story.intake.cache.get(SERVICE, "demo", "flights-1")
    assert held is not None
    assert held["spec"]["extra"] == 1


def test_reasons_of_stalled_objects_are_known_to_the_documentation() -> None:
    """Every way to stall has a reason of its own."""
    assert {Reason.INVALID_SPEC, Reason.NAME_CONFLICT, Reason.REFUSED} <= set(Reason)
