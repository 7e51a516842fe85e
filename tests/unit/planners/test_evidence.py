"""Evidence: a judgement can be computed again from its record alone, and a record that was changed is found out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.api.analysis import Analysis
from mlwright.plan.analysis import Case, Counted, Failed, Reading, Spread, Stage
from mlwright.planners.evidence import differences, read, written
from mlwright.planners.verdicts import evaluate
from mlwright.stats.guard import Noise
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look

ANALYSIS = Analysis.model_validate(
    {
        "checks": [
            {"name": "errors", "type": "ErrorRate", "errorRate": {"maxIncrease": 0.002}},
            {"name": "outputs", "type": "PredictionDrift"},
            {"name": "gpu", "type": "Query", "query": {"promql": "x", "max": 80}},
        ]
    }
)


def recorded(case: Case) -> dict[str, Any]:
    """The record as it comes back from the API server."""
    return dict(json.loads(json.dumps(written(ANALYSIS, case, evaluate(ANALYSIS, case)))))


def rollback() -> Case:
    """A candidate with four times the errors."""
    looks = tuple(Look(0, 15.0 * (place + 1), Counts(150, 6, 1350, 13)) for place in range(240))
    spreads = (Spread(0, ((900.0, 180.0), (100.0, 20.0))),) * 10
    readings = {"errors": Counted(looks), "outputs": Counted(spreads=spreads), "gpu": Counted(values=(70.0,))}
    return Case(Stage.STEPS, 0, Noise(60, "bursts"), readings)


def test_a_record_is_computed_again() -> None:
    """Counts and spec are in the record, so the same verdicts come out of it."""
    record = recorded(rollback())

    assert record["outcome"] == "Fail"
    assert differences(record) == ()
    assert read(record) == (ANALYSIS, rollback())


def test_a_changed_record_is_found_out() -> None:
    """Whoever changes a count changes the verdict that comes out."""
    record = recorded(rollback())
    for look in record["readings"]["errors"]["looks"]:
        look[3] = 1

    (difference,) = differences(record)

    assert difference.startswith("check errors: the record says Fail (errors: 4.00%")
    assert "its counts give Pass" in difference


def test_large_numbers_come_back_without_a_point() -> None:
    """The API server writes them so, and Python takes them for integers of other digits."""
    looks = tuple(Look(0, 15.0 * (place + 1), Counts(190, 0, 380, 0)) for place in range(25))
    record = recorded(Case(Stage.STEPS, 0, Noise(0, "none"), {"errors": Counted(looks)}))
    numbers = record["verdicts"][0]["numbers"]
    told = numbers["for"]
    numbers["for"] = int(Decimal(repr(told)))

    assert 1e15 < told < 1e21
    assert numbers["for"] != told
    assert differences(record) == ()


def test_a_number_that_was_changed_is_found_out() -> None:
    """Also where the sentence does not show it."""
    record = recorded(rollback())
    record["verdicts"][0]["numbers"]["against"] *= 1.001

    (difference,) = differences(record)

    assert "against" in difference


def test_a_record_of_four_hours_is_small() -> None:
    """A check of 240 looks is a few kilobytes of a Decision."""
    assert len(json.dumps(recorded(rollback()))) < 16_000


def test_evidence_of_an_unknown_form_says_so() -> None:
    """An older program does not guess what a newer one wrote."""
    with pytest.raises(ValueError, match="of form 99 cannot be computed again: this version knows form 1"):
        differences({"form": 99})


amounts = st.integers(0, 3000).map(float)
looks = st.builds(
    Look,
    st.integers(0, 2),
    st.floats(0, 1e5),
    st.builds(Counts, amounts, amounts, amounts, amounts),
)
readings = st.one_of(
    st.builds(Failed, st.sampled_from(["away", "slow"])),
    st.builds(Counted, st.lists(looks, max_size=5).map(tuple), trouble=st.sampled_from(["", "pod a is not scraped"])),
)


@given(readings, readings, st.sampled_from(Stage), st.integers(0, 2), st.sampled_from([0, 60, 300]))
@settings(max_examples=30)
def test_every_record_agrees_with_itself(first: Reading, last: Reading, stage: Stage, step: int, block: int) -> None:
    """Whatever was read, what is written comes back and gives the same."""
    assert differences(recorded(Case(stage, step, Noise(block, "so"), {"errors": first, "gpu": last}))) == ()
