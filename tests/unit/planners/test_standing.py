"""An answer about the load that changes nothing leads to no look, and to nothing else that a look would not do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from mlwright.plan.loads import Answer, Glance, Question
from mlwright.plan.scaling import Calm, Memory, Wish
from mlwright.plan.serving import DeploymentSeen, Standing
from mlwright.planners.autoscaling import scale
from mlwright.planners.load_questions import COUNTED, REQUESTS
from mlwright.planners.standing import steady, stood
from tests.unit.planners.given import NOW
from tests.unit.planners.test_autoscaling import answer, autoscaled

TOLD = {"wanted": 3, "sentence": "2 -> 3: load: 29 requests/s against 10 per pod", "at": "2026-01-01T00:00:00Z"}
AT = NOW.timestamp()
CALM = {REQUESTS: answer(10, 10, 10, at=AT - 1)}
BEFORE = Memory((Wish(AT - 400, 3),), judged=AT - 16)
LATER = NOW + timedelta(seconds=15)


def serving(pods: int = 3, told: Mapping[str, Any] = TOLD, **spec: Any) -> DeploymentSeen:
    """Return a deployment whose pods carry just what they should."""
    return autoscaled(pods=pods, **spec).knowing(answers=CALM, memory=BEFORE, status={"scaling": told}).done()


def kept(seen: DeploymentSeen) -> tuple[Standing | None, Memory]:
    """Return what a look keeps of it, and what it remembers."""
    found = scale(seen, NOW)
    assert found is not None
    return stood(seen, found, rolls=False), found.memory


def next_answers(
    seen: DeploymentSeen,
    answers: Mapping[Question, Answer],
    now: datetime = LATER,
    glances: tuple[Glance, ...] = (),
    memory: Memory | None = None,
) -> Memory | None:
    """Return what is remembered of the next answers without a look, None where there must be one."""
    standing, remembered = kept(seen)
    assert standing is not None
    return steady(standing, answers, glances, memory or remembered, now)


def test_an_answer_that_changes_nothing_is_remembered_without_a_look() -> None:
    """As a look would have remembered it."""
    seen = serving()
    answers = {REQUESTS: answer(9.5, 10, 10.5, at=AT + 14)}

    looked = scale(replace(seen, answers=answers, memory=kept(seen)[1]), LATER)

    assert looked is not None
    assert looked.memory.wishes[-1] == Wish(AT + 14, 3)
    assert next_answers(seen, answers) == looked.memory


FLOOR = {"name": "office", "cron": "0 13 * * *", "duration": "1h", "minReplicas": 5}
BUSY = {REQUESTS: answer(20, 20, 20, at=AT + 14)}
NEWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "more load": ({}, {"answers": BUSY}),
    "an answer that is none": ({}, {"answers": {REQUESTS: Answer(AT + 14, trouble="away")}}),
    "no answer": ({}, {"answers": {}}),
    "less load, and a window that is over": (
        {},
        {"answers": {REQUESTS: answer(1, 1, 1, at=AT + 14)}, "memory": Memory(judged=AT)},
    ),
    "a floor begins": (
        {"floors": [FLOOR]},
        {"answers": {REQUESTS: answer(10, 10, 10, at=AT + 3600)}, "now": NOW + timedelta(hours=1)},
    ),
}


@pytest.mark.parametrize("case", NEWS.values(), ids=NEWS)
def test_an_answer_that_changes_anything_leads_to_a_look(case: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A move, a condition, or a time that has come."""
    spec, news = case
    answers, now = news["answers"], news.get("now", LATER)

    assert next_answers(serving(**spec), answers, now=now, memory=news.get("memory")) is None


def test_when_nobody_asked_for_long_enough_there_is_a_look() -> None:
    """It is about to sleep."""
    waits = "stays at 3 although fewer are wanted: its stabilization window holds it until 2026-01-02T12:05:00Z"
    seen = serving(minReplicas=0, told=TOLD | {"sentence": waits})
    counts = {f"p{number}": 7.0 for number in range(3)}
    none = {REQUESTS: answer(0, 0, 0, at=AT + 14), COUNTED: answer(7, 7, 7, at=AT + 14)}
    long_ago, just_now = (Memory((Wish(AT, 3),), calm=Calm(AT - ago, counts)) for ago in (3600, 60))

    assert next_answers(seen, none, memory=long_ago) is None
    assert next_answers(seen, none, memory=just_now) is not None


MOVES: dict[str, DeploymentSeen] = {
    "more pods are wanted": replace(serving(), answers={REQUESTS: answer(30, 30, 30, at=AT - 1)}),
    "the status tells another number": serving(told=TOLD | {"wanted": 2}),
}


@pytest.mark.parametrize("seen", MOVES.values(), ids=MOVES)
def test_a_look_that_moves_or_tells_keeps_nothing(seen: DeploymentSeen) -> None:
    """Its writes may be lost: whatever is answered next leads to another look."""
    assert kept(seen)[0] is None


def test_no_look_is_spared_that_would_have_done_anything() -> None:
    """A thousand random answers: where there is no look, one would have found number, sentence and verdict again."""
    chance, spared = Random(7), 0  # noqa: S311  # seeded
    for _ in range(1000):
        seen = serving(behavior={"scaleDown": {"stabilizationWindowSeconds": chance.choice([0, 60, 300])}})
        loads = [chance.choice([0.0, 9.0, 10.0, 11.0, chance.uniform(0, 30)]) for _ in range(chance.randint(0, 3))]
        trouble = chance.choice(["", "", "", "away"])
        answers = {REQUESTS: replace(answer(*loads, at=AT + 14), trouble=trouble)}
        memory = Memory((Wish(AT - chance.choice([20, 200, 400]), chance.randint(1, 5)),), judged=AT)
        remembered = next_answers(seen, answers, memory=memory)
        looked = scale(replace(seen, answers=answers, memory=memory), LATER)
        assert looked is not None
        if remembered is not None:
            spared += 1
            assert (looked.replicas, looked.fields, looked.memory) == (3, TOLD, remembered)
            assert looked.verdicts[0].status == "True"

    assert 100 < spared < 900
