"""Measure autoscaling: its arithmetic, what it does without metrics, a day of bursts, and a thousand deployments.

    python -m bench.autoscale                  # all of it
    python -m bench.autoscale --quick          # a tenth
    python -m bench.autoscale bursts many      # these phases only

- arithmetic: seeded cases held against an independently written model of HorizontalPodAutoscaler v2.
- missing: seeded looks at which a metric is away, old or empty; how often pods went.
- bursts: made days of load, simulated as `kubectl mlwright simulate` does. HorizontalPodAutoscaler looks at the rate
  of requests, with its defaults; ours is behind the router, looks at the same, and has a policy that is closer to what
  pods can answer. Beside them: the router alone, with HorizontalPodAutoscaler's policy, and that one with our policy.
- departures: the same with a recorded load, beside who knows what comes in each second, at several targets.
- routers: what it costs to ask the routers of a thousand deployments every second, over real connections.
- many: what Prometheus is asked for a thousand deployments in one period, the CPU time of taking in answers that change
  nothing, and of a look: to gather, decide and render, without the event that leads to it and without a write.
"""

from __future__ import annotations

import sys
from typing import Final

from bench.autoscale_arithmetic import equal
from bench.autoscale_bursts import bursts
from bench.autoscale_departures import MINUTES, departures
from bench.autoscale_loads import DAY
from bench.autoscale_many import DEPLOYMENTS, many
from bench.autoscale_missing import missing
from bench.autoscale_routers import routers
from bench.figures import Benchmark

CASES: Final = 100_000
MORNING: Final = 8 * 60
"""Minutes of the recorded day that a quick look plays: its first flights leave at five."""
BENCHMARK: Final = Benchmark(
    "autoscale",
    "an independently written model of HorizontalPodAutoscaler v2 (tests/support/hpa_model.py)",
    goals={
        "hpa_unequal_cases": 0,
        "downs_on_missing": 0,
        "late_share_ratio_hpa": 0.5,
        "cost_ratio_oracle": 1.1,
        "departures_late_share_ratio_hpa": 0.5,
        "departures_cost_ratio_oracle": 1.1,
        "queries_per_kind": 1,
        "core_share_of_1000": 0.1,
        "routers_core_share": 0.03,
    },
    least={"hpa_equal_cases": 1},
)


def main() -> int:
    """Run the phases that are named, all of them when none is; returns 1 when a goal is missed."""
    wanted = [name for name in sys.argv[1:] if name != "--quick"]
    part = 10 if "--quick" in sys.argv[1:] else 1
    phases = {
        "arithmetic": lambda: equal(CASES // part),
        "missing": lambda: missing(CASES // 10 // part),
        "bursts": lambda: bursts(DAY // part),
        "departures": lambda: departures(MINUTES if part == 1 else MORNING),
        "many": lambda: many(DEPLOYMENTS // part),
        "routers": lambda: routers(DEPLOYMENTS // part),
    }
    return BENCHMARK.run(phases, wanted)


if __name__ == "__main__":
    sys.exit(main())
