"""Whether a step runs: by a parameter, or by a number that a step before it reported. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlwright.plan.digests import canonical


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a step runs, and why not; `known` is False when nobody reported what was asked for."""

    runs: bool
    sentence: str = ""
    known: bool = True


def judge(when: Mapping[str, Any], parameters: Mapping[str, Any], reported: Iterable[Mapping[str, Any]]) -> Answer:
    """Judge the condition of a step; no condition always holds.

    Args:
        when: the condition, as in the pipeline.
        parameters: of the estimator.
        reported: the results of the steps before it, the nearest last: of two numbers of one name the last counts.

    >>> judge({"metric": "rows", "min": 1000}, {}, [{"dataset": {"rows": 900}}]).sentence
    'rows is 900, below 1000'
    """
    if not when:
        return Answer(runs=True)
    name = when.get("metric") or when["param"]
    found = parameters.get(name) if "param" in when else _metric(name, reported)
    if found is None and "metric" in when:
        return Answer(runs=False, sentence=f"no step before it reported {name}", known=False)
    return _compared(name, found, when)


def _compared(name: str, found: Any, when: Mapping[str, Any]) -> Answer:
    words = found if isinstance(found, str) else canonical(found)
    if "equals" in when:
        return Answer(words == when["equals"], f"{name} is {words}, not {when['equals']}")
    if isinstance(found, bool) or not isinstance(found, int | float):
        return Answer(runs=False, sentence=f"{name} is {words}, which is no number")
    if found < when.get("min", -math.inf):
        return Answer(runs=False, sentence=f"{name} is {words}, below {when['min']:g}")
    if found > when.get("max", math.inf):
        return Answer(runs=False, sentence=f"{name} is {words}, above {when['max']:g}")
    return Answer(runs=True)


def _metric(name: str, reported: Iterable[Mapping[str, Any]]) -> Any:
    found = [value for results in reported if (value := _value(name, results)) is not None]
    return found[-1] if found else None


def _value(name: str, results: Mapping[str, Any]) -> Any:
    """Return a number of a step's results: of its own, of the data that it read, or of what it measured."""
    for part in (results, results.get("dataset"), results.get("metrics"), results.get("bundle")):
        if isinstance(part, Mapping) and isinstance(part.get(name), int | float | str):
            return part[name]
    return None
