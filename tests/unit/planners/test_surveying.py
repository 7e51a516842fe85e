"""What sides of an experiment brought: every increase once, of our pods alone, and nothing while a pod is not seen."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.plan.experiments import Sums, Survey
from mlwright.plan.measuring import Series, Side, Watched
from mlwright.planners.selections import REQUESTS
from mlwright.planners.surveying import LONGEST, REWARDS, SQUARES, TOTAL, end, selections, surveyed

T0: Final = 1_800_000_000.0
SURVEY: Final = Survey(
    "pricing",
    "shop",
    "churn",
    (Side("old", (Watched("o1", T0 - 900),)), Side("new", (Watched("n1", T0 - 900),))),
    T0,
)


def counter(label: str, revision: str, pod: str, *values: float, begins: float = T0 - 15) -> Series:
    """Return a counter that was scraped every 15 seconds."""
    samples = tuple((begins + 15 * place, value) for place, value in enumerate(values))
    return Series({"pod": pod, label: revision}, samples)


def requests(new: tuple[float, ...] = (0, 5, 9, 12, 12)) -> list[Series]:
    """Return the requests that both sides answered."""
    return [counter("revision", "old", "o1", 0, 10, 20, 30, 40), counter("revision", "new", "n1", *new)]


def found(**several: list[Series]) -> dict[str, list[Series]]:
    """Return series by metric."""
    return {REQUESTS: requests(), REWARDS: [], TOTAL: [], SQUARES: []} | several


def test_what_lies_between_two_instants_is_counted_once() -> None:
    """However it is cut into pieces."""
    whole = surveyed(SURVEY, found(), T0 + 45)
    first = surveyed(SURVEY, found(), T0 + 20)
    later = Survey("pricing", "shop", "churn", SURVEY.sides, T0 + 20)
    second = surveyed(later, found(), T0 + 45)

    assert whole.sums["old"] == Sums(requests=30)
    assert whole.sums["new"] == first.sums["new"] + second.sums["new"] == Sums(requests=7)


@given(st.lists(st.integers(0, 9), min_size=5, max_size=5), st.integers(1, 44))
def test_any_cut_gives_the_same(increases: list[int], cut: int) -> None:
    """Also where a counter began anew."""
    values, value = [], 0
    for step in increases:
        value = 0 if step == 9 else value + step
        values.append(float(value))
    several = {REQUESTS: requests(tuple(values)), REWARDS: [], TOTAL: [], SQUARES: []}
    later = Survey("pricing", "shop", "churn", SURVEY.sides, T0 + cut)
    parts = (surveyed(SURVEY, several, T0 + cut), surveyed(later, several, T0 + 45))

    assert parts[0].sums["new"] + parts[1].sums["new"] == surveyed(SURVEY, several, T0 + 45).sums["new"]


def test_rewards_belong_to_who_predicted() -> None:
    """Whichever pod took the feedback."""
    several = found(
        **{
            REWARDS: [counter("predicted_revision", "new", "o1", 0, 2, 4)],
            TOTAL: [counter("predicted_revision", "new", "o1", 0, 1.0, 2.5)],
            SQUARES: [counter("predicted_revision", "new", "o1", 0, 1.0, 2.25)],
        }
    )

    assert surveyed(SURVEY, several, T0 + 15).sums["new"] == Sums(4, 2, 1.5, 1.25)
    assert surveyed(SURVEY, several, T0 + 15).sums["old"].rewards == 0


def test_a_series_that_is_born_with_its_first_reward_counts_in_full() -> None:
    """A pod has no series of another revision before."""
    own = counter("predicted_revision", "old", "o1", 0, 0, 0, 0)
    born = counter("predicted_revision", "new", "o1", 3, 4, begins=T0 + 15)
    several = found(**{REWARDS: [own, born]})

    assert surveyed(SURVEY, several, T0 + 45).sums["new"].rewards == 4


def test_nothing_is_counted_of_pods_that_are_not_ours() -> None:
    """Whatever they claim."""
    forged = counter("revision", "new", "evil", 0, 1000, 2000, 3000)
    several = found(**{REQUESTS: [*requests(), forged]})

    assert surveyed(SURVEY, several, T0 + 45).sums["new"].requests == 7


@pytest.mark.parametrize("lie", [float("nan"), -1.0])
def test_a_lie_is_no_count(lie: float) -> None:
    """Nothing of the reading is believed, and it is said."""
    several = found(**{TOTAL: [counter("predicted_revision", "new", "n1", 0, lie)]})
    told = surveyed(SURVEY, several, T0 + 45)

    assert (told.until, told.sums) == (T0, {})
    assert "no counter has that" in told.trouble


def test_a_pod_that_is_not_scraped_holds_everything_up() -> None:
    """Its requests would be missing on one side; one that is gone is not waited for."""
    gone = (SURVEY.sides[0], Side("new", (Watched("n1", T0 - 900, gone=True),)))
    late = T0 + 400
    seen = {REQUESTS: [counter("revision", "old", "o1", *range(29))], REWARDS: [], TOTAL: [], SQUARES: []}

    assert "has not scraped pod n1 for" in surveyed(SURVEY, seen, late).trouble
    assert surveyed(SURVEY, seen, late).until == T0
    assert surveyed(Survey("pricing", "shop", "churn", gone, T0), seen, late).until == late


def test_a_night_without_prometheus_is_caught_up_with_by_the_hour() -> None:
    """So no answer grows without end."""
    assert end(SURVEY, T0 + 60.7) == T0 + 50
    assert end(SURVEY, T0 + 10 * LONGEST) == T0 + LONGEST
    assert end(SURVEY, T0 + 5) < T0


def test_only_series_of_the_experiment_are_asked_for() -> None:
    """By namespace, deployment and revision."""
    asked = selections(SURVEY)

    assert [one.metric for one in asked] == [REQUESTS, REWARDS, TOTAL, SQUARES]
    assert asked[0].labels == {"namespace": ("shop",), "deployment": ("churn",), "revision": ("old", "new")}
    assert asked[1].labels["predicted_revision"] == ("old", "new")
