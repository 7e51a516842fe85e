"""A step that another controller does: JobSet itself, with its webhooks, makes the pods and says how they ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlwright.adapters.kube.client import item
from mlwright.plan.resources import ResourceKind
from tests.support.apiserver import Json
from tests.support.chart import JOBSETS
from tests.support.customers import csv, customers
from tests.support.live import Live
from tests.support.manifests import claim, config_map, pipeline
from tests.support.release import Release

pytestmark = pytest.mark.jobset

JOBSET = ResourceKind(JOBSETS["group"], JOBSETS["version"], JOBSETS["plural"], JOBSETS["kind"], owned=True)
EXAMPLE = Path(__file__).parents[3] / "examples" / "jobset" / "pipeline.yaml"
ROWS = 400
FINISHED = 420
"""Seconds for the run of a JobSet and three pods, one after the other."""


@pytest.fixture(scope="module")
def live(begin: Callable[[str], Live]) -> Iterator[Live]:
    """A namespace with data and a claim, under restricted Pod Security."""
    live = begin("jobset")
    live.apply(config_map("customers", {"customers.csv": csv(customers(ROWS))}), claim("store"))
    yield live
    live.end()


def example(image: str) -> Json:
    """Return the pipeline that the documentation shows, with an image of this cluster."""
    text = EXAMPLE.read_text(encoding="utf-8")
    found: Json = yaml.safe_load(text.replace("my/steps", image))
    return found


def asking(name: str, image: str, script: str, **jobset: Any) -> Json:
    """Return a pipeline that trains when both pods of a JobSet have run a shell script."""
    shown = example(image)["spec"]["steps"][0]
    step = shown | {"name": "big"}
    step["resource"]["manifest"]["spec"].update(jobset)
    (job,) = step["resource"]["manifest"]["spec"]["replicatedJobs"]
    job["template"]["spec"]["template"]["spec"]["containers"][0] |= {"command": ["sh", "-c"], "args": [script]}
    train = {"name": "train", "type": "BuiltIn", "builtIn": {"uses": "Train"}, "dependsOn": ["big"]}
    table = "configmap://customers/customers.csv"
    return pipeline(name, table, artifacts={"uri": "pvc://store/models"}, steps=[step, train])


def made(live: Live, name: str) -> Json | None:
    """Return a JobSet, or None when it is not there."""
    found: Json | None = live.api.get(item(JOBSET, live.name, name))
    return found


def pods(live: Live, jobset: str) -> list[Json]:
    """Return the pods that the controller made for a JobSet."""
    select = f"?labelSelector=jobset.sigs.k8s.io/jobset-name={jobset}"
    found: list[Json] = live.api.get(f"/api/v1/namespaces/{live.name}/pods{select}")["items"]
    return found


def step(live: Live, run: str, name: str) -> Json:
    """Return what a run says of a step."""
    (found,) = [entry for entry in live.status("TrainingRun", run)["steps"] if entry["name"] == name]
    return dict(found)


def test_a_run_goes_on_with_what_the_pods_of_a_jobset_made(live: Live, release: Release) -> None:
    """The pipeline of the documentation: the model is trained on the rows of both pods."""
    live.apply(example(release.images["containers"]))
    live.reaches("TrainingRun", "churn-jobset-1", "Complete", "made churn-jobset-v1", seconds=FINISHED)
    ended = step(live, "churn-jobset-1", "prepare")

    assert (ended["state"], ended["sentence"]) == ("Succeeded", "jobset completed successfully")
    assert live.there("ModelVersion", "churn-jobset-v1")["spec"]["lineage"]["dataset"]["rows"] == ROWS
    assert [pod["status"]["phase"] for pod in pods(live, "churn-jobset-1-prepare-0")] == ["Succeeded"] * 2


def test_a_jobset_that_fails_fails_the_run_and_another_try_makes_another_one(live: Live, release: Release) -> None:
    """Its controller restarts it once, as it is told to; the run fails in its words, and goes on when asked to."""
    script = 'if test "$JOB_COMPLETION_INDEX" = 0 && { mkdir /store/1 || mkdir /store/2; }; then exit 1; fi'
    live.apply(asking("again", release.images["containers"], script))
    sentence = live.reaches("TrainingRun", "again-1", "Failed", "big: jobset failed", seconds=FINISHED)
    first = made(live, "again-1-big-0")
    live.kubectl("annotate", "trainingrun/again-1", "mlwright.dev/retry=monday")
    live.reaches("TrainingRun", "again-1", "Complete", "made again-v1", seconds=FINISHED)

    assert f"(kubectl describe -n {live.name} jobsets.jobset.x-k8s.io/again-1-big-0) (attempt 1 of 1)" in sentence
    assert first is not None
    assert first["status"]["restarts"] == 1
    assert step(live, "again-1", "big")["attempt"] == 1
    assert made(live, "again-1-big-1") is not None


def test_a_run_that_is_ended_takes_its_jobset_and_pods_along(live: Live, release: Release) -> None:
    """What is paid for by the hour does not go on for nobody."""
    live.apply(asking("endless", release.images["containers"], "sleep 600"))
    live.until("both pods run", lambda: _running(live, "endless-1-big-0") == 2 or None, seconds=FINISHED)
    live.kubectl("annotate", "trainingrun/endless-1", "mlwright.dev/abort=ann")
    live.reaches("TrainingRun", "endless-1", "Failed", "ended with the annotation mlwright.dev/abort: 'ann'")

    live.until("the JobSet is gone", lambda: made(live, "endless-1-big-0") is None or None)
    live.until("its pods are gone", lambda: not pods(live, "endless-1-big-0") or None)


def test_what_its_webhook_refuses_is_told(live: Live, release: Release) -> None:
    """The other controller knows best what is wrong with an object of its kind."""
    policy = {"operator": "All", "targetReplicatedJobs": ["nobody"]}
    live.apply(asking("wrong", release.images["containers"], "true", successPolicy=policy))
    live.reaches("TrainingRun", "wrong-1", "Stalled", "nobody")

    assert made(live, "wrong-1-big-0") is None


def _running(live: Live, jobset: str) -> int:
    return sum(pod["status"]["phase"] == "Running" for pod in pods(live, jobset))
