"""The description of the server's paths, checked with a public validator of JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mlwright.server.application import Application
from tests.support.exchanges import get, infer
from tests.support.flights import request

ROW = {"distance": 1400.0, "dep_hour": 7, "weekend": False, "carrier": "UA"}


@pytest.fixture
async def document(app: Application) -> Any:
    """The description of the flight model."""
    return (await get(app, "/openapi.json")).json


def fits(document: Any, name: str, value: object) -> bool:
    """Whether a value is as the description says."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return bool(Draft202012Validator(schema).is_valid(value))


async def test_describes_every_path_that_answers(app: Application, document: Any) -> None:
    """What is described is answered, by the method that is described."""
    for path, methods in document["paths"].items():
        for method in methods:
            answer = await (get(app, path) if method == "get" else infer(app, b"", path))

            assert answer.status in {200, 400}


async def test_describes_what_is_answered(app: Application, document: Any) -> None:
    """Real questions and answers are as the description says."""
    assert fits(document, "InferRequest", request())
    assert fits(document, "InferAnswer", (await infer(app, request())).json)
    assert fits(document, "Rows", ROW)
    assert fits(document, "RowAnswers", (await infer(app, ROW, "/predict")).json)
    assert fits(document, "RowAnswers", (await infer(app, [ROW, ROW], "/predict")).json)
    assert fits(document, "Error", (await infer(app, [7], "/predict")).json)


@pytest.mark.parametrize(
    "row",
    [ROW | {"dep_hour": "7"}, {"distance": 1}, ROW | {"other": 1}, ROW | {"weekend": None}, ROW | {"distance": 1e39}],
)
async def test_describes_what_is_refused(app: Application, document: Any, row: dict[str, Any]) -> None:
    """What the description does not allow is refused."""
    assert not fits(document, "Rows", row)
    assert (await infer(app, row, "/predict")).status == 400
