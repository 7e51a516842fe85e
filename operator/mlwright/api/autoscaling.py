"""Autoscaling: between which numbers of pods a deployment moves, and by what."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import Latency, ListMap, PositiveDuration, Rule, Schema, ShortName, Union
from mlwright.api.triggers import CronText, ZoneName

Target = Annotated[float, Field(gt=0, le=1_000_000)]  # an API server compares a whole 0 with a bound of 0.001 as with 0
Ratio = Annotated[float, Field(gt=0, lt=1)]


class Concurrency(Schema):
    """Requests under way at the same time."""

    target: Target = Field(description="Requests under way per pod, as a mean over the last minute.")


class RequestRate(Schema):
    """Requests by time."""

    target: Target = Field(description="Requests per second and pod, as a mean over the last minute.")


class SlowAnswers(Schema):
    """The share of answers that take longer than a bound."""

    bound: Latency = Field(
        description=(
            "An answer that takes longer counts as slow; one of the edges of mlwright_request_seconds, such as 50ms."
        )
    )
    max_share_slower: Ratio = Field(
        default=0.05, description="Share of slow answers over the last minute at which there are just enough pods."
    )


class ScalingQuery(Schema):
    """A question of your own to Prometheus, about the deployment as a whole."""

    promql: str = Field(
        min_length=1,
        max_length=4096,
        description="A query that returns one number. ${namespace} and ${deployment} stand for the object's names.",
    )
    target: Target = Field(description="What of that number one pod can carry.")
    activation: float = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="With minReplicas 0: a larger number wakes the deployment and keeps it awake.",
    )


class ScalingMetric(Schema):
    """One thing by which the number of pods is found."""

    name: ShortName = Field(description="Name of the metric, used in sentences.")
    type: Literal["Concurrency", "RequestRate", "Latency", "Query"] = Field(
        description=(
            "Concurrency: requests under way. RequestRate: requests per second. Latency: slow answers. Query: a number"
            " of your own."
        )
    )
    concurrency: Concurrency | None = Field(default=None, description="Settings of type Concurrency.")
    request_rate: RequestRate | None = Field(default=None, description="Settings of type RequestRate.")
    latency: SlowAnswers | None = Field(default=None, description="Settings of type Latency.")
    query: ScalingQuery | None = Field(default=None, description="Settings of type Query.")
    union: ClassVar[Union | None] = Union()


class ScalingPolicy(Schema):
    """How much may change within a period; as in HorizontalPodAutoscaler v2."""

    type: Literal["Pods", "Percent"] = Field(description="Whether value counts pods or percent of them.")
    value: int = Field(ge=1, le=100_000, description="By how much the number may change within the period.")
    period_seconds: int = Field(ge=1, le=1800, description="Length of the period.")


Policies = Annotated[tuple[ScalingPolicy, ...], Field(min_length=1, max_length=8)]
Select = Literal["Max", "Min", "Disabled"]
SELECT = (
    "Of several policies. Max: the one that allows most. Min: the one that allows least. Disabled: no move this way."
)
TOLERANCE = "How far the load may be from the target without a move: 0.1 is a tenth."


class ScaleUp(Schema):
    """How the number of pods may grow."""

    stabilization_window_seconds: int = Field(
        default=0, ge=0, le=3600, description="Of what was wanted in this time the lowest number counts."
    )
    select_policy: Select = Field(default="Max", description=SELECT)
    policies: Policies = Field(
        default=(
            ScalingPolicy(type="Pods", value=4, period_seconds=15),
            ScalingPolicy(type="Percent", value=100, period_seconds=15),
        ),
        description="How much it may grow.",
    )
    tolerance: float = Field(default=0.1, ge=0, lt=1, description=TOLERANCE)


class ScaleDown(Schema):
    """How the number of pods may shrink."""

    stabilization_window_seconds: int = Field(
        default=300, ge=0, le=3600, description="Of what was wanted in this time the highest number counts."
    )
    select_policy: Select = Field(default="Max", description=SELECT)
    policies: Policies = Field(
        default=(ScalingPolicy(type="Percent", value=100, period_seconds=15),), description="How much it may shrink."
    )
    tolerance: float = Field(default=0.1, ge=0, lt=1, description=TOLERANCE)


class Behavior(Schema):
    """How the number of pods may move: the vocabulary, defaults and arithmetic of HorizontalPodAutoscaler v2."""

    scale_up: ScaleUp = Field(default=ScaleUp(), description="How it may grow.")
    scale_down: ScaleDown = Field(default=ScaleDown(), description="How it may shrink.")


class Fallback(Schema):
    """What is run while nothing is known of the load."""

    replicas: int = Field(ge=1, le=1000, description="Number of pods, brought between minReplicas and maxReplicas.")


class WhenMetricsMissing(Schema):
    """What follows when Prometheus does not answer, or knows nothing of the pods."""

    type: Literal["Hold", "Fallback"] = Field(
        default="Hold", description="Hold: the number stays. Fallback: another number is run, but never fewer pods."
    )
    fallback: Fallback | None = Field(default=None, description="Settings of type Fallback.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'Fallback' ? has(self.fallback) : !has(self.fallback)",
            "set whenMetricsMissing.fallback exactly when its type is Fallback",
        ),
    )


class Floor(Schema):
    """A time that comes again and again, in which there are at least so many pods."""

    name: ShortName = Field(description="Name of the floor, used in sentences.")
    cron: CronText = Field(
        description="When it begins: minute, hour, day of the month, month, day of the week, such as 0 8 * * MON-FRI."
    )
    time_zone: ZoneName = Field(
        default="UTC", description="Name of a zone of the IANA database, such as Europe/Berlin."
    )
    duration: PositiveDuration = Field(description="How long it lasts, such as 10h.")
    min_replicas: int = Field(ge=1, le=1000, description="Fewest pods in that time.")


class Autoscaling(Schema):
    """Between which numbers of pods a deployment moves, and by what."""

    mode: Literal["Act", "Observe"] = Field(
        default="Act", description="Observe: status.scaling says what would be done, and spec.replicas pods run."
    )
    min_replicas: int = Field(
        default=1,
        ge=0,
        le=1000,
        description="Fewest pods. 0: it sleeps after idleAfter, and the first request wakes it; needs the router.",
    )
    max_replicas: int = Field(ge=1, le=1000, description="Most pods.")
    metrics: Annotated[tuple[ScalingMetric, ...], ListMap("name")] = Field(
        min_length=1, max_length=8, description="By what the number is found; the largest that one of them asks for."
    )
    behavior: Behavior = Field(default=Behavior(), description="How the number may move.")
    when_metrics_missing: WhenMetricsMissing = Field(
        default=WhenMetricsMissing(), description="What follows when nothing is known of the load."
    )
    idle_after: PositiveDuration = Field(
        default="10m", description="With minReplicas 0: how long no request may have come before no pods run."
    )
    floors: Annotated[tuple[Floor, ...], ListMap("name")] = Field(
        default=(),
        max_length=16,
        description="Times with at least so many pods; where they overlap the largest counts.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.floors) || self.floors.all(f, f.minReplicas <= self.maxReplicas)",
            "minReplicas of a floor must not be above maxReplicas: lower it",
        ),
        Rule("self.minReplicas <= self.maxReplicas", "minReplicas must not be above maxReplicas: lower it"),
    )
