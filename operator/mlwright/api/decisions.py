"""Decision: who or what decided what, on which evidence. Written before it is acted upon; never changed."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import FreeObject, Rule, Schema, Sentence


class Subject(Schema):
    """The object that the decision is about."""

    kind: Literal["ModelDeployment", "TrainingPipeline", "TrainingRun", "Model", "DriftMonitor"] = Field(
        description="Its kind."
    )
    name: str = Field(min_length=1, max_length=63, description="Its name, in the same namespace.")


class DecisionSpec(Schema):
    """One decision. Immutable."""

    subject_ref: Subject = Field(description="What it is about.")
    type: Literal["Promote", "Reject", "Rollback", "ExperimentOutcome", "Retrain", "Notify"] = Field(
        description=(
            "Promote: a revision becomes the one that serves. Reject: a revision is not tried again. Rollback: one that"
            " serves gives way to the one before it, and is not tried again. ExperimentOutcome: how an experiment"
            " ended. Retrain: a pipeline is asked for a run. Notify: somebody outside is told."
        )
    )
    revision: str = Field(default="", max_length=63, description="The revision that was judged.")
    version: str = Field(default="", max_length=63, description="The ModelVersion of that revision.")
    epoch: str = Field(
        default="",
        max_length=253,
        description="Value of the mlwright.dev/retry annotation when it was decided.",
    )
    after: str = Field(
        default="",
        max_length=63,
        description=(
            "Name of the promotion that this one follows, which orders promotions without a clock; of a Rollback, the"
            " name of the promotion that it takes back."
        ),
    )
    experiment: str = Field(
        default="", max_length=63, description="Name of the experiment that ended, which never runs again."
    )
    sentence: Sentence = Field(description="The decision and its reason, in words.")
    evidence: FreeObject = Field(default={}, description="The facts that it rests on.")
    by: str = Field(default="mlwright", max_length=253, description="Who decided.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self == oldSelf", "a Decision cannot change: it is the record of what was decided"),
    )
