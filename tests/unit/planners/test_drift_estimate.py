"""How many answers may be right, estimated without labels: what it sees, what it does not, and that nothing follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle.bin_names import bin_names
from mlwright.bundle.bins import output_counter, slot_counts
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profiling import profile_numbers
from mlwright.bundle.tensors import Array
from mlwright.plan.drift import ServedSeen
from mlwright.plan.drift_counts import Reference
from mlwright.plan.resources import Body
from mlwright.planners.drift_estimate import CLASSES, PROBABILITIES, Estimate, estimated
from mlwright.planners.drift_windows import Window
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

pytestmark = pytest.mark.timeout(20)
SERVED = ServedSeen("aaaaaaaa", "churn-v1", datetime(2026, 1, 1, tzinfo=UTC), accuracy=0.9, held_out=10_000)
TWO = {"0": 8000, "1": 2000}
THREE = {"0": 4000, "1": 4000, "2": 2000}
NAMES = ("0.5 to 0.7", "0.7 to 0.9")
LEARNED = {"below": 0, "0": 5000, "1": 5000, "above": 0}
ROWS = 20_000
AGAIN = {"name": "again", "when": ["Performance"], "type": "Retrain", "retrain": {"pipelineRef": {"name": "second"}}}


def reference(classes: dict[str, int], names: tuple[str, ...] = NAMES) -> Reference:
    """Return what was learned: half of the answers in each of two bins."""
    return Reference("aaaaaaaa", {CLASSES: classes, PROBABILITIES: LEARNED}, names={PROBABILITIES: names})


def window(*bins: int, **outside: int) -> Window:
    """Return a window with so many answers in each bin, and outside of them."""
    return Window(0, 3600, {PROBABILITIES: {str(place): rows for place, rows in enumerate(bins)} | outside})


def told(found: Estimate | None) -> Estimate:
    """Return an estimate that is there."""
    assert found is not None
    return found


def test_a_model_that_is_less_sure_may_be_right_less_often() -> None:
    """Its certainty was 70 % in the mean and is 60 %: so much less than what was evaluated may be right."""
    found = told(estimated(SERVED, reference(THREE), window(1000), 200))

    assert found.share == pytest.approx(0.8)
    assert found.sentence == (
        "80.0 % of the answers may be right, 90.0 % of 10,000 held-out rows were; estimated without labels, by how sure"
        " churn-v1 is of 1,000 answers: errors that it is sure of are not seen"
    )


def test_of_two_classes_the_model_may_be_sure_of_either() -> None:
    """A probability of 10 % for the one is 90 % for the other."""
    names = ("0.1 to 0.3", "0.3 to 0.7")
    surer = told(estimated(SERVED, reference(TWO, names), window(1000), 200))

    assert surer.share == pytest.approx(0.9 + 0.8 - (0.8 + 0.6) / 2)


def answers(chance: np.random.Generator, spread: float) -> tuple[Array, float]:
    """Return probabilities of the one class of a model that knows them, and what share of its answers is right."""
    probabilities = 1 / (1 + np.exp(-chance.normal(1.0, spread, size=ROWS)))
    truth = chance.random(ROWS) < probabilities
    return probabilities, float(np.mean(truth == (probabilities > 0.5)))


def test_rows_that_are_harder_are_seen_without_a_label() -> None:
    """Where the model knows how sure it may be, the estimate is the truth to a point."""
    chance = np.random.default_rng(8)
    (before, evaluated), (now, truth) = answers(chance, 3.0), answers(chance, 0.8)
    learned = profile_numbers("probabilities", Datatype.FP64, before)
    counter = output_counter(learned)
    surfaces = {CLASSES: TWO, PROBABILITIES: dict(zip(counter.slots, slot_counts(learned, counter.slots), strict=True))}
    counts = {PROBABILITIES: dict(zip(counter.slots, counter.count(now).tolist(), strict=True))}
    known = Reference("aaaaaaaa", surfaces, names={PROBABILITIES: bin_names(learned)})

    found = told(estimated(replace(SERVED, accuracy=evaluated), known, Window(0, 3600, counts), 200))

    assert evaluated - truth > 0.1
    assert found.share == pytest.approx(truth, abs=0.01)


@given(st.integers(200, 5000), st.integers(200, 5000), st.integers(0, 500), st.integers(0, 500))
def test_an_estimate_is_a_share(first: int, second: int, below: int, above: int) -> None:
    """However far the certainty moves."""
    served = replace(SERVED, accuracy=0.99)
    found = told(estimated(served, reference(TWO), window(first, second, below=below, above=above), 200))

    assert 0 <= found.share <= 1


def test_a_model_that_is_as_sure_as_ever_is_held_to_be_as_good() -> None:
    """It may be wrong all the same, which the sentence says."""
    found = told(estimated(SERVED, reference(TWO), window(700, 700), 200))

    assert found.share == pytest.approx(0.9)


@pytest.mark.parametrize(
    "served, learned, newest",
    [
        (replace(SERVED, accuracy=None), reference(TWO), window(1000)),
        (SERVED, None, window(1000)),
        (SERVED, reference(TWO), None),
        (SERVED, reference(TWO), window(199)),
        (SERVED, reference(TWO), window()),
        (SERVED, reference(TWO, ()), window(1000)),
        (SERVED, reference(TWO, ("low", "high")), window(1000)),
        (SERVED, reference(TWO, NAMES[:1]), window(1000)),
        (SERVED, reference(TWO), window(1000, missing=1)),
    ],
    ids=["unevaluated", "unlearned", "no-window", "few", "none", "unnamed", "no-numbers", "one-name", "missing"],
)
def test_nothing_is_estimated_from_what_is_not_known(
    served: ServedSeen, learned: Reference | None, newest: Window | None
) -> None:
    """No figure is better than one that rests on nothing."""
    assert estimated(served, learned, newest, 200) is None


def test_where_what_is_asked_has_drifted_the_sentence_doubts_it() -> None:
    """Of rows unlike those of the training nobody knows how sure the model may be."""
    operator = serving(people.monitor(checks=[people.CHECKS[0]], independentRows=True))
    operator.world.drift()
    operator.settle(timedelta(minutes=30))

    assert people.conditions(operator.world, "DriftMonitor")["Drifted"] == "True"
    assert people.status(operator.world, "DriftMonitor")["estimate"]["sentence"].endswith(
        "what is asked has drifted, so it may be surer than it is right"
    )


def serving(monitor: Body) -> Operator:
    """Return an operator that watches a version which is less sure of all of its answers than it was."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.model())
    operator.world.add(people.evaluated(1))
    operator.world.add(people.pipeline(name="second"))
    operator.world.add(people.deployment())
    operator.world.rows.unsure = 1.0
    operator.settle()
    operator.world.add(monitor)
    operator.settle(timedelta(minutes=13))
    return operator


def test_an_estimate_is_told_and_nothing_follows_from_it() -> None:
    """All answers are less sure; without a label no run is asked for, and no condition says that answers are worse."""
    operator = serving(people.monitor(checks=[people.TRUTH], independentRows=True, actions=[AGAIN]))

    status = people.status(operator.world, "DriftMonitor")
    assert status["estimate"]["estimated"] == pytest.approx(0.8)
    assert people.conditions(operator.world, "DriftMonitor")["PerformanceDegraded"] == "Unknown"
    assert not [body for body in operator.world.all("Decision") if body["spec"]["type"] == "Retrain"]
    assert "lastAction" not in status
