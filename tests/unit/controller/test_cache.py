"""The cache: never older than what it knew, whatever arrives in whatever order."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.constants import LABEL_OWNER, LABEL_OWNER_KIND
from mlwright.controller import shelf
from mlwright.controller.cache import Cache
from mlwright.controller.shelf import Change, Holding
from mlwright.plan.resources import (
    DECISION,
    JOB,
    KINDS,
    MODEL_DEPLOYMENT,
    MODEL_VERSION,
    SERVICE,
    TRAINING_PIPELINE,
    TRAINING_RUN,
    Body,
    Key,
)
from mlwright.ports.cluster import Page

RUN = Key("TrainingRun", "demo", "flights-1")


def job(version: int, name: str = "job", owner: str = "flights-1", **more: Any) -> Body:
    labels = {LABEL_OWNER_KIND: "TrainingRun", LABEL_OWNER: owner} if owner else {}
    metadata = {"namespace": "demo", "name": name, "resourceVersion": str(version), "generation": 1, "labels": labels}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata | more.pop("metadata", {}), **more}


def listed(cache: Cache, version: int, *bodies: Body) -> tuple[Body, ...]:
    relisting = cache.relisting(JOB)
    relisting.add(Page(bodies, version, first=True))
    return relisting.finish()


def test_a_newer_state_replaces_an_older_one() -> None:
    """What happened later is what is known."""
    cache = Cache()
    cache.put(job(5, status={"active": 1}))

    change = cache.put(job(6, status={"succeeded": 1}))

    assert change is Change.STATUS
    assert cache.get(JOB, "demo", "job")["status"] == {"succeeded": 1}  # type: ignore[index]


def test_an_older_state_is_ignored() -> None:
    """An event that comes after the answer to a later write changes nothing."""
    cache = Cache()
    cache.put(job(6, status={"succeeded": 1}))

    change = cache.put(job(5, status={"active": 1}))

    assert change is Change.NOTHING
    assert cache.get(JOB, "demo", "job")["status"] == {"succeeded": 1}  # type: ignore[index]


def test_the_same_content_at_a_newer_version_is_no_news_but_is_remembered() -> None:
    """A write of nobody's interest wakes nobody, but the next write must name its version."""
    cache = Cache()
    cache.put(job(5, metadata={"managedFields": [{"manager": "a"}]}))

    change = cache.put(job(6, metadata={"managedFields": [{"manager": "b"}]}))

    assert change is Change.NOTHING
    assert cache.get(JOB, "demo", "job")["metadata"]["resourceVersion"] == "6"  # type: ignore[index]


def test_another_generation_is_a_change_of_the_spec() -> None:
    """Those who follow a spec are told apart from those who follow a status."""
    cache = Cache()
    cache.put(job(5))

    assert cache.put(job(6, metadata={"generation": 2})) is Change.SPEC


def test_a_deletion_is_final_for_everything_older() -> None:
    """A late answer to a write must not bring back what was seen to go."""
    cache = Cache()
    cache.put(job(5))
    cache.bury(job(8))

    assert cache.put(job(7)) is Change.NOTHING
    assert cache.get(JOB, "demo", "job") is None


def test_a_deletion_of_a_predecessor_does_not_touch_its_successor() -> None:
    """An object of the same name that was made meanwhile is another one."""
    cache = Cache()
    cache.put(job(9))

    assert cache.bury(job(8)) is False
    assert cache.get(JOB, "demo", "job") is not None


def test_an_object_may_come_again_after_its_deletion() -> None:
    """A new object of an old name is newer than the deletion."""
    cache = Cache()
    cache.put(job(5))
    cache.bury(job(8))

    assert cache.put(job(9)) is Change.SPEC


def test_the_oldest_deletions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for deletions is bounded."""
    monkeypatch.setattr(shelf, "TOMBSTONES", 3)
    cache = Cache()
    for number in range(10, 20):
        cache.bury(job(number, name=f"job-{number}"))

    assert len(cache._shelves["Job"]._tombstones) == 3


def test_a_list_drops_what_it_does_not_hold() -> None:
    """A deletion whose event was lost is noticed by the next list."""
    cache = Cache()
    cache.put(job(5, name="stays"))
    cache.put(job(6, name="went"))

    gone = listed(cache, 10, job(5, name="stays"))

    assert [body["metadata"]["name"] for body in gone] == ["went"]
    assert [key.name for key in cache.keys("Job")] == ["stays"]


def test_a_list_does_not_drop_what_is_newer_than_it() -> None:
    """An object that was made while the list was read is not in it, and lives."""
    cache = Cache()
    cache.put(job(11, name="new"))

    assert listed(cache, 10) == ()
    assert cache.get(JOB, "demo", "new") is not None


def test_after_a_list_an_unknown_older_object_is_a_ghost() -> None:
    """An event from before the list about an object that the list does not hold speaks of a dead one."""
    cache = Cache()
    listed(cache, 10)

    assert cache.put(job(9)) is Change.NOTHING


def test_a_list_brings_what_events_never_told() -> None:
    """A creation whose event was lost is noticed by the next list, however old it is."""
    cache = Cache()
    listed(cache, 10)

    listed(cache, 12, job(9))

    assert cache.get(JOB, "demo", "job") is not None


def test_a_list_does_not_bring_back_what_was_deleted_after_it() -> None:
    """The snapshot of a slow list may hold what is gone by the time it is read."""
    cache = Cache()
    cache.bury(job(11))

    listed(cache, 10, job(9))

    assert cache.get(JOB, "demo", "job") is None


def test_the_older_of_two_lists_that_are_read_at_once_brings_back_nothing() -> None:
    """A resync reads on while a watch that expired lists anew; what went between the two is in the older one only."""
    cache = Cache()
    cache.put(job(5, name="went"))
    resync = cache.relisting(JOB)
    resync.add(Page((job(6, name="stays"),), 100, first=True))
    listed(cache, 110, job(6, name="stays"), job(105, name="new"))

    changes = resync.add(Page((job(5, name="went"),), 100, first=False))

    assert (changes, resync.finish()) == ((), ())
    assert sorted(key.name for key in cache.keys("Job")) == ["new", "stays"]


def test_a_list_that_starts_again_is_judged_by_its_second_try() -> None:
    """What only the expired first try held is gone."""
    cache = Cache()
    relisting = cache.relisting(JOB)
    relisting.add(Page((job(5, name="a"), job(6, name="b")), 10, first=True))
    relisting.add(Page((job(5, name="a"),), 20, first=True))

    gone = relisting.finish()

    assert [body["metadata"]["name"] for body in gone] == ["b"]


def test_children_are_found_by_their_labels_and_in_order() -> None:
    """The owner's name and kind in the labels lead to all children, sorted by name."""
    cache = Cache()
    for name, owner in (("b", "flights-1"), ("a", "flights-1"), ("c", "flights-2")):
        cache.put(job(5, name=name, owner=owner))

    assert [body["metadata"]["name"] for body in cache.children(JOB, RUN)] == ["a", "b"]


def test_a_child_that_changes_hands_is_found_under_its_new_owner_only() -> None:
    """Indexes follow the labels."""
    cache = Cache()
    cache.put(job(5))
    cache.put(job(6, owner="flights-2"))

    assert cache.children(JOB, RUN) == ()
    assert len(cache.children(JOB, Key("TrainingRun", "demo", "flights-2"))) == 1


def test_a_deleted_child_is_found_no_more() -> None:
    """Indexes do not outlive the objects."""
    cache = Cache()
    cache.put(job(5))
    cache.bury(job(6))

    assert cache.children(JOB, RUN) == ()
    assert cache._shelves["Job"]._owners == {}


RELATED = {
    "a version by its model": (MODEL_VERSION, "model", "flights", {"modelRef": {"name": "flights"}}),
    "a deployment by its model": (MODEL_DEPLOYMENT, "model", "flights", {"model": {"ref": {"name": "flights"}}}),
    "a pipeline by the model that it names": (TRAINING_PIPELINE, "model", "flights", {"modelRef": {"name": "flights"}}),
    "a pipeline by its own name": (TRAINING_PIPELINE, "model", "thing", {}),
    "a run by its pipeline": (TRAINING_RUN, "pipeline", "flights", {"pipelineRef": {"name": "flights"}}),
    "a decision by its subject": (DECISION, "subject", "Model/m", {"subjectRef": {"kind": "Model", "name": "m"}}),
}


@pytest.mark.parametrize("row", RELATED.values(), ids=RELATED.keys())
def test_objects_are_found_by_what_they_refer_to(row: tuple[Any, str, str, Body]) -> None:
    """Each secondary index finds its object under the value in its spec."""
    kind, index, value, spec = row
    cache = Cache()
    metadata = {"namespace": "demo", "name": "thing", "resourceVersion": "1"}
    cache.put({"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": spec})

    found = cache.related(kind, "demo", index, value)

    assert [body["metadata"]["name"] for body in found] == ["thing"]
    assert cache.related(kind, "elsewhere", index, value) == ()


def test_an_index_that_does_not_exist_is_an_error() -> None:
    """A misspelt index must not look like an empty one."""
    with pytest.raises(KeyError, match="no index 'modle'"):
        Cache().related(MODEL_VERSION, "demo", "modle", "flights")


def test_a_spec_of_another_shape_is_kept_and_found_by_name_only() -> None:
    """An object of an older definition does not stop the stream of events."""
    cache = Cache()
    metadata = {"namespace": "demo", "name": "odd", "resourceVersion": "1"}
    cache.put({"apiVersion": "mlwright.dev/v1alpha1", "kind": "ModelVersion", "metadata": metadata, "spec": {}})

    assert cache.get(MODEL_VERSION, "demo", "odd") is not None


def test_readers_get_copies_of_their_own() -> None:
    """Nobody can change what the others see."""
    cache = Cache()
    cache.put(job(5, status={"active": 1}))
    cache.get(JOB, "demo", "job")["status"]["active"] = 9  # type: ignore[index]

    assert cache.get(JOB, "demo", "job")["status"]["active"] == 1  # type: ignore[index]


def test_orphans_are_children_with_another_controller_than_the_owner() -> None:
    """Absent and dead references are found without reading any body that is in order."""
    cache = Cache()
    mine = {"ownerReferences": [{"kind": "TrainingRun", "name": "flights-1", "uid": "u1", "controller": True}]}
    dead = {"ownerReferences": [{"kind": "TrainingRun", "name": "flights-1", "uid": "u0", "controller": True}]}
    for name, metadata in (("mine", mine), ("dead", dead), ("none", {})):
        cache.put(job(5, name=name, metadata=metadata))

    found = cache.orphans((JOB, SERVICE), RUN, "u1")

    assert [body["metadata"]["name"] for body in found] == ["dead", "none"]


def test_sizes_count_objects_by_kind() -> None:
    """The metric of the cache names every kind, also the empty ones."""
    cache = Cache()
    cache.put(job(5))

    assert cache.holdings()["Job"].objects == 1
    assert cache.holdings().keys() == {kind.name for kind in KINDS}


def test_what_is_held_can_be_told_while_it_changes() -> None:
    """Metrics are asked for by another thread, above all while the cache fills; afterwards nothing is left over."""
    cache, told, full = Cache(), list[int](), threading.Event()

    def scrape() -> None:
        while not full.is_set():
            told.append(cache.holdings()["Job"].bytes)

    with ThreadPoolExecutor() as pool:
        scraping = pool.submit(scrape)
        for number in range(1, 3001):
            cache.put(job(number, name=f"job-{number % 1000}", status={"active": number}))
        full.set()
        scraping.result()
    for number in range(1000):
        cache.bury(job(4000 + number, name=f"job-{number}"))

    assert told
    assert cache.holdings()["Job"] == Holding(0, 0)


def test_objects_that_resemble_each_other_take_little_room() -> None:
    """Each is kept as what it differs in from the first of its kind: memory by the number of objects decides much."""
    cache = Cache()
    template = {f"parameter-{number}": hashlib.sha256(b"%d" % number).hexdigest() for number in range(50)}
    for number in range(1, 4):
        cache.put(job(number, name=f"job-{number}", spec=template))

    assert cache.holdings()["Job"].bytes < 3 * 100
    assert cache.get(JOB, "demo", "job-3") == job(3, name="job-3", spec=template)


HISTORY = (
    ("put", job(1, status={"n": 1})),
    ("put", job(2, status={"n": 2})),
    ("bury", job(3)),
    ("put", job(4, status={"n": 4}, metadata={"uid": "second"})),
    ("put", job(5, status={"n": 5}, metadata={"uid": "second"})),
)


@given(st.permutations(HISTORY), st.lists(st.sampled_from(HISTORY), max_size=5))
def test_any_order_and_any_repetition_ends_in_the_same_state(
    order: Iterable[tuple[str, Body]], again: Iterable[tuple[str, Body]]
) -> None:
    """Events may be late, doubled and mixed with answers to writes; the newest state wins."""
    cache = Cache()
    for verb, body in itertools.chain(order, again):
        getattr(cache, verb)(body)

    assert cache.get(JOB, "demo", "job")["status"] == {"n": 5}  # type: ignore[index]


@given(st.permutations(HISTORY[:3]), st.lists(st.sampled_from(HISTORY[:3]), max_size=5))
def test_what_went_stays_gone_in_any_order(
    order: Iterable[tuple[str, Body]], again: Iterable[tuple[str, Body]]
) -> None:
    """A deletion that was seen once outlives every earlier state of the object."""
    cache = Cache()
    for verb, body in itertools.chain(order, again):
        getattr(cache, verb)(body)

    assert cache.get(JOB, "demo", "job") is None
