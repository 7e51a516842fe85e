"""How a model is fitted."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import (
    FreeObject,
    Rule,
    Schema,
    Union,
)
from mlwright.api.steps import OwnContainer
from mlwright.api.tuning import Tuning


class Estimator(Schema):
    """A scikit-learn estimator."""

    class_: str = Field(
        alias="class",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$",
        max_length=200,
        description=(
            "Full class name, such as sklearn.ensemble.HistGradientBoostingClassifier; judged by the validate step."
        ),
    )
    parameters: FreeObject = Field(default={}, description="Constructor parameters; numbers, texts, booleans and null.")
    preprocessing: Literal["Auto", "None"] = Field(
        default="Auto",
        description=(
            "Auto: missing values, texts and scales are handled as the estimator needs. None: all features"
            " are numbers already."
        ),
    )


class Training(Schema):
    """How the model is fitted."""

    task: Literal["Classification", "Regression", "AnomalyDetection"] = Field(
        description=(
            "What is learned. Classification: which class a row is of. Regression: a number. AnomalyDetection: what is"
            " usual, without a target; a row is answered with a score, the higher the more anomalous, and with label 1"
            " where it is above 0."
        )
    )
    type: Literal["Estimator", "Container"] = Field(default="Estimator", description="How it is learned.")
    estimator: Estimator | None = Field(default=None, description="The estimator of type Estimator.")
    container: OwnContainer | None = Field(
        default=None, description="The container of type Container: it learns and leaves an ONNX model."
    )
    tuning: Tuning | None = Field(
        default=None, description="The search for its parameters; without it they are those of the estimator."
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=2147483647,
        description="Seed of everything random; the same inputs give the same bundle.",
    )
    union: ClassVar[Union | None] = Union()
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'Estimator' || !has(self.tuning)",
            "tuning looks for the parameters of an estimator: remove it, and search in the container",
        ),
    )
