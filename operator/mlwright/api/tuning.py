"""The search for the parameters of an estimator."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from mlwright.api.fields import (
    FreeObject,
    FreeValue,
    ListMap,
    PositiveDuration,
    Rule,
    Schema,
    Sentence,
    ShortName,
    Timestamp,
    Union,
)
from mlwright.api.metrics import MetricName

WITHOUT_TUNING: Final = (
    "the step tune needs training.tuning, which says what to look for: set it, or remove the step from steps"
)


class FloatRange(Schema):
    """Real numbers between two bounds, both included."""

    low: float = Field(description="The smallest value.")
    high: float = Field(description="The largest value.")
    log: bool = Field(default=False, description="Whether orders of magnitude are equally likely; low must be above 0.")
    step: float | None = Field(default=None, description="Distance of the values that are tried; all when absent.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.low <= self.high", "low must not be above high: exchange them"),
        Rule("!self.log || self.low > 0.0", "a logarithmic range begins above 0: raise low or remove log"),
        Rule(
            "!has(self.step) || (self.step > 0.0 && !self.log)",
            "step must be above 0 and does not go with log: correct it or remove log",
        ),
    )


class IntRange(Schema):
    """Whole numbers between two bounds, both included."""

    low: int = Field(ge=-2147483648, le=2147483647, description="The smallest value.")
    high: int = Field(ge=-2147483648, le=2147483647, description="The largest value.")
    log: bool = Field(default=False, description="Whether orders of magnitude are equally likely; low must be above 0.")
    step: int | None = Field(
        default=None, ge=1, le=2147483647, description="Distance of the values that are tried; 1 when absent."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.low <= self.high", "low must not be above high: exchange them"),
        Rule("!self.log || self.low > 0", "a logarithmic range begins above 0: raise low or remove log"),
        Rule("!has(self.step) || !self.log", "step does not go with log: remove one of them"),
    )


class Choices(Schema):
    """Some values, none of them nearer to another."""

    choices: tuple[FreeValue, ...] = Field(
        min_length=1, max_length=64, description="The values: texts, numbers, true and false."
    )


class SpaceParameter(Schema):
    """One parameter of the estimator, and where it is looked for."""

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        max_length=64,
        description="Its name; it stands for the one of that name in estimator.parameters.",
    )
    type: Literal["Float", "Int", "Categorical"] = Field(description="What values it takes.")
    float_: FloatRange | None = Field(default=None, alias="float", description="The range of type Float.")
    int_: IntRange | None = Field(default=None, alias="int", description="The range of type Int.")
    categorical: Choices | None = Field(default=None, description="The values of type Categorical.")
    union: ClassVar[Union | None] = Union()


class Objective(Schema):
    """What is made as good as can be, on rows that the trial did not learn from."""

    name: ShortName = Field(description="Name of the objective.")
    metric: MetricName = Field(description="Which metric: its mean over the folds.")
    goal: Literal["Maximize", "Minimize"] | None = Field(
        default=None, description="Which direction is better; that of the metric when absent."
    )


class CrossValidation(Schema):
    """How the training rows are divided to judge a trial."""

    folds: int = Field(
        default=3,
        ge=2,
        le=20,
        description=(
            "A trial learns so many times, each time judged by other rows. Groups stay whole; after a Temporal split"
            " the judging rows are later than those learned from."
        ),
    )


class Tuning(Schema):
    """The search for the parameters with which the estimator is best, before it is trained with them."""

    trials: int = Field(ge=1, le=1000, description="How many sets of parameters are tried.")
    parallelism: int = Field(default=1, ge=1, le=64, description="Pods that do trials at the same time.")
    sampler: Literal["TPE", "Random", "Grid", "CMAES", "NSGAII"] = Field(
        default="TPE", description="How the parameters of the next trial are chosen, as Optuna does it."
    )
    pruner: Literal["None", "Median", "SuccessiveHalving", "Hyperband"] = Field(
        default="None", description="How a trial that promises little is ended before its last fold."
    )
    objectives: Annotated[tuple[Objective, ...], ListMap("name")] = Field(
        min_length=1,
        max_length=4,
        description="What is looked for; of trials none of which is better in all, the best in the first one is taken.",
    )
    space: Annotated[tuple[SpaceParameter, ...], ListMap("name")] = Field(
        min_length=1, max_length=32, description="The parameters, and where they are looked for."
    )
    cross_validation: CrossValidation = Field(
        default=CrossValidation(), description="How trials are judged; the held-out rows are never used."
    )
    timeout_after: PositiveDuration | None = Field(
        default=None,
        description="No trial begins later than this after the first one; the best so far is taken.",
    )
    max_failed_trials: int | None = Field(
        default=None, ge=0, le=1000, description="The step fails when more trials fail; only if all do when absent."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.objectives.size() == 1 || (self.pruner == 'None' && self.sampler != 'CMAES')",
            "pruners and the sampler CMAES know one objective: use the sampler NSGAII without pruner for several",
        ),
        Rule(
            "self.sampler != 'Grid' || self.space.all(p, (!has(p.float) || has(p.float.step)) && (!has(p.int) ||"
            " !p.int.log))",
            "a Grid needs values to count: set step of each float, and remove log of each int",
        ),
    )


class BestTrial(Schema):
    """The trial whose parameters the model was trained with."""

    trial: int = Field(ge=1, description="Number of the trial, from 1.")
    values: dict[str, float] = Field(max_length=4, description="What it reached, by the name of the objective.")
    parameters: FreeObject = Field(description="Its parameters.")


class TuningRecord(Schema):
    """What a tuning tried and found."""

    trials: int = Field(ge=0, description="How many sets of parameters were to be tried.")
    finished: int = Field(ge=0, description="Trials that were judged by all folds.")
    pruned: int = Field(default=0, ge=0, description="Trials that were ended early because they promised little.")
    failed: int = Field(default=0, ge=0, description="Trials that failed; trials.json in the step's folder says why.")
    not_run: int = Field(default=0, ge=0, description="Trials that did not begin, because the time was over.")
    sampler: str = Field(default="", max_length=32, description="How parameters were chosen.")
    seed: int = Field(default=0, ge=0, description="The seed.")
    folds: int = Field(default=0, ge=0, description="How many folds judged each trial.")
    parallelism: int = Field(default=1, ge=1, description="Pods that did trials at the same time.")
    best: BestTrial | None = Field(default=None, description="The best trial; none when all failed.")


class TuningStatus(TuningRecord):
    """How far a tuning is, or what it found."""

    sentence: Sentence = Field(default="", description="The same in words.")
    checked_at: Timestamp | None = Field(
        default=None, description="While trials go on: when this was so. Looked at again every 30 seconds or so."
    )
