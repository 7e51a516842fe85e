"""What was asked and answered, counted in the bins of the profile."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlwright.bundle.bins import MOST_FEATURES, MOST_SLOTS
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profile import Distribution, Profile
from mlwright.bundle.profiling import BINS, profile_booleans, profile_labels, profile_numbers, profile_texts
from mlwright.bundle.tensors import Array
from mlwright.server.live_bins import KEPT_ROWS, LiveBins
from tests.unit.server.conftest import IDENTITY

PROFILE = Profile(
    rows=100,
    features=(
        profile_numbers("distance", Datatype.FP64, np.arange(100.0)),
        profile_booleans("weekend", np.array([True, False])),
        profile_texts("carrier", {"UA": 60, "AA": 40}),
    ),
    outputs=(
        profile_labels("label", Datatype.BOOL, (False, True), (60, 40)),
        profile_numbers("probabilities", Datatype.FP64, np.linspace(0, 1, 100)),
    ),
)
Request = tuple[dict[str, Array], dict[str, Array]]


def asked(distance: list[float], carrier: list[str], late: list[float]) -> Request:
    """A request with its answer: whether it is late is what the probabilities say."""
    probabilities = np.array([[1 - share, share] for share in late])
    columns: dict[str, Array] = {
        "distance": np.array(distance).reshape(-1, 1),
        "weekend": np.full((len(distance), 1), fill_value=True),
        "carrier": np.array(carrier, dtype=object).reshape(-1, 1),
    }
    return columns, {"label": probabilities[:, 1] > 0.5, "probabilities": probabilities}


def samples(bins: LiveBins) -> Iterator[tuple[str, str, str, float]]:
    """Metric, feature or output, bin and value of every series."""
    for family in text_string_to_metric_families("\n".join(bins.lines()) + "\n"):
        for one in family.samples if family.name != "mlwright_profile_info" else ():
            assert (one.labels["deployment"], one.labels["revision"]) == ("flights", "a1b2c3d4")
            yield one.name, one.labels.get("feature") or one.labels["output"], one.labels["bin"], one.value


def counted(bins: LiveBins) -> dict[tuple[str, str], float]:
    """Value by feature or output, and bin, without the zeros."""
    return {(name, slot): value for _, name, slot, value in samples(bins) if value}


def test_the_profile_is_told_in_one_series_for_each_distribution() -> None:
    """Whoever compares needs no bundle: the rows of the training lie in the same bins."""
    families = text_string_to_metric_families("\n".join(LiveBins(IDENTITY, PROFILE).lines()) + "\n")
    told = {one.labels["name"]: one for family in families for one in family.samples if "counts" in one.labels}

    assert told["carrier"].labels["counts"] == "0:60,1:40,missing:0,unseen:0"
    assert {name: one.labels["surface"] for name, one in told.items()} == {
        **dict.fromkeys(("distance", "weekend", "carrier"), "feature"),
        **dict.fromkeys(("label", "probabilities"), "output"),
    }


def test_every_series_exists_at_zero() -> None:
    """A series that is first seen at five has lost these five."""
    seen = list(samples(LiveBins(IDENTITY, PROFILE)))

    assert len(seen) == 23 + 2 + 4 + 2 + 23
    assert {value for _, _, _, value in seen} == {0}


def test_counts_what_was_asked_and_answered() -> None:
    """Features are told from outputs, and probabilities are counted as one number for each row."""
    bins = LiveBins(IDENTITY, PROFILE)

    bins.record(*asked([0.0, -1.0, np.nan], ["AA", "", "??"], [0.011, 0.9999, 0.011]))

    assert counted(bins) == {
        ("distance", "0"): 1,
        ("distance", "below"): 1,
        ("distance", "missing"): 1,
        ("weekend", "1"): 3,
        ("carrier", "1"): 1,
        ("carrier", "missing"): 1,
        ("carrier", "unseen"): 1,
        ("label", "0"): 2,
        ("label", "1"): 1,
        ("probabilities", "0"): 2,
        ("probabilities", "19"): 1,
    }


@pytest.mark.parametrize("rows", [1, 3, KEPT_ROWS, KEPT_ROWS + 1])
def test_no_row_is_lost_or_counted_twice(rows: int) -> None:
    """However rows are cut into requests, every row is counted once in every feature and output."""
    bins = LiveBins(IDENTITY, PROFILE)
    chance = np.random.default_rng(1)
    requests = 2 * KEPT_ROWS // rows + 1

    for _ in range(requests):
        bins.record(*asked(chance.normal(50, 40, rows).tolist(), ["UA"] * rows, chance.random(rows).tolist()))

    totals: dict[str, float] = {}
    for _, name, _, value in samples(bins):
        totals[name] = totals.get(name, 0) + value
    assert totals == dict.fromkeys(totals, requests * rows)


def test_threads_lose_no_row() -> None:
    """Requests that are answered on several threads at once are all counted."""
    bins = LiveBins(IDENTITY, PROFILE)
    one = asked([5.0], ["UA"], [0.2])

    def answer_many() -> None:
        for _ in range(500):
            bins.record(*one)

    threads = [threading.Thread(target=answer_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counted(bins)["label", "0"] == 2000


def wide_profile() -> Profile:
    """200 features and 1,000 classes, the last feature being the most important."""
    column = np.arange(1000.0)
    features = tuple(
        Distribution(
            name=f"f{place}",
            datatype=Datatype.FP64,
            counts=(known := profile_numbers("x", Datatype.FP64, column)).counts,
            edges=known.edges,
            rank=200 - place,
        )
        for place in range(200)
    )
    outputs = (profile_labels("label", Datatype.INT64, tuple(range(1000)), [1] * 1000), features[0])
    return Profile(1000, features, outputs)


def test_the_budget_of_series_is_kept() -> None:
    """However wide the model, a pod has at most 503 of these series, so twenty pods have about ten thousand."""
    seen = list(samples(LiveBins(IDENTITY, wide_profile())))

    assert len(seen) == MOST_FEATURES * MOST_SLOTS + BINS + MOST_SLOTS == 503
    assert {name for metric, name, _, _ in seen if metric == "mlwright_feature_bin_total"} == {
        f"f{place}" for place in range(200 - MOST_FEATURES, 200)
    }


def test_a_model_without_a_profile_has_no_series() -> None:
    """Models that were trained elsewhere come without distributions."""
    bins = LiveBins(IDENTITY, Profile(0, (), ()))

    bins.record(*asked([1.0], ["UA"], [0.5]))

    assert list(samples(bins)) == []


def test_names_of_features_may_be_any_text() -> None:
    """A column may be called what no label of Prometheus could be."""
    odd = 'the "old"\\new\nname'
    bins = LiveBins(IDENTITY, Profile(1, (profile_booleans(odd, np.array([True])),), ()))

    assert {name for _, name, _, _ in samples(bins)} == {odd}
