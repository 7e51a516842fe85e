"""What the counts of an experiment say: proof or none, at any time, and never when requests went elsewhere."""

from __future__ import annotations

import random
from typing import Any, Final

import pytest

from mlwright.api.experiments import Experiment
from mlwright.plan.experiments import Arm, Sums
from mlwright.planners.experiment_outcome import differences, judge, outlook, written

MEANS: Final = (0.10, 0.15)


def asked(**settings: Any) -> Experiment:
    """Return an experiment of one variant with half of the requests."""
    variants = [{"name": "b", "model": {"version": 2}, "weight": 50}]
    goal = {"type": "Reward", "reward": {"effect": 0.02, **settings.pop("reward", {})}}
    return Experiment.model_validate({"name": "pricing", "variants": variants, "goal": goal} | settings)


def arms(rewards: float, *means: float, requests: tuple[float, ...] = ()) -> tuple[Arm, ...]:
    """Return sides with so many rewards, 0 or 1 each."""
    counts = requests or tuple(rewards for _ in means)
    return tuple(
        Arm(name, f"flights-v{place}", f"{place}" * 8, Sums(counts[place], rewards, rewards * mean, rewards * mean))
        for place, (name, mean) in enumerate(zip(("stable", "b"), means, strict=True))
    )


def test_a_proof_names_the_winner_with_its_numbers() -> None:
    """And how sure they are."""
    judged = judge(asked(), arms(4000, *MEANS))

    assert judged.winner == "b"
    assert "stable 0.1000 (4,000 rewards), b 0.1500 (4,000 rewards): b brings most, 0.0500 more than" in judged.sentence
    assert "95 % sure" in judged.sentence


QUERIES: Final[dict[str, Any]] = {
    "type": "Queries",
    "queries": {
        "effect": 0.02,
        "trials": {"metric": "shop_offers_total"},
        "successes": {"metric": "shop_orders_total"},
    },
}


def test_trials_and_successes_of_ones_own_counters_are_judged_as_rewards_of_0_and_1() -> None:
    """By the same rule, in their own words, and computed again in the same way."""
    by_queries = asked(goal=QUERIES)
    judged = judge(by_queries, arms(4000, *MEANS))

    assert judged.winner == judge(asked(), arms(4000, *MEANS)).winner == "b"
    assert judged.sentence.startswith("stable 0.1000 (4,000 trials), b 0.1500 (4,000 trials): b brings most")
    assert differences(written(by_queries, arms(4000, *MEANS), "Winner", "b")) == ()
    assert "19,014 trials of each side suffice" in outlook(by_queries, arms(0, 0.0, 0.0), 0)


def test_nobody_wins_by_counters_that_are_no_pair() -> None:
    """More successes than trials have no spread: the rule would be sure of anything."""
    judged = judge(asked(goal=QUERIES), arms(4000, 0.1, 1.5))

    assert judged.winner == ""
    assert "b has 6,000 successes of 4,000 trials, which is no share, so nobody may win" in judged.sentence


def test_nobody_wins_without_enough_rewards() -> None:
    """However large the difference looks."""
    assert judge(asked(), arms(900, 0.1, 0.9)).winner == ""
    assert judge(asked(minSamples=100), arms(900, 0.1, 0.9)).winner == "b"
    assert judge(asked(), arms(0, 0.0, 0.0)).winner == ""


def test_nobody_wins_while_requests_go_elsewhere() -> None:
    """Then the sides have other users, and their rewards cannot be compared."""
    judged = judge(asked(), arms(4000, *MEANS, requests=(60_000, 50_000)))

    assert (judged.winner, judged.skewed) == ("", True)
    assert "stable 54.5 instead of 50 %, b 45.5 instead of 50 %" in judged.sentence


def test_requests_of_one_user_are_one_piece_of_evidence() -> None:
    """They all go one way: with twenty each, 60,000 to 58,000 is what chance does."""
    users = {"assignment": {"type": "Cookie", "requestsPerUser": 20}, "reward": {"perUser": 1}}
    counts = arms(4000, *MEANS, requests=(60_000, 58_000))

    assert judge(asked(), counts).skewed
    assert not judge(asked(**users), counts).skewed
    assert judge(asked(**users), counts).winner == "b"


def test_rewards_of_one_user_count_less() -> None:
    """As many as one may bring, so that a user who returns proves nothing by that."""
    assert judge(asked(reward={"perUser": 10}), arms(4000, *MEANS)).winner == ""
    assert judge(asked(assignment={"type": "Cookie", "requestsPerUser": 10}), arms(4000, *MEANS)).winner == ""


def test_it_is_told_how_much_is_needed_before_anything_is_counted() -> None:
    """At most, since nothing is known of the rewards yet; then from what was counted."""
    before = outlook(asked(), arms(0, 0.0, 0.0), 0)
    during = outlook(asked(), arms(1000, 0.10, 0.11), 3600)

    assert before == "to find a difference of 0.02, 19,014 rewards of each side suffice"
    assert during == "to find a difference of 0.02, about 6 hours more should suffice at the present pace"


def test_an_outcome_can_be_computed_again() -> None:
    """Whoever changes a count or the winner is found out."""
    counts = arms(4000, *MEANS)
    evidence = written(asked(), counts, "Winner", "b")
    forged = evidence | {"winner": "stable"}
    other = evidence | {"arms": written(asked(), arms(4000, 0.1, 0.1), "Winner", "b")["arms"]}

    assert differences(evidence) == ()
    assert differences(written(asked(), counts, "Stopped", "")) == ()
    assert differences(forged) == ("the record says that stable wins, its counts say b",)
    assert differences(other) == ("the record says that b wins, its counts say nobody",)


def test_evidence_of_another_form_is_not_guessed_at() -> None:
    """It is said that it cannot be computed again."""
    with pytest.raises(ValueError, match="cannot be computed again"):
        differences({"form": 2})


Run = list[tuple[float, float, float, float]]


def _returning(seed: int, looks: int, users: int, each: int) -> Run:
    """Return sums of sides that bring the same, by users who return `each` times and either always buy or never."""
    chance = random.Random(seed)  # noqa: S311  # a simulation
    rewards, totals = [0.0, 0.0], [0.0, 0.0]
    found: Run = []
    for _ in range(looks):
        for _ in range(users):
            side, buys = chance.randrange(2), chance.random() < 0.1
            rewards[side] += each
            totals[side] += each * buys
        found.append((rewards[0], rewards[1], totals[0], totals[1]))
    return found


def _ever_won(counts: Run, experiment: Experiment) -> bool:
    return any(
        judge(
            experiment,
            (
                Arm("stable", "", "a", Sums(a, a, x, x)),
                Arm("b", "", "b", Sums(b, b, y, y)),
            ),
        ).winner
        for a, b, x, y in counts
    )


def test_users_who_return_do_not_make_a_winner() -> None:
    """Ten requests of each of them, all rewarded or none: counted one by one, chance wins far too often."""
    honest = asked(assignment={"type": "Cookie", "requestsPerUser": 10}, minSamples=100)
    naive = asked(assignment={"type": "Cookie", "requestsPerUser": 1}, minSamples=100)
    # only the rewards are looked at: in equal numbers of requests
    runs = [_returning(seed, looks=20, users=50, each=10) for seed in range(40)]
    level = [[(max(a, b), max(a, b), x * max(a, b) / a, y * max(a, b) / b) for a, b, x, y in run] for run in runs]

    assert sum(_ever_won(run, honest) for run in level) <= 2
    assert sum(_ever_won(run, naive) for run in level) >= 8
