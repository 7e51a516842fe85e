"""Loads by the second for the benchmark of autoscaling: seeded, and made, not recorded."""

from __future__ import annotations

import math
from random import Random

DAY = 24 * 3600


def bursty(seed: int, seconds: int = DAY) -> list[float]:
    """Return a day with a noon and a night, and about twenty bursts of two to eight times the usual for minutes.

    A burst rises within ten seconds, as after a mail to all customers, and fades by half each minute and a half.
    """
    chance = Random(seed)  # noqa: S311  # seeded
    load, burst, left = [], 0.0, chance.expovariate(20 / DAY)
    for second in range(seconds):
        usual = 60 - 40 * math.cos(2 * math.pi * second / DAY)
        left -= 1
        if left <= 0:
            burst, left = chance.uniform(1, 7), chance.expovariate(20 / DAY)
        burst *= 0.5 ** (1 / 90)
        load.append(max(0.0, usual * (1 + burst) * chance.uniform(0.9, 1.1)))
    return load
