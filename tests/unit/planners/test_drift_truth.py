"""Late labels: they are held against the evaluation, and their absence is told as such."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.plan.drift_counts import Bet, Block, Wanted
from mlwright.plan.measuring import Series
from mlwright.plan.resources import Body
from mlwright.planners.drift_counts import LABELS, counted, questions
from mlwright.planners.drift_truth import after, bet_of
from mlwright.stats.labels import Labels, watched
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)
WHILE = timedelta(minutes=13)
FEEDBACK = {"enabled": True, "keySecretRef": {"name": "keys"}}
AGAIN = {"name": "again", "when": ["Performance"], "type": "Retrain", "retrain": {"pipelineRef": {"name": "flights"}}}
SPANS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=12)
"""Right and wrong answers of each span."""


def watching(*labels: tuple[int, int], served: Body | None = None, **spec: Any) -> Operator:
    """Return an operator that watches a version with so many right and wrong answers in each span."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.model())
    operator.world.add(served or people.evaluated(1))
    operator.world.add(people.deployment(feedback=FEEDBACK))
    operator.settle()
    operator.world.add(people.monitor(**{"checks": [people.TRUTH], **spec}))
    for each in labels:
        operator.world.rows.labels = each
        operator.settle(WHILE)
    return operator


def condition(operator: Operator) -> Body:
    """Return what the monitor says of the labels."""
    conditions = people.status(operator.world, "DriftMonitor")["conditions"]
    found: Body = next(c for c in conditions if c["type"] == "PerformanceDegraded")
    return found


def test_answers_that_become_worse_are_told_beside_the_evaluation() -> None:
    """A product owner reads how many were right, and how many should be."""
    found = condition(watching((180, 20), (150, 50)))

    assert (found["status"], found["reason"]) == ("True", "LessAccurate")
    assert found["message"].startswith("flights-v1 answers worse than it was evaluated: of ")
    assert found["message"].endswith(
        " were right; 90.0 % of 10,000 held-out rows were, and 86.5 % is the least that is allowed"
    )


def test_answers_as_good_as_evaluated_are_not_called_worse() -> None:
    """And the figures say on how many labels that rests."""
    found = condition(watching((180, 20), (178, 22)))

    assert (found["status"], found["reason"]) == ("False", "Steady")
    assert "of 1,000 that were labelled in the newest window 89.0 % were right" in found["message"]


def test_a_version_without_labels_is_never_called_worse_and_says_so() -> None:
    """That nobody knows is neither good nor bad."""
    found = condition(watching((0, 0)))

    assert (found["status"], found["reason"]) == ("Unknown", "NoLabels")
    assert found["message"].endswith("nobody knows how many are right; send labels with the ids of its answers")


def test_few_labels_are_told_apart_from_none() -> None:
    """Twenty wrong ones may be chance of an hour."""
    found = condition(watching((6, 4)))

    assert (found["status"], found["reason"]) == ("Unknown", "NotEnoughData")
    assert found["message"] == "50 answers of flights-v1 were labelled in the newest window, 200 are needed to tell"


def test_who_takes_no_labels_is_told_where_to_switch_them_on() -> None:
    """A monitor that waits for labels that cannot come must say so."""
    operator = watching()
    people.edit(operator.world, "ModelDeployment", "flights", lambda spec: spec.pop("feedback"))
    operator.settle(WHILE)

    assert condition(operator)["message"].endswith("switch on spec.feedback of the deployment")


def test_a_version_without_accuracy_has_nothing_to_be_held_against() -> None:
    """However many labels come."""
    found = condition(watching((20, 180), served=people.version(1)))

    assert (found["status"], found["reason"]) == ("Unknown", "NoReference")
    assert "add accuracy to spec.evaluation.metrics of its pipeline and train again" in found["message"]


def test_what_was_proven_stays_when_labels_stop_coming() -> None:
    """Silence proves nothing."""
    operator = watching((180, 20), (150, 50), (0, 0))
    operator.settle(timedelta(hours=1))

    assert condition(operator)["status"] == "True"


def test_answers_that_are_good_again_take_it_back() -> None:
    """The bet loses what it had won, and begins anew."""
    assert condition(watching((180, 20), (150, 50), (196, 4), (196, 4), (196, 4)))["status"] == "False"


def test_lost_accuracy_asks_for_a_run_with_the_labels_as_evidence() -> None:
    """The Decision can be explained without the status, which speaks of the next version by then."""
    operator = watching((180, 20), independentRows=True, actions=[AGAIN])
    operator.world.add(people.pipeline(triggers={"specChange": False}))
    operator.world.rows.labels = (150, 50)
    operator.settle(WHILE)
    (decision,) = (b["spec"] for b in operator.world.all("Decision") if b["spec"]["type"] == "Retrain")
    (evidence,) = decision["evidence"]["performance"]

    assert "flights-v1 answers worse than it was evaluated: of " in decision["sentence"]
    assert evidence["right"] / evidence["labelled"] < evidence["least"] < evidence["evaluated"] == 0.9
    assert people.conditions(operator.world, "DriftMonitor")["PerformanceDegraded"] == "Unknown"


def replaced(*checks: Body, broken: float = 0.0) -> list[Body]:
    """Return the Decisions to go back after v2, which answers worse, has replaced v1."""
    back = {"name": "back", "when": ["Performance"], "type": "Rollback"}
    asked = [*people.CHECKS, people.TRUTH, *checks]
    operator = watching((180, 20), independentRows=True, checks=asked, actions=[back])
    operator.world.add(people.evaluated(2))
    operator.settle(WHILE)
    operator.world.rows.labels, operator.world.rows.broken = (150, 50), broken
    operator.settle(WHILE)
    return [body["spec"] for body in operator.world.all("Decision") if body["spec"]["type"] == "Rollback"]


def test_a_version_that_answers_worse_is_sent_back() -> None:
    """What is asked is as the training was, so the version is the cause."""
    (decision,) = replaced()

    assert decision["version"] == "flights-v2"
    assert decision["sentence"].startswith("flights-v2 is sent back to flights-v1: of ")
    assert decision["evidence"]["performance"][0]["heldOut"] == 10_000


def test_nothing_is_sent_back_for_broken_values() -> None:
    """An older version answers them no better."""
    strict = {**people.QUALITY, "quality": {"maxMissing": 0.001}}

    assert replaced(strict, broken=0.02) == []
    assert len(replaced(strict)) == 1


@given(SPANS, st.integers(0, 12))
def test_a_bet_goes_on_from_whichever_records_are_left(spans: list[tuple[int, int]], gone: int) -> None:
    """Old records are removed; what they said is in the newer ones."""
    blocks, bet, known = [], Bet(0.85), Labels()
    for place, (right, wrong) in enumerate(spans):
        block = Block("r", 10 * place, 10 * place + 10, {LABELS: {"true": right, "false": wrong}})
        bet = after(bet, block)
        known = watched(known, right, right + wrong, least=0.85)
        blocks.append(Block("r", block.since, block.until, block.counts, bet=bet))

    assert bet_of(blocks[min(gone, max(0, len(blocks) - 1)) :], 0.85) == bet
    assert (bet.right, bet.labelled, bet.degraded) == (known.correct, known.labelled, known.degraded)


def test_another_floor_begins_anew_with_what_is_still_known() -> None:
    """Who allows less or more is not answered with the bet on something else."""
    blocks = [Block("r", 0, 10, {LABELS: {"true": 80, "false": 20}}, bet=Bet(0.85, 0, 800, 1000, degraded=True))]

    assert bet_of(blocks, 0.7) == Bet(0.7)


def test_labels_count_for_who_answered_whoever_took_them() -> None:
    """Feedback comes to any pod; labels of other revisions and other people's pods are left out."""
    wanted = Wanted("demo", "flights", "0a1b2c3d", 1000.0, 2000.0, labels=True)

    def series(pod: str, revision: str, predicted: str, right: str, value: float) -> Series:
        own = {"pod": pod, "revision": revision, "predicted_revision": predicted, "correct": right}
        return Series(own, ((995.0, 0.0), (1500.0, value)))

    found = [
        series("flights-0a1b2c3d-x-1", "0a1b2c3d", "0a1b2c3d", "true", 7),
        series("flights-ffff0000-x-1", "ffff0000", "0a1b2c3d", "true", 5),
        series("flights-ffff0000-x-1", "ffff0000", "0a1b2c3d", "false", 2),
        series("flights-ffff0000-x-1", "ffff0000", "ffff0000", "true", 90),
        series("stranger", "0a1b2c3d", "0a1b2c3d", "true", 90),
    ]
    asked = questions(wanted, [])

    assert counted(wanted, found) == {LABELS: {"true": 12, "false": 2}}
    assert [dict(one.labels)["predicted_revision"] for one in asked] == [("0a1b2c3d",)]
