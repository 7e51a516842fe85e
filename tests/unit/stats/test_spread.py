"""The distance of answers, watched over time."""

from __future__ import annotations

import numpy as np

from mlwright.stats.distance import distance
from mlwright.stats.spread import watch

SEED = 20_261_122
EVEN = (0.2, 0.3, 0.5)
MOVED = (0.5, 0.3, 0.2)
NEAR = (0.26, 0.31, 0.43)


def looks(shares: tuple[float, ...], number: int, seed: int = SEED) -> list[list[tuple[float, float]]]:
    """Looks at 900 answers of stable and 100 of the candidate."""
    chance = np.random.default_rng(seed)
    return [
        [
            (float(a), float(b))
            for a, b in zip(chance.multinomial(900, EVEN), chance.multinomial(100, shares), strict=True)
        ]
        for _ in range(number)
    ]


def test_answers_that_moved_are_found() -> None:
    """Half of the answers elsewhere is proven within twenty looks."""
    found = watch(looks(MOVED, 20), allowed=0.1, alpha=0.008)

    assert found.worse
    assert found.now is not None
    assert found.now.estimate > 0.2


def test_answers_at_the_allowed_distance_are_hardly_ever_called_worse() -> None:
    """100 candidates exactly as far from stable as allowed, 60 looks each: at most two are called worse."""
    far = distance([(round(1e8 * a), round(1e8 * b)) for a, b in zip(EVEN, NEAR, strict=True)], allowed=0.1)
    assert far is not None

    wrong = sum(watch(looks(NEAR, 60, seed), allowed=far.observed, alpha=0.008).worse for seed in range(100))

    assert wrong <= 2


def test_too_few_answers_are_no_distance() -> None:
    """A hundred answers are not compared."""
    found = watch(looks(MOVED, 1), allowed=0.1, alpha=0.008)

    assert found.now is None
    assert not found.worse
    assert found.tests == 0


def test_it_is_tested_ever_more_seldom() -> None:
    """A thousand looks are some ten tests."""
    assert watch(looks(EVEN, 1000), allowed=0.1, alpha=0.008).tests <= 10


def test_a_bin_that_appears_later_counts() -> None:
    """Answers that nobody gave before are more bins."""
    first, later = [(900.0, 100.0)], [(900.0, 0.0), (0.0, 100.0)]

    assert watch([first, *[later] * 20], allowed=0.1, alpha=0.008).worse
