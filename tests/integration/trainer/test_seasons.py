"""The seasons of the demo: what a monitor says of the flights of spring, and of months that nothing tells apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.preprocessing import OrdinalEncoder

from examples.flights.weather import FEATURES, season, year
from mlwright.api.drift import Check, DriftMonitorSpec, LiveTarget, Target
from mlwright.api.parts import Ref
from mlwright.bundle.bin_names import bin_names
from mlwright.bundle.bins import BinCounter, feature_counter, output_counter, slot_counts
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profile import Distribution
from mlwright.bundle.profiling import profile_numbers, profile_texts
from mlwright.plan.drift import ServedSeen
from mlwright.plan.drift_counts import Block, Reference, Surfaces
from mlwright.planners.drift_estimate import CLASSES, PROBABILITIES, estimated
from mlwright.planners.drift_verdicts import Finding, findings, longest
from mlwright.planners.drift_windows import Window, windows
from mlwright.trainer.encoding import text_counts

ROWS = 4000
"""Of a window."""
EVERY = 10
"""Seconds of a window."""
SPEC = DriftMonitorSpec(
    target=Target(type="Live", live=LiveTarget(deployment_ref=Ref(name="flights"))),
    checks=(Check(name="data", type="DataDrift"),),
    independent_rows=True,  # each flight is asked about on its own
)


@pytest.fixture(scope="module")
def flights() -> Any:
    """The whole year; reading it takes some seconds."""
    return year()


def test_more_flights_of_the_same_months_are_no_drift(flights: Any) -> None:
    """The other half of the winter, which nobody learned from, looks as the first."""
    winter = season(flights, 1, 3)

    assert [one.votes.over for one in told(winter.learned, winter.asked)] == [0] * len(FEATURES)


def test_spring_is_drift_as_soon_as_it_can_be(flights: Any) -> None:
    """The third window decides, and the temperature is what has moved, not the timetable."""
    winter, spring = season(flights, 1, 3), season(flights, 4, 6)

    drifted = {one.name for one in told(winter.learned, spring.asked.slice(0, 3 * ROWS)) if one.votes.lasting}

    assert {"temp", "dewp"} <= drifted
    assert drifted.isdisjoint({"carrier", "origin", "hour", "weekday"})


def test_months_that_are_shuffled_stay_quiet(flights: Any) -> None:
    """The control: with the calendar shuffled there are no seasons, so whatever were found would be an artefact."""
    month = np.random.default_rng(4).permutation(flights["month"].to_numpy())
    shuffled = flights.set_column(flights.column_names.index("month"), "month", pa.array(month))
    first, second = season(shuffled, 1, 3), season(shuffled, 4, 6)

    assert [one.votes.over for one in told(first.learned, second.asked)] == [0] * len(FEATURES)


def test_a_month_alone_is_not_its_season(flights: Any) -> None:
    """Why windows must be whole seasons in a random order: January is colder than the winter."""
    winter, january = season(flights, 1, 3), season(flights, 1, 1)

    assert "temp" in {one.name for one in told(winter.learned, january.asked) if one.votes.lasting}


def test_an_estimate_without_labels_is_right_of_more_of_the_same_and_blind_to_spring(flights: Any) -> None:
    """Why nothing follows from it: a model is sure of weather that it has never seen."""
    winter, spring = season(flights, 1, 3), season(flights, 4, 6)
    judged = estimator(winter.learned)

    same, strange = judged(winter.asked), judged(spring.asked)

    assert same.estimated == pytest.approx(same.true, abs=0.01), (same, strange)
    assert strange.estimated > strange.true + 0.03, (same, strange)


@dataclass(frozen=True, slots=True)
class Shares:
    """Right answers of some flights, as they were and as they are estimated."""

    true: float
    estimated: float


def estimator(learned: Any) -> Callable[[Any], Shares]:
    """Train on four of five flights, evaluate on the fifth; return what tells the shares of other flights."""
    texts = [name for name in FEATURES if pa.types.is_string(learned[name].type)]
    rest = [name for name in FEATURES if name not in texts]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoder.fit(columns(learned, texts))

    def matrix(rows: Any) -> Any:
        return np.hstack([encoder.transform(columns(rows, texts)), columns(rows, rest).astype(np.float64)])

    held_out = np.random.default_rng(1).random(learned.num_rows) < 0.2
    late, known = learned["late"].to_numpy().astype(bool), matrix(learned)
    model = HistGradientBoostingClassifier(random_state=1).fit(known[~held_out], late[~held_out])
    usual = model.predict_proba(known[held_out])[:, 1]
    accuracy = float(np.mean((usual > 0.5) == late[held_out]))
    profile = profile_numbers("probabilities", Datatype.FP64, usual)
    counter = output_counter(profile)
    surfaces = {PROBABILITIES: dict(zip(counter.slots, slot_counts(profile, counter.slots), strict=True))}
    reference = Reference("a1", {CLASSES: {"0": 1, "1": 1}, **surfaces}, names={PROBABILITIES: bin_names(profile)})
    served = ServedSeen("a1", "weather-v1", datetime(2026, 1, 1, tzinfo=UTC), accuracy=accuracy, held_out=len(usual))

    def shares(rows: Any) -> Shares:
        now = model.predict_proba(matrix(rows))[:, 1]
        counts = {PROBABILITIES: dict(zip(counter.slots, map(int, counter.count(now)), strict=True))}
        found = estimated(served, reference, Window(0, EVERY, counts), 200)
        assert found is not None
        return Shares(float(np.mean((now > 0.5) == rows["late"].to_numpy().astype(bool))), found.share)

    return shares


def columns(rows: Any, names: list[str]) -> Any:
    """Return columns side by side, `[n, columns]`."""
    return np.column_stack([values(rows[name]) for name in names])


def told(learned: Any, asked: Any) -> tuple[Finding, ...]:
    """Return what a monitor says of its newest windows, of all it may look at, beside what was learned."""
    counters = {name: counter_of(name, learned) for name in FEATURES}
    reference = {
        f"feature:{name}": dict(zip(one.slots, slot_counts(profile, one.slots), strict=True))
        for name, (profile, one) in counters.items()
    }
    blocks = [
        Block("a1", place * EVERY, (place + 1) * EVERY, counted(counters, asked.slice(place * ROWS, ROWS)))
        for place in range(asked.num_rows // ROWS)
    ]
    return findings(SPEC, Reference("a1", reference), windows(blocks, 1, longest(SPEC)), {})


def counted(counters: dict[str, tuple[Distribution, BinCounter]], rows: Any) -> Surfaces:
    """Return the rows of a window in the bins of what was learned, as a server counts them."""
    return {
        f"feature:{name}": dict(zip(one.slots, map(int, one.count(values(rows[name]))), strict=True))
        for name, (_, one) in counters.items()
    }


def counter_of(name: str, learned: Any) -> tuple[Distribution, BinCounter]:
    """Return the distribution of a feature as the training makes it, and what counts in its bins."""
    column = learned[name]
    if pa.types.is_string(column.type):
        profile = profile_texts(name, text_counts(column.combine_chunks()))
    else:
        datatype = Datatype.INT64 if pa.types.is_integer(column.type) else Datatype.FP64
        profile = profile_numbers(name, datatype, values(column).astype(np.float64))
    return profile, feature_counter(profile)


def values(column: Any) -> Any:
    """Return a column as an array; what is missing is NaN, or the empty text."""
    return np.array(column.to_pylist(), dtype=object) if pa.types.is_string(column.type) else column.to_numpy()
