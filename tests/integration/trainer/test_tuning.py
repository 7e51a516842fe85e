"""The step tune, as a program on real data: what it finds, and what becomes of trials whose processes die."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlwright.trainer.tuning import progress
from mlwright.trainer.tuning.journal import JOURNAL
from tests.support.training import Ended, Json, Workshop, document, flights_table
from tests.support.waiting import exit_code

pytestmark = pytest.mark.timeout(240)

TREE = "sklearn.tree.DecisionTreeClassifier"
DEPTH: Json = {"name": "max_depth", "type": "Int", "int": {"low": 1, "high": 8}}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Return a place with nothing in it."""
    return Workshop(tmp_path)


def asked(uri: str, *, dataset: Json | None = None, attempt: int = 0, **tuning: Any) -> Json:
    """Return the document of a pipeline with a tuning of a tree's depth."""
    settings = {"trials": 6, "objectives": [{"name": "good", "metric": "roc_auc"}], "space": [DEPTH], **tuning}
    told = document(
        uri,
        attempt=attempt,
        dataset=dataset or {},
        estimator={"class": TREE, "parameters": {"min_samples_leaf": 3}},
        training={"tuning": settings},
    )
    return told | {"inputs": told["inputs"] | {"tune": f"{told['runUri']}/tune-{attempt}"}}


def tuned(workshop: Workshop, **tuning: Any) -> Ended:
    """Validate the invented flights, and tune."""
    told = asked(workshop.write(flights_table()), **tuning)
    assert workshop.run("validate", told).code == 0
    return workshop.run("tune", told)


def test_the_best_parameters_are_trained(workshop: Workshop) -> None:
    """They flow into the bundle; what the pipeline gives beside them stays."""
    ended = tuned(workshop)
    best = ended.results["tuning"]["best"]
    told = asked("pvc://lake/data.parquet")
    assert workshop.run("train", told).code == 0
    bundle = workshop.run_folder() / "train-0" / "bundle"
    trials = json.loads((workshop.run_folder() / "tune-0" / "trials.json").read_text())

    assert ended.message["sentence"].startswith("6 of 6 trials finished; the best is roc_auc ")
    assert best["values"]["good"] == max(trial["values"]["good"] for trial in trials)
    assert {key: ended.results["tuning"][key] for key in ("trials", "finished", "failed", "pruned", "sampler")} == {
        "trials": 6,
        "finished": 6,
        "failed": 0,
        "pruned": 0,
        "sampler": "TPE",
    }
    trained = json.loads((bundle / "run.json").read_text())["parameters"]
    assert trained == {"min_samples_leaf": 3, **best["parameters"]}


@pytest.mark.parametrize("sampler", ["TPE", "Random", "CMAES", "NSGAII"])
def test_the_same_seed_finds_the_same(tmp_path: Path, sampler: str) -> None:
    """One process at a time: the trials are the same, one by one."""
    space = [DEPTH, {"name": "ccp_alpha", "type": "Float", "float": {"low": 1e-4, "high": 0.1, "log": True}}]
    made = []
    for place in ("one", "other"):
        workshop = Workshop(tmp_path / place)
        assert tuned(workshop, sampler=sampler, space=space, trials=5).code == 0
        made.append((workshop.run_folder() / "tune-0" / "trials.json").read_text())

    assert made[0] == made[1]


def test_a_grid_is_tried_point_by_point(workshop: Workshop) -> None:
    """Each once, and no more than there are."""
    space = [
        {"name": "max_depth", "type": "Int", "int": {"low": 2, "high": 6, "step": 2}},
        {"name": "criterion", "type": "Categorical", "categorical": {"choices": ["gini", "entropy"]}},
    ]
    ended = tuned(workshop, sampler="Grid", space=space, trials=20)
    trials = json.loads((workshop.run_folder() / "tune-0" / "trials.json").read_text())
    points = sorted((trial["parameters"]["max_depth"], trial["parameters"]["criterion"]) for trial in trials)

    assert ended.results["tuning"]["trials"] == 6
    assert points == [(depth, name) for depth in (2, 4, 6) for name in ("entropy", "gini")]


@pytest.mark.parametrize("pruner", ["Median", "SuccessiveHalving", "Hyperband"])
def test_what_promises_little_is_pruned(workshop: Workshop, pruner: str) -> None:
    """And the best is one that was judged by all folds."""
    space = [{"name": "max_depth", "type": "Int", "int": {"low": 1, "high": 12}}]
    told = tuned(workshop, pruner=pruner, space=space, trials=20, sampler="Random", crossValidation={"folds": 4})
    record = told.results["tuning"]

    assert record["pruned"] > 0
    assert record["finished"] + record["pruned"] == 20


def test_of_several_objectives_the_first_decides(workshop: Workshop) -> None:
    """And all of them are told."""
    both = [{"name": "good", "metric": "roc_auc"}, {"name": "sure", "metric": "log_loss"}]
    ended = tuned(workshop, objectives=both, sampler="NSGAII")
    trials = json.loads((workshop.run_folder() / "tune-0" / "trials.json").read_text())
    values = ended.results["tuning"]["best"]["values"]

    assert values["good"] == max(trial["values"]["good"] for trial in trials)
    assert set(values) == {"good", "sure"}


def test_a_trial_that_fails_is_told_and_the_others_go_on(workshop: Workshop) -> None:
    """Each value is possible by itself, but not every pair: liblinear knows no elastic net."""
    space: list[Json] = [
        {"name": "solver", "type": "Categorical", "categorical": {"choices": ["liblinear", "saga"]}},
        {"name": "dual", "type": "Categorical", "categorical": {"choices": [True, False]}},
    ]
    told = asked(workshop.write(flights_table()), space=space, sampler="Grid", trials=4)
    logistic = {"class": "sklearn.linear_model.LogisticRegression", "parameters": {"max_iter": 500}}
    told["training"]["estimator"] = logistic
    assert workshop.run("validate", told).code == 0
    ended = workshop.run("tune", told)
    trials = json.loads((workshop.run_folder() / "tune-0" / "trials.json").read_text())
    failed = [trial for trial in trials if trial["state"] == "Fail"]

    assert ended.results["tuning"]["failed"] == len(failed) == 1
    assert failed[0]["parameters"] == {"solver": "saga", "dual": True}
    assert failed[0]["why"].startswith("on fold 1: ")

    limited = told | {"training": {**told["training"], "tuning": {**told["training"]["tuning"], "maxFailedTrials": 0}}}
    limited["run"] = {**told["run"], "attempt": 1}
    ended = workshop.run("tune", limited)

    assert (ended.code, ended.message["field"]) == (64, "spec.training.tuning.maxFailedTrials")
    assert ended.message["sentence"].startswith("is 0, and 1 of 4 trials failed; the first: on fold 1: ")


def test_when_all_fail_the_run_says_why(workshop: Workshop) -> None:
    """Two classes cannot be judged on folds that hold one: the metric is undefined everywhere."""
    table = flights_table(60)
    late = [row < 2 for row in range(60)]
    table = table.set_column(table.column_names.index("late"), "late", [late])
    told = asked(workshop.write(table), crossValidation={"folds": 10}, trials=3)
    assert workshop.run("validate", told).code == 0
    ended = workshop.run("tune", told)

    assert ended.code == 64
    assert ended.message["field"] == "spec.training.tuning.space"
    sentence = ended.message["sentence"]
    assert sentence.startswith("all 3 trials failed; the first: on fold ")
    assert "roc_auc is undefined: " in sentence
    assert ended.results["tuning"]["failed"] == 3


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_metric_that_is_no_number_fails_its_trial(workshop: Workshop) -> None:
    """Here the share of an error in a tiny target: nothing is better or worse than that."""
    table = flights_table(60)
    table = table.set_column(table.column_names.index("late"), "late", [[(1e-300, 1e38)[row % 2] for row in range(60)]])
    shallow: Json = {"name": "max_depth", "type": "Int", "int": {"low": 1, "high": 2}}
    told = asked(workshop.write(table), trials=2, objectives=[{"name": "near", "metric": "mape"}], space=[shallow])
    told["training"] |= {"task": "Regression", "estimator": {"class": "sklearn.tree.DecisionTreeRegressor"}}
    assert workshop.run("validate", told).code == 0
    ended = workshop.run("tune", told)

    assert (ended.code, ended.message["field"]) == (64, "spec.training.tuning.space")
    assert re.fullmatch(
        r"all 2 trials failed; the first: on fold \d: mape is no finite number", ended.message["sentence"]
    )


@pytest.mark.parametrize(
    "space, field, words",
    [
        ({"name": "depth", "type": "Int", "int": {"low": 1, "high": 2}}, "space[depth]", "has no parameter 'depth'"),
        ({"name": "max_depth", "type": "Int", "int": {"low": 0, "high": 2}}, "space[max_depth]", "with 0: "),
        ({"name": "max_depth", "type": "Int", "int": {"low": 3, "high": 2}}, "space[0].int.low", "above the high"),
        (
            {"name": "criterion", "type": "Categorical", "categorical": {"choices": ["gini", "genie"]}},
            "space[criterion]",
            "with 'genie': ",
        ),
        (
            {"name": "criterion", "type": "Categorical", "categorical": {"choices": ["gini", None]}},
            "space[0].categorical.choices[1]",
            "a text, a number, true or false",
        ),
        (
            {"name": "ccp_alpha", "type": "Float", "float": {"low": -1.7e308, "high": 1.7e308}},
            "space[0].float.high",
            "too far from the low",
        ),
        (
            {"name": "ccp_alpha", "type": "Float", "float": {"low": 0, "high": 1, "step": 1e-320}},
            "space[0].float.step",
            "too small for the range",
        ),
    ],
)
def test_impossible_spaces_are_refused_before_anything_is_learned(
    workshop: Workshop, space: Json, field: str, words: str
) -> None:
    """By validate, with the field."""
    ended = workshop.run("validate", asked(workshop.write(flights_table()), space=[space]))

    assert (ended.code, ended.message["field"]) == (64, f"spec.training.tuning.{field}")
    assert words in ended.message["sentence"]


def test_a_grid_that_nobody_could_finish_is_refused_without_counting_it_out(workshop: Workshop) -> None:
    """Its points are never made: there would be no memory for them."""
    fine: Json = {"name": "ccp_alpha", "type": "Float", "float": {"low": 0, "high": 1, "step": 1e-9}}
    ended = workshop.run("validate", asked(workshop.write(flights_table()), space=[fine], sampler="Grid"))

    assert (ended.code, ended.message["field"]) == (64, "spec.training.tuning.space")
    assert ended.message["sentence"] == "is a grid of 1,000,000,001 points"


def test_a_fine_step_is_no_grid(workshop: Workshop) -> None:
    """Other samplers choose among a billion values without making them."""
    fine: Json = {"name": "ccp_alpha", "type": "Float", "float": {"low": 0, "high": 1, "step": 1e-9}}

    assert tuned(workshop, space=[fine], trials=2).code == 0


def test_held_out_rows_are_not_read(workshop: Workshop) -> None:
    """A tuning that saw them would spoil what the gates judge by."""
    told = asked(workshop.write(flights_table()), trials=2)
    workshop.run("validate", told)
    (workshop.run_folder() / "validate-0" / "test.parquet").unlink()

    assert workshop.run("tune", told).code == 0


def test_when_the_time_is_over_the_best_so_far_is_taken(workshop: Workshop) -> None:
    """Without a finished trial the run fails and names the field."""
    ended = tuned(workshop, trials=1000, timeoutAfter="3s")

    assert ended.code == 0
    assert ended.results["tuning"]["notRun"] > 0
    assert "stopped after 0:00:03" in ended.message["sentence"]


PROGRAM = """
import os, sys
from mlwright.trainer.tuning import line, progress
line.PORT = int(sys.argv[1])
from mlwright.trainer.program import main
sys.exit(main(["tune"], os.environ))
"""
"""The trainer with a port of its own: in a pod all ports are free, here they are not."""


def spawn(workshop: Workshop, told: Json, number: int, port: int) -> subprocess.Popen[bytes]:
    """Start one of the processes of a tuning."""
    env = workshop.env(told) | {
        "PATH": os.environ["PATH"],
        "JOB_COMPLETION_INDEX": str(number),
        "MLWRIGHT_TERMINATION_LOG": str(workshop.root / f"termination-{number}"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)], env=env)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def journal(workshop: Workshop) -> bytes:
    """Return what the study has noted so far."""
    path = workshop.run_folder() / JOURNAL
    return path.read_bytes() if path.exists() else b""


def ended_trials(workshop: Workshop) -> int:
    """Return how many trials have ended: the journal notes each as operation 6 with a state of 1 or more."""
    found = [json.loads(text) for text in journal(workshop).splitlines() if text.endswith(b"}")]
    return sum(1 for entry in found if entry["op_code"] == 6 and entry.get("values"))


def wait_for(workshop: Workshop, count: int) -> None:
    """Wait until so many trials have ended."""
    until = time.monotonic() + 90
    while ended_trials(workshop) < count:
        assert time.monotonic() < until, "no trial ends"
        time.sleep(0.05)


def test_killing_coordinator_and_worker_loses_no_finished_trial(workshop: Workshop) -> None:
    """Trials of the dead are done again, finished ones are not, and there are as many as were asked for."""
    port = free_port()
    told = asked(workshop.write(flights_table()), trials=60, parallelism=2)
    assert workshop.run("validate", told).code == 0
    coordinator, worker = spawn(workshop, told, 0, port), spawn(workshop, told, 1, port)
    wait_for(workshop, 5)
    worker.send_signal(signal.SIGKILL)
    exit_code(worker, "the worker is gone after SIGKILL")
    worker = spawn(workshop, told, 1, port)
    wait_for(workshop, 12)
    coordinator.send_signal(signal.SIGKILL)
    exit_code(coordinator, "the coordinator is gone after SIGKILL")
    before = ended_trials(workshop)
    coordinator = spawn(workshop, told, 0, port)

    assert (coordinator.wait(timeout=150), worker.wait(timeout=60)) == (0, 0)
    record = json.loads((workshop.run_folder() / "tune-0" / "result.json").read_text())["results"]["tuning"]
    assert (record["trials"], record["finished"], record["failed"]) == (60, 60, 0)
    assert before >= 12
    assert ended_trials(workshop) == 60, "a finished trial was done again"


def test_while_trials_go_on_a_look_tells_how_far_they_are(workshop: Workshop) -> None:
    """From another process, which reads one small file in the run's folder."""
    told = asked(workshop.write(flights_table()), trials=1000)
    assert workshop.run("validate", told).code == 0
    alone = spawn(workshop, told, 0, free_port())
    until = time.monotonic() + 90
    while not (workshop.run_folder() / progress.PROGRESS).exists():
        assert time.monotonic() < until, "nothing is told"
        time.sleep(0.05)
    look = workshop.run("progress", {"schemaVersion": 1, "runUri": told["runUri"]})
    alone.send_signal(signal.SIGKILL)
    exit_code(alone, "the tuning is gone after SIGKILL")

    assert look.results["tuning"]["trials"] == 1000
    assert 0 < look.results["tuning"]["finished"] < 1000
    assert look.message["sentence"].endswith(f" in trial {look.results['tuning']['best']['trial']}")


def test_a_step_that_is_told_to_end_ends_at_once(workshop: Workshop) -> None:
    """As the first process of a container it would not, without a handler; what it leaves is told by its exit code."""
    told = asked(workshop.write(flights_table()), trials=1000)
    assert workshop.run("validate", told).code == 0
    command = [sys.executable, "-m", "mlwright.trainer", "tune"]
    alone = subprocess.Popen(command, env=workshop.env(told) | {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"})
    wait_for(workshop, 1)
    alone.send_signal(signal.SIGTERM)

    assert alone.wait(timeout=10) == 143
