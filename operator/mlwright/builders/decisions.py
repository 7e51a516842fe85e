"""Decisions: what is recorded before anybody acts upon it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlwright.api.conditions import MESSAGE_LENGTH
from mlwright.api.kinds import API_VERSION
from mlwright.plan.resources import Key


@dataclass(frozen=True, slots=True)
class Told:
    """What a Decision says.

    Attributes:
        type: What was decided, such as Promote.
        subject: Whom it is about.
        revision: Of what is served, or was.
        version: The ModelVersion of it.
        sentence: Why, in words; what is too long for a message is cut off.
        evidence: The figures.
        by: Who decided, such as `DriftMonitor flights`.
        question: What else makes it the answer to one question: epoch, after, experiment.
    """

    type: str
    subject: Key
    revision: str
    version: str
    sentence: str
    evidence: Mapping[str, Any]
    by: str
    question: Mapping[str, str] = field(default_factory=dict)


def decision(metadata: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """Return a Decision; it is created once and never changed."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Decision",
        "metadata": dict(metadata),
        "spec": {
            "subjectRef": {"kind": told.subject.kind, "name": told.subject.name},
            "type": told.type,
            "revision": told.revision,
            "version": told.version,
            **told.question,
            "sentence": told.sentence[:MESSAGE_LENGTH],
            "evidence": dict(told.evidence),
            "by": told.by,
        },
    }
