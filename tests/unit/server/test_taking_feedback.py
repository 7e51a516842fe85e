"""From an answer with a prediction id to feedback at the server's own path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mlwright.server.application import Application
from mlwright.server.failures import UnreadySecretError
from mlwright.server.feedback import MAX_FEEDBACK_BYTES
from mlwright.server.model import Model
from mlwright.server.oversight import Oversight
from mlwright.server.recording import Silent
from mlwright.server.settings import Settings
from tests.support.exchanges import Answer, ask, get, infer
from tests.support.flights import request
from tests.unit.server.conftest import IDENTITY

FEEDBACK = "/v2/models/flights/feedback"


def settings(keys: Path | None) -> Settings:
    return Settings(IDENTITY, "pvc://artifacts/flights", "sha256:0", 0, 0, 1, 4096, 1, feedback_keys=keys)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A mounted Secret with one key."""
    (tmp_path / "key-1").write_text("0f" * 32)
    return tmp_path


@pytest.fixture
def watched(app: Application, model: Model, keys: Path) -> Iterator[Application]:
    """An application that takes feedback; the model is everybody's and afterwards as it was."""
    oversight = Oversight(settings(keys), app.telemetry)
    oversight.watch(model)
    app.feedback = oversight.feedback
    yield app
    model.recorder = Silent()


async def give(app: Application, **document: object) -> Answer:
    answer = await ask(app, "POST", FEEDBACK, chunks=[json.dumps(document).encode()])
    assert answer is not None
    return answer


async def test_an_answer_carries_its_id_twice(watched: Application) -> None:
    """A program finds it in the document, a proxy in the header."""
    answer = await infer(watched, request())

    assert answer.headers["x-mlwright-prediction-id"] == answer.json["parameters"]["prediction_id"]


async def test_feedback_finds_its_prediction(watched: Application) -> None:
    """What was answered is known again from the id alone, and the series tell it."""
    asked = await infer(watched, request())

    answer = await give(watched, prediction_id=asked.json["parameters"]["prediction_id"], labels=[False, False])

    assert (answer.status, answer.json["accepted"]) == (200, {"labels": 2, "rewards": 0})
    exposition = watched.telemetry.exposition().decode()
    assert 'predicted_revision="a1b2c3d4",correct="true"} 1\n' in exposition
    assert 'predicted_revision="a1b2c3d4",correct="false"} 1\n' in exposition


async def test_only_the_outputs_asked_for_are_sent_and_all_are_sealed(watched: Application) -> None:
    """Who asks for probabilities alone can still label them."""
    asked = await infer(watched, request(outputs=[{"name": "probabilities"}]))

    answer = await give(watched, prediction_id=asked.json["parameters"]["prediction_id"], labels=[False, None])

    assert answer.json["accepted"]["labels"] == 1


async def test_refused_feedback_is_told_in_the_form_of_the_protocol(watched: Application) -> None:
    """As every other error."""
    answer = await give(watched, prediction_id="x", labels=[True])

    assert answer.status == 403
    assert answer.error.startswith("prediction_id: no answer of this deployment")


async def test_feedback_that_is_too_large_is_not_read(watched: Application) -> None:
    """Nobody has to send more than an id and an entry for each of its rows."""
    answer = await ask(watched, "POST", FEEDBACK, chunks=[b" " * (MAX_FEEDBACK_BYTES + 1)])

    assert answer is not None
    assert answer.status == 413


async def test_without_feedback_there_is_no_id_and_nothing_is_taken(app: Application) -> None:
    """The sentence says where it is switched on."""
    answer = await give(app, prediction_id="x", labels=[True])

    assert "parameters" not in (await infer(app, request())).json
    assert answer.status == 404
    assert "spec.feedback" in answer.error


KEYS = {
    "an empty Secret": ({}, "it holds no key, or is not there"),
    "a short key": ({"key-1": "0f" * 32, "key-2": "0f"}, "key-2: a key has 32 bytes"),
}


@pytest.mark.parametrize("files, words", KEYS.values(), ids=KEYS.keys())
def test_without_usable_keys_it_does_not_serve(
    loading_app: Application, tmp_path: Path, files: dict[str, str], words: str
) -> None:
    """The sentence names the key, and never what it holds."""
    for name, content in files.items():
        (tmp_path / name).write_text(content)

    with pytest.raises(UnreadySecretError, match=r"spec\.feedback\.keySecretRef") as refused:
        Oversight(settings(tmp_path), loading_app.telemetry)

    assert words in str(refused.value)
    assert "0f" not in str(refused.value)


async def test_the_description_tells_of_feedback_where_it_is_taken(watched: Application) -> None:
    """Real feedback and its answer are as described; what is refused by its form is not."""
    document = (await get(watched, "/openapi.json")).json
    asked = await infer(watched, request())
    feedback = {"prediction_id": asked.json["parameters"]["prediction_id"], "labels": [False, None], "rewards": None}

    answer = await give(watched, **feedback)

    assert answer.status == 200
    assert "post" in document["paths"][FEEDBACK]
    assert fits(document, "Feedback", feedback)
    assert fits(document, "Taken", answer.json)
    assert not any(
        fits(document, "Feedback", feedback | wrong) for wrong in ({"labels": [1]}, {"rewards": [2]}, {"a": 1})
    )


async def test_the_description_is_silent_where_none_is_taken(app: Application) -> None:
    """Nobody is told of a path that answers 404."""
    assert FEEDBACK not in (await get(app, "/openapi.json")).json["paths"]


def fits(document: Any, name: str, value: object) -> bool:
    """Whether a value is as the description says."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return bool(Draft202012Validator(schema).is_valid(value))
