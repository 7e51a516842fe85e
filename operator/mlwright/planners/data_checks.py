"""What the checks of the data found, as the run tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mlwright.api.conditions import Verdict
from mlwright.api.reasons import Reason

CONDITION: Final = "DataChecks"

_REASONS: Final[Mapping[str, Reason]] = {
    "Passed": Reason.CHECKS_PASSED,
    "Warned": Reason.CHECKS_WARNED,
    "Failed": Reason.CHECKS_FAILED,
}


def condition(checks: Mapping[str, Any] | None) -> tuple[Verdict, ...]:
    """Return the condition that tells how the data was judged; none before it was."""
    if not checks:
        return ()
    outcome = checks["outcome"]
    return (Verdict(CONDITION, "True" if outcome == "Passed" else "False", _REASONS[outcome], _sentence(checks)),)


def _sentence(checks: Mapping[str, Any]) -> str:
    compared = f"; {checks['champion']}" if checks.get("champion") else ""
    failed = checks.get("failed", 0)
    if not failed:
        return f"the data passed its checks{compared}"
    worst = next((finding["sentence"] for finding in checks.get("findings") or ()), "the report says which")
    counted = "1 check" if failed == 1 else f"{failed} checks"
    went = "the run went on" if checks["outcome"] == "Warned" else "nothing was trained"
    return f"{counted} of the data failed, the worst: {worst}; {went}{compared}"
