"""How far a tuning is: when somebody looks, and what the status says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import ProbeSeen
from mlwright.plan.training import RemoveJob, RunSeen, StartLook
from mlwright.planners.run import decide
from tests.unit.planners.given import NOW, SETTINGS, Run, a_pod, said
from tests.unit.planners.test_run_of_tuning import FOUND, a_tuned_run

SO_FAR: dict[str, Any] = {"trials": 4, "finished": 1, "failed": 0, "pruned": 0, "best": FOUND["best"]}
SENTENCE = "1 of 4 trials finished; the best so far is roc_auc 0.9 in trial 2"
SLOT = int(NOW.timestamp()) // 30 * 30


def a_look(slot: int, message: str = "", *, state: JobState = JobState.COMPLETE, ago: float = 30) -> ProbeSeen:
    """Return a look that began some seconds ago."""
    began = NOW - timedelta(seconds=ago)
    ended = None if state is JobState.ACTIVE else began + timedelta(seconds=2)
    return ProbeSeen(f"churn-1-look-{slot}", f"uid-{slot}", slot, state, began, ended, message)


def told(results: dict[str, Any]) -> str:
    """Return what a look says."""
    return said("Succeeded", SENTENCE, results=results)


def at_work(*looks: ProbeSeen, ago: float = 300, **pod: Any) -> Run:
    """Tell a run whose trials have gone on for some seconds."""
    begun = a_tuned_run().active("tune", 0, a_pod("tune-0", **pod))
    begun.jobs[-1] = replace(begun.jobs[-1], started=NOW - timedelta(seconds=ago))
    return begun.knowing(looks=looks)


def moves(seen: RunSeen) -> list[str]:
    """Return the looks that are begun and removed, in words."""
    intents = decide(seen, SETTINGS, NOW).intents
    begun = [f"look {intent.slot - SLOT:+}" for intent in intents if isinstance(intent, StartLook)]
    return begun + [f"remove {intent.name}" for intent in intents if isinstance(intent, RemoveJob)]


def test_nobody_looks_before_there_is_something_to_see() -> None:
    """A tuning of a few seconds is over before; the next look of the operator is when it is time."""
    early = decide(at_work(ago=10).done(), SETTINGS, NOW)

    assert not any(isinstance(intent, StartLook) for intent in early.intents)
    assert early.again == timedelta(seconds=20)
    assert moves(at_work(ago=30).done()) == ["look +0"]


def test_two_looks_are_half_a_minute_apart() -> None:
    """Each has the name of its slot, so that nobody begins it twice."""
    assert moves(at_work(a_look(SLOT - 30, ago=29)).done()) == []
    assert moves(at_work(a_look(SLOT - 30, ago=31)).done()) == ["look +0"]


def test_one_look_at_a_time() -> None:
    """One that hangs is given up by its deadline."""
    assert moves(at_work(a_look(SLOT - 90, state=JobState.ACTIVE, ago=90)).done()) == []


@pytest.mark.parametrize("pod", [{"phase": "Pending"}, {"phase": "Running", "exit_code": 0}])
def test_nobody_looks_at_pods_that_do_no_trials(pod: dict[str, Any]) -> None:
    """Before they start and after they ended there is nothing new to know."""
    assert moves(at_work(**pod).done()) == []


def test_only_the_newest_look_that_ended_stays() -> None:
    """And none that a clock made which was ahead."""
    looks = (a_look(SLOT - 60, ago=60), a_look(SLOT - 30, ago=20), a_look(SLOT + 9000, ago=10))

    assert moves(at_work(*looks).done()) == [
        f"remove churn-1-look-{SLOT - 60}",
        f"remove churn-1-look-{SLOT + 9000}",
    ]


def test_a_clock_that_was_set_back_stops_no_look() -> None:
    """What began in an hour is no reason to wait for an hour."""
    assert moves(at_work(ago=-3600).done()) == ["look +0"]


def test_the_status_tells_what_the_newest_look_found() -> None:
    """And when that was so."""
    look = a_look(SLOT - 30, told({"tuning": SO_FAR}))
    fields = decide(at_work(look).done(), SETTINGS, NOW).status.fields

    assert fields["tuning"] == {**SO_FAR, "sentence": SENTENCE, "checkedAt": "2026-01-02T11:59:32Z"}


@pytest.mark.parametrize("words", ["", "Traceback", told({}), told({"tuning": {"trials": "many"}})])
def test_a_look_that_says_nothing_takes_nothing_away(words: str) -> None:
    """What was known stays: a look that failed says nothing about the trials."""
    before = {**SO_FAR, "sentence": SENTENCE, "checkedAt": "2026-01-02T11:00:00Z"}
    seen = at_work(a_look(SLOT - 30, words)).knowing(status={"tuning": before}).done()

    assert decide(seen, SETTINGS, NOW).status.fields["tuning"] == before


def test_the_result_stands_above_every_look() -> None:
    """And no look is left when the trials are over."""
    look = a_look(SLOT - 30, told({"tuning": SO_FAR}))
    seen = a_tuned_run().succeeded("tune").knowing(looks=(look,)).done()
    decision = decide(seen, SETTINGS, NOW)

    assert decision.status.fields["tuning"] == {**FOUND, "sentence": "tune is done"}
    assert moves(seen) == [f"remove {look.name}"]


@pytest.mark.parametrize("ending", [{"abort": "now"}, {"suspended": True}])
def test_a_run_that_stops_stops_looking(ending: dict[str, Any]) -> None:
    """Suspended means: no pods."""
    look = a_look(SLOT - 30, state=JobState.ACTIVE)

    assert f"remove {look.name}" in moves(at_work(look).knowing(**ending).done())
