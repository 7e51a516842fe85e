"""Preflight: what asks a new version before anybody gets an answer of it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mlwright.api.fields import Latency, PositiveDuration, Rule, Schema
from mlwright.api.parts import Resources
from mlwright.api.steps import OwnContainer


class Replay(Schema):
    """Requests that the pods of a new version are asked before anybody else asks them."""

    requests: int = Field(
        default=1000,
        ge=0,
        le=10000,
        description=(
            "How many of the newest recorded requests (server.payloadLog) are asked, beside the golden rows of the"
            " bundle, which every pod is asked."
        ),
    )
    latency_bound: Latency | None = Field(
        default=None,
        description="No answer may take longer, such as 100ms; the quickest of three tries counts.",
    )


class PreflightContainer(OwnContainer):
    """A program of your own that asks the pods of a new version. Its exit code decides: 0 passes, all else does not."""

    resources: Resources | None = Field(
        default=None, description="Requests and limits of the container; documented defaults apply where absent."
    )
    timeout_after: PositiveDuration = Field(
        default="10m",
        description=(
            "How long one try may take, fetching its image included. A program that has not ended by then did not pass."
        ),
    )
    retries: int = Field(
        default=2,
        ge=0,
        le=10,
        description=(
            "How often it is tried again, with growing pauses, before an exit code counts; exit code 64 counts at once."
        ),
    )


class Preflight(Schema):
    """What a new version passes before it gets any share of the requests."""

    replay: Replay | None = Field(
        default=None, description="Ask its pods the golden rows of the bundle and recorded requests."
    )
    container: PreflightContainer | None = Field(
        default=None,
        description=(
            "Ask its pods with a program of your own, after replay. It finds their addresses in MLWRIGHT_TARGETS."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.replay) || has(self.container)",
            "a preflight asks something: set replay (as {} for its defaults), container or both, or remove preflight",
        ),
    )
