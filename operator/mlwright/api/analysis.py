"""Analysis: what a candidate must show under real traffic before it gets more of it, and what sends it back."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import Duration, Latency, ListMap, PositiveDuration, Rule, Schema, ShortName, Union

Part = Annotated[float, Field(ge=0, lt=1)]
PositivePart = Annotated[float, Field(gt=0, lt=1)]


class ErrorRate(Schema):
    """The share of requests that the candidate answers with an error, beside stable's in the same time."""

    max_increase: Part = Field(
        default=0.001,
        description="By how much more the share may be; a rollback needs proof that it is more than that.",
    )
    pass_margin: PositivePart = Field(
        default=0.01,
        description="A step passes with proof that the share is less than this above stable's; at least 2 maxIncrease.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.passMargin >= 2.0 * self.maxIncrease",
            "passMargin must be at least twice maxIncrease: between the two either answer is right",
        ),
    )


class LatencyCheck(Schema):
    """The share of answers that take longer than a bound, beside stable's in the same time."""

    bound: Latency = Field(
        description=(
            "An answer that takes longer counts as slow; one of the edges of mlwright_request_seconds, such as 100ms."
        )
    )
    max_increase: Part = Field(
        default=0.005,
        description="By how much more the share may be; a rollback needs proof that it is more than that.",
    )
    pass_margin: PositivePart = Field(
        default=0.02,
        description="A step passes with proof that the share is less than this above stable's; at least 2 maxIncrease.",
    )
    rules: ClassVar[tuple[Rule, ...]] = ErrorRate.rules


class Disagreement(Schema):
    """The share of copied requests that the candidate answers otherwise than stable does."""

    max: PositivePart = Field(
        description="The largest share; a rollback needs proof that it is more, a step that passes that it is less."
    )


class AccuracyCheck(Schema):
    """The share of labelled requests that the candidate predicted rightly, beside stable's in the same time."""

    max_decrease: Part = Field(
        default=0.01, description="By how much less the share may be; a rollback needs proof that it is less than that."
    )
    pass_margin: PositivePart = Field(
        default=0.03,
        description="A step passes with proof that the share is less than this below stable's; at least 2 maxDecrease.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.passMargin >= 2.0 * self.maxDecrease",
            "passMargin must be at least twice maxDecrease: between the two either answer is right",
        ),
    )


class PredictionDrift(Schema):
    """How far the labels that the candidate answers are distributed from stable's in the same time."""

    max_distance: PositivePart = Field(
        default=0.1, description="The largest Jensen-Shannon distance; a rollback needs proof that it is more."
    )


class QueryCheck(Schema):
    """A question of your own to Prometheus. A rule without a guarantee: it is no part of the error budget."""

    promql: str = Field(
        min_length=1,
        max_length=4096,
        description=(
            "A query that returns one number. ${namespace}, ${deployment}, ${candidate} and ${stable} stand for the"
            " names of the object and of the two revisions."
        ),
    )
    min: float | None = Field(default=None, description="Smallest number that passes.")
    max: float | None = Field(default=None, description="Largest number that passes.")
    failures: int = Field(
        default=3, ge=1, le=100, description="Looks in a row with a number out of bounds that send the candidate back."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.min) || has(self.max)", "a query needs min, max or both"),
        Rule("!has(self.min) || !has(self.max) || self.min <= self.max", "min of a query must not be above its max"),
    )


class Check(Schema):
    """One thing that is watched while a candidate gets traffic."""

    name: ShortName = Field(description="Name of the check, used in sentences.")
    type: Literal["ErrorRate", "Latency", "Disagreement", "Accuracy", "PredictionDrift", "Query"] = Field(
        description=(
            "What is watched. ErrorRate: errors. Latency: slow answers. Disagreement: other answers to copied requests."
            " Accuracy: answers that turned out wrong. PredictionDrift: how answers are distributed. Query: a number"
            " of your own."
        )
    )
    error_rate: ErrorRate | None = Field(default=None, description="Settings of type ErrorRate; may be absent.")
    latency: LatencyCheck | None = Field(default=None, description="Settings of type Latency.")
    disagreement: Disagreement | None = Field(default=None, description="Settings of type Disagreement.")
    accuracy: AccuracyCheck | None = Field(default=None, description="Settings of type Accuracy; may be absent.")
    prediction_drift: PredictionDrift | None = Field(
        default=None, description="Settings of type PredictionDrift; may be absent."
    )
    query: QueryCheck | None = Field(default=None, description="Settings of type Query.")
    union: ClassVar[Union | None] = Union(optional=("ErrorRate", "Accuracy", "PredictionDrift"))


class Analysis(Schema):
    """What is watched during a rollout, and how sure a verdict must be."""

    mode: Literal["Act", "Observe"] = Field(
        default="Act",
        description=(
            "Act: verdicts say when a step is passed, and send back what is proven to be worse. Observe: the times of"
            " the steps alone decide; the status and the Decision say when it would have been sent back, and why."
        ),
    )
    false_rollback: float = Field(
        default=0.01,
        gt=0,
        le=0.2,
        description=(
            "Chance that a candidate which is no worse than allowed is ever sent back, over the whole rollout and its"
            " bake: four fifths for the steps, a fifth for the bake, each divided by the number of checks. Queries have"
            " no part in it."
        ),
    )
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="How sure it must be for a step to pass that the margin is kept."
    )
    noise: Literal["Auto", "Binomial"] = Field(
        default="Auto",
        description=(
            "Auto: whether errors come in bursts or swings is learnt from stable's own last hours before the rollout"
            " starts, and a guard is used where they do or where that is not known; it takes 6 to 9 minutes at least."
            " Binomial: requests fail independently of one another; you know that they do."
        ),
    )
    min_requests: int = Field(
        default=50, ge=1, le=1_000_000_000, description="Requests to the candidate that a step needs to pass."
    )
    warmup: Duration = Field(
        default="60s", description="Pods that are ready for less than this are left out of what is counted."
    )
    max_hold: PositiveDuration = Field(
        default="60m", description="How long a step is tried when neither proof is found; then whenInconclusive says."
    )
    when_inconclusive: Literal["Hold", "Rollback", "PromoteUnproven"] = Field(
        default="Hold",
        description=(
            "What follows when a step has neither proof after maxHold. Hold: it waits for a person. PromoteUnproven: it"
            " goes on, if it looks no worse than allowed, and says that this is unproven."
        ),
    )
    when_no_data: Literal["Hold", "RequireApproval"] = Field(
        default="Hold",
        description=(
            "What follows when nothing can be counted. Hold: it waits until it can. RequireApproval: after maxHold it"
            " asks a person. Never does it go on by itself."
        ),
    )
    checks: Annotated[tuple[Check, ...], ListMap("name")] = Field(
        min_length=1, max_length=16, description="What is watched; every one must pass."
    )
