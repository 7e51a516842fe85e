"""Rows with named fields, for people with curl."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.server.application import Application
from mlwright.server.columns import MAX_ROWS
from mlwright.server.problems import RefusedError
from mlwright.server.rows import RowReader
from tests.support.bundles import FLIGHT
from tests.support.exchanges import infer
from tests.support.flights import request

ROW = {"distance": 1400.0, "dep_hour": 7, "weekend": False, "carrier": "UA"}
OTHER = {"distance": 200.5, "dep_hour": 21, "weekend": True, "carrier": "ZZ"}
READER = RowReader({one.name: one.datatype for one in FLIGHT.inputs})


@pytest.mark.parametrize(
    "path", ["/predict", "/v2/models/flights/predict", "/v2/models/flights/versions/flights-7/predict"]
)
async def test_one_row_is_one_object(app: Application, path: str) -> None:
    """What is asked with names is answered with names, and says who answered."""
    answer = (await infer(app, ROW, path)).json

    assert answer["label"] is False
    assert list(answer["probabilities"]) == ["false", "true"]
    assert (answer["model_name"], answer["model_version"]) == ("flights", "flights-7")


async def test_several_rows_are_a_list(app: Application) -> None:
    """The answers stand in the order of the rows."""
    answer = (await infer(app, [ROW, OTHER], "/predict")).json

    assert [row["label"] for row in answer["predictions"]] == [False, True]


async def test_says_what_the_protocol_says(app: Application) -> None:
    """The same rows get the same answers on both ways."""
    named = (await infer(app, [ROW, OTHER], "/predict")).json["predictions"]
    _, probabilities = (await infer(app, request())).json["outputs"]

    assert [one for row in named for one in row["probabilities"].values()] == probabilities["data"]


async def test_a_whole_number_may_be_written_with_a_point(app: Application) -> None:
    """7.0 is an integer to JSON Schema, which the description of the server speaks; 7.5 is none."""
    plain, pointed = [await infer(app, ROW | {"dep_hour": hour}, "/predict") for hour in (7, 7.0)]

    assert (pointed.status, pointed.json) == (200, plain.json)
    mixed = await infer(app, [ROW | {"dep_hour": 7.0}, ROW | {"dep_hour": 7.5}], "/predict")
    assert mixed.status == 400
    assert "input dep_hour: INT64 expects whole numbers" in mixed.json["error"]
    assert "row 1 holds a number with a decimal point" in mixed.json["error"]


async def test_what_is_missing_in_an_answer_is_null(app: Application) -> None:
    """NaN is not JSON."""
    answer = await infer(app, ROW | {"distance": None}, "/predict")

    assert answer.json["probabilities"] == {"false": None, "true": None}


REFUSED = {
    "no row": ([], "0 rows; send 1 to 65536 at once"),
    "too many rows": ([ROW] * (MAX_ROWS + 1), "65537 rows; send 1 to 65536 at once"),
    "a row that is no object": ([ROW, 7], "row 1 must be an object with one field per feature, got a whole number"),
    "a field too many": (ROW | {"dep_hours": 7}, 'row 0: field "dep_hours" is unknown: did you mean dep_hour?'),
    "a field too few": ([ROW, {"distance": 1}], "row 1 lacks dep_hour (INT64), weekend (BOOL), carrier (BYTES)"),
    "less than any INT64": ([ROW | {"dep_hour": -(2**63) - 1}], "input dep_hour: INT64 expects whole numbers"),
    "a text for a number": ([ROW, ROW | {"dep_hour": "7"}], "input dep_hour: INT64 expects whole numbers"),
    "a number that is too large": (ROW | {"dep_hour": 2**63}, "input dep_hour: a value lies outside of"),
    "no JSON": (b"dep_hour=7", "the body is not JSON"),
}


@pytest.mark.parametrize("document, sentence", REFUSED.values(), ids=REFUSED.keys())
async def test_refuses(document: object, sentence: str) -> None:
    """Every mistake gets a sentence that names the row and the field."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(RefusedError) as caught:
        READER.read(body)

    assert caught.value.status == 400
    assert sentence in str(caught.value)


SCALARS: st.SearchStrategy[object] = st.sampled_from([None, True, 7, -1, 2**64, 0.5, "", "UA", [], {}])


@given(st.lists(st.dictionaries(st.sampled_from([*ROW, "other"]), SCALARS, max_size=5) | SCALARS, max_size=3))
def test_any_rows_are_read_or_refused(rows: list[object]) -> None:
    """Whatever a client sends ends in columns or in a sentence."""
    with suppress(RefusedError):
        assert READER.read(json.dumps(rows).encode()).columns.keys() == ROW.keys()


async def test_a_number_that_no_model_computes_with_is_refused(app: Application) -> None:
    """With the name of its input and its row, as in the protocol."""
    answer = await infer(app, [ROW, OTHER | {"distance": 1e39}], "/predict")

    assert answer.status == 400
    assert answer.error.startswith("input distance: the number of row 1 is infinite or huge")
