"""What the counts of an experiment say: who wins, whether the shares are as they should be, how long it takes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlwright.api.experiments import Experiment, RewardGoal
from mlwright.plan.experiments import STABLE, Arm, Sums
from mlwright.plan.serving import ALL
from mlwright.planners.expecting import minutes
from mlwright.stats import experiment as stats

FORM: Final = 1
"""Changes when evidence that was written before can no longer be read."""
POWER: Final = 0.8
"""Chance with which the time that is told suffices to find a difference of `effect`."""
WIDEST: Final = 0.25
"""Variance of a reward from 0 to 1 that is half the time 0 and half the time 1: no other has more."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the counts say."""

    winner: str
    """Name of the side that is proven to bring more than every other; empty while none is."""
    skewed: bool
    """Whether requests were not divided in the shares that were asked for: then nobody may win."""
    sentence: str


def judge(asked: Experiment, arms: Sequence[Arm]) -> Judged:
    """Judge the counts; may be asked at any time, and as often as one likes.

    Worked example: 4,000 rewards each, 0.10 and 0.15 in the mean and 0 or 1 each: the second wins.
    """
    users = {arm.name: _users(asked, arm.sums) for arm in arms}
    skewed = stats.shares_alarm(_requesting(asked, arms), _shares(asked, arms))
    if (pair := _no_pair(asked, arms)) and not skewed:
        return Judged("", skewed, f"{counted(asked, arms)}: {pair}")
    enough = all(one.users >= asked.min_samples for one in users.values())
    alpha, effect = 1 - asked.confidence, proof(asked).effect
    found = stats.winner(users, effect=effect, alpha=alpha) if enough and not skewed else None
    if skewed:
        return Judged("", skewed, f"{counted(asked, arms)}: {_skew(asked, arms)}")
    if found is None:
        return Judged("", skewed, f"{counted(asked, arms)}: no difference is proven")
    return Judged(found, skewed, f"{counted(asked, arms)}: {_won(users, found, effect, alpha)}")


def proof(asked: Experiment) -> RewardGoal:
    """Return what both goals have: which difference is worth having, and whose rewards are one's."""
    found = asked.goal.queries or asked.goal.reward
    assert found is not None  # noqa: S101  # the union of admission
    return found


def counted(asked: Experiment, arms: Sequence[Arm]) -> str:
    """Return the mean rewards in words."""
    what = _what(asked)
    return ", ".join(
        f"{arm.name} {arm.sums.total / arm.sums.rewards:.4f} ({arm.sums.rewards:,.0f} {what})"
        if arm.sums.rewards
        else f"{arm.name} has no {what} yet"
        for arm in arms
    )


def _what(asked: Experiment) -> str:
    return "trials" if asked.goal.queries else "rewards"


def _no_pair(asked: Experiment, arms: Sequence[Arm]) -> str:
    """Return why two counters are no trials and successes: then a proof would rest on nothing. Empty when they may be.

    Rewards from 0 to 1 have no such sums, nor do trials that succeed or do not.
    """
    over = next((arm for arm in arms if asked.goal.queries and arm.sums.total > arm.sums.rewards), None)
    if over is None:
        return ""
    return (
        f"{over.name} has {over.sums.total:,.0f} successes of {over.sums.rewards:,.0f} trials, which is no share, so"
        " nobody may win; let goal.queries.successes count only what goal.queries.trials counts as well, under another"
        " name of the experiment"
    )


def outlook(asked: Experiment, arms: Sequence[Arm], seconds: float) -> str:
    """Return how much is needed at most, or how long it takes at the pace of the `seconds` that were counted."""
    effect, each = proof(asked).effect, (1 - asked.confidence) / max(1, len(arms) - 1)
    users = [_users(asked, arm.sums) for arm in arms]
    if seconds <= 0 or not all(one.tells for one in users):
        most = stats.users_needed(WIDEST, effect, alpha=each, power=POWER) * _per_user(asked)
        return f"to find a difference of {effect:g}, {most:,} {_what(asked)} of each side suffice"
    variance = max(one.variance * one.users for one in users)
    if not variance:
        return ""
    needed = stats.users_needed(variance, effect, alpha=each, power=POWER)
    pace = 2 / sum(sorted((1 / one.users for one in users), reverse=True)[:2]) / seconds
    left = needed / pace - seconds
    words = f"about {minutes(left)} more" if left > 0 else "what was counted"
    return f"to find a difference of {effect:g}, {words} should suffice at the present pace"


def written(asked: Experiment, arms: Sequence[Arm], how: str, winner: str) -> dict[str, Any]:
    """Return what an outcome rests on, from which anybody can compute it again."""
    return {
        "form": FORM,
        "experiment": asked.model_dump(mode="json", by_alias=True, exclude_none=True),
        "how": how,
        "winner": winner,
        "arms": [
            {"name": a.name, "version": a.version, "revision": a.revision}
            | {"requests": a.sums.requests, "rewards": a.sums.rewards}
            | {"total": a.sums.total, "squares": a.sums.squares}
            for a in arms
        ],
    }


def differences(evidence: dict[str, Any]) -> tuple[str, ...]:
    """Judge the counts of an outcome again; returns a sentence where another wins than the record says.

    Raises:
        ValueError: this is no evidence, or of a form that this version does not know.
    """
    if evidence.get("form") != FORM:
        message = f"evidence of form {evidence.get('form')!r} cannot be computed again: this version knows form {FORM}"
        raise ValueError(message)
    arms = [
        Arm(a["name"], a["version"], a["revision"], Sums(a["requests"], a["rewards"], a["total"], a["squares"]))
        for a in evidence["arms"]
    ]
    again = judge(Experiment.model_validate(evidence["experiment"]), arms).winner
    told = evidence["winner"]
    if told == again or (evidence["how"] == "Stopped" and not told):
        return ()
    return (f"the record says that {told or 'nobody'} wins, its counts say {again or 'nobody'}",)


def _users(asked: Experiment, sums: Sums) -> stats.Arm:
    """Return rewards as of users: those of one go one way, so m of them are no more evidence than one at its best.

    Of sums of at most m rewards of each of independent users the variance is at most m times that of independent
    rewards, which dividing all counts by m says. Rewards are at most 1, so there are at least as many that are above 0
    as they sum to.
    """
    each = _per_user(asked)
    return stats.Arm(sums.rewards / each, sums.total / each, sums.squares / each, sums.total / each)


def _per_user(asked: Experiment) -> int:
    return proof(asked).per_user or asked.assignment.requests_per_user


def _requesting(asked: Experiment, arms: Sequence[Arm]) -> list[float]:
    return [arm.sums.requests / asked.assignment.requests_per_user for arm in arms]


def _shares(asked: Experiment, arms: Sequence[Arm]) -> list[float]:
    weights = {variant.name: variant.weight for variant in asked.variants}
    return [(weights[arm.name] if arm.name != STABLE else ALL - sum(weights.values())) / ALL for arm in arms]


def _skew(asked: Experiment, arms: Sequence[Arm]) -> str:
    requests = sum(arm.sums.requests for arm in arms)
    told = ", ".join(
        f"{arm.name} {ALL * arm.sums.requests / requests:.1f} instead of {ALL * share:.0f} %"
        for arm, share in zip(arms, _shares(asked, arms), strict=True)
    )
    return (
        f"requests were not divided as asked for ({told}), so nobody may win; look for users who make more than"
        " requestsPerUser requests, who name a variant themselves, or who repeat what failed"
    )


def _won(users: dict[str, stats.Arm], best: str, effect: float, alpha: float) -> str:
    second = max((name for name in users if name != best), key=lambda name: users[name].mean)
    gap = stats.difference(users[best], users[second], effect=effect, alpha=alpha / (len(users) - 1))
    sure = f"{gap.low:.4f} to {gap.high:.4f}, {ALL * (1 - alpha):g} % sure"
    return f"{best} brings most, {gap.estimate:.4f} more than {second} ({sure})"
