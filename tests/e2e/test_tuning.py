"""Tunings on the real cluster: pods that do trials together, and what becomes of them when they are killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster.kubectl import Namespace
from tests.e2e.test_killing import holder
from tests.support.apiserver import Json
from tests.support.chart import NAMESPACE
from tests.support.customers import csv, customers
from tests.support.live import Live
from tests.support.manifests import claim, config_map, pipeline, run

FINISHED = 420
"""Seconds for a run whose pods are killed, one after the other."""
FOREST = "sklearn.ensemble.RandomForestClassifier"
LEAVES: Json = {"name": "min_samples_leaf", "type": "Int", "int": {"low": 1, "high": 60}}


@pytest.fixture(scope="module")
def live(begin: Callable[[str], Live]) -> Iterator[Live]:
    """A namespace with data and a claim."""
    live = begin("tuning")
    live.apply(config_map("customers", {"customers.csv": csv(customers(400))}), claim("store"))
    yield live
    live.end()


def tuned(name: str, **tuning: Any) -> Json:
    """Return a pipeline with a tuning of a forest."""
    asked = {"trials": 40, "objectives": [{"name": "good", "metric": "roc_auc"}], "space": [LEAVES], **tuning}
    often = {"name": "tune", "type": "BuiltIn", "builtIn": {"uses": "Tune"}, "retries": {"limit": 5, "backoff": "1s"}}
    return pipeline(
        name,
        "configmap://customers/customers.csv",
        FOREST,
        parameters={"n_estimators": 80},
        training={"tuning": asked},
        artifacts={"uri": "pvc://store/models"},
        steps=[often],
    )


def pods(live: Live, name: str) -> list[Json]:
    """Return the pods of the tuning that run."""
    return [p for p in live.all("Pod", pipeline=name, step="tune") if p["status"].get("phase") == "Running"]


def names(live: Live, name: str) -> list[str]:
    """Return their names."""
    return [p["metadata"]["name"] for p in pods(live, name)]


def numbered(live: Live, name: str, number: int) -> str:
    """Return the running pod of that number, "" when there is none."""
    index = "batch.kubernetes.io/job-completion-index"
    found = (p["metadata"] for p in pods(live, name))
    return next((str(p["name"]) for p in found if p["annotations"].get(index) == str(number)), "")


def ended(live: Live, pod: str) -> set[int]:
    """Return the trials that ended in a pod."""
    lines = live.kubectl("logs", pod).splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return {entry["trial"] for entry in told if entry.get("message") == "a trial ended"}


def kill(live: Live, name: str, number: int) -> set[int]:
    """Kill a pod of a tuning in the midst of its work; the trials that had ended in it."""

    def busy() -> set[int] | None:
        pod = numbered(live, name, number)
        return (ended(live, pod) or None) if pod else None

    done = live.until(f"pod {number} has ended a trial", busy)
    live.kubectl("delete", "pod", numbered(live, name, number), "--grace-period=0", "--force")
    return done


@pytest.mark.alone  # kills the leader
def test_killed_pods_lose_no_trial_that_has_ended(live: Live) -> None:
    """A worker, the coordinator and the operator's leader are killed: every trial is finished, none of them twice."""
    operator = Namespace(live.kubeconfig, NAMESPACE)
    live.apply(tuned("killed", parallelism=2))

    done = kill(live, "killed", 1)
    operator.kubectl("delete", "pod", holder(operator), "--grace-period=0", "--force")
    live.until("the next attempt works", lambda: live.names("Job", pipeline="killed", step="tune")[1:] or None)
    done |= kill(live, "killed", 0)

    live.reaches("TrainingRun", "killed-1", "Complete", "made killed-v1", seconds=FINISHED)
    found = live.status("TrainingRun", "killed-1")["tuning"]
    assert (found["trials"], found["finished"], found["failed"]) == (40, 40, 0)
    assert done.isdisjoint(later(live, "killed"))
    lineage = live.there("ModelVersion", "killed-v1")["spec"]["lineage"]
    assert lineage["parameters"] == {"n_estimators": 80, **found["best"]["parameters"]}
    assert lineage["tuning"] == {key: value for key, value in found.items() if key != "sentence"}


@pytest.mark.alone
def test_a_tuning_goes_on_while_the_leader_is_killed(live: Live) -> None:
    """Its pods never notice: the other replica tells how far it is, and trains with the best that was found."""
    operator = Namespace(live.kubeconfig, NAMESPACE)
    live.apply(tuned("led", trials=1000, parallelism=2, timeoutAfter="70s"))
    live.until("both pods have ended a trial", lambda: len([p for p in names(live, "led") if ended(live, p)]) == 2)
    leader, before, told = holder(operator), uids(live, "led"), checked(live, "led")

    operator.kubectl("delete", "pod", leader, "--grace-period=0", "--force")

    live.until("there is another leader", lambda: holder(operator) not in {leader, ""})
    live.until("it tells how far the tuning is", lambda: checked(live, "led") != told)
    assert len(names(live, "led")) == 2, "the tuning was over before the other replica had taken over"
    live.reaches("TrainingRun", "led-1", "Complete", "made led-v1", seconds=FINISHED)
    assert uids(live, "led") == before
    assert live.names("Job", pipeline="led", step="tune") == ["led-1-tune-0"]
    done = [trial for pod in live.names("Pod", pipeline="led", step="tune") for trial in ended(live, pod)]
    found = live.status("TrainingRun", "led-1")["tuning"]
    assert (found["finished"], found["failed"]) == (len(done), 0)
    assert sorted(done) == list(range(1, len(done) + 1))
    lineage = live.there("ModelVersion", "led-v1")["spec"]["lineage"]
    assert lineage["parameters"] == {"n_estimators": 80, **found["best"]["parameters"]}
    assert live.names("ModelVersion", pipeline="led") == ["led-v1"]


def uids(live: Live, name: str) -> set[str]:
    """Return what tells the pods of a tuning from any others that took their place."""
    return {pod["metadata"]["uid"] for pod in live.all("Pod", pipeline=name, step="tune")}


def test_a_suspended_tuning_goes_on_where_it_was_and_ends_when_its_time_is_over(live: Live) -> None:
    """The status tells of trials while they go on; suspended there is no pod; no trial that had ended is done again."""
    live.apply(tuned("timed", trials=1000, parallelism=2, timeoutAfter="70s"))
    so_far = live.until("the status tells of trials", lambda: checked(live, "timed"))
    assert so_far["finished"] > 0
    assert so_far["sentence"].startswith(f"{so_far['finished']} of 1000 trials finished; the best so far is roc_auc ")
    done = set().union(*(ended(live, pod) for pod in names(live, "timed")))

    live.kubectl("patch", "trainingpipeline/timed", "--type=merge", "--patch", '{"spec":{"suspend":true}}')
    live.until("no pod is left", lambda: not live.names("Pod", pipeline="timed", step="tune"))
    assert not live.names("Job", pipeline="timed", step="tune")
    live.kubectl("patch", "trainingpipeline/timed", "--type=merge", "--patch", '{"spec":{"suspend":false}}')

    live.reaches("TrainingRun", "timed-1", "Complete", "made timed-v1", seconds=FINISHED)
    found = live.status("TrainingRun", "timed-1")["tuning"]
    assert found["finished"] >= len(done) > 0
    assert found["notRun"] == 1000 - found["finished"]
    assert done.isdisjoint(later(live, "timed"))
    assert not [name for name in live.names("Job") if "-look-" in name]


def checked(live: Live, name: str) -> Json | None:
    """Return what the status says of a tuning whose trials go on."""
    found: Json = live.status("TrainingRun", f"{name}-1").get("tuning") or {}
    return found if "checkedAt" in found else None


def later(live: Live, name: str) -> set[int]:
    """Return the trials that ended in the last attempt."""
    job = live.names("Job", pipeline=name, step="tune")[-1]
    found = [p["metadata"]["name"] for p in live.all("Pod", pipeline=name, step="tune")]
    return set().union(*(ended(live, pod) for pod in found if pod.startswith(job)))


def test_when_all_trials_fail_the_run_says_why(live: Live) -> None:
    """The sentence is that of the first; nothing is trained."""
    impossible: Json = {"name": "max_samples", "type": "Categorical", "categorical": {"choices": [0.5]}}
    asked = tuned("failing", trials=2, space=[impossible])
    asked["spec"]["training"]["estimator"]["parameters"] = {"n_estimators": 5, "bootstrap": False}
    live.apply(asked)

    live.reaches("TrainingRun", "failing-1", "Failed", "spec.training.tuning.space: all 2 trials failed", seconds=120)


def test_a_run_of_ones_own_trains_with_other_parameters(live: Live) -> None:
    """On weighted rows; the search chooses what it looks for, the run the rest, and the pipeline starts none beside."""
    told = tuned("other", trials=2)
    features = ["months", "plan", "calls", "active", "balance"]
    told["spec"]["dataset"] |= {"features": features, "weightColumn": "age"}
    told["spec"]["triggers"] = {"specChange": False}
    live.apply(told, run("fewer-trees", "other", overrides={"parameters": {"n_estimators": 20}, "seed": 3}))

    live.reaches("TrainingRun", "fewer-trees", "Complete", "made other-v1", seconds=120)
    lineage = live.there("ModelVersion", "other-v1")["spec"]["lineage"]
    assert set(lineage["parameters"]) == {"n_estimators", "min_samples_leaf"}
    assert (lineage["parameters"]["n_estimators"], lineage["seed"]) == (20, 3)
    assert lineage["dataset"]["features"] == len(features)
    live.reaches("TrainingPipeline", "other", "Ready", "other-v1 is the newest good version")
    assert [name for name in live.names("TrainingRun") if name.startswith("other")] == []
