"""Made days of bursts: late requests and cost of a policy behind the router, beside HorizontalPodAutoscaler's."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any, Final

from bench.autoscale_loads import bursty
from bench.figures import Figures
from mlwright.api.autoscaling import Autoscaling
from mlwright.planners.simulating import Simulated, World, oracle, simulate

BEGIN: Final = 1_800_000_000.0
DAYS: Final = (11, 12, 13)
"""Seeds; the policy was chosen on others."""
PLAIN: Final = World(capacity=25.0, start=15)
ROUTED: Final = World(capacity=25.0, start=15, routed=True)
DEFAULTS: Final[dict[str, Any]] = {}
TIGHT: Final[dict[str, Any]] = {
    "behavior": {
        "scaleUp": {"tolerance": 0.02, "policies": [{"type": "Pods", "value": 40, "periodSeconds": 15}]},
        "scaleDown": {"tolerance": 0.02, "stabilizationWindowSeconds": 30},
    }
}


def policy(target: float, more: Mapping[str, Any]) -> Autoscaling:
    """Return a policy between one and forty pods that looks at the rate of requests."""
    rate = {"name": "load", "type": "RequestRate", "requestRate": {"target": target}}
    return Autoscaling.model_validate({"minReplicas": 1, "maxReplicas": 40, "metrics": [rate], **more})


SIDES: Final[Mapping[str, tuple[Autoscaling, World]]] = {
    "hpa": (policy(20, DEFAULTS), PLAIN),
    "own": (policy(22, TIGHT), ROUTED),
    "router_alone": (policy(20, DEFAULTS), ROUTED),
    "hpa_tight": (policy(22, TIGHT), PLAIN),
}


def bursts(seconds: int) -> Figures:
    """Play some days, each on every side; figures are means over the days."""
    days = [_day(seed, seconds) for seed in DAYS]
    late = {side: fmean(day[side][0] for day in days) for side in SIDES}
    cost = {side: fmean(day[side][1] for day in days) for side in SIDES}
    return {
        "late_share_own": late["own"],
        "late_share_hpa": late["hpa"],
        "late_share_ratio_hpa": late["own"] / late["hpa"],
        "cost_ratio_oracle": cost["own"],
        "cost_ratio_oracle_hpa": cost["hpa"],
        "late_share_ratio_router_alone": late["router_alone"] / late["hpa"],
        "cost_ratio_oracle_router_alone": cost["router_alone"],
        "late_share_ratio_hpa_tight": late["hpa_tight"] / late["hpa"],
        "cost_ratio_oracle_hpa_tight": cost["hpa_tight"],
        "moves_per_day_own": fmean(day["own"][2] for day in days),
        "moves_per_day_hpa": fmean(day["hpa"][2] for day in days),
    }


def _day(seed: int, seconds: int) -> dict[str, tuple[float, float, float]]:
    """Return late share, cost by that of who knows the load, and moves, by side."""
    load = bursty(seed, seconds)
    known = Simulated((), oracle(policy(20, DEFAULTS), load, PLAIN), sum(load), 0.0)
    found = {side: simulate(spec, load, world, BEGIN, first=2) for side, (spec, world) in SIDES.items()}
    return {side: (one.late_share, one.pod_hours / known.pod_hours, len(one.moves)) for side, one in found.items()}
