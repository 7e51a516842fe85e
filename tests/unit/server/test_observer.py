"""What happens with every answer before it is sent."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from mlwright.bundle.profile import Profile
from mlwright.server.live_bins import LiveBins
from mlwright.server.observer import Observer
from mlwright.server.prediction_ids import MOST_ROWS, PredictionIds
from mlwright.server.recording import Context
from mlwright.server.shadow import Shadow
from tests.support.bundles import FLIGHT_PROFILE
from tests.unit.server.conftest import IDENTITY

IDS = PredictionIds("flights", "a1b2c3d4", b"1" * 16, {"key": b"k" * 32})


def an_observer(profile: Profile = FLIGHT_PROFILE) -> Observer:
    return Observer(LiveBins(IDENTITY, profile), Shadow(IDENTITY, 1.0, lambda: 0.0), IDS)


def test_a_failure_to_record_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    """The answer is right, so it is sent; the log says what went wrong, and no value of a row."""
    with caplog.at_level(logging.ERROR):
        said = an_observer().record({}, {"label": np.array([True])}, Context())

    assert said == {}
    assert [record.message for record in caplog.records] == ["an answer was not recorded"]


@pytest.mark.parametrize("rows, known", [(1, True), (400, True), (MOST_ROWS, False), (MOST_ROWS + 1, False)])
def test_an_id_names_all_rows_or_there_is_none(rows: int, *, known: bool) -> None:
    """An id that knows of some rows only would make late labels a guess."""
    said = an_observer(Profile(0, (), ())).record({}, {"prediction": np.ones(rows)}, Context())

    assert bool(said) is known
    if known:
        assert len(IDS.open(said["prediction_id"]).answers) == rows
