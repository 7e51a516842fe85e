"""Experiment: several versions answer at the same time until it is proven which of them brings most."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.analysis import Part
from mlwright.api.fields import Duration, Latency, ListMap, PositiveDuration, Rule, Schema, ShortName, Union


class VariantModel(Schema):
    """Which version of the deployment's Model a variant is."""

    version: int = Field(ge=1, le=999999999, description="Number of the version.")


class ExperimentVariant(Schema):
    """A version that answers a share of the requests beside the stable one."""

    name: ShortName = Field(description="Name of the variant, also for spec.traffic.headerOverride.")
    model: VariantModel = Field(description="Which version it is.")
    weight: int = Field(
        ge=1, le=99, description="Share of the requests in percent; what is left is the stable version's."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(self.name in ['stable', 'candidate'])",
            "stable and candidate are names of their own: choose another name for the variant",
        ),
    )


class ExperimentAssignment(Schema):
    """Who is answered by which variant."""

    type: Literal["Request", "Header", "Cookie"] = Field(
        default="Request",
        description=(
            "Request: each request by chance. Header: requests with the same value of a header go the same way. Cookie:"
            " the router sets a cookie, and requests that bring it back go the same way."
        ),
    )
    header: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        max_length=63,
        description="Header whose value tells users apart, with type Header, such as X-User-Id.",
    )
    requests_per_user: int = Field(
        default=1,
        ge=1,
        le=1_000_000,
        description=(
            "The most requests that one user makes during the experiment. They all go one way and are no independent"
            " evidence, so counts are divided by it; 1 with type Request."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'Header' ? has(self.header) : !has(self.header)",
            "header goes with type Header and only with it: set both or none",
        ),
        Rule(
            "self.type != 'Request' || !has(self.requestsPerUser) || self.requestsPerUser == 1",
            "with type Request every request is a user of its own: remove requestsPerUser, or set type Header or"
            " Cookie",
        ),
    )


class RewardGoal(Schema):
    """The mean reward, as clients tell it at /v2/models/NAME/feedback."""

    effect: float = Field(
        gt=0,
        le=1,
        description="The smallest difference of mean rewards that is worth having; evidence is sharpest around it.",
    )
    delay: Duration = Field(
        default="0s",
        description=(
            "How long after a prediction its reward comes at the latest. Counting begins so long after the variants got"
            " their shares: until then those whose rewards come quickly would be over-represented."
        ),
    )
    per_user: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="The most rewards that one user brings; assignment.requestsPerUser when absent.",
    )


class FixedLabel(Schema):
    """A label that series must have."""

    name: str = Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=63, description="Name of the label.")
    value: str = Field(max_length=256, description="Its value, as it stands.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.name != 'namespace'",
            "counters of the deployment's namespace are read, and no others: remove the label namespace",
        ),
    )


class Counter(Schema):
    """A counter that a program of yours exports in the namespace of the deployment, as all of its series."""

    metric: str = Field(
        pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*_(total|count|bucket)$",
        max_length=128,
        description=(
            "Name of the metric. It must be a counter, whose name ends with _total, or with _count or _bucket of a"
            " histogram: its raw samples are read, so a restart loses nothing; a gauge or a rate cannot be."
        ),
    )
    labels: Annotated[tuple[FixedLabel, ...], ListMap("name")] = Field(
        default=(), max_length=8, description="Which of its series count: those with all of these labels."
    )


class QueriesGoal(RewardGoal):
    """The share of trials that succeed, as two counters of a program of yours tell it in Prometheus."""

    delay: Duration = Field(
        default="0s",
        description=(
            "How long after a trial its success comes at the latest. Counting begins so long after the variants got"
            " their shares, when successes of both sides come as often as they will."
        ),
    )
    per_user: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="The most trials that one user makes; assignment.requestsPerUser when absent.",
    )
    trials: Counter = Field(description="What counts trials, such as offers that were shown.")
    successes: Counter = Field(description="What counts those of the trials that succeeded, such as orders.")
    version_label: str = Field(
        default="model_version",
        pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$",
        max_length=63,
        description=(
            "Label of both counters whose value is the number of the version that answered, as model_version of the"
            " answer tells it."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.trials.metric != self.successes.metric || has(self.trials.labels) != has(self.successes.labels) ||"
            " (has(self.trials.labels) && (size(self.trials.labels) != size(self.successes.labels) ||"
            " self.trials.labels.exists(t, !self.successes.labels.exists(s, s.name == t.name && s.value == t.value))))",
            "trials and successes are two counters: name another metric, or other labels, for one of them",
        ),
        Rule(
            "!(has(self.trials.labels) && self.trials.labels.exists(l, l.name == self.versionLabel)) &&"
            " !(has(self.successes.labels) && self.successes.labels.exists(l, l.name == self.versionLabel))",
            "the label that tells versions apart has the version of each side: remove it from labels, or correct"
            " versionLabel",
        ),
        Rule(
            "self.versionLabel != 'namespace'",
            "the label namespace tells whose counter it is: let another label of it tell the version",
        ),
    )


class Goal(Schema):
    """By what variants are compared."""

    type: Literal["Reward", "Queries"] = Field(
        default="Reward",
        description=(
            "Reward: the mean of the rewards in feedback. Queries: the share of trials that succeed, from two counters"
            " in Prometheus."
        ),
    )
    reward: RewardGoal | None = Field(default=None, description="Settings of type Reward.")
    queries: QueriesGoal | None = Field(default=None, description="Settings of type Queries.")
    union: ClassVar[Union | None] = Union()


class GuardedErrors(Schema):
    """The share of requests that a variant answers with an error, beside stable's in the same time."""

    max_increase: Part = Field(default=0.001, description="By how much more the share may be.")


class GuardedLatency(Schema):
    """The share of answers that take longer than a bound, beside stable's in the same time."""

    bound: Latency = Field(
        description=(
            "An answer that takes longer counts as slow; one of the edges of mlwright_request_seconds, such as 100ms."
        )
    )
    max_increase: Part = Field(default=0.005, description="By how much more the share may be.")


class GuardedAccuracy(Schema):
    """The share of labelled requests that a variant predicted rightly, beside stable's in the same time."""

    max_decrease: Part = Field(default=0.01, description="By how much less the share may be.")


class Guardrail(Schema):
    """What no variant may do worse than the stable version; proof that one does ends the experiment."""

    name: ShortName = Field(description="Name of the guardrail, used in sentences.")
    type: Literal["ErrorRate", "Latency", "Accuracy"] = Field(
        description="ErrorRate: errors. Latency: slow answers. Accuracy: answers that turned out wrong."
    )
    error_rate: GuardedErrors | None = Field(default=None, description="Settings of type ErrorRate; may be absent.")
    latency: GuardedLatency | None = Field(default=None, description="Settings of type Latency.")
    accuracy: GuardedAccuracy | None = Field(default=None, description="Settings of type Accuracy; may be absent.")
    union: ClassVar[Union | None] = Union(optional=("ErrorRate", "Accuracy"))


class Experiment(Schema):
    """Versions that answer beside the stable one, until one of all is proven to bring more than every other."""

    name: ShortName = Field(
        description="What the experiment is known by. One that has ended never runs again: another needs another name."
    )
    variants: Annotated[tuple[ExperimentVariant, ...], ListMap("name")] = Field(
        min_length=1, max_length=4, description="The versions that are compared with the stable one, and each other."
    )
    assignment: ExperimentAssignment = Field(
        default=ExperimentAssignment(), description="Who is answered by which variant; each request by chance."
    )
    goal: Goal = Field(description="By what variants are compared.")
    guardrails: Annotated[tuple[Guardrail, ...], ListMap("name")] = Field(
        default=(),
        max_length=4,
        description=(
            "What ends the experiment at once when a variant is proven to do it worse than the stable version. The"
            " chance that one which does not is ever stopped is at most 1 %, over all of them."
        ),
    )
    confidence: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description="One minus the chance that a variant which is not the best is ever declared the winner.",
    )
    min_samples: int = Field(
        default=1000,
        ge=100,
        le=1_000_000_000,
        description="Rewards, or trials, of each variant, divided by those of one user, before one may win.",
    )
    max_duration: PositiveDuration = Field(
        default="336h", description="How long it goes on at most; then it ends without a winner."
    )
    on_winner: Literal["Report", "Promote"] = Field(
        default="Report",
        description=(
            "Report: the winner is told, and the stable version serves. Promote: the winner passes spec.rollout and"
            " takes over; it is served as long as the experiment stands here, unless spec.model pins a version."
        ),
    )
    on_new_version: Literal["Wait", "StopExperiment"] = Field(
        default="Wait",
        description=(
            "When a newer version appears. Wait: it waits until the experiment has ended. StopExperiment: the"
            " experiment ends without a winner. Whoever edits spec.model or the pods stops it in any case."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.variants.map(v, v.weight).sum() < 100",
            "the weights of variants must leave something for the stable version: let them sum to less than 100",
        ),
        Rule(
            "self.variants.map(v, v.model.version).all(n, self.variants.exists_one(v, v.model.version == n))",
            "two variants of one version cannot differ: name another version, or remove one of them",
        ),
        Rule(
            "self == oldSelf || self.name != oldSelf.name",
            "an experiment does not change while it has its name: choose another name, which begins another one",
        ),
    )
