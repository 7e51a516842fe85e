"""A detector of anomalies behind HTTP: labels and scores, their bins, and labels that come late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlwright.bundle.golden import GoldenRow, read_golden
from tests.support.serving import ServerProcess
from tests.support.training import Json, Workshop
from tests.support.tumours import detection, measures, tumours_table

Start = Callable[..., ServerProcess]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A mount root with a version that was trained once for all tests."""
    shop = Workshop(tmp_path_factory.mktemp("tumours"))
    told = detection(shop.write(tumours_table()), labelled=False)
    assert [shop.run(step, told).code for step in ("validate", "train")] == [0, 0]
    return shop


@pytest.fixture
def server(shop: Workshop, start: Start, tmp_path: Path) -> ServerProcess:
    """A server of it that takes feedback."""
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "key-1").write_text("0f" * 32)
    bundle = shop.message()["results"]["bundle"]
    return start(
        MLWRIGHT_MOUNT_ROOT=str(shop.root),
        MLWRIGHT_BUNDLE_URI=bundle["uri"],
        MLWRIGHT_BUNDLE_DIGEST=bundle["digest"],
        MLWRIGHT_REVISION="a1b2c3d4",
        MLWRIGHT_FEEDBACK_KEYS=str(keys),
    ).ready()


@pytest.fixture
def golden(shop: Workshop) -> tuple[GoldenRow, ...]:
    """What the version answered where it was trained."""
    return read_golden(shop.run_folder() / "train-0" / "bundle")


def batch(rows: tuple[GoldenRow, ...]) -> Json:
    """Rows as one request of the protocol."""
    return {
        "inputs": [
            {"name": name, "shape": [len(rows), 1], "datatype": "FP64", "data": [row.inputs[name] for row in rows]}
            for name in measures()
        ]
    }


def test_both_ways_of_asking_answer_as_training_did(server: ServerProcess, golden: tuple[GoldenRow, ...]) -> None:
    """The protocol answers in tensors, the other way in fields that a person can read."""
    status, answer = server.ask("POST", "/v2/models/flights/infer", batch(golden))
    _, row = server.ask("POST", "/predict", dict(golden[0].inputs))

    assert status == 200
    assert [(one["name"], one["datatype"], one["shape"]) for one in answer["outputs"]] == [
        ("label", "INT64", [len(golden)]),
        ("score", "FP64", [len(golden)]),
    ]
    labels, scores = (one["data"] for one in answer["outputs"])
    assert labels == [one.outputs["label"] for one in golden]
    assert scores == pytest.approx([one.outputs["score"] for one in golden], abs=1e-5)
    assert (row["label"], row["score"]) == (labels[0], scores[0])


def test_the_descriptions_tell_labels_and_scores(server: ServerProcess) -> None:
    """What a client library is generated from."""
    _, metadata = server.ask("GET", "/v2/models/flights")
    _, description = server.ask("GET", "/openapi.json")

    assert [one["name"] for one in metadata["outputs"]] == ["label", "score"]
    answer = description["components"]["schemas"]["RowAnswer"]["properties"]
    assert answer == {"label": {"enum": [0, 1]}, "score": {"type": ["number", "null"]}}


def test_scores_are_counted_and_late_labels_are_compared(server: ServerProcess, golden: tuple[GoldenRow, ...]) -> None:
    """Drift of the score is watched like that of a prediction, and a label that came late judges the label."""
    _, answer = server.ask("POST", "/v2/models/flights/infer", batch(golden))
    labels = answer["outputs"][0]["data"]
    truth = [labels[0], 1 - labels[1], *[None] * (len(labels) - 2)]
    told = {"prediction_id": answer["parameters"]["prediction_id"], "labels": truth}

    status, taken = server.ask("POST", "/v2/models/flights/feedback", told)

    lines = server.ask("GET", "/metrics")[1].decode().splitlines()
    own = 'deployment="flights",revision="a1b2c3d4"'
    scores = [line for line in lines if line.startswith(f'mlwright_output_bin_total{{{own},output="score"')]
    assert sum(float(line.rpartition(" ")[2]) for line in scores) == len(golden)
    assert (status, taken["accepted"]["labels"]) == (200, 2)
    for correct in ("true", "false"):
        counted = f'mlwright_feedback_total{{{own},predicted_revision="a1b2c3d4",correct="{correct}"}} 1'
        assert counted in lines
