"""What a prediction request may look like, and the sentence for each way to get it wrong."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.server.columns import MAX_ROWS
from mlwright.server.problems import RefusedError
from mlwright.server.requests import RequestDecoder
from tests.support.bundles import FLIGHT
from tests.support.flights import RIGHT, request, tensor

DECODER = RequestDecoder({one.name: one.datatype for one in FLIGHT.inputs}, [one.name for one in FLIGHT.outputs])


def decode(document: object) -> Any:
    return DECODER.decode(json.dumps(document).encode())


def refusal(document: object) -> str:
    with pytest.raises(RefusedError) as caught:
        decode(document)
    assert caught.value.status == 400
    return str(caught.value)


def test_every_datatype_arrives_as_one_typed_column() -> None:
    """Each input becomes an [n, 1] array of the type that the model takes."""
    columns = decode(request()).columns

    assert {name: (column.shape, column.dtype.str) for name, column in columns.items()} == {
        "distance": ((2, 1), "<f8"),
        "dep_hour": ((2, 1), "<i8"),
        "weekend": ((2, 1), "|b1"),
        "carrier": ((2, 1), "|O"),
    }


ACCEPTED = {
    "a shape of one dimension": (tensor("dep_hour", shape=[2]), [7, 21]),
    "data nested row by row": (tensor("dep_hour", data=[[7], [21]]), [7, 21]),
    "a narrower whole number": (tensor("dep_hour", datatype="INT32"), [7, 21]),
    "an unsigned whole number": (tensor("dep_hour", datatype="UINT8"), [7, 21]),
    "a narrower real number": (tensor("distance", datatype="FP32", data=[1.5, 2]), [1.5, 2.0]),
    "whole numbers for a real input": (tensor("distance", datatype="INT64", data=[3, 4]), [3.0, 4.0]),
    "missing text": (tensor("carrier", data=["UA", None]), ["UA", ""]),
    "text beyond ASCII": (tensor("carrier", data=["Ü", "\u0000"]), ["Ü", "\u0000"]),
}


@pytest.mark.parametrize("changed, values", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepts(changed: dict[str, Any], values: list[object]) -> None:
    """A tensor may come in every form that loses nothing."""
    column = decode(request(changed)).columns[changed["name"]]

    assert column[:, 0].tolist() == values


def test_a_missing_number_is_nan() -> None:
    """JSON has no NaN, so null stands for a missing number."""
    column = decode(request(tensor("distance", data=[None, 2.5]))).columns["distance"]

    np.testing.assert_array_equal(column[:, 0], [np.nan, 2.5])


REFUSED = {
    "no object": ([1], 'the body must be a JSON object with "inputs", got a list'),
    "no inputs": ({}, 'the request needs "inputs", a list with one tensor per feature; got null'),
    "empty inputs": ({"inputs": []}, "got an empty list"),
    "inputs by name": ({"inputs": {"distance": 1}}, "got an object"),
    "an input that is no object": ({"inputs": [3]}, 'with "name", "shape", "datatype" and "data", got a whole number'),
    "an input without a name": (request({"name": None}), "the name of one is null"),
    "an unknown input": (
        request({"name": "dep_hours"}, without="dep_hour"),
        'input "dep_hours" is unknown: did you mean dep_hour?',
    ),
    "an input that is like none": (
        request({"name": "zzz"}),
        'input "zzz" is unknown: the model has distance, dep_hour, weekend, carrier',
    ),
    "a very long name": (request({"name": "z" * 500}), f'input "{"z" * 64}..." is unknown'),
    "a missing input": (request(without="carrier"), "missing from the inputs: carrier (BYTES)"),
    "an input sent twice": (
        {"inputs": [tensor("carrier"), tensor("carrier")]},
        "input carrier is there twice",
    ),
    "no shape": (request(tensor("carrier", shape=None)), "input carrier: expected shape [n, 1] with n rows"),
    "a table": (request(tensor("dep_hour", shape=[1, 2])), 'got "[1,2]"; each feature is an input'),
    "no dimension": (request(tensor("dep_hour", shape=[])), 'got "[]"'),
    "no rows": (request(tensor("dep_hour", shape=[0, 1], data=[])), 'at least one; got "[0,1]"'),
    "a negative shape": (request(tensor("dep_hour", shape=[-1, 1])), 'got "[-1,1]"'),
    "a shape of truth": (request(tensor("dep_hour", shape=[True, 1], data=[7])), 'got "[true,1]"'),
    "a shape as text": (request(tensor("dep_hour", shape="2,1")), "got a text"),
    "more rows than are answered": (
        request(tensor("dep_hour", shape=[MAX_ROWS + 1, 1])),
        "at most 65536 are answered at once, split the batch",
    ),
    "more values than the shape says": (
        request(tensor("dep_hour", data=[1, 2, 3])),
        "input dep_hour: the shape says 2 rows, the data holds 3 values",
    ),
    "inputs of different lengths": (
        request(tensor("carrier", shape=[1, 1], data=["UA"])),
        "input carrier has 1 rows, input distance has 2: all inputs need the same number",
    ),
    "no datatype": (request(tensor("weekend", datatype=None)), "input weekend: expected datatype BOOL, got null"),
    "a wider datatype": (
        request(tensor("dep_hour", datatype="FP64")),
        'expected datatype INT64 (or a narrower one: INT32, INT16, INT8, UINT64, UINT32 and 2 more), got "FP64"',
    ),
    "no data": (request(tensor("carrier", data=None)), "got null"),
    "a single value as data": (request(tensor("dep_hour", data=7)), '"data" must be a list of values, got a whole'),
    "rows of two values": (request(tensor("dep_hour", data=[[7, 8], [9]])), "one list of one value per row"),
    "a text for a number": (
        request(tensor("distance", data=[1.5, "2"])),
        "input distance: FP64 expects numbers, null where one is missing; row 1 holds a text",
    ),
    "truth for a number": (request(tensor("distance", data=[True, 1])), "row 0 holds a boolean"),
    "a fraction for a whole number": (
        request(tensor("dep_hour", data=[7, 7.5])),
        "input dep_hour: INT64 expects whole numbers without a decimal point; row 1 holds a number with a decimal",
    ),
    "null for a whole number": (request(tensor("dep_hour", data=[None, 7])), "row 0 holds null"),
    "a number for truth": (request(tensor("weekend", data=[0, 1])), "BOOL expects true or false; row 0 holds a whole"),
    "a number for text": (request(tensor("carrier", data=["UA", 5])), "BYTES expects text, null where one is missing"),
    "a list for a value": (request(tensor("dep_hour", data=[7, [8]])), "row 1 holds a list"),
    "a value beyond its datatype": (
        request(tensor("dep_hour", datatype="INT8", data=[7, 200])),
        "input dep_hour: a value lies outside of -128 to 127, which INT8 may hold here",
    ),
    "a negative unsigned value": (
        request(tensor("dep_hour", datatype="UINT16", data=[-1, 7])),
        "outside of 0 to 65535, which UINT16",
    ),
    "a value beyond what the model takes": (
        request(tensor("dep_hour", datatype="UINT64", data=[2**63, 7])),
        "outside of 0 to 9223372036854775807, which UINT64 may hold here",
    ),
    "an unknown output": (request(outputs=[{"name": "labels"}]), 'output "labels" is unknown: did you mean label?'),
    "an output asked for twice": (request(outputs=[{"name": "label"}] * 2), "an output is asked for twice"),
    "outputs by name": (request(outputs={"label": 1}), '"outputs" must be a list of objects with a "name"'),
    "an output that is no object": (request(outputs=["label"]), 'an object with a "name", got a text'),
    "an id that is no text": (request(id=7), '"id" must be a text, got a whole number'),
    "parameters that are no object": (request(parameters=[1]), '"parameters" must be an object, got a list'),
}


@pytest.mark.parametrize("document, sentence", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(document: object, sentence: str) -> None:
    """Every mistake gets a sentence that names the input, what was expected and what came."""
    assert sentence in refusal(document)


NO_JSON = {
    "nothing": (b"", "the body is empty, expected JSON"),
    "half an object": (b'{"inputs": [', "the body is not JSON: "),
    "a NaN": (b'{"inputs": NaN}', "the body is not JSON: "),
    "an infinite number": (b'{"inputs": 1e999}', "the body is not JSON: "),
    "another encoding": ("{}".encode("utf-16"), "the body is not JSON: "),
    "a tower of lists": (b"[" * 100_000, "the body is not JSON: "),
}


@pytest.mark.parametrize("body, sentence", NO_JSON.values(), ids=NO_JSON.keys())
def test_refuses_what_is_not_json(body: bytes, sentence: str) -> None:
    """A body that is not JSON is the client's mistake."""
    with pytest.raises(RefusedError) as caught:
        DECODER.decode(body)

    assert str(caught.value).startswith(sentence)


def test_never_repeats_a_value() -> None:
    """A sentence may end in a log, and a value may be personal."""
    assert "Jane" not in refusal(request(tensor("dep_hour", data=["Jane Doe", 7])))


def test_answers_only_the_outputs_asked_for() -> None:
    """The outputs come in the order in which they were asked for."""
    assert decode(request(outputs=[{"name": "probabilities"}, {"name": "label"}])).outputs == (
        "probabilities",
        "label",
    )


# Sampled rather than grown: a tree of strategies takes seconds where these take milliseconds.
SCALARS = st.sampled_from(
    [None, True, False, 0, 1, -1, 7, 2**31, -(2**63), 2**63, 2**64, 0.5, 7.0, 1e308, "", "UA", "\u0000", "Ü" * 80]
)
JSON = SCALARS | st.lists(SCALARS, max_size=3) | st.lists(st.lists(SCALARS, max_size=2), max_size=3)
WORDS = ["name", "shape", "datatype", "data", "inputs", "distance", "dep_hour", "weekend", "carrier", "label", "x"]
OBJECTS = st.dictionaries(st.sampled_from(WORDS), JSON, max_size=3)
NAMES = st.sampled_from(["distance", "dep_hour", "weekend", "carrier", "other"])
NEARLY = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
        "datatype": st.sampled_from(["FP64", "FP16", "INT64", "INT8", "UINT64", "BOOL", "BYTES"]) | JSON,
        "data": JSON | OBJECTS,
    },
)
DOCUMENTS = (
    JSON
    | OBJECTS
    | st.fixed_dictionaries(
        {"inputs": st.lists(NEARLY | OBJECTS, max_size=5)},
        optional={"outputs": JSON | st.lists(OBJECTS, max_size=2), "id": JSON, "parameters": JSON | OBJECTS},
    )
)


def status_of(document: object) -> int:
    """200 when a document can be answered, else the status of its refusal."""
    try:
        decode(document)
    except RefusedError as refused:
        return int(refused.status)
    return 200


@pytest.mark.timeout(20)
@given(DOCUMENTS)
def test_any_json_is_decoded_or_refused(document: object) -> None:
    """Whatever a client sends ends in a request or in a sentence, never in an exception of ours."""
    assert status_of(document) in {200, 400}


@pytest.mark.timeout(20)
@given(st.lists(JSON, min_size=2, max_size=2), st.sampled_from([*RIGHT]))
def test_any_data_is_converted_or_refused(data: list[object], name: str) -> None:
    """A request that is right but for one column's data is converted or refused."""
    assert status_of(request(tensor(name, data=data))) in {200, 400}


HUGE = [3.5e38, -3.5e38, 1e300]


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("datatype", ["FP64", "FP32"])
def test_refuses_numbers_that_no_model_computes_with(number: float, datatype: str) -> None:
    """Models compute in single precision, where these are infinite; training refuses them as well."""
    assert refusal(request(tensor("distance", datatype=datatype, data=[1.0, number]))) == (
        "input distance: the number of row 1 is infinite or huge; expected at most 3.4e+38 in size, null where it is"
        " missing"
    )


@pytest.mark.parametrize("data", [[3.4e38, -3.4e38], [3.4e38, None]])
def test_accepts_every_number_of_single_precision(data: list[float | None]) -> None:
    """However many of them are large."""
    column = decode(request(tensor("distance", data=data))).columns["distance"]

    np.testing.assert_array_equal(column[:, 0], np.array(data, dtype=np.float64))
