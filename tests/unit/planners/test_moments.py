"""Moments of a play: whole enough to go on from, and different where anything is that matters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache

import pytest

from mlwright.plan.resources import Body, Key
from tests.support.replay.moments import Rests, moment, resumed
from tests.support.replay.operator import Fault, Mode, Operator
from tests.support.replay.stories import STORIES
from tests.support.replay.story import Checkpoint, divergences
from tests.support.replay.world import NAMESPACE, World

NO_FAULT = Fault(Mode.LOST, 0)
CHURN = Key("ModelDeployment", NAMESPACE, "flights")


@cache
def acts() -> list[Checkpoint]:
    """Return a story by its acts."""
    return STORIES["a better version takes over"].tell()[1]


def played(act: Checkpoint) -> tuple[Operator, list[bytes]]:
    """Return the end of an act that was played again, and its moments."""
    operator, moments = Operator(act.world.fork()), list[bytes]()
    act.act.do(operator.world, operator.actors.around)
    Rests(operator.world.now + act.act.within).after(operator, moments.append)
    return operator, [*moments, moment(operator)]


def test_a_play_goes_on_from_any_moment_as_it_went() -> None:
    """To the very same end: nothing that matters is left behind."""
    last = acts()[-1]
    *moments, end = played(last)[1]
    ends = set()
    for one in moments:
        operator = resumed(one, NO_FAULT, 0)
        Rests(last.world.now + last.act.within).after(operator)
        ends.add(moment(operator))

    assert len({*moments, end}) == len(moments) + 1 > 5
    assert ends == {end}


@pytest.mark.parametrize(
    "change",
    [
        lambda operator: operator.world.pass_time(timedelta(seconds=1)),
        lambda operator: operator.world.one("Service", "flights")["metadata"].update(annotations={"a": "b"}),
        lambda operator: operator.world.remove("Service", "flights"),
        lambda operator: operator.world.strange.add("flights-v1"),
        lambda operator: operator.queue.update({CHURN: None}),
        lambda operator: operator.due.update({CHURN: operator.world.now}),
        lambda operator: operator.actors.around.broken.add("flights-v9"),
    ],
    ids=["time", "an object", "an object less", "answers", "the queue", "the timers", "the surroundings"],
)
def test_what_is_otherwise_is_another_moment(change: Callable[[Operator], object]) -> None:
    """Or a play would be taken for another one that ends well."""
    operator, moments = played(acts()[-1])
    change(operator)

    assert moment(operator) != moments[-1]


def test_versions_of_objects_make_no_other_moment() -> None:
    """They count the writes of all, and a fault makes one more of them."""
    operator, moments = played(acts()[-1])
    for number, body in enumerate(operator.world.everything()):
        body["metadata"]["resourceVersion"] = str(1000 - number)

    assert moment(operator) == moments[-1]


def test_harm_that_a_fault_does_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a Job made again under another name where a write comes twice, each of them would be told."""
    create = World._create

    def made_again(world: World, body: Body, owner: Body) -> None:
        again = {**body, "metadata": {**body["metadata"], "name": f"{body['metadata']['name']}-again"}}
        taken = body["metadata"]["name"] in world.objects.get("Job", {})
        create(world, again if body["kind"] == "Job" and taken else body, owner)

    _, points = STORIES["a model is trained"].tell()
    monkeypatch.setattr(World, "_create", made_again)
    found = list(divergences(points, Mode.TWICE))

    assert len(found) == points[0].rest.count('"Job/') > 1
    assert all('-again": {' in line for line in found)
