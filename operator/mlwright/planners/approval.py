"""Whether a version may be served: what its gates said, and what a person said of it. A pure function of the object.

A gate that could not decide (Held) and a pipeline whose approvalPolicy is Manual leave it to a person. What a gate
refused nobody approves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlwright.constants import ANNOTATION_APPROVE
from mlwright.plan.frozen import Frozen
from mlwright.plan.versions import Approval
from mlwright.planners import gates


def approval_of(name: str, spec: Mapping[str, Any], annotation: str) -> Approval:
    """Return how a version stands with people.

    Args:
        name: Name of the ModelVersion.
        spec: Its spec, as JSON.
        annotation: Value of `mlwright.dev/approve` on it, which approves if it is the version's number.
    """
    told = spec.get("approval") or {}
    if told.get("decision") == "Denied":
        return Approval("Denied", f"was denied{_by(told)}")
    if not needs(spec):
        return Approval()
    if told.get("decision") == "Approved":
        return Approval("Given", f"was approved{_by(told)}")
    if annotation == str(spec["version"]):
        return Approval("Given", f"was approved with {ANNOTATION_APPROVE}")
    return Approval("Awaited", f"waits for approval: {why(spec)}; {command(name, spec['version'])}")


def ahead(number: int, outcome: str, frozen: Frozen, annotation: str) -> Mapping[str, Any] | None:
    """Return the approval that somebody gave a version before it was there, None without one or where none is needed.

    It becomes part of the version's record, so that it holds when the annotation has gone on to the next number.
    """
    needed = outcome == "Held" or (outcome == "Passed" and frozen.approval_policy == "Manual")
    if not needed or annotation != str(number):
        return None
    told = f"approved ahead, with {ANNOTATION_APPROVE}={number} on TrainingPipeline {frozen.pipeline}"
    return {"decision": "Approved", "reason": told}


def needs(spec: Mapping[str, Any]) -> bool:
    """Tell whether a version may be served only after somebody approved it."""
    held = (spec.get("verdict") or {}).get("outcome") == "Held"
    return held or spec.get("approvalPolicy") == "Manual"


def why(spec: Mapping[str, Any]) -> str:
    """Return why a person is asked: the sentence of the gate that could not decide, or the policy."""
    verdict = spec.get("verdict") or {}
    if verdict.get("outcome") == "Held":
        return gates.summary(tuple(verdict.get("gates") or ()))
    imported = bool((spec.get("lineage") or {}).get("source"))
    return f"{'importFrom' if imported else 'evaluation'}.approvalPolicy was Manual"


def command(name: str, number: int) -> str:
    """Return how to approve a version."""
    return f"approve it with: kubectl annotate modelversion {name} {ANNOTATION_APPROVE}={number}"


def _by(told: Mapping[str, Any]) -> str:
    who = f" by {told['by']}" if told.get("by") else ""
    return f"{who}: {told['reason']}" if told.get("reason") else who
