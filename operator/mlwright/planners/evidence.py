"""Evidence: a judgement with all that it was made of, as JSON, to be computed again by anybody, without a cluster."""

from __future__ import annotations

from math import isclose
from typing import Any, Final

from mlwright.api.analysis import Analysis
from mlwright.plan.analysis import Case, Counted, Evidence, Failed, Judgement, Reading, Spread, Stage
from mlwright.planners.verdicts import evaluate
from mlwright.stats.guard import Noise
from mlwright.stats.rates import Counts
from mlwright.stats.trial import Look

FORM: Final = 1
"""Changes when evidence that was written before can no longer be read."""
EXACT: Final = 1e-9
"""Relative: another machine's logarithm may differ in the last digit."""


def written(analysis: Analysis, case: Case, judgement: Judgement) -> Evidence:
    """Return a judgement as JSON. Numbers are written as they are, so that computing again gives the same verdicts."""
    return {
        "form": FORM,
        "analysis": analysis.model_dump(mode="json", by_alias=True, exclude_none=True),
        "stage": case.stage.value,
        "step": case.step,
        "noise": {"block": case.noise.block, "sentence": case.noise.sentence},
        "pasts": {name: list(past) for name, past in case.pasts.items()},
        "readings": {name: _reading(reading) for name, reading in case.readings.items()},
        "verdicts": [_verdict(verdict) for verdict in judgement.verdicts],
        "outcome": judgement.outcome.value,
        "sentence": judgement.sentence,
    }


def read(evidence: Evidence) -> tuple[Analysis, Case]:
    """Return what a judgement was made of.

    Raises:
        ValueError: this is no evidence, or of a form that this version does not know.
    """
    if evidence.get("form") != FORM:
        message = f"evidence of form {evidence.get('form')!r} cannot be computed again: this version knows form {FORM}"
        raise ValueError(message)
    noise = Noise(evidence["noise"]["block"], evidence["noise"]["sentence"])
    readings = {name: _as_reading(body) for name, body in evidence["readings"].items()}
    pasts = {name: (requests, bad) for name, (requests, bad) in evidence["pasts"].items()}
    case = Case(Stage(evidence["stage"]), evidence["step"], noise, readings, pasts)
    return Analysis.model_validate(evidence["analysis"]), case


def differences(evidence: Evidence) -> tuple[str, ...]:
    """Compute the verdicts again from the counts; returns a sentence for each that comes out otherwise.

    Raises:
        ValueError: as `read`.
    """
    judgement = evaluate(*read(evidence))
    told = {verdict["check"]: verdict for verdict in evidence["verdicts"]}
    again = {verdict.check: _verdict(verdict) for verdict in judgement.verdicts}
    return tuple(
        f"check {name}: the record says {_words(told.get(name))}, its counts give {_words(again.get(name))}"
        for name in sorted(told.keys() | again.keys())
        if not _same(told.get(name), again.get(name))
    )


def _same(told: dict[str, Any] | None, again: dict[str, Any] | None) -> bool:
    """Tell whether two verdicts are one.

    Numbers are compared as floats: the API server writes those from 1e15 to 1e21 without a point or an exponent, and
    Python would take them for integers of other digits than the float had.
    """
    if told is None or again is None:
        return told is again
    before, after = told["numbers"], again["numbers"]
    alike = before.keys() == after.keys() and all(isclose(before[key], after[key], rel_tol=EXACT) for key in before)
    return alike and {**told, "numbers": {}} == {**again, "numbers": {}}


def _words(verdict: dict[str, Any] | None) -> str:
    if verdict is None:
        return "nothing"
    numbers = ", ".join(f"{name} {number:g}" for name, number in verdict["numbers"].items())
    return f"{verdict['outcome']} ({'; '.join(filter(None, (verdict['sentence'], numbers)))})"


def _verdict(verdict: Any) -> dict[str, Any]:
    return {
        "check": verdict.check,
        "type": verdict.type,
        "outcome": verdict.outcome.value,
        "sentence": verdict.sentence,
        "numbers": dict(verdict.numbers),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    if isinstance(reading, Failed):
        return {"failed": reading.sentence}
    looks = [
        [look.step, look.end, c.candidate, c.candidate_bad, c.stable, c.stable_bad]
        for look in reading.looks
        for c in (look.counts,)
    ]
    spreads = [[spread.step, *(list(pair) for pair in spread.pairs)] for spread in reading.spreads]
    body = {"looks": looks, "spreads": spreads, "values": list(reading.values), "trouble": reading.trouble}
    return {key: value for key, value in body.items() if value}


def _as_reading(body: dict[str, Any]) -> Reading:
    if "failed" in body:
        return Failed(body["failed"])
    return Counted(
        looks=tuple(Look(step, end, Counts(*counts)) for step, end, *counts in body.get("looks", [])),
        spreads=tuple(
            Spread(step, tuple((stable, candidate) for stable, candidate in pairs))
            for step, *pairs in body.get("spreads", [])
        ),
        values=tuple(body.get("values", [])),
        trouble=body.get("trouble", ""),
    )
