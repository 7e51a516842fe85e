"""What HAProxy counted, by model and revision: as text for Prometheus, and in short for who asks every second. Pure.

HAProxy counts by backend, and a backend serves one variant after the other. What it had counted before a variant came
is remembered and taken off, so every series begins at 0.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from typing import Final

from mlwright.router.maps import backend
from mlwright.router.slots import Slots

Counts = Mapping[str, int]
"""Figures of one backend by HAProxy's name for them."""

CODES: Final = {f"hrsp_{digit}xx": f"{digit}xx" for digit in "12345"}
COUNTERS: Final = {
    "wretr": ("retries_total", "Requests that were sent again to the same pod."),
    "wredis": ("redispatches_total", "Requests that were sent again to another pod."),
    "econ": ("connection_errors_total", "Connections to pods that failed."),
}
CAME: Final = "stot"
"""HAProxy's name for the requests that came, whatever became of them."""
UNDER_WAY: Final = "scur"
"""HAProxy's name for the requests that came and have no answer yet, those that wait for a pod among them."""
GAUGES: Final = {
    UNDER_WAY: ("under_way", "Requests that came and have no answer yet."),
    "qcur": ("waiting", "Requests that wait for a pod."),
    "act": ("pods", "Pods that are sent requests."),
}
COUNTED: Final = (*CODES, *COUNTERS, CAME)


def parse(text: str) -> dict[str, Counts]:
    """Read the answer to `show stat` for backends."""
    rows = csv.reader(text.lstrip("# ").splitlines())
    places = {name: place for place, name in enumerate(next(rows, []))}
    wanted = [(name, places[name]) for name in (*COUNTED, *GAUGES) if name in places]
    name, kind = places.get("pxname", 0), places.get("svname", 1)
    return {
        row[name]: {figure: int(row[place] or 0) for figure, place in wanted}
        for row in rows
        if len(row) > kind and row[kind] == "BACKEND"
    }


def began(seen: Counts) -> dict[str, int]:
    """Return what had been counted when a variant got its backend."""
    return {name: seen.get(name, 0) for name in COUNTED}


def render(counts: Mapping[str, Counts], slots: Slots, before: Mapping[str, Counts], followed: int) -> str:
    """Return all series.

    Args:
        counts: of each backend.
        slots: who has which backend.
        before: what had been counted when a variant got it.
        followed: how many routes HAProxy follows.
    """
    lines = ["# HELP mlwright_router_routes Routes that this pod follows.", "# TYPE mlwright_router_routes gauge"]
    lines.append(f"mlwright_router_routes {followed}")
    own = _own(counts, slots, before)
    lines += _series("requests_total", "counter", "Answers by the first digit of their status.", _by_code(own))
    for kind, table in (("counter", COUNTERS), ("gauge", GAUGES)):
        for name, (series, text) in table.items():
            found = ((_labels(variant), found.get(name, 0)) for variant, found in sorted(own.items()))
            lines += _series(series, kind, text, found)
    return "\n".join([*lines, ""])


def load(counts: Mapping[str, Counts], slots: Slots, before: Mapping[str, Counts]) -> str:
    """Return the requests under way of each variant, and how many have come, as JSON.

    >>> load({"v0": {"scur": 3, "stot": 90}}, Slots(variants={"a/r": 0}), {"a/r": {"stot": 50}})
    '{"schemaVersion":1,"variants":{"a/r":[3,40]}}'
    """
    found = {
        name: [counted.get(UNDER_WAY, 0), counted.get(CAME, 0)] for name, counted in _own(counts, slots, before).items()
    }
    return json.dumps({"schemaVersion": 1, "variants": found}, separators=(",", ":"))


def _own(counts: Mapping[str, Counts], slots: Slots, before: Mapping[str, Counts]) -> dict[str, Counts]:
    """Return what was counted of each variant."""
    return {
        name: _less(counts.get(backend(number), {}), before.get(name, {})) for name, number in slots.variants.items()
    }


def _less(seen: Counts, before: Counts) -> dict[str, int]:
    """Return what was counted since; after a start of HAProxy all of it."""
    return {
        name: value - before.get(name, 0) if value >= before.get(name, 0) else value for name, value in seen.items()
    }


def _by_code(own: Mapping[str, Counts]) -> Iterator[tuple[str, int]]:
    for variant, found in sorted(own.items()):
        for name, code in CODES.items():
            yield f'{_labels(variant)},code="{code}"', found.get(name, 0)


def _labels(variant: str) -> str:
    model, _, revision = variant.partition("/")
    return f'deployment="{model}",revision="{revision}"'


def _series(name: str, kind: str, text: str, values: Iterator[tuple[str, int]]) -> list[str]:
    full = f"mlwright_router_{name}"
    return [
        f"# HELP {full} {text}",
        f"# TYPE {full} {kind}",
        *(f"{full}{{{labels}}} {value}" for labels, value in values),
    ]
