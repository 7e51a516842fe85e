"""The three steps, from data to a scored bundle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from operator import mul
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest

from mlwright.bundle.golden import read_golden
from mlwright.bundle.models import load_model
from mlwright.bundle.parity import compare_golden
from mlwright.bundle.profile import read_profile
from mlwright.bundle.tensors import to_inputs
from mlwright.bundle.verification import verify
from tests.support.training import HGB, STEPS, Json, Workshop, document, flights_table
from tests.support.waiting import eventually, exit_code


def _run(shop: Workshop, wanted: Json) -> Json:
    """The results of all three steps together."""
    results: Json = {}
    for step in STEPS:
        ended = shop.run(step, wanted)
        assert ended.code == 0, ended.message
        results |= ended.results
    return results


def _bundle(shop: Workshop, run: str = "run-1") -> Path:
    return shop.run_folder(run) / "train-0" / "bundle"


def test_data_becomes_a_bundle_that_a_server_accepts(shop: Workshop) -> None:
    """The bundle has the digest reported, and its model answers its golden rows."""
    results = _run(shop, document(shop.write(flights_table())))

    core = verify(_bundle(shop), results["bundle"]["digest"]).core
    rows = read_golden(_bundle(shop))
    answers = load_model(_bundle(shop), core).predict(to_inputs([row.inputs for row in rows], core.signature))

    assert compare_golden(rows, answers, core.signature).holds
    assert results["bundle"]["format"] == "ONNX"
    assert results["bundle"]["uri"].endswith("/runs/run-1/train-0/bundle")
    assert [(tensor.name, str(tensor.datatype)) for tensor in core.signature.inputs] == [
        ("distance", "FP64"),
        ("hour", "INT64"),
        ("weekend", "BOOL"),
        ("carrier", "BYTES"),
    ]
    assert core.signature.classes == (False, True)
    assert results["metrics"]["roc_auc"] > 0.9
    assert results["testRows"] == results["dataset"]["testRows"]


def test_the_profile_counts_every_row(shop: Workshop) -> None:
    """Features on the rows learned from, outputs on the rows held out; every feature has a rank of its own."""
    results = _run(shop, document(shop.write(flights_table())))
    dataset = results["dataset"]

    profile = read_profile(_bundle(shop))

    assert {feature.counts.total for feature in profile.features} == {dataset["trainRows"]}
    assert {output.counts.total for output in profile.outputs} == {dataset["testRows"]}
    assert sorted(feature.rank or 0 for feature in profile.features) == [1, 2, 3, 4]
    assert {feature.name for feature in profile.features if (feature.rank or 9) <= 2} == {"hour", "carrier"}


def test_csv_parquet_and_json_lines_of_the_same_rows_give_the_same_bundle(shop: Workshop) -> None:
    """The digest of the data and that of the bundle do not depend on the file format."""
    digests = set()
    for name in ("data.csv", "data.parquet", "data.jsonl"):
        results = _run(shop, document(shop.write(flights_table(), name), run=name.replace(".", "-")))
        digests.add((results["dataset"]["digest"], results["bundle"]["digest"]))

    assert len(digests) == 1


def test_the_digest_of_the_data_ignores_files_and_the_order_of_rows(shop: Workshop) -> None:
    """The same set of rows is the same data; one row more is not."""
    table = flights_table(100)
    shop.write(table.slice(50), "part-1.parquet")
    shop.write(table.slice(0, 50), "part-2.parquet")
    uris = ("pvc://lake/part-*.parquet", shop.write(table), shop.write(flights_table(101), "more.parquet"))

    digests = [
        shop.run("validate", document(uri, run=f"run-{place}")).results["dataset"]["digest"]
        for place, uri in enumerate(uris)
    ]

    assert digests[0] == digests[1] != digests[2]


def test_a_quantity_is_learned_too(shop: Workshop) -> None:
    """A regression answers predictions and is scored by its own metrics."""
    results = _run(
        shop,
        document(
            shop.write(flights_table()),
            target="hour",
            training={"task": "Regression"},
            estimator={"class": "sklearn.linear_model.Ridge", "parameters": {}},
            evaluation={"metrics": ["rmse", "r2"]},
        ),
    )

    core = verify(_bundle(shop), results["bundle"]["digest"]).core

    assert [tensor.name for tensor in core.signature.outputs] == ["prediction"]
    assert core.signature.classes == ()
    assert list(results["metrics"]) == ["rmse", "r2"]


def test_what_does_not_convert_is_kept_by_scikit_learn_with_the_reason(shop: Workshop) -> None:
    """The bundle names its types, and answers its golden rows like any other."""
    knn = {"class": "sklearn.neighbors.KNeighborsClassifier", "parameters": {"n_neighbors": 3}}
    results = _run(shop, document(shop.write(flights_table()), estimator=knn))

    manifest = verify(_bundle(shop), results["bundle"]["digest"])

    assert results["bundle"]["format"] == "Skops"
    assert results["formatReason"] == manifest.format_reason
    assert results["formatReason"].startswith("it compares each row with the training rows")
    assert "sklearn.neighbors._kd_tree.KDTree" in manifest.core.skops_trusted


def test_texts_can_be_classes(shop: Workshop) -> None:
    """Three classes, in alphabetical order."""
    table = flights_table()
    three = ["early" if hour < 10 else "noon" if hour < 15 else "late" for hour in table["hour"].to_pylist()]
    table = table.set_column(4, "when", pa.array(three))

    results = _run(shop, document(shop.write(table), target="when"))

    assert verify(_bundle(shop), results["bundle"]["digest"]).core.signature.classes == ("early", "late", "noon")
    assert results["metrics"]["accuracy"] > 0.9


def test_the_newest_rows_of_a_range_are_held_out(shop: Workshop) -> None:
    """A time range and a temporal split in one pipeline; times are never features."""
    table = flights_table(400)
    table = table.append_column("ts", pa.array([1_767_225_600 + 3600 * row for row in range(400)], pa.timestamp("s")))
    dataset = {
        "timeColumn": "ts",
        "timeRange": {"column": "ts", "last": "100h", "until": {"type": "Newest"}},
        "split": {"type": "Temporal", "temporal": {"test": 0.3}},
    }

    ended = shop.run("validate", document(shop.write(table), dataset=dataset))

    found = ended.results["dataset"]
    assert (found["rows"], found["trainRows"], found["testRows"], found["features"]) == (100, 70, 30, 4)
    assert found["range"] == {"from": "2026-01-13T11:00:00Z", "until": "2026-01-17T15:00:00Z"}


SPLITS: Final = ("Hash", "Stratified", "Group", "Random", "Temporal")


@pytest.mark.parametrize("kind", SPLITS)
def test_the_same_rows_are_held_out_of_any_file_and_any_order(shop: Workshop, kind: str) -> None:
    """A split is a property of the data, not of how it was written down."""
    table = _planes(300)
    dataset = {"idColumn": "id", "groupColumn": "plane", "timeColumn": "day", "split": {"type": kind}}
    backwards = table.take(pa.array(range(299, -1, -1)))
    found = []
    for place, (data, name) in enumerate(((table, "a.parquet"), (table, "a.csv"), (backwards, "b.parquet"))):
        ended = shop.run("validate", document(shop.write(data, name), run=f"run-{place}", dataset=dataset))
        assert ended.code == 0, ended.message
        found.append(sorted(map(str, _side(shop, f"run-{place}", "test.parquet").to_pylist())))

    assert found[0] == found[1] == found[2]


def test_neither_groups_nor_times_leak(shop: Workshop) -> None:
    """What later steps are told of each row proves it: no plane and no day is on both sides."""
    uri = shop.write(_planes(300))
    for kind, key in (("Group", "group"), ("Temporal", "time")):
        dataset = {"idColumn": "id", "groupColumn": "plane", "timeColumn": "day", "split": {"type": kind}}
        shop.run("validate", document(uri, run=kind.lower(), dataset=dataset))
        learned = _side(shop, kind.lower(), "train-keys.parquet").column(key).to_pylist()
        held_out = _side(shop, kind.lower(), "test-keys.parquet").column(key).to_pylist()

        assert len(held_out) == _side(shop, kind.lower(), "test.parquet").num_rows
        assert not set(learned) & set(held_out)
        assert kind == "Group" or max(learned) < min(held_out)


def _planes(rows: int) -> Any:
    """Flights with an id, of few planes, on few days."""
    table = flights_table(rows).append_column("id", pa.array([f"flight {row}" for row in range(rows)]))
    table = table.append_column("plane", pa.array([f"plane {(row * 7) % 23}" for row in range(rows)]))
    days = pa.array([1_767_225_600 + 86_400 * ((row * 11) % 30) for row in range(rows)], pa.timestamp("s"))
    return table.append_column("day", days)


MEAN: Final = "sklearn.dummy.DummyRegressor"


def test_rows_of_more_weight_count_more(shop: Workshop) -> None:
    """An estimator that answers the mean of what it learned from answers the weighted one; metrics weigh nothing."""
    table = flights_table(200)
    table = table.append_column("seats", pa.array([1.0 if hour < 12 else 9.0 for hour in table["hour"].to_pylist()]))
    dataset = {"features": ["distance", "carrier"], "weightColumn": "seats"}
    changes: Json = {"training": {"task": "Regression"}, "estimator": {"class": MEAN, "parameters": {}}}
    _run(shop, document(shop.write(table), target="hour", dataset=dataset, **changes))
    hours = _side(shop, "run-1", "train.parquet").column("hour").to_pylist()
    weights = _side(shop, "run-1", "train-keys.parquet").column("weight").to_pylist()
    weighted = sum(map(mul, hours, weights)) / sum(weights)

    assert read_golden(_bundle(shop))[0].outputs["prediction"] == pytest.approx(weighted)
    assert weighted > sum(hours) / len(hours) + 1


def test_other_weights_are_other_data_and_hold_out_the_same_rows(shop: Workshop) -> None:
    """What is learned is another thing; what judges it is not."""
    table, found = flights_table(200), []
    for run, weight in (("light", 1), ("heavy", 2)):
        uri = shop.write(table.append_column("seats", pa.array([1, weight] * 100)), f"{run}.parquet")
        dataset = {"weightColumn": "seats"}
        ended = shop.run("validate", document(uri, run=run, dataset=dataset))
        assert ended.code == 0, ended.message
        found.append((ended.results["dataset"]["digest"], str(_side(shop, run, "test.parquet").to_pylist())))

    assert found[0][0] != found[1][0]
    assert found[0][1] == found[1][1]


def _side(shop: Workshop, run: str, name: str) -> Any:
    return pa.parquet.read_table(shop.run_folder(run) / "validate-0" / name)


def test_an_id_decides_which_rows_are_held_out(shop: Workshop) -> None:
    """The other columns may change without moving a row."""
    table = flights_table(200).append_column("id", pa.array([f"flight {row}" for row in range(200)]))
    other = table.set_column(0, "distance", pa.array([float(row) for row in range(200)]))
    found = []
    for place, data in enumerate((table, other)):
        wanted = document(shop.write(data, f"{place}.parquet"), run=f"run-{place}", dataset={"idColumn": "id"})
        shop.run("validate", wanted)
        held_out = pa.parquet.read_table(shop.run_folder(f"run-{place}") / "validate-0" / "test.parquet")
        found.append(held_out.select(["hour", "late"]).to_pylist())

    assert found[0] == found[1]


def test_the_record_of_the_run_lies_beside_the_model(shop: Workshop) -> None:
    """Whoever has only the bundle knows what it was made of; the record is no part of the digest."""
    wanted = document(shop.write(flights_table()))
    results = _run(shop, wanted)

    record = json.loads((_bundle(shop) / "run.json").read_text())

    assert record["step"] == wanted
    assert record["dataset"] == results["dataset"]
    assert record["environment"]["scikit-learn"]
    assert record["seconds"]["total"] >= record["seconds"]["fit"] > 0


ALIKE = [
    pytest.param(HGB, {"max_iter": 10}, id="histogram gradient boosting"),
    pytest.param("sklearn.linear_model.LogisticRegression", {}, id="logistic regression"),
    pytest.param("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 20}, id="random forest"),
    pytest.param("sklearn.neighbors.KNeighborsClassifier", {}, id="nearest neighbours, kept by scikit-learn"),
]


@pytest.mark.parametrize("estimator,parameters", ALIKE)
def test_two_processes_make_the_same_bundle(shop: Workshop, estimator: str, parameters: Json) -> None:
    """The same inputs give the same digest, whatever order a process happens to hash things in."""
    digests = []
    for seed in ("1", "2"):
        wanted = document(
            shop.write(flights_table()), run=f"run-{seed}", estimator={"class": estimator, "parameters": parameters}
        )
        shop.run("validate", wanted)
        ended = shop.spawn("train", wanted, PYTHONHASHSEED=seed)
        assert ended.code == 0, ended.log
        digests.append(ended.results["bundle"]["digest"])

    assert digests[0] == digests[1]


def test_a_step_that_has_a_result_reports_it_again(shop: Workshop) -> None:
    """A pod that is started twice repeats no work, and says the same."""
    wanted = document(shop.write(flights_table()))
    first = shop.spawn("validate", wanted)
    written = (shop.run_folder() / "validate-0" / "train.parquet").stat().st_mtime_ns
    (shop.lake / "data.parquet").unlink()

    second = shop.spawn("validate", wanted)

    assert (second.code, second.message) == (first.code, first.message)
    assert (shop.run_folder() / "validate-0" / "train.parquet").stat().st_mtime_ns == written


def test_a_killed_step_leaves_nothing_that_its_next_start_would_believe(shop: Workshop) -> None:
    """The pod dies while it trains; started again, it ends as if nothing had happened."""
    slow = {"class": HGB, "parameters": {"max_iter": 20_000}}
    wanted = document(shop.write(flights_table(2000)), estimator=slow)
    shop.run("validate", wanted)
    env = {"PATH": os.environ["PATH"], **shop.env(wanted)}
    process = subprocess.Popen([sys.executable, "-m", "mlwright.trainer", "train"], env=env, stderr=subprocess.DEVNULL)
    draft = shop.run_folder() / ".train-0.tmp"
    eventually(lambda: draft.exists() or None, "the step has begun to write", 60)
    process.send_signal(signal.SIGKILL)
    exit_code(process, "the step is gone after SIGKILL")

    assert not (shop.run_folder() / "train-0").exists()

    quick = document(shop.write(flights_table(2000)))
    assert shop.spawn("train", quick).code == 0
    assert not draft.exists()


def test_data_that_arrives_later_is_read_by_a_later_attempt(shop: Workshop) -> None:
    """The first attempt says that it is missing, with a reason of its own."""
    first = shop.run("validate", document("pvc://lake/data.parquet"))
    shop.write(flights_table())
    second = shop.run("validate", document("pvc://lake/data.parquet", attempt=1))

    assert (first.code, first.message["reason"]) == (64, "DatasetMissing")
    assert second.code == 0


def test_a_step_without_the_one_before_it_is_not_the_users_error(shop: Workshop) -> None:
    """Exit code 70: another attempt may find what is missing."""
    wanted = document(shop.write(flights_table()))

    ended = shop.run("train", wanted)

    assert (ended.code, ended.message["outcome"]) == (70, "Failed")
    assert ended.message["sentence"] == "validate-0 holds no result of its step"


def test_a_damaged_bundle_is_not_scored(shop: Workshop) -> None:
    """One byte is enough."""
    wanted = document(shop.write(flights_table()))
    for step in ("validate", "train"):
        shop.run(step, wanted)
    model = _bundle(shop) / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"!")

    ended = shop.run("evaluate", wanted)

    assert ended.code == 70
    assert ended.message["sentence"] == (
        "the bundle of the step train cannot be used:"
        " model.onnx is not the file that the manifest names: its SHA-256 differs"
    )


def test_a_volume_that_cannot_be_written_is_told(shop: Workshop) -> None:
    """Something else lies where the run's folder should be."""
    wanted = document(shop.write(flights_table()))
    shop.run_folder().parent.mkdir(parents=True)
    shop.run_folder().write_text("in the way")

    ended = shop.run("validate", wanted)

    assert ended.code == 70
    assert ended.message["sentence"] == "reading or writing run-1 failed: File exists"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which only root may")
def test_a_full_disk_is_told_and_may_be_tried_again(shop: Workshop) -> None:
    """Exit code 70, and what to do about it."""
    wanted = document(shop.write(flights_table(20_000)))
    store = shop.root / "pvc" / "store"
    store.mkdir()
    mount = f"mount -t tmpfs -o size=64k none {store} && exec {sys.executable} -m mlwright.trainer validate"
    env = {"PATH": os.environ["PATH"], **shop.env(wanted)}

    ended = subprocess.run(["unshare", "-m", "sh", "-c", mount], env=env, capture_output=True, check=False)

    assert ended.returncode == 70
    assert shop.message()["sentence"] == "claim store is full: free space on it or use a larger one"


def test_threads_are_settled_before_numpy_is_imported() -> None:
    """The program's first module brings nothing numerical along."""
    command = "import sys, mlwright.trainer.__main__; print('numpy' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout

    assert printed == "False\n"


def test_the_log_tells_seconds_and_memory(shop: Workshop) -> None:
    """One line of JSON at the end, for people and for machines."""
    ended = shop.spawn("validate", document(shop.write(flights_table())))
    last: dict[str, Any] = json.loads(ended.log.splitlines()[-1])

    assert last["message"] == "the step ended"
    assert last["outcome"] == "Succeeded"
    assert last["seconds"] > 0
    assert last["peakMegabytes"] > 0
