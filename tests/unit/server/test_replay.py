"""Asking again: how often a version says what was said before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlwright.bundle.manifest import Format
from mlwright.bundle.models import load_model
from mlwright.bundle.tensors import to_inputs
from mlwright.server.model import Model
from mlwright.server.payload_log import PayloadLog
from mlwright.server.replay import main, newest
from mlwright.server.replaying import ask_again
from tests.support.bundles import FLIGHT, FLIGHT_ROWS, Bundle, flight_graph, write_bundle
from tests.unit.server.conftest import IDENTITY


def logged(folder: Path, model: Model, times: int = 3) -> Path:
    """A payload log of what a model answered to the rows of the flight bundle."""
    log = PayloadLog(IDENTITY, folder, "pod-1", 1.0, lambda: 0.0)
    columns = to_inputs(FLIGHT_ROWS, FLIGHT)
    for at in range(1, times + 1):
        log.offer(columns, model.predictor.predict(columns), float(at))
    log._write()
    return folder


def test_the_same_model_says_the_same(tmp_path: Path, model: Model) -> None:
    """Gaps, texts and whole numbers included."""
    found = ask_again(model, newest(logged(tmp_path, model), 100), tolerance=0.0)

    assert (found.requests, found.rows, found.agreed, found.disagreed, found.failed) == (3, 9, 3, 0, 0)
    assert (found.oldest, found.newest) == (1.0, 3.0)


def test_another_model_says_something_else(tmp_path: Path, model: Model) -> None:
    """That is what a preflight wants to know."""
    bundle = write_bundle(tmp_path / "other", Format.ONNX, flight_graph(bias=9.0), FLIGHT, FLIGHT_ROWS)
    other = Model(IDENTITY, bundle.manifest.core, load_model(bundle.folder, bundle.manifest.core))

    found = ask_again(other, newest(logged(tmp_path / "log", model), 100), tolerance=0.05)

    assert (found.agreed, found.disagreed) == (0, 3)


def test_the_newest_requests_are_asked(tmp_path: Path, model: Model) -> None:
    """Of all pods together, by their time, without lines that are cut off."""
    folder = logged(tmp_path, model, times=5)
    line = next(iter(newest(folder, 1)))
    (folder / "other.jsonl").write_bytes(line.replace(b'"at":5.0', b'"at":4.5') + b"{\n[]\n" + line[:-1])

    assert [json.loads(line)["at"] for line in newest(folder, 3)] == [4.0, 4.5, 5.0]


def test_a_request_that_does_not_fit_has_failed(tmp_path: Path, model: Model) -> None:
    """A model with other features cannot be asked; the first sentence says why."""
    (tmp_path / "a.jsonl").write_text('{"at": 1, "inputs": [{"name": "altitude"}], "outputs": []}\n')

    found = ask_again(model, newest(tmp_path, 10), tolerance=0.05)

    assert (found.requests, found.failed) == (1, 1)
    assert 'input "altitude" is unknown' in found.problem


def test_the_command_prints_what_came_of_it(
    bundle: Bundle, mount_root: Path, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One JSON object, also as the last words of the container."""
    logged(mount_root / "pvc" / "payloads" / "live", model)
    words = tmp_path / "words"
    told = {
        "MLWRIGHT_MODEL_NAME": "flights",
        "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
        "MLWRIGHT_BUNDLE_DIGEST": bundle.digest,
        "MLWRIGHT_MOUNT_ROOT": str(mount_root),
        "MLWRIGHT_REPLAY_URI": "pvc://payloads/live",
        "MLWRIGHT_REPLAY_REQUESTS": "2",
        "MLWRIGHT_TERMINATION_LOG": str(words),
    }

    code = main(told)

    printed = json.loads(capsys.readouterr().out)
    assert (code, printed["requests"], printed["agreed"]) == (0, 2, 2)
    assert json.loads(words.read_text()) == printed


WRONG = {
    "no log": ({"MLWRIGHT_REPLAY_URI": "pvc://payloads/nowhere"}, "there is no payload log at pvc://payloads/nowhere"),
    "no address": ({}, "MLWRIGHT_REPLAY_URI"),
    "a wrong number": ({"MLWRIGHT_REPLAY_TOLERANCE": "-1"}, "MLWRIGHT_REPLAY_TOLERANCE is '-1': expected a number"),
}


@pytest.mark.parametrize("changed, words", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_setting_is_told_in_one_sentence(
    bundle: Bundle, mount_root: Path, tmp_path: Path, changed: dict[str, str], words: str
) -> None:
    """With the exit code of what only a person can change."""
    (mount_root / "pvc" / "payloads" / "live").mkdir(parents=True, exist_ok=True)
    told = {
        "MLWRIGHT_MODEL_NAME": "flights",
        "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
        "MLWRIGHT_BUNDLE_DIGEST": bundle.digest,
        "MLWRIGHT_MOUNT_ROOT": str(mount_root),
        "MLWRIGHT_TERMINATION_LOG": str(tmp_path / "words"),
        **({"MLWRIGHT_REPLAY_URI": "pvc://payloads/live"} if "MLWRIGHT_REPLAY_TOLERANCE" in changed else {}),
        **changed,
    }

    assert main(told) == 64
    assert words in (tmp_path / "words").read_text()


def test_a_gap_is_no_difference(model: Model, tmp_path: Path) -> None:
    """What no variant can answer, both leave out."""
    log = PayloadLog(IDENTITY, tmp_path, "pod-1", 1.0, lambda: 0.0)
    columns = to_inputs(FLIGHT_ROWS[:1], FLIGHT) | {"distance": np.array([[np.nan]])}
    log.offer(columns, model.predictor.predict(columns), 1.0)
    log._write()

    assert ask_again(model, newest(tmp_path, 1), tolerance=0.0).agreed == 1
