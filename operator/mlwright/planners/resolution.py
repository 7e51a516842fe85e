"""From the steps that a pipeline lists to the graph that its runs walk. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mlwright.api.fields import Schema, parse_duration
from mlwright.api.pipelines import TrainingPipelineSpec
from mlwright.api.steps import OnExit, Step
from mlwright.api.tuning import Tuning
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import canonical
from mlwright.plan.resources import ResourceKind
from mlwright.plan.steps import BUILT_IN, ON_EXIT, TUNED, StepTemplate
from mlwright.planners import graph

LARGEST_MANIFEST: Final = 64_000
"""Bytes of a manifest; it is kept in the record of what a run uses, and etcd takes 1.5 MB in one object."""


def resolve(spec: TrainingPipelineSpec) -> tuple[StepTemplate, ...]:
    """Return the steps of a run of this pipeline, each behind those that it depends on.

    The built-in steps are always there. Worked example: `features` with the output `data`, and `validate` with the
    input `data` from `features.data` -> features, validate, train, evaluate.

    Raises:
        InvalidSpecError: a dependency, an input or a parameter does not exist, or steps wait for each other.
    """
    listed = {step.name for step in spec.steps}
    _check_inputs(spec.steps)
    _check_parameters(spec)
    built_in = _built_in(spec.training.tuning)
    by_name = {template.name: template for template in built_in}
    own = [_template(step, by_name.get(step.name)) for step in spec.steps]
    every = (*own, *(template for template in built_in if template.name not in listed))
    return graph.ordered([_trained_by(spec, template) for template in every])


def _trained_by(spec: TrainingPipelineSpec, template: StepTemplate) -> StepTemplate:
    """Let the container of the pipeline do the work of train, if there is one."""
    container = spec.training.container
    return replace(template, container=_json(container)) if container and template.uses == "Train" else template


def _built_in(tuning: Tuning | None) -> tuple[StepTemplate, ...]:
    """Return the built-in steps; the pods of a tuning are its shards, and none is there without a trial to do."""
    if tuning is None:
        return BUILT_IN
    pods = min(tuning.parallelism, tuning.trials)
    return tuple(replace(step, shards=pods) if step.uses == "Tune" else step for step in TUNED)


def on_exit(asked: OnExit | None) -> StepTemplate | None:
    """Return what runs at the end of a run, None when there is nothing."""
    if asked is None:
        return None
    timeout = parse_duration(asked.timeout_after).total_seconds()
    return StepTemplate(ON_EXIT, container=_json(asked.container), attempts=1, timeout=timeout)


def _template(step: Step, built_in: StepTemplate | None) -> StepTemplate:
    reads = [entry.from_.partition(".")[0] for entry in step.inputs]
    implied = built_in or StepTemplate(step.name)
    return StepTemplate(
        name=step.name,
        uses=step.built_in.uses if step.built_in else "",
        depends_on=_once((*implied.depends_on, *reads, *step.depends_on)),
        needs=_once((*implied.needs, *reads)),
        container=_json(step.container) if step.container else {},
        inputs=tuple(_json(entry) for entry in step.inputs),
        outputs=tuple(_json(entry) for entry in step.outputs),
        when=_json(step.when) if step.when else {},
        attempts=step.retries.limit + 1 if step.retries else int(step.resource is not None),
        backoff=parse_duration(step.retries.backoff).total_seconds() if step.retries else 10.0,
        timeout=parse_duration(step.timeout_after).total_seconds() if step.timeout_after else 0.0,
        cache=parse_duration(step.cache.max_age).total_seconds() if step.cache else 0.0,
        shards=max(step.shards, implied.shards),
        resource=_json(step.resource) if step.resource else {},
        pod=_json(step.pod, exclude_defaults=True),
    )


def _json(part: Schema, **leaving_out: bool) -> dict[str, Any]:
    """Return a part of a spec as in the pipeline."""
    return part.model_dump(mode="json", by_alias=True, **(leaving_out or {"exclude_none": True}))  # type: ignore[arg-type]


def check_resources(templates: Iterable[StepTemplate], allowed: Iterable[ResourceKind]) -> None:
    """Refuse objects of kinds that nobody has allowed.

    Raises:
        InvalidSpecError: it names the step, and who can help.
    """
    known = {(kind.api_version, kind.name) for kind in allowed}
    there = ", ".join(sorted(f"{name} of {version}" for version, name in known)) or "none is allowed now"
    for template in templates:
        manifest = template.resource.get("manifest")
        if manifest is None:
            continue
        field, wanted = f"spec.steps[{template.name}].resource.manifest", kind_of(manifest)
        if wanted not in known:
            what = f"{wanted[1] or 'an object without kind'} of {wanted[0] or 'no apiVersion'} is not allowed here"
            raise InvalidSpecError(field, f"{what}; ask for it in training.resources of the chart ({there})")
        if len(canonical(manifest)) > LARGEST_MANIFEST:
            raise InvalidSpecError(field, f"it is longer than {LARGEST_MANIFEST:,} bytes; move content to a ConfigMap")


def kind_of(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Return apiVersion and kind of a manifest, empty where it has none."""
    return str(manifest.get("apiVersion") or ""), str(manifest.get("kind") or "")


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _check_inputs(steps: Sequence[Step]) -> None:
    known = {f"{step.name}.{output.name}": (output.type, step.shards) for step in steps for output in step.outputs}
    for step in steps:
        for entry in step.inputs:
            field = f"spec.steps[{step.name}].inputs[{entry.name}].from"
            if entry.from_ not in known:
                there = f"there are {', '.join(sorted(known))}" if known else "no step has outputs"
                raise InvalidSpecError(field, f"{entry.from_} is no output of a step; {there}")
            if step.built_in and known[entry.from_] != ("Dataset", 1):
                remedy = f"give {entry.from_} the type Dataset and its step one shard"
                raise InvalidSpecError(field, f"validate reads one folder of data; {remedy}")


def _check_parameters(spec: TrainingPipelineSpec) -> None:
    known = spec.training.estimator.parameters if spec.training.estimator else {}
    for step in spec.steps:
        if step.when and step.when.param and step.when.param not in known:
            sentence = f"{step.when.param} is no parameter of training.estimator.parameters"
            raise InvalidSpecError(f"spec.steps[{step.name}].when.param", f"{sentence}; set it there")
