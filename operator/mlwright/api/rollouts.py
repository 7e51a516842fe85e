"""Rollout: what a new version of a deployment passes before it takes over."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.analysis import Analysis
from mlwright.api.fields import (
    Duration,
    ListMap,
    ListSet,
    PositiveDuration,
    Rule,
    Schema,
    ShortName,
)
from mlwright.api.preflight import Preflight

VersionNumber = Annotated[int, Field(ge=1, le=999999999)]


class WeightStep(Schema):
    """A share of the traffic for a time."""

    percent: int = Field(ge=1, le=100, description="Share of the requests that the new version answers.")
    hold: PositiveDuration = Field(
        description="How long it answers that share, counted from when the share is known to be applied everywhere."
    )


class ShadowStep(Schema):
    """Copies of requests for a time."""

    percent: int = Field(
        ge=1,
        le=100,
        description="Share of the requests that the new version is asked again; nobody sees its answers.",
    )
    duration: PositiveDuration = Field(
        description="How long the step lasts. Copies go on in later steps, up to the bake, to compare answers there."
    )


class RolloutStep(Schema):
    """One step that a new version passes before it takes over."""

    name: ShortName = Field(
        description="Name of the step; the stages preflight and own-preflight come first, and bake is the last."
    )
    type: Literal["Shadow", "Weight", "Approval"] = Field(
        description=(
            "Shadow: the new version is asked copies of requests, and its answers are compared with what clients got."
            " Weight: the new version answers a share of the requests for a time. Approval: wait until somebody"
            " approves the version, with the annotation mlwright.dev/approve or in approvedVersions."
        )
    )
    shadow: ShadowStep | None = Field(default=None, description="Settings of type Shadow.")
    weight: WeightStep | None = Field(default=None, description="Settings of type Weight.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'Weight' ? has(self.weight) : !has(self.weight)",
            "weight goes with type Weight and only with it: set both or none",
        ),
        Rule(
            "self.type == 'Shadow' ? has(self.shadow) : !has(self.shadow)",
            "shadow goes with type Shadow and only with it: set both or none",
        ),
        Rule("self.name != 'bake'", "bake is the name of the last stage: choose another name"),
        Rule(
            "!(self.name in ['preflight', 'own-preflight'])",
            "preflight and own-preflight are the names of the first stages: choose another name",
        ),
    )


class Rollout(Schema):
    """How a new version replaces the old one."""

    strategy: Literal["AllAtOnce", "BlueGreen", "Canary"] = Field(
        default="AllAtOnce",
        description=(
            "AllAtOnce: all pods of the new version are ready before traffic moves, and only then the old ones go."
            " BlueGreen: the same, and steps are passed before traffic moves. Canary: steps give it growing shares of"
            " the requests, and it has pods for as many; spec.traffic must be able to divide them."
        ),
    )
    steps: Annotated[tuple[RolloutStep, ...], ListMap("name")] = Field(
        default=(),
        max_length=16,
        description=(
            "What a new version passes, in this order, before it takes over. An edit acts on the next rollout; the one"
            " that goes on keeps the steps with which it began."
        ),
    )
    preflight: Preflight | None = Field(
        default=None,
        description=(
            "What a new version passes first, with any strategy: its pods are asked over the network, as clients ask."
            " With replay an error, an answer of another shape, a number that is not finite, an answer that takes too"
            " long or one that differs from the bundle's golden ones rejects it, with container its exit code, before"
            " anybody gets an answer of it."
        ),
    )
    bake: Duration = Field(
        default="0s",
        description=(
            "How long the new version has all traffic while the old one stays warm. If its pods fail meanwhile, traffic"
            " goes back and the version is rejected. The old pods go, and setAlias is set, only afterwards."
        ),
    )
    analysis: Analysis | None = Field(
        default=None,
        description=(
            "What is watched while a canary has a share, on the same traffic as the stable version: a step is passed"
            " with proof that it is good enough, and proof that it is worse ends the rollout. It needs Prometheus"
            " (prometheus.url of the chart)."
        ),
    )
    approved_versions: Annotated[tuple[VersionNumber, ...], ListSet()] = Field(
        default=(), max_length=32, description="Numbers of versions that need not wait at steps of type Approval."
    )
    on_new_version: Literal["Queue", "Restart"] = Field(
        default="Queue",
        description=(
            "When a newer version appears while one passes its steps or bakes. Queue: the newest waits until that is"
            " decided. Restart: it takes its place at once. Whoever edits spec.model or the pods restarts in any case."
        ),
    )
    on_failure: Literal["Rollback", "Pause"] = Field(
        default="Rollback",
        description=(
            "When a new version fails, all traffic goes back to the old one. Rollback: its pods go. Pause: they stay to"
            " be looked at, until the annotation mlwright.dev/abort or mlwright.dev/retry is set or another version"
            " comes."
        ),
    )
    progress_deadline: PositiveDuration = Field(
        default="10m",
        description=(
            "A new version whose pods run and are not ready by then is rejected; the old one goes on serving. While"
            " its pods cannot start (a Secret, a claim, the image or room is missing), it waits."
        ),
    )
    set_alias: ShortName | None = Field(
        default=None, description="Alias of the Model that is set to the version after it took over and baked."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.analysis) || has(self.steps) && self.steps.exists(s, s.type in ['Weight', 'Shadow'])",
            "analysis compares two versions on the same requests: add a step of type Weight or Shadow, or remove it",
        ),
        Rule(
            "!has(self.analysis) || !self.analysis.checks.exists(c, c.type == 'Disagreement') ||"
            " has(self.steps) && self.steps.exists(s, s.type == 'Shadow')",
            "a check of type Disagreement compares answers to copied requests: add a step of type Shadow, such as"
            " {name: quiet, type: Shadow, shadow: {percent: 25, duration: 10m}}",
        ),
        Rule(
            "!has(self.steps) || size(self.steps) == 0 || self.strategy != 'AllAtOnce'",
            "steps are not passed with strategy AllAtOnce: set strategy BlueGreen or Canary, or remove steps",
        ),
        Rule(
            "self.strategy == 'Canary' ? has(self.steps) && self.steps.exists(s, s.type == 'Weight') :"
            " !has(self.steps) || !self.steps.exists(s, s.type == 'Weight')",
            "steps of type Weight go with strategy Canary, which needs at least one, such as {name: five, type: Weight,"
            " weight: {percent: 5, hold: 5m}}: add one, or set strategy BlueGreen",
        ),
        Rule(
            "!has(self.steps) || self.steps.filter(s, has(s.weight)).map(s, s.weight.percent).isSorted()",
            "the percent of steps of type Weight must not fall from one to the next: put them in rising order",
        ),
    )
