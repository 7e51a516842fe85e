"""Rows of a batch fall into the bins of a profile as they did when it was made."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle.counting import RowCounter
from mlwright.bundle.manifest import LABEL, PROBABILITIES, Datatype
from mlwright.bundle.profile import Counts, Profile
from mlwright.bundle.profiling import profile_labels, profile_numbers, profile_texts
from mlwright.bundle.tensors import Array

NUMBERS = st.lists(st.one_of(st.floats(-5, 5), st.just(float("nan")), st.just(0.0)), min_size=1, max_size=60)


def column(values: list[float]) -> Array:
    """Return the values of a feature."""
    return np.array(values, dtype=np.float64).reshape(-1, 1)


@given(NUMBERS)
def test_what_was_learned_from_is_counted_as_it_was(learned: list[float]) -> None:
    """So the same rows show no drift at all."""
    known = profile_numbers("x", Datatype.FP64, np.array(learned, dtype=np.float64))
    counter = RowCounter.of(Profile(len(learned), (known,), ()))

    found = counter.counted(counter.count({"x": column(learned)}, {}), len(learned))

    assert found.features[0].counts == known.counts
    assert found.features[0].edges == known.edges


@given(NUMBERS, NUMBERS, NUMBERS)
def test_counts_of_pieces_are_those_of_the_whole(learned: list[float], one: list[float], two: list[float]) -> None:
    """Rows are counted piece by piece."""
    known = profile_numbers("x", Datatype.FP64, np.array(learned, dtype=np.float64))
    counter = RowCounter.of(Profile(len(learned), (known,), ()))

    pieces = [counter.count({"x": column(piece)}, {})[0] for piece in (one, two)]

    assert (pieces[0] + pieces[1]).tolist() == counter.count({"x": column(one + two)}, {})[0].tolist()


def test_texts_that_are_new_are_unseen() -> None:
    """Known, rare, missing and new texts are four different things."""
    known = profile_texts("carrier", {"UA": 9, "AA": 7, "ZZ": 1, "": 2})
    counter = RowCounter.of(Profile(19, (known,), ()))
    rows = np.array([["UA"], ["ZZ"], [""], ["NEW"], ["UA"]], dtype=object)

    found = counter.counted(counter.count({"carrier": rows}, {}), 5)

    assert found.features[0].counts == Counts((2, 0, 1), missing=1, unseen=1)


def test_answers_are_counted_by_class_and_confidence() -> None:
    """However many classes there are, each has a count of its own."""
    classes = tuple(f"c{place:02}" for place in range(30))
    label = profile_labels(LABEL, Datatype.BYTES, classes, [1] * 30)
    sure = profile_numbers(PROBABILITIES, Datatype.FP64, np.linspace(0, 1, 50))
    counter = RowCounter.of(Profile(30, (), (label, sure)))
    outputs = {LABEL: np.array(["c29", "c00", "c29"], dtype=object), PROBABILITIES: np.full((3, 30), 0.5)}

    found = counter.counted(counter.count({}, outputs), 3)

    assert found.outputs[0].counts.bins == (1, *[0] * 28, 2)
    assert sum(found.outputs[1].counts.bins) == 3
