"""Measure autoscaling: its arithmetic, what it does without metrics, a day of bursts, and a thousand deployments.

    python -m bench.autoscale                  # all of it
    python -m bench.autoscale --quick          # a tenth
    python -m bench.autoscale bursts many      # these phases only

- arithmetic: seeded cases held against an independently written model of HorizontalPodAutoscaler v2.
- missing: seeded looks at which a metric is away, old or empty; how often pods went.
- bursts: a made day of load, simulated as `kubectl mlwright simulate` does. The autoscaler beside it looks at the rate
  of requests alone, with the defaults of HorizontalPodAutoscaler; ours looks at the requests under way as well.
- many: what Prometheus is asked for a thousand deployments in one period, and the CPU time of a look: to gather, decide
  and render, without the event that leads to it and without a write.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from bench.autoscale_arithmetic import equal
from bench.autoscale_loads import DAY, bursty
from bench.autoscale_many import DEPLOYMENTS, many
from bench.autoscale_missing import missing
from bench.figures import Benchmark, Figures
from mlwright.api.autoscaling import Autoscaling
from mlwright.planners.simulating import Simulated, World, as_hpa, oracle, simulate

CASES: Final = 100_000
BEGIN: Final = 1_800_000_000.0
BENCHMARK: Final = Benchmark(
    "autoscale",
    "an independently written model of HorizontalPodAutoscaler v2 (tests/support/hpa_model.py)",
    goals={
        "hpa_unequal_cases": 0,
        "downs_on_missing": 0,
        "late_share_ratio_hpa": 0.5,
        "cost_ratio_oracle": 1.1,
        "queries_per_kind": 1,
        "core_share_of_1000": 0.1,
    },
    least={"hpa_equal_cases": 1},
)
RATE: Final = {"name": "load", "type": "RequestRate", "requestRate": {"target": 20}}
BUSY: Final = {"name": "busy", "type": "Concurrency", "concurrency": {"target": 2}}


def policy(*metrics: dict[str, Any]) -> Autoscaling:
    """Return a policy between one and forty pods."""
    return Autoscaling.model_validate({"minReplicas": 1, "maxReplicas": 40, "metrics": metrics})


def bursts(seconds: int) -> Figures:
    """Play a made day of bursts: late requests and cost, beside an autoscaler that looks at the request rate alone."""
    load, world = bursty(1, seconds), World(capacity=25.0, start=15)
    known = Simulated((), oracle(policy(RATE), load, world), sum(load), 0.0)
    hpa = simulate(as_hpa(policy(RATE)), load, world, BEGIN, first=2)
    own = simulate(policy(RATE, BUSY), load, world, BEGIN, first=2)
    return {
        "late_share_hpa": hpa.late_share,
        "late_share_own": own.late_share,
        "late_share_ratio_hpa": own.late_share / hpa.late_share,
        "cost_ratio_oracle_hpa": hpa.pod_hours / known.pod_hours,
        "cost_ratio_oracle": own.pod_hours / known.pod_hours,
    }


def main() -> int:
    """Run the phases that are named, all of them when none is; returns 1 when a goal is missed."""
    wanted = [name for name in sys.argv[1:] if name != "--quick"]
    part = 10 if "--quick" in sys.argv[1:] else 1
    phases = {
        "arithmetic": lambda: equal(CASES // part),
        "missing": lambda: missing(CASES // 10 // part),
        "bursts": lambda: bursts(DAY // part),
        "many": lambda: many(DEPLOYMENTS // part),
    }
    return BENCHMARK.run(phases, wanted)


if __name__ == "__main__":
    sys.exit(main())
