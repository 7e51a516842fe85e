"""Judge the data before anything is learned from it, and leave a report that people read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlwright.bundle import addresses
from mlwright.trainer import sources
from mlwright.trainer.checks.champion import Reference
from mlwright.trainer.checks.expectations import Checks
from mlwright.trainer.checks.findings import Finding, compact, told
from mlwright.trainer.checks.judging import Judgement, Subject, judge
from mlwright.trainer.errors import UserError
from mlwright.trainer.report.data_report import REPORT, Facts, data_report
from mlwright.trainer.step import Step
from mlwright.trainer.workspace import FINDINGS

Json = dict[str, Any]

_NOTHING: Final = Checks()


@dataclass(frozen=True, slots=True)
class Examined:
    """What came out: rows seen, the address of the report, and the verdict where something was asked."""

    rows: int
    report: str
    verdict: Json | None
    warning: str = ""


def examine(step: Step, subject: Subject, span: str, folder: Path, root: Path) -> Examined:
    """Hold the checks against the data, and write `data-report.html` and `checks.json`.

    Args:
        step: What to do.
        subject: The data.
        span: The resolved time range in words; empty without one.
        folder: Where to write.
        root: The mount root.

    Raises:
        UserError: A check failed and failures are not only told; or the data cannot be read.
    """
    checks = step.dataset.checks or _NOTHING
    reference = Reference.of(step.champion if checks.asks_champion else None, root)
    judged = judge(checks, subject, reference)
    if judged.rows == 0:
        raise UserError(sources.URI, "the data has no rows", "write the data again")
    outcome = _outcome(step, judged.findings)
    report = _address(step)
    facts = Facts(step.run.name, step.dataset.uri, str(subject.source.format), outcome, span)
    (folder / REPORT).write_text(data_report(facts, judged), encoding="utf-8")
    (folder / FINDINGS).write_text(json.dumps(_whole(judged, outcome), ensure_ascii=False), encoding="utf-8")
    verdict = _verdict(checks, judged, outcome) if step.dataset.checks else None
    if outcome == "Failed":
        worst = judged.findings[0]
        remedy = f"correct the data or the check; {report} shows all; with checks.onFailure: Warn training goes on"
        raise UserError(worst.field, told(judged.findings), remedy, results={"checks": verdict})
    warning = told(judged.findings) if judged.findings else ""
    return Examined(judged.rows, report, verdict, warning)


def _outcome(step: Step, findings: Sequence[Finding]) -> str:
    if step.dataset.checks is None:
        return ""
    if not findings:
        return "Passed"
    return "Warned" if step.dataset.checks.warns else "Failed"


def _address(step: Step) -> str:
    run = addresses.parse(step.run_uri, field="runUri", schemes=addresses.DATA)
    return str(run.join(f"{step.name}-{step.run.attempt}", REPORT))


def _verdict(checks: Checks, judged: Judgement, outcome: str) -> Json:
    found: Json = {"outcome": outcome, "failed": len(judged.findings), "findings": compact(judged.findings)}
    return found | ({"champion": judged.comparison.sentence} if checks.asks_champion else {})


def _whole(judged: Judgement, outcome: str) -> Json:
    """All findings, for programs."""
    return {
        "schemaVersion": 1,
        "outcome": outcome,
        "rows": judged.rows,
        "champion": judged.comparison.sentence,
        "findings": [finding.to_document() for finding in judged.findings],
    }
