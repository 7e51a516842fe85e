"""From the steps that a pipeline lists to those that its runs walk, and what is refused on the way."""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.errors import InvalidSpecError
from mlwright.plan.steps import BUILT_IN
from mlwright.planners.resolution import on_exit, resolve
from mlwright.planners.template import freeze
from tests.unit.planners.given import NOW, SETTINGS, a_pipeline

Json = dict[str, Any]


def container(name: str, **more: Any) -> Json:
    """Return a step with a container."""
    return {"name": name, "type": "Container", "container": {"image": f"{name}:1"}, **more}


def built_in(uses: str, **more: Any) -> Json:
    """Return a built-in step."""
    return {"name": uses.lower(), "type": "BuiltIn", "builtIn": {"uses": uses}, **more}


FEATURES = container("features", outputs=[{"name": "data", "type": "Dataset"}])
DATA = [{"name": "data", "from": "features.data"}]


def graph(*steps: Json) -> list[tuple[str, tuple[str, ...]]]:
    """Return the steps of a run in order, each with what it depends on."""
    return [(t.name, t.depends_on) for t in resolve(a_pipeline().asking(steps=list(steps)).done().spec)]


def test_without_steps_a_run_validates_trains_and_evaluates() -> None:
    """As it ever did."""
    assert resolve(a_pipeline().done().spec) == BUILT_IN


def test_the_built_in_steps_are_always_there() -> None:
    """A notice beside them is one step more."""
    assert graph(container("notice", dependsOn=["evaluate"])) == [
        ("validate", ()),
        ("train", ("validate",)),
        ("evaluate", ("validate", "train")),
        ("notice", ("evaluate",)),
    ]


TUNING: dict[str, Any] = {
    "trials": 3,
    "parallelism": 4,
    "objectives": [{"name": "good", "metric": "roc_auc"}],
    "space": [{"name": "C", "type": "Float", "float": {"low": 0.1, "high": 10, "log": True}}],
}
TUNED: dict[str, Any] = {
    "task": "Classification",
    "estimator": {"class": "sklearn.linear_model.LogisticRegression"},
    "tuning": TUNING,
}


def test_a_tuning_is_a_step_between_validate_and_train() -> None:
    """With a pod for each trial at most; training waits for it, and goes on without it when it is skipped."""
    found = {step.name: step for step in resolve(a_pipeline().asking(training=TUNED).done().spec)}

    assert list(found) == ["validate", "tune", "train", "evaluate"]
    assert (found["tune"].shards, found["train"].shards) == (3, 1)
    assert (found["train"].depends_on, found["train"].needs) == (("validate", "tune"), ("validate",))


def test_more_can_be_said_of_the_step_tune() -> None:
    """As of any of the built-in ones; the number of its pods stays that of the tuning."""
    said = {"name": "tune", "type": "BuiltIn", "builtIn": {"uses": "Tune"}, "timeoutAfter": "1h"}
    found = {step.name: step for step in resolve(a_pipeline().asking(training=TUNED, steps=[said]).done().spec)}

    assert (found["tune"].timeout, found["tune"].shards, found["tune"].depends_on) == (3600.0, 3, ("validate",))


def test_an_input_is_a_dependency() -> None:
    """Nobody has to say it twice."""
    assert graph(built_in("Validate", inputs=DATA), FEATURES)[:2] == [("features", ()), ("validate", ("features",))]


def test_what_is_said_of_a_step_is_frozen() -> None:
    """With lengths of time in seconds."""
    step = container(
        "features",
        retries={"limit": 4, "backoff": "1m"},
        timeoutAfter="1h30m",
        shards=3,
        when={"param": "max_iter", "equals": "100"},
        pod={"resources": {"limits": {"memory": "1Gi"}}},
    )
    training = {"task": "Classification", "estimator": {"class": "a.B", "parameters": {"max_iter": 100}}}
    [found, *_] = resolve(a_pipeline().asking(steps=[step], training=training).done().spec)

    assert (found.attempts, found.backoff, found.timeout, found.shards) == (5, 60.0, 5400.0, 3)
    assert found.when == {"param": "max_iter", "equals": "100"}
    assert found.pod == {"resources": {"limits": {"memory": "1Gi"}}}
    assert found.container == {"image": "features:1", "command": [], "args": [], "env": []}


def test_what_runs_at_the_end_stands_beside_the_graph() -> None:
    """It is tried once."""
    spec = a_pipeline().asking(onExit={"container": {"image": "tidy:1"}}).done().spec
    last = on_exit(spec.on_exit)
    assert last is not None

    assert (last.name, last.attempts, last.timeout) == ("on-exit", 1, 600.0)
    assert on_exit(None) is None


REFUSED: dict[str, tuple[list[Json], str]] = {
    "a dependency that nobody has": (
        [container("a", dependsOn=["b"])],
        (
            "spec.steps[a].dependsOn: step a depends on b, which is no step of this pipeline; its steps are"
            " a, evaluate, train, validate"
        ),
    ),
    "an output that nobody has": (
        [container("a", inputs=[{"name": "x", "from": "b.c"}]), FEATURES],
        "spec.steps[a].inputs[x].from: b.c is no output of a step; there are features.data",
    ),
    "an output where nobody has any": (
        [container("a", inputs=[{"name": "x", "from": "b.c"}])],
        "spec.steps[a].inputs[x].from: b.c is no output of a step; no step has outputs",
    ),
    "a file as data": (
        [built_in("Validate", inputs=DATA), container("features", outputs=[{"name": "data", "type": "File"}])],
        (
            "spec.steps[validate].inputs[data].from: validate reads one folder of data; give features.data the type"
            " Dataset and its step one shard"
        ),
    ),
    "data in many folders": (
        [built_in("Validate", inputs=DATA), {**FEATURES, "shards": 2}],
        (
            "spec.steps[validate].inputs[data].from: validate reads one folder of data; give features.data the type"
            " Dataset and its step one shard"
        ),
    ),
    "a circle through an input": (
        [built_in("Validate", inputs=DATA), {**FEATURES, "dependsOn": ["train"]}],
        (
            "spec.steps[validate].dependsOn: the steps validate -> features -> train -> validate wait for each"
            " other, so none of them could ever start; remove one of these dependencies"
        ),
    ),
    "a parameter that is not set": (
        [container("a", when={"param": "max_iter", "equals": "1"})],
        "spec.steps[a].when.param: max_iter is no parameter of training.estimator.parameters; set it there",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_never_run_is_refused_before_it_starts(name: str) -> None:
    """The pipeline says it, with the step and the field."""
    steps, sentence = REFUSED[name]
    with pytest.raises(InvalidSpecError) as refused:
        freeze(a_pipeline().asking(steps=steps).done(), SETTINGS, run="churn-1", uid="u", at=NOW)

    assert str(refused.value) == sentence
