"""How long a rollout will take, told before it starts."""

from __future__ import annotations

import math

import pytest

from mlwright.stats.traffic import requests_to_pass, requests_to_rollback


@pytest.mark.parametrize(
    "rate, margin, share, minutes",
    [
        (0.01, 0.01, 0.1, 2.5),
        (0.01, 0.005, 0.1, 7),
        (0.01, 0.005, 0.5, 11),
        (0.05, 0.02, 0.1, 2.5),
        (0.0, 0.01, 0.1, 1),
    ],
)
def test_the_formula_meets_the_simulated_minutes(rate: float, margin: float, share: float, minutes: float) -> None:
    """At ten requests a second, within two fifths of what was simulated."""
    assert requests_to_pass(rate, margin, share) / 600 == pytest.approx(minutes, rel=0.4)


def test_a_rollback_needs_a_candidate_that_is_worse() -> None:
    """Within what is allowed there is nothing to wait for."""
    assert requests_to_rollback(0.01, 0.0105, 0.001) == math.inf
    assert requests_to_rollback(0.0, 0.5, 0.0) == 10
    assert requests_to_rollback(0.01, 0.02, 0.0) / 600 == pytest.approx(2.8, rel=0.3)
