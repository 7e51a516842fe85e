"""The steps of a pipeline: a graph of containers and built-in steps."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import (
    Cel,
    FreeObject,
    LabelValue,
    ListMap,
    ListSet,
    ObjectName,
    PositiveDuration,
    PreserveUnknown,
    Rule,
    Schema,
    ShortName,
    Union,
)
from mlwright.api.parts import Resources

BUILT_IN_NAMES = "['validate', 'tune', 'train', 'evaluate']"

Argument = Annotated[str, Field(max_length=4096)]
OutputRef = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?\.[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=81)]


class PlainVariable(Schema):
    """An environment variable of a container of your own. Secrets come from spec.pod.env, which it gets as well."""

    name: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        max_length=128,
        description="Name of the variable; names that begin with MLWRIGHT_ are refused.",
    )
    value: str = Field(default="", max_length=4096, description="The value, as text.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.name.startsWith('MLWRIGHT_')",
            "names that begin with MLWRIGHT_ belong to mlwright: choose another name",
        ),
    )


class StepPod(Schema):
    """The part of a step's pod that may differ from the pipeline's; account, Secrets and variables are in spec.pod."""

    resources: Resources | None = Field(default=None, description="Requests and limits of the container.")
    node_selector: dict[str, LabelValue] | None = Field(
        default=None, max_length=16, description="Labels that the node must have."
    )
    tolerations: tuple[FreeObject, ...] = Field(default=(), max_length=16, description="Tolerations, as in a pod.")
    affinity: Annotated[dict[str, object] | None, PreserveUnknown()] = Field(
        default=None, description="Affinity, as in a pod."
    )
    priority_class_name: ObjectName | None = Field(default=None, description="Priority class of the pod.")
    runtime_class_name: ObjectName | None = Field(default=None, description="Runtime class of the pod.")


class OwnContainer(Schema):
    """A container with code of your own. The documentation's page on containers says what it finds and leaves."""

    image: str = Field(min_length=1, max_length=512, description="The image.")
    command: tuple[Argument, ...] = Field(
        default=(), max_length=32, description="What is started; the image's entry point when absent."
    )
    args: tuple[Argument, ...] = Field(default=(), max_length=64, description="Its arguments.")
    env: Annotated[tuple[PlainVariable, ...], ListMap("name")] = Field(
        default=(), max_length=32, description="Environment variables, beside those of spec.pod.env."
    )


class BuiltInStep(Schema):
    """One of the steps that every run has."""

    uses: Literal["Validate", "Tune", "Train", "Evaluate"] = Field(
        description="Which one; the step has its name in lower case. Tune needs training.tuning."
    )


class Ending(Schema):
    """How an object says that it is over: by a condition of its status, or, if it has none, by the value of a field."""

    condition: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z]+$",
        description="Type of the condition; it holds when it is True.",
    )
    field: str | None = Field(
        default=None,
        max_length=128,
        pattern=r"^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*){0,3}$",
        description="Path of a field in the status, such as jobStatus or applicationState.state.",
    )
    equals: str | None = Field(
        default=None, min_length=1, max_length=64, description="The value of the field when it holds."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.condition) ? !has(self.field) && !has(self.equals) : has(self.field) && has(self.equals)",
            "an end needs condition, or field and equals",
        ),
    )


class ResourceStep(Schema):
    """An object that another controller works on. Its kind must be allowed by the chart (training.resources)."""

    manifest: FreeObject = Field(
        description="The object: apiVersion, kind, spec, and labels and annotations; it gets its name from the run."
    )
    success: Ending = Field(default=Ending(condition="Complete"), description="When it has ended well.")
    failure: Ending = Field(default=Ending(condition="Failed"), description="When it has failed.")


class StepInput(Schema):
    """Something that an earlier step has made."""

    name: ShortName = Field(
        description="Name of the input; the container finds its path in MLWRIGHT_INPUT_NAME. Of Validate: data."
    )
    from_: OutputRef = Field(
        alias="from", description="The step that makes it and the name of its output: STEP.OUTPUT."
    )


class StepOutput(Schema):
    """Something that a container leaves for later steps."""

    name: ShortName = Field(
        description="Name of the output; the container finds where to write in MLWRIGHT_OUTPUT_NAME."
    )
    type: Literal["Dataset", "File"] = Field(
        default="File",
        description="Dataset: a folder of data files, which validate can read. File: any other file or folder.",
    )


class When(Schema):
    """What must hold for a step to run; it is skipped otherwise."""

    metric: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="A number that an earlier step reported: rows of validate, a metric, a container's result.",
    )
    param: str | None = Field(
        default=None, min_length=1, max_length=64, description="A parameter of training.estimator.parameters."
    )
    min: float | None = Field(default=None, description="Smallest value with which it runs.")
    max: float | None = Field(default=None, description="Largest value with which it runs.")
    equals: str | None = Field(
        default=None, max_length=256, description="The value with which it runs, as text, such as '100' or 'true'."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.metric) != has(self.param)", "when needs metric or param, and not both"),
        Rule(
            "has(self.equals) ? !has(self.min) && !has(self.max) : has(self.min) || has(self.max)",
            "when needs equals, or min, max or both",
        ),
    )


class Retries(Schema):
    """How often and how soon a step is tried again that failed for a reason which may pass."""

    limit: int = Field(default=2, ge=0, le=20, description="Further attempts after the first.")
    backoff: PositiveDuration = Field(
        default="10s", description="Pause before the second attempt; doubled each time, up to ten minutes."
    )


class Cache(Schema):
    """When what a step left in an earlier run is used again."""

    max_age: PositiveDuration = Field(description="How old it may be, such as 24h.")


class Step(Schema):
    """One step of a run."""

    name: ShortName = Field(description="Name of the step.")
    type: Literal["Container", "BuiltIn", "Resource"] = Field(description="What it does.")
    container: OwnContainer | None = Field(default=None, description="The container of type Container.")
    built_in: BuiltInStep | None = Field(default=None, description="The step of type BuiltIn.")
    resource: ResourceStep | None = Field(default=None, description="The object of type Resource.")
    depends_on: Annotated[tuple[ShortName, ...], ListSet()] = Field(
        default=(),
        max_length=16,
        description=(
            "Steps that must be done or skipped before it starts; those of its inputs are so without being named."
        ),
    )
    inputs: Annotated[tuple[StepInput, ...], ListMap("name")] = Field(
        default=(), max_length=8, description="What it reads of earlier steps."
    )
    outputs: Annotated[tuple[StepOutput, ...], ListMap("name")] = Field(
        default=(), max_length=8, description="What it leaves for later steps; for containers."
    )
    when: When | None = Field(default=None, description="What must hold for it to run; it is skipped otherwise.")
    retries: Retries | None = Field(
        default=None, description="How often it is tried again; the chart's stepAttempts when absent."
    )
    timeout_after: PositiveDuration | None = Field(
        default=None, description="How long an attempt may take, waiting for a node and for images included."
    )
    cache: Cache | None = Field(
        default=None,
        description="Use what it left in an earlier run, if its inputs are the same; for containers.",
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=64,
        description="So many pods do it at the same time, each with its number in MLWRIGHT_SHARD; for containers.",
    )
    pod: StepPod = Field(default=StepPod(), description="Its pod: each field that is set stands for the pipeline's.")
    union: ClassVar[Union | None] = Union()
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"self.type == 'BuiltIn' ? has(self.builtIn) && self.name == self.builtIn.uses.lowerAscii()"
            f" : !(self.name in {BUILT_IN_NAMES} || self.name == 'on-exit')",
            "a built-in step has the name of what it uses, in lower case (validate, tune, train, evaluate), and no"
            " other step has such a name, nor on-exit: rename the step",
        ),
        Rule(
            "self.type == 'Container' || (!has(self.outputs) && !has(self.cache) && self.shards == 1)",
            "outputs, cache and shards are for containers: remove them from the step",
        ),
        Rule(
            "self.type != 'Resource' || (!has(self.timeoutAfter) && !has(self.inputs) && !has(self.pod))",
            "a Resource step has no timeoutAfter, no pod and no inputs: limits and pods stand in the manifest, and"
            " dependsOn says what it waits for",
        ),
        Rule(
            "self.type != 'BuiltIn' || !has(self.inputs) || (self.name == 'validate' && self.inputs.all(i, i.name =="
            " 'data'))",
            "of the built-in steps only validate takes an input, named data: give the data to validate",
        ),
        Rule(
            "!has(self.dependsOn) || !(self.name in self.dependsOn)",
            "a step cannot wait for itself: remove its own name from dependsOn",
        ),
    )


class OnExit(Schema):
    """What runs at the end of every run, whether it went well or not."""

    container: OwnContainer = Field(description="The container; it finds how the run ended in MLWRIGHT_OUTCOME.")
    timeout_after: PositiveDuration = Field(default="10m", description="How long it may take.")


Steps = Annotated[
    tuple[Step, ...],
    ListMap("name"),
    Cel(
        (
            Rule(
                "self.all(s, !has(s.dependsOn) || s.dependsOn.all(d, self.exists(t, t.name == d) || d in"
                f" {BUILT_IN_NAMES}))",
                "steps: dependsOn names a step that does not exist; correct the name or add the step",
            ),
            Rule(
                "self.all(s, !has(s.inputs) || s.inputs.all(i, self.exists(t, has(t.outputs) && t.outputs.exists(o,"
                " i.from == t.name + '.' + o.name))))",
                "steps: an input names an output that no step has; write from: STEP.OUTPUT with a step of this list and"
                " one of its outputs",
            ),
        )
    ),
]
"""The steps of a pipeline."""
