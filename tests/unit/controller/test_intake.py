"""What is heard wakes whom it concerns."""

from __future__ import annotations

import pytest

from mlwright.controller.cache import Cache
from mlwright.controller.intake import Intake
from mlwright.controller.resync import fill
from mlwright.errors import RefusedError, UnavailableError
from mlwright.plan.resources import SERVICE, TRAINING_RUN, Key
from tests.support.memory_cluster import MemoryCluster
from tests.support.toys import run, service
from tests.support.virtual_time import virtually

RUN = Key("TrainingRun", "demo", "flights-1")


def intake(woken: list[Key]) -> Intake:
    return Intake(Cache(), woken.append, woken.append, ["TrainingRun"])


def test_only_what_is_reconciled_is_woken() -> None:
    """A run names a pipeline, which nobody looks after here."""
    woken: list[Key] = []
    intake(woken).observe(MemoryCluster().put(run()))

    assert woken == [RUN]


def test_a_pipeline_looks_a_little_later_at_what_its_run_says() -> None:
    """A run that gets on says several things within a moment; its pipeline retells them once."""
    woken, later = list[Key](), list[Key]()
    ears = Intake(Cache(), woken.append, later.append, ["TrainingRun", "TrainingPipeline"])

    ears.observe(MemoryCluster().put(run()))

    assert (woken, later) == ([RUN], [Key("TrainingPipeline", "demo", "flights")])


def test_the_answer_to_a_write_of_a_status_has_nothing_to_do() -> None:
    """What was written was decided a moment ago; only somebody else's news may ask for more."""
    acting, retelling = list[Key](), list[Key]()
    ears, cluster = Intake(Cache(), acting.append, retelling.append, ["TrainingRun"]), MemoryCluster()

    ears.observe(cluster.put(run()))
    ears.observe(cluster.put(run() | {"status": {"summary": "ours"}}), own=True)
    ears.observe(cluster.put(run() | {"status": {"summary": "of somebody else"}}))

    assert (acting, retelling) == ([RUN, RUN], [RUN])


def test_what_we_made_begins_to_work_at_once() -> None:
    """A run that its pipeline created waits behind nobody's status."""
    acting, retelling = list[Key](), list[Key]()
    ears = Intake(Cache(), acting.append, retelling.append, ["TrainingRun"])

    ears.observe(MemoryCluster().put(run()), own=True)

    assert (acting, retelling) == ([RUN], [])


def test_old_news_wakes_nobody() -> None:
    """An event that comes twice is one."""
    woken: list[Key] = []
    ears, body = intake(woken), MemoryCluster().put(run())
    ears.observe(body)
    ears.observe(body)

    assert woken == [RUN]


def test_a_child_that_went_wakes_its_owner() -> None:
    """The owner makes it anew."""
    woken: list[Key] = []
    ears, cluster = intake(woken), MemoryCluster()
    owner = cluster.put(run())
    ears.observe(cluster.put(service(owner)))
    woken.clear()

    ears.bury(cluster.remove("Service", "flights-1"))

    assert woken == [RUN]


def test_a_child_whose_labels_were_taken_wakes_its_former_owner() -> None:
    """The owner finds that it is missing, and who holds its name."""
    woken: list[Key] = []
    ears, cluster = intake(woken), MemoryCluster()
    owner = cluster.put(run())
    ears.observe(cluster.put(service(owner)))
    woken.clear()

    bare = service(owner)
    bare["metadata"]["labels"] = {}
    ears.observe(cluster.put(bare))

    assert woken == [RUN]


async def test_a_list_wakes_owners_of_what_changed_and_of_what_went() -> None:
    """Lost events are made good."""
    woken: list[Key] = []
    ears, cluster = intake(woken), MemoryCluster()
    owner = cluster.put(run())
    ears.observe(owner)
    ears.observe(cluster.put(service(owner)))
    cluster.remove("Service", "flights-1")
    woken.clear()

    await ears.relist(SERVICE, cluster)

    assert woken == [RUN]
    assert ears.cache.get(SERVICE, "demo", "flights-1") is None


def test_the_first_lists_wait_for_an_api_server_that_is_away() -> None:
    """Nothing is decided before every kind was listed once."""
    woken: list[Key] = []
    ears, cluster, listed = intake(woken), MemoryCluster(), list[str]()
    cluster.put(run())
    cluster.failures["list TrainingRun"] = [UnavailableError("away")] * 3

    virtually(fill(ears, cluster, (TRAINING_RUN, SERVICE), listed.append))

    assert listed == ["TrainingRun", "Service"]
    assert woken == [RUN]


def test_a_forbidden_list_ends_the_start() -> None:
    """No patience helps against missing rights; the sentence of the API server does."""
    cluster = MemoryCluster()
    cluster.failures["list TrainingRun"] = [RefusedError("list TrainingRun: forbidden")]

    with pytest.raises(RefusedError, match="forbidden"):
        virtually(fill(intake([]), cluster, (TRAINING_RUN,), lambda _: None))
