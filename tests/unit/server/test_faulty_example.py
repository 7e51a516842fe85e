"""The example server that goes wrong on purpose: a rollout can only find what is really there."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from examples.faulty import faulty
from mlwright.bundle.models import load_model
from mlwright.server.model import Model
from mlwright.server.settings import Identity
from mlwright.server.wire import Head
from tests.support.bundles import write_flight_bundle
from tests.support.flights import request

HEAD = Head("POST", "", {})


def served(tmp_path: Path, faults: dict[str, str]) -> Model:
    """Version 2 of the flights."""
    bundle = write_flight_bundle(tmp_path / "flights")
    core = bundle.manifest.core
    return faulty.spoiled(
        Model(Identity("flights", "flights", "2", "a1"), core, load_model(bundle.folder, core)), faults
    )


def answer(model: Model) -> dict[str, list[Any]]:
    """What it says, by output."""
    body = json.loads(model.infer(HEAD, json.dumps(request()).encode()).body)
    return {output["name"]: output["data"] for output in body["outputs"]}


def test_a_version_that_is_not_named_is_right(tmp_path: Path) -> None:
    """The same image serves the good versions, or the comparison would be unfair."""
    assert answer(served(tmp_path / "a", {"3": "wrong"})) == answer(served(tmp_path / "b", {}))


def test_errors_come_every_second_time(tmp_path: Path) -> None:
    """Some requests are answered, as with faults that people have."""
    model = served(tmp_path, {"2": "errors"})

    with pytest.raises(RuntimeError, match="an injected error"):
        answer(model)
    assert answer(model)


def test_slow_answers_are_right_and_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a thread: other clients do not wait."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    model = served(tmp_path / "a", {"2": "slow"})

    assert answer(model) == answer(served(tmp_path / "b", {}))
    assert slept == [faulty.SECONDS]
    assert model.cheap_bytes == 0


def test_wrong_answers_name_the_other_class(tmp_path: Path) -> None:
    """With a form that no check of types would find."""
    right, wrong = answer(served(tmp_path / "a", {})), answer(served(tmp_path / "b", {"2": "wrong"}))

    assert wrong["label"] == [not label for label in right["label"]]
    assert wrong["probabilities"] == pytest.approx([1 - one for one in right["probabilities"]])


def test_an_unknown_fault_is_refused(tmp_path: Path) -> None:
    """A typing error must not look like a good version."""
    with pytest.raises(ValueError, match="'lates' is not a valid Fault"):
        served(tmp_path, {"2": "lates"})
