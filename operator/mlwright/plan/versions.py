"""Versions of models as planners see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Approval:
    """How a version stands with people."""

    state: Literal["Given", "Awaited", "Denied"] = "Given"
    sentence: str = ""
    """What somebody did or has to do, said of the version; empty when nobody was asked."""


@dataclass(frozen=True, slots=True)
class DataRead:
    """The data as a run found it."""

    uri: str
    revision: str
    rows: int


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """One ModelVersion."""

    name: str
    number: int
    passed: bool
    """Its gates refused nothing."""
    run: str
    sentence: str
    """How its gates were judged."""
    uri: str
    digest: str
    approval: Approval = Approval()
    gates: tuple[Mapping[str, Any], ...] = ()
    dataset: Mapping[str, Any] = field(default_factory=dict)
    """What it learned from, as its lineage says."""
    folder: str = ""
    """Name of the folder of the run that made it: tells runs of the same name apart."""
    pipeline: str = ""
    template_digest: str = ""
    data: DataRead | None = None
    """What its run read."""
    storage: Mapping[str, Any] = field(default_factory=dict)
    """How the object store is reached that its bundle lies in; empty for a claim."""
    uid: str = ""
    resource_version: str = ""
    created: datetime | None = None
    """When its record was made here; None for one that was not read from the cluster."""
    leaving: bool = False
    """It is deleted already, and only somebody's finalizer keeps it."""

    @property
    def approved(self) -> bool:
        """Whether it may be served."""
        return self.passed and self.approval.state == "Given"

    @property
    def awaited(self) -> bool:
        """Whether it may be served as soon as somebody approves it."""
        return self.passed and self.approval.state == "Awaited"

    @property
    def standing(self) -> str:
        """What became of it, said of it, such as `passed its gates` or `is rejected: ...`."""
        if not self.passed:
            return f"is rejected: {self.sentence}"
        return self.approval.sentence or "passed its gates"
