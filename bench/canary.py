"""Measure the verdicts on candidates by simulation: how often they are wrong, and how long they take.

    python -m bench.canary                      # full size, some minutes
    python -m bench.canary --quick              # a tenth of the rollouts
    python -m bench.canary doubled experiments  # these phases only

Counts of simulated rollouts, seeded; no time of this machine is measured. Beside our rule stand the ones that people
use: a fixed threshold on a minute's errors, the usual test of two rates at every look, and the mixture sequential test
of normal means. Simulated noise is not real noise: figures that begin with `unrepaired` show where no guard helps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Final

import numpy as np

from bench.canary_noise import INDEPENDENT, Errors, Service
from bench.canary_rollouts import Scenario, rollouts
from bench.canary_rules import NEVER, Ints, Traffic, by_the_operator, fixed_threshold, msprt, ours, repeated_z
from bench.canary_variants import experiments
from bench.figures import Benchmark, Figures
from mlwright.api.analysis import Analysis, Check
from mlwright.plan.analysis import Case, Counted, Failed, Move, Reading, Stage
from mlwright.planners.questions import budget
from mlwright.planners.verdicts import conclude, evaluate
from mlwright.stats.guard import BINOMIAL, Noise
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look

SEED: Final = 20_261_122
LOOKS: Final = 240
SECONDS: Final = 30.0
HOUR: Final = 60
ANALYSIS: Final = Analysis(checks=(Check(name="errors", type="ErrorRate"),))
ALPHA: Final = budget(ANALYSIS, Stage.STEPS)
"""What one check may use in the steps of a rollout with the default budget of 1 %."""
RATES: Final = (0.0001, 0.001, 0.01, 0.1)
SHARES: Final = (0.01, 0.1, 0.5, 0.9)
TOTALS: Final = (10.0, 100.0, 1000.0)
REPAIRED: Final = {
    "own_swings_0.2": Errors(own=0.2),
    "own_swings_0.5": Errors(own=0.5),
    "own_swings_1": Errors(own=1.0),
    "own_swings_0.5_memory_0.5": Errors(own=0.5, memory=0.5),
    "bursts_of_3": Errors(burst=3),
}
UNREPAIRED: Final = {
    "own_swings_0.5_memory_0.8": Errors(own=0.5, memory=0.8),
    "own_swings_0.5_memory_0.95": Errors(own=0.5, memory=0.95),
    "bursts_of_10_at_1_request_a_second": Errors(burst=10),
}


def binomial(runs: int) -> Figures:
    """Independent errors: the worst of all rates, shares and volumes; the candidate is exactly as bad as allowed."""
    worst = dict.fromkeys(("ours", "threshold", "z", "msprt"), 0.0)
    for place, (rate, share, total, allowed) in enumerate(product(RATES, SHARES, TOTALS, (0.0, 0.005))):
        service = Service(total, share, rate, rate + allowed)
        traffic = service.traffic(np.random.default_rng((SEED, place)), runs, LOOKS, SECONDS)
        found = _rules(traffic, allowed)
        worst = {rule: max(worst[rule], _share(looks)) for rule, looks in found.items()}
        _compare(traffic, allowed, found["ours"])
    return {
        "false_rollback_rate": worst["ours"],
        "false_rollback_rate_threshold": worst["threshold"],
        "false_rollback_rate_naive": worst["z"],
        "false_rollback_rate_msprt": worst["msprt"],
    }


def _rules(traffic: Traffic, allowed: float) -> dict[str, Ints]:
    blocks = np.full(traffic.candidate_bad.shape[0], BINOMIAL)
    return {
        "ours": ours(traffic, allowed=allowed, alpha=ALPHA, blocks=blocks),
        "threshold": fixed_threshold(traffic, allowed=allowed),
        "z": repeated_z(traffic, allowed=allowed, alpha=ALPHA),
        "msprt": msprt(traffic, allowed=allowed, alpha=ALPHA),
    }


def _compare(traffic: Traffic, allowed: float, found: Ints, block: int = BINOMIAL) -> None:
    """Make sure that the rule for arrays is the operator's own."""
    for rollout in (0, *np.flatnonzero(found != NEVER)[:1]):
        told = by_the_operator(traffic, int(rollout), allowed=allowed, alpha=ALPHA, block=block)
        if told != found[rollout]:
            message = f"rollout {rollout}: the operator decides at look {told}, the simulation at {found[rollout]}"
            raise AssertionError(message)


def noisy(runs: int) -> Figures:
    """Errors in swings and bursts, with the guard that the operator chooses and without; the worst of all volumes."""
    figures: Figures = {"false_rollback_rate_noisy": 0.0, "false_rollback_rate_noisy_plain": 0.0}
    for name, errors in REPAIRED.items():
        guarded, plain = _worst_of_volumes(errors, TOTALS, runs)
        figures |= {f"noisy_{name}": guarded, f"noisy_{name}_plain": plain}
        figures["false_rollback_rate_noisy"] = max(figures["false_rollback_rate_noisy"], guarded)
        figures["false_rollback_rate_noisy_plain"] = max(figures["false_rollback_rate_noisy_plain"], plain)
    return figures


def unrepaired(runs: int) -> Figures:
    """Noise that outlives a block, and bursts at few requests: told, because the guard breaks its promise there."""
    figures: Figures = {}
    for name, errors in UNREPAIRED.items():
        volumes = (10.0,) if errors.burst > 1 else TOTALS
        guarded, plain = _worst_of_volumes(errors, volumes, runs)
        figures |= {f"unrepaired_{name}": guarded, f"unrepaired_{name}_plain": plain}
    return figures


def _worst_of_volumes(errors: Errors, volumes: tuple[float, ...], runs: int) -> tuple[float, float]:
    worst = [0.0, 0.0]
    for total in volumes:
        chance = np.random.default_rng((SEED, round(total)))
        service = Service(total, 0.1, 0.01, 0.01, errors)
        traffic, blocks = service.traffic(chance, runs, LOOKS, SECONDS), service.blocks(chance, runs)
        guarded = ours(traffic, allowed=0.0, alpha=ALPHA, blocks=blocks)
        plain = ours(traffic, allowed=0.0, alpha=ALPHA, blocks=np.zeros_like(blocks))
        one = int(blocks[0])
        _compare(
            Traffic(traffic.candidate, traffic.candidate_bad[:1], traffic.stable, traffic.stable_bad[:1], SECONDS),
            0.0,
            guarded[:1],
            one,
        )
        worst = [max(worst[0], _share(guarded)), max(worst[1], _share(plain))]
    return worst[0], worst[1]


def doubled(runs: int) -> Figures:
    """1 % errors become 2 %, ten requests a second to the candidate, nothing allowed: the slowest of two shares."""
    slowest, weakest = 0.0, 1.0
    for share in (0.01, 0.1):
        service = Service(10 / share, share, 0.01, 0.02)
        traffic = service.traffic(np.random.default_rng((SEED, round(1000 * share))), runs, 240, 15.0)
        found = ours(traffic, allowed=0.0, alpha=ALPHA, blocks=np.full(runs, BINOMIAL))
        minutes = np.where(found == NEVER, np.inf, (found + 1) * 0.25)
        slowest, weakest = max(slowest, float(np.median(minutes))), min(weakest, float(np.mean(minutes <= HOUR)))
    return {"doubled_error_median_minutes": slowest, "doubled_error_power": weakest}


def whole(runs: int) -> Figures:
    """Whole rollouts of three steps with the operator's own code: worse by the margin, and as good as stable."""
    swings = Errors(own=0.3)
    worse = [
        rollouts(Scenario(Service(total, 0.05, 0.01, 0.02, errors)), ANALYSIS, runs, SEED)
        for total, errors in ((20.0, INDEPENDENT), (100.0, INDEPENDENT), (1000.0, swings))
    ]
    equal = rollouts(Scenario(Service(100.0, 0.05, 0.01, 0.01)), ANALYSIS, runs // 5, SEED)
    return {
        "wrong_promotions": float(sum(found.promoted for found in worse)),
        "worse_rollouts": float(sum(found.all for found in worse)),
        "equal_promoted_share": equal.promoted / equal.all,
        "equal_promoted_median_minutes": equal.median_minutes,
    }


def missing(runs: int) -> Figures:
    """Readings that fail, are empty or lack a side, with every policy: no promotion, and no rollback."""
    chance = np.random.default_rng(SEED)
    moves = []
    for _ in range(runs):
        spec = ANALYSIS.model_copy(
            update={
                "when_inconclusive": str(chance.choice(["Hold", "Rollback", "PromoteUnproven"])),
                "when_no_data": str(chance.choice(["Hold", "RequireApproval"])),
            }
        )
        case = Case(
            Stage(str(chance.choice(["Steps", "Bake"]))), 1, Noise(int(chance.choice([0, 60])), ""), _nothing(chance)
        )
        minutes = timedelta(minutes=float(chance.uniform(0, 300)))
        moves.append(conclude(spec, case, evaluate(spec, case), held_for=minutes, hold=timedelta(minutes=5)).move)
    return {
        "missing_data_promotions": float(sum(move in (Move.ADVANCE, Move.ADVANCE_UNPROVEN) for move in moves)),
        "missing_data_rollbacks": float(moves.count(Move.ROLL_BACK)),
    }


def _nothing(chance: np.random.Generator) -> dict[str, Reading]:
    """A reading that tells nothing of this step, in one of the ways in which that happens."""
    good = Look(0, 600.0, Counts(6000, 60, 54000, 540))
    silent_candidate = Look(1, 30.0, Counts(0, 0, 3000, float(chance.integers(0, 3000))))
    silent_stable = Look(1, 30.0, Counts(3000, float(chance.integers(0, 3000)), 0, 0))
    cases: tuple[dict[str, Reading], ...] = (
        {},
        {"errors": Failed("Prometheus did not answer within 5 s")},
        {"errors": Counted()},
        {"errors": Counted((good,))},
        {"errors": Counted((silent_candidate,) * 20)},
        {"errors": Counted((silent_stable,) * 20)},
        {"errors": Counted((good, silent_candidate, silent_candidate))},
        {"errors": Counted((good, silent_stable))},
        {"errors": Counted((Look(1, 600.0, Counts(6000, 60, 54000, 540)),), trouble="pod a is not scraped")},
    )
    return cases[int(chance.integers(0, len(cases)))]


def _share(found: Ints) -> float:
    return float(np.mean(found != NEVER))


GOALS: Final = {
    "false_rollback_rate": 0.01,
    "false_rollback_rate_noisy": 0.01,
    "doubled_error_median_minutes": 3.0,
    "wrong_promotions": 0.0,
    "missing_data_promotions": 0.0,
    "missing_data_rollbacks": 0.0,
    "ab_false_winner_rate": 0.05,
}
LEAST: Final = {"doubled_error_power": 0.99}
REFERENCE: Final = "a fixed threshold, the z-test at every look and the normal mSPRT, on the same draws"


def main() -> int:
    """Simulate the wanted phases; returns 1 when a goal is missed."""
    words = sys.argv[1:]
    tenth = 10 if "--quick" in words else 1
    sizes: dict[str, tuple[Callable[[int], Figures], int]] = {
        "binomial": (binomial, 2500),
        "noisy": (noisy, 1000),
        "unrepaired": (unrepaired, 1000),
        "doubled": (doubled, 2000),
        "whole": (whole, 500),
        "missing": (missing, 5000),
        "experiments": (experiments, 2000),
    }
    phases = {name: _sized(measure, runs // tenth) for name, (measure, runs) in sizes.items()}
    wanted = [word for word in words if word in phases]
    return Benchmark("canary", REFERENCE, GOALS, LEAST).run(phases, wanted)


def _sized(measure: Callable[[int], Figures], runs: int) -> Callable[[], Figures]:
    return lambda: measure(runs)


if __name__ == "__main__":
    sys.exit(main())
