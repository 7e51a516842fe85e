"""What is measured on the held-out rows, and what must be proven there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlwright.api.fields import ListMap, ListSet, Schema
from mlwright.api.gates import Gate
from mlwright.api.metrics import MetricName


class Evaluation(Schema):
    """What is measured on the held-out rows, and what must be proven."""

    metrics: Annotated[tuple[MetricName, ...], ListSet()] = Field(
        default=(),
        max_length=16,
        description="Metrics to compute; those that gates name are always computed.",
    )
    gates: Annotated[tuple[Gate, ...], ListMap("name")] = Field(
        default=(), max_length=16, description="All must pass, or the version is rejected and never served."
    )
    approval_policy: Literal["Automatic", "Manual"] = Field(
        default="Automatic",
        description=(
            "Automatic: a version that passed its gates may be served. Manual: only if somebody approved it as well."
        ),
    )
