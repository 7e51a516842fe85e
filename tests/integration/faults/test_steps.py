"""Steps of a run on a real API server: graphs that cannot be walked, limits, what is used again, what goes by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mlwright.constants import ANNOTATION_RETRY
from mlwright.plan.resources import JOB, TRAINING_PIPELINE, TRAINING_RUN
from tests.support.apiserver import Json
from tests.support.campaign import Lab, Run
from tests.support.clocks import ShiftedClock
from tests.support.flows import Flow, create, edit, pipeline, trained
from tests.support.operators import SETTINGS, FaultFree
from tests.support.podstates import Running
from tests.support.scripts import Story
from tests.support.world import Space

pytestmark = pytest.mark.asyncio(loop_scope="session")

RESYNCED = replace(SETTINGS, resync_seconds=0.5)
"""Looks at everything twice a second, so that a clock set forward is noticed."""


def own(name: str, **more: Any) -> Json:
    """Return a step with a container."""
    return {"name": name, "type": "Container", "container": {"image": f"{name}:1"}, **more}


async def begun(lab: Lab, thing: Json, story: Story | None = None, **options: Any) -> Run:
    """Return the run of an operator in a namespace with one pipeline."""
    run = Run(lab, Flow("steps", ()), await lab.namespace(story), FaultFree(), options)
    await create(thing)(lab.kube, run.namespace)
    return run


def at(step: str, state: str, run: str = "churn-1") -> Callable[[Space], bool]:
    """Tell whether a step of a run stands like that."""
    return lambda space: told(space, run).get(step, {}).get("state") == state


def told(space: Space, run: str) -> dict[str, Json]:
    """Return what a run says of its steps, by name."""
    status = (space.get("TrainingRun", run) or {}).get("status") or {}
    return {entry["name"]: entry for entry in status.get("steps") or ()}


def jobs(space: Space) -> list[str]:
    """Return the names of all Jobs."""
    return [job["metadata"]["name"] for job in space.of("Job")]


VALIDATE: Json = {"name": "validate", "type": "BuiltIn", "builtIn": {"uses": "Validate"}}
READS: Json = VALIDATE | {"inputs": [{"name": "data", "from": "features.data"}]}
MAKES: Json = {"outputs": [{"name": "data", "type": "Dataset"}]}
WAIT = "wait for each other, so none of them could ever start; remove one of these dependencies"
BROKEN = {
    "two steps wait for each other": (
        [own("a", dependsOn=["b"]), own("b", dependsOn=["a"])],
        f"spec.steps[a].dependsOn: the steps a -> b -> a {WAIT}",
    ),
    "a circle through an input": (
        [READS, own("features", dependsOn=["train"], **MAKES)],
        f"spec.steps[validate].dependsOn: the steps validate -> features -> train -> validate {WAIT}",
    ),
    "a condition on a parameter that is not set": (
        [own("a", when={"param": "depth", "min": 3})],
        "spec.steps[a].when.param: depth is no parameter of training.estimator.parameters; set it there",
    ),
}


@pytest.mark.parametrize("steps, sentence", BROKEN.values(), ids=BROKEN.keys())
async def test_a_graph_that_cannot_be_walked_starts_nothing(lab: Lab, steps: list[Json], sentence: str) -> None:
    """The pipeline says which steps it is about, and goes on when they are mended."""
    async with await begun(lab, pipeline(steps=steps)) as run:
        await lab.world.until(run.namespace, refused, "it is told")
        space = run.space
        said, started = space.summary("TrainingPipeline", "churn"), space.of("TrainingRun") + space.of("Job")
        await edit(TRAINING_PIPELINE, steps=[])(lab.kube, run.namespace)
        await lab.world.until(run.namespace, trained("churn-1", "Succeeded"), "the mended one trains")

        assert (said, started) == (sentence, [])
        assert run.complaints == []


def refused(space: Space) -> bool:
    """Tell whether the pipeline is refused."""
    return space.condition("TrainingPipeline", "churn", "Stalled") == "True/InvalidSpec"


async def test_a_condition_on_what_nobody_reports_fails_the_run(lab: Lab) -> None:
    """A misspelt name would skip a step for ever."""
    audit = own("audit", dependsOn=["validate"], when={"metric": "row", "min": 1})
    async with await begun(lab, pipeline(steps=[audit])) as run:
        await lab.world.until(run.namespace, trained("churn-1", "Failed"), "the run fails")

        assert run.space.condition("TrainingRun", "churn-1", "Failed") == "True/UserError"
        assert run.space.summary("TrainingRun", "churn-1") == (
            "audit: spec.steps[audit].when.metric: no step before it reported row; let it depend on the step that"
            " reports it"
        )
        assert run.complaints == []


async def test_what_an_earlier_run_made_is_used_again(lab: Lab) -> None:
    """Another parameter of the estimator changes nothing of the features; no Job is made for them."""
    features = own("features", cache={"maxAge": "24h"}, **MAKES)
    async with await begun(lab, pipeline(steps=[features, READS])) as run:
        await lab.world.until(run.namespace, trained("churn-1", "Succeeded"), "the first run makes a version")
        better = {"estimator": {"parameters": {"max_iter": 310}}}
        await edit(TRAINING_PIPELINE, training=better)(lab.kube, run.namespace)
        await lab.world.until(run.namespace, trained("churn-2", "Succeeded"), "the second run makes a version")
        used = told(run.space, "churn-2")["features"]

        assert used["state"] == "Cached"
        assert used["sentence"].startswith("used from churn-1: ")
        assert [name for name in jobs(run.space) if "features" in name] == ["churn-1-features-0"]
        assert run.complaints == []


async def test_a_job_that_is_deleted_by_hand_is_made_again(lab: Lab) -> None:
    """In the middle of its step, without counting as a failure."""
    async with await begun(lab, pipeline(), Story(steps={"train": [Running()]})) as run:
        await lab.world.until(run.namespace, at("train", "Running"), "train is at work")
        first = (run.space.get("Job", "churn-1-train-0") or {})["metadata"]["uid"]
        await lab.kube.delete(JOB, run.namespace, "churn-1-train-0")
        await lab.world.until(run.namespace, lambda s: uid(s, "churn-1-train-0") not in {"", first}, "it is made again")
        await lab.retell(run.namespace, Story())
        await lab.world.until(run.namespace, trained("churn-1", "Succeeded"), "the run makes a version")

        assert jobs(run.space) == ["churn-1-evaluate-0", "churn-1-train-0", "churn-1-validate-0"]
        assert run.complaints == []


def uid(space: Space, job: str) -> str:
    """Return the uid of a Job; empty when there is none."""
    return str((space.get("Job", job) or {}).get("metadata", {}).get("uid", ""))


async def test_a_run_that_takes_too_long_fails_and_may_be_tried_again(lab: Lab) -> None:
    """What was at work is removed; another try has its time anew."""
    clock = ShiftedClock()
    options = {"clock": clock, "settings": RESYNCED}
    thing, story = pipeline(policy={"timeoutAfter": "30m"}), Story(steps={"train": [Running()]})
    async with await begun(lab, thing, story, **options) as run:
        await lab.world.until(run.namespace, at("train", "Running"), "train is at work")
        clock.advance(1801)
        await lab.world.until(run.namespace, trained("churn-1", "Failed"), "its time is over")
        said = run.space.summary("TrainingRun", "churn-1")
        await lab.world.until(run.namespace, lambda s: "churn-1-train-0" not in jobs(s), "its Job is removed")
        clock.advance(-1801)  # new Jobs are made at the API server's time
        await lab.retell(run.namespace, Story())
        again = {"metadata": {"annotations": {ANNOTATION_RETRY: "monday"}}}
        await lab.kube.merge(TRAINING_RUN, run.namespace, "churn-1", again)
        await lab.world.until(run.namespace, trained("churn-1", "Succeeded"), "the other try makes a version")

        assert said == "took longer than the 1800 s of spec.policy.timeoutAfter; not done: train, evaluate"
        assert told(run.space, "churn-1")["train"]["attempt"] == 1
        assert run.complaints == []


async def test_older_runs_go_with_their_jobs(lab: Lab) -> None:
    """Their versions stay."""
    async with await begun(lab, pipeline(policy={"keepSucceeded": 1})) as run:
        await lab.world.until(run.namespace, trained("churn-1", "Succeeded"), "the first run makes a version")
        better = {"estimator": {"parameters": {"max_iter": 310}}}
        await edit(TRAINING_PIPELINE, training=better)(lab.kube, run.namespace)
        await lab.world.until(run.namespace, trained("churn-2", "Succeeded"), "the second run makes a version")
        await lab.world.until(run.namespace, lambda s: s.get("TrainingRun", "churn-1") is None, "the first run goes")
        # the garbage collector learns of new kinds every half minute
        first = {f"churn-1-{step}-0" for step in ("validate", "train", "evaluate")}
        await lab.world.until(run.namespace, lambda s: first.isdisjoint(jobs(s)), "its Jobs go", seconds=120)

        assert [made["metadata"]["name"] for made in run.space.of("ModelVersion")] == ["churn-v1", "churn-v2"]
        assert run.complaints == []
