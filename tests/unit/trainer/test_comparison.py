"""Comparison with the champion: the tests hold their size, and their figures are those of the metrics."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from mlwright.api.gates import ChampionTest
from mlwright.planners import champion_gate
from mlwright.trainer import gate_settings
from mlwright.trainer.answers import Answers, Estimated, value
from mlwright.trainer.comparison import DRAWS, TESTED, Pair, compare, delong
from mlwright.trainer.scores import Judged, UndefinedError, _roc_auc

pytestmark = pytest.mark.timeout(60)  # simulations

ALPHA = 0.05
CLASSES = [name for name in TESTED if name not in {"mae", "mse", "rmse", "r2"}]


def judged(truth: Any, positive: Any) -> Judged:
    """Return answers of two classes with these probabilities of the positive one."""
    given = np.clip(positive, 0.001, 0.999)
    return Judged(np.asarray(truth), (given > 0.5).astype(np.int64), np.column_stack([1 - given, given]))


def classifiers(rows: int, seed: int, *, noise: tuple[float, float] = (1.0, 1.0)) -> Pair:
    """Return two classifiers that see the same signal through noise of their own, the new one first."""
    chance = np.random.default_rng(seed)
    signal = chance.normal(size=rows)
    truth = (signal + chance.normal(size=rows) > 0).astype(np.int64)
    new, old = (judged(truth, 0.5 + 0.2 * (signal + chance.normal(scale=width, size=rows))) for width in noise)
    return Pair(new, old)


def regressors(rows: int, seed: int, *, noise: tuple[float, float] = (1.0, 1.0)) -> Pair:
    """Return two regressors with errors in part their own."""
    chance = np.random.default_rng(seed)
    truth, common = chance.normal(size=rows), chance.normal(size=rows)
    new, old = (Estimated(truth, truth + common + chance.normal(scale=width, size=rows)) for width in noise)
    return Pair(new, old)


def of(metric: str) -> Any:
    """Return what makes pairs for a metric."""
    return classifiers if metric in CLASSES else regressors


@pytest.mark.parametrize("metric", TESTED)
def test_the_figures_are_those_of_the_metric(metric: str) -> None:
    """On the rows as they are: sums that are drawn again must add up to the same metric."""
    pair = of(metric)(600, seed=1, noise=(0.5, 1.0))

    found = compare(pair, metric, 0.05, seed=1)

    assert found["new"] == value(pair.new, metric)
    assert found["old"] == value(pair.old, metric)
    assert (found["rows"], 0 <= found["p"] <= 1) == (600, True)


@pytest.mark.parametrize("metric", TESTED)
def test_a_clearly_better_model_is_no_worse_and_a_clearly_worse_one_is(metric: str) -> None:
    """Both directions, for metrics where more and where less is better."""
    better, worse = of(metric)(600, seed=2, noise=(0.1, 2.0)), of(metric)(600, seed=2, noise=(2.0, 0.1))

    assert compare(better, metric, 0.01, seed=1)["p"] <= 0.01
    assert compare(worse, metric, 0.01, seed=1)["p"] >= 0.9


def drifted(metric: str, rows: int, runs: int) -> float:
    """Return how often an equal model passes with the margin 0: the size of the test."""
    pairs = (of(metric)(rows, seed=seed) for seed in range(runs))
    return float(np.mean([compare(pair, metric, 0.0, seed=1)["p"] <= ALPHA for pair in pairs]))


@pytest.mark.parametrize("metric", ["f1", "recall", "rmse", "log_loss"])
def test_the_bootstrap_holds_its_size(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """120 runs of 300 draws: two standard errors are 4 points."""
    monkeypatch.setattr("mlwright.trainer.comparison.DRAWS", 300)

    assert drifted(metric, rows=300, runs=120) <= ALPHA + 0.04


def test_delong_holds_its_size() -> None:
    """With enough rows of the rarer class; 600 runs."""
    assert drifted("roc_auc", rows=400, runs=600) <= ALPHA + 0.02


def test_delong_computes_the_areas() -> None:
    """The difference is that of the metric."""
    pair = classifiers(300, seed=3, noise=(0.5, 1.5))
    assert isinstance(pair.new, Judged)
    assert isinstance(pair.old, Judged)
    scores = np.stack([pair.new.probabilities[:, 1], pair.old.probabilities[:, 1]])
    positive = pair.new.truth == 1

    difference, error = delong(positive, scores)

    assert difference == pytest.approx(_roc_auc(positive, scores[0]) - _roc_auc(positive, scores[1]))
    assert error > 0


def test_the_same_model_is_as_good_as_itself() -> None:
    """Not one row differs, so no chance is involved."""
    pair = classifiers(1000, seed=4)
    same = Pair(pair.old, pair.old)

    assert compare(same, "roc_auc", 0.01, seed=1)["p"] == 0.0
    assert compare(same, "f1", 0.01, seed=1)["p"] == pytest.approx(1 / (DRAWS + 1))
    assert compare(same, "roc_auc", 0.0, seed=1)["p"] == 1.0


def test_the_same_seed_gives_the_same_figure() -> None:
    """A verdict can be computed again."""
    pair = classifiers(500, seed=5)

    assert compare(pair, "f1", 0.01, seed=3) == compare(pair, "f1", 0.01, seed=3)


def test_many_rows_are_drawn_in_blocks() -> None:
    """Memory and time stay flat, and the figure stays what it was."""
    pair = classifiers(60_000, seed=6, noise=(0.9, 1.0))

    found = compare(pair, "f1", 0.01, seed=1)

    assert found["p"] <= 0.01


def grouped(seed: int, *, told: bool) -> Pair:
    """Return two equal classifiers whose mistakes come by whole groups of ten rows."""
    chance = np.random.default_rng(seed)
    truth, groups = np.zeros(1000, dtype=np.int64), np.repeat(np.arange(100), 10)
    new, old = (judged(truth, np.where(np.repeat(chance.random(100) < 0.2, 10), 0.9, 0.1)) for _ in range(2))
    return Pair(new, old, groups if told else None)


def test_rows_of_one_group_are_one_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken as independent they promote an equal model far too often; drawn again as groups they do not."""
    monkeypatch.setattr("mlwright.trainer.comparison.DRAWS", 300)

    told, untold = (
        np.mean([compare(grouped(seed, told=told), "accuracy", 0.0, seed=1)["p"] <= ALPHA for seed in range(150)])
        for told in (True, False)
    )

    assert told <= ALPHA + 0.04
    assert untold > 0.2


def test_groups_need_to_be_many_and_a_metric_that_can_be_drawn() -> None:
    """A handful of people is not everybody."""
    pair = classifiers(600, seed=8)
    few = Pair(pair.new, pair.old, np.arange(600) % 20)
    many = Pair(pair.new, pair.old, np.arange(600) % 200)

    with pytest.raises(UndefinedError, match="50 groups held out are needed to compare, there are 20"):
        compare(few, "f1", 0.01, seed=1)
    with pytest.raises(UndefinedError, match=r"rows in groups \(groupColumn\): use accuracy or f1"):
        compare(many, "roc_auc", 0.01, seed=1)


def three_classes(answers: Answers) -> Judged:
    """Return the answers as if there were a third class."""
    assert isinstance(answers, Judged)
    return Judged(answers.truth, answers.called, np.column_stack([answers.probabilities, np.zeros(len(answers.truth))]))


def test_what_has_no_sound_test_says_so() -> None:
    """Rather than a figure that errs more often than it says."""
    few = classifiers(120, seed=7)
    many = classifiers(600, seed=7)

    with pytest.raises(UndefinedError, match="DeLong's test of roc_auc needs 100 rows of the rarer class, there are"):
        compare(few, "roc_auc", 0.01, seed=1)
    with pytest.raises(UndefinedError, match="roc_auc of more than two classes has no paired test here"):
        compare(Pair(three_classes(many.new), three_classes(many.old)), "roc_auc", 0.01, seed=1)


def test_the_operator_and_the_trainer_mean_the_same() -> None:
    """The metrics that the API offers are those that are tested, and the default tolerance is one."""
    assert set(get_args(ChampionTest.model_fields["metric"].annotation)) == set(TESTED)
    assert champion_gate.TOLERANCE == gate_settings.TOLERANCE
    assert 1 / (DRAWS + 1) == champion_gate.LEAST
