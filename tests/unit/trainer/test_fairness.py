"""Fairness: the figures are fairlearn's, over the groups that can be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fairlearn import metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.trainer.errors import UserError
from mlwright.trainer.fairness import check_classes, measure
from mlwright.trainer.gate_settings import FairnessGate
from mlwright.trainer.scores import Judged
from mlwright.trainer.slices import divide

pytestmark = pytest.mark.timeout(30)  # the first use of the reference imports pandas

METRICS = ("demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference")


def gate(metric: str = METRICS[0], rows: int = 5) -> FairnessGate:
    """Return a gate by sex."""
    return FairnessGate("fair", metric, "sex", rows)


def judged(truth: Any, called: Any) -> Judged:
    """Return answers of two classes."""
    places = np.array(called, dtype=np.int64)
    return Judged(np.array(truth, dtype=np.int64), places, np.eye(2)[places])


def test_the_difference_lies_between_two_groups_that_are_named() -> None:
    """Worked by hand: of the women one in five is called positive, of the men three."""
    sex = pa.array(["f"] * 5 + ["m"] * 5)

    found = measure(gate(), judged([0] * 10, [1, 0, 0, 0, 0, 1, 1, 1, 0, 0]), divide(sex))

    assert found == {
        "groups": 2,
        "small": 0,
        "smallRows": 0,
        "undefined": 0,
        "value": pytest.approx(0.4),
        "from": "f",
        "to": "m",
    }


def test_equalized_odds_tells_of_the_rate_that_differs_more() -> None:
    """Here the false alarms: none among the men, all among the women."""
    truth = [1, 1, 0, 0, 0, 1, 1, 0, 0, 0]
    called = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]

    found = measure(gate(METRICS[2]), judged(truth, called), divide(pa.array(["f"] * 5 + ["m"] * 5)))

    assert (found["value"], found["from"], found["to"]) == (1.0, "m", "f")


@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), min_size=4, max_size=60))
def test_the_figures_are_those_of_the_reference(rows: list[tuple[str, bool, bool]]) -> None:
    """On the rows of the groups that can be compared."""
    rows = [(group, truth, called) for group in "ab" for truth in (True, False) for called in (True, False)] + rows
    groups = np.array([g for g, _, _ in rows])
    truth, called = np.array([int(t) for _, t, _ in rows]), np.array([int(c) for _, _, c in rows])
    kept = np.array([(groups == g).sum() >= 4 and len(set(truth[groups == g])) == 2 for g in groups])

    found = measure(gate(METRICS[2], rows=4), judged(truth, called), divide(pa.array(groups.tolist())))

    expected = reference.equalized_odds_difference(truth[kept], called[kept], sensitive_features=groups[kept])
    assert found["value"] == pytest.approx(expected)


@pytest.mark.parametrize("metric, undefined", [(METRICS[0], 0), (METRICS[1], 1), (METRICS[2], 1)])
def test_a_group_without_a_positive_row_has_no_rate_of_found_ones(metric: str, undefined: int) -> None:
    """Zero would be invented, and would call every other group favoured."""
    sex = pa.array(["f"] * 5 + ["m"] * 5 + ["x"] * 5)
    truth = [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0]

    found = measure(gate(metric), judged(truth, truth), divide(sex))

    assert (found["groups"], found["undefined"]) == (3 - undefined, undefined)


def test_small_groups_are_counted_and_one_group_is_compared_with_nobody() -> None:
    """A difference of three rows is noise, and names people."""
    found = measure(gate(rows=5), judged([0] * 8, [0] * 8), divide(pa.array(["f"] * 5 + ["m"] * 3)))

    assert found == {"groups": 1, "small": 1, "smallRows": 3, "undefined": 0}


def test_more_than_two_classes_are_refused_before_anything_is_trained() -> None:
    """There is no favoured answer among three."""
    with pytest.raises(UserError) as caught:
        check_classes((gate(),), "colour", ("a", "b", "c"))

    assert caught.value.field == "spec.evaluation.gates[fair].fairness.metric"
    assert caught.value.sentence == ("demographic_parity_difference compares two classes, and column 'colour' has 3")
    check_classes((gate(),), "colour", ("a", "b"))
