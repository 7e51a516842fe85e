"""Judging the comparison with the champion: passed, failed, or held for a person where it would not be fair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mlwright.planners.champion import Contest
from mlwright.planners.figures import number, rows
from mlwright.scoring import METRICS, Goal

TOLERANCE: Final = 0.01
"""What is still as good where the gate does not say; the trainer's TOLERANCE is the same, a test compares them."""

LEAST: Final = 1 / 2001
"""The smallest p that drawing rows again can give: the trainer's DRAWS; a test compares them."""

Result = dict[str, Any]


def judge(gate: Mapping[str, Any], found: Mapping[str, Any], contest: Contest) -> Result:
    """Judge a gate of type Champion on what the step evaluate found.

    Worked example: 5,000 rows, accuracy 0.91 against 0.90, p = 0.001 -> passed. With a lineage that does not prove the
    rows unseen the same figures are held for approval.
    """
    name, metric = gate["name"], gate["champion"]["metric"]
    if not contest.champion and not contest.now:
        return _result(gate, "Passed", "there is no champion yet to compare with")
    if (why := _unfair(found, contest)) is not None:
        told = f"{why}; {shown}" if (shown := _figures(metric, found, contest)) else why
        return _result(gate, "Held", told) | _known(found, contest)
    p = number(found.get("p"))
    if p is None:
        sentence = f"gate {name} has no data: {metric} was not compared with that of {contest.champion['name']}"
        return {"name": name, "outcome": "NoData", "metric": metric, "sentence": sentence}
    needed = (1 - gate["champion"]["confidence"]) / (contest.earlier + 1)
    if needed < p <= LEAST:  # no evidence could be stronger, so a person decides: else no version could follow any more
        return _result(gate, "Held", f"{_figures(metric, found, contest)}; {_used_up(needed, contest)}") | _known(
            found, contest
        )
    outcome = "Passed" if p <= needed else "Failed"
    told = f"{_figures(metric, found, contest)}; {_proof(gate, p, needed, contest)}"
    if outcome == "Passed" and (better := number(found.get("better"))) is not None and better <= needed:
        told += f"; that it is better is shown too (p = {better:.2g})"
    return _result(gate, outcome, told) | _known(found, contest)


def _unfair(found: Mapping[str, Any], contest: Contest) -> str | None:
    """Return why figures alone cannot decide, None when they can."""
    if not contest.champion:
        return f"there was no champion when the run started, and {contest.now} is it now"
    name = contest.champion["name"]
    if contest.now and contest.now != name:
        return f"it was compared with {name}, and {contest.now} is the champion now"
    if "uri" not in contest.champion:
        return f"the champion {name} does not exist"
    if found.get("problem"):
        return f"it cannot be compared with the champion: {found['problem']}"
    return contest.doubt or None


def _figures(metric: str, found: Mapping[str, Any], contest: Contest) -> str:
    new, old = number(found.get("new")), number(found.get("old"))
    if new is None or old is None:
        return ""
    gain = (new - old) * (1 if METRICS[metric].goal is Goal.MAX else -1)
    than = f"{abs(gain):.4f} {'better' if gain > 0 else 'worse'} than" if gain else "as good as"
    whose = contest.champion["name"]
    return f"{metric} is {new:.4f}, {than} the {old:.4f} of {whose} on the same {rows(found.get('rows'))}"


def _proof(gate: Mapping[str, Any], p: float, needed: float, contest: Contest) -> str:
    margin = gate["champion"].get("tolerance", TOLERANCE)
    before = "1 version was" if contest.earlier == 1 else f"{contest.earlier} versions were"
    again = f", because {before} judged on these rows before" if contest.earlier else ""
    figures = f"(p = {p:.2g}, needed {needed:.2g}{again})"
    if p <= needed:
        return f"that it is worse by more than {margin:g} is ruled out {figures}"
    return f"that it is not worse by more than {margin:g} is not shown {figures}; more rows held out tell more"


def _used_up(needed: float, contest: Contest) -> str:
    before = f"after {contest.earlier} comparisons on these rows" if contest.earlier else "with this confidence"
    return (
        f"nothing speaks against it, but {before} a p of {needed:.2g} is needed and {LEAST:.2g} is the least that these"
        " rows can show; hold out other rows (dataset.split.seed)"
    )


def _known(found: Mapping[str, Any], contest: Contest) -> Result:
    value = number(found.get("new"))
    against = {"champion": contest.champion["version"]} if "version" in contest.champion else {}
    return against | ({"value": value} if value is not None else {})


def _result(gate: Mapping[str, Any], outcome: str, told: str) -> Result:
    word = "is held for approval" if outcome == "Held" else outcome.lower()
    sentence = f"gate {gate['name']} {word}: {told}"
    return {"name": gate["name"], "outcome": outcome, "metric": gate["champion"]["metric"], "sentence": sentence}
