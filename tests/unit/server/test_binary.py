"""Tensors as bytes, in requests and in answers."""

from __future__ import annotations

import json
import math
import struct
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.server import binary
from mlwright.server.application import Application
from mlwright.server.problems import RefusedError
from mlwright.server.requests import RequestDecoder
from tests.support.bundles import FLIGHT
from tests.support.exchanges import Answer, infer
from tests.support.flights import RIGHT, request, tensor

DECODER = RequestDecoder({one.name: one.datatype for one in FLIGHT.inputs}, [one.name for one in FLIGHT.outputs])
TEXTS = b"".join(struct.pack("<I", len(text)) + text for text in (b"UA", b"ZZ"))
BLOBS: dict[str, bytes] = {
    "distance": np.array([1400.0, 200.5]).tobytes(),
    "dep_hour": np.array([7, 21]).tobytes(),
    "weekend": bytes([0, 1]),
    "carrier": TEXTS,
}


def announced(name: str, size: object, **changes: object) -> dict[str, Any]:
    """A tensor whose data stands behind the JSON."""
    return tensor(name, data=None, parameters={"binary_data_size": size}, **changes)


def joined(document: dict[str, Any], *blobs: bytes) -> tuple[bytes, int]:
    """A body, and how much of it is JSON."""
    head = json.dumps(document).encode()
    return head + b"".join(blobs), len(head)


def all_binary(**members: Any) -> tuple[bytes, int]:
    """A request whose data is all bytes."""
    document = request(*(announced(name, len(blob)) for name, blob in BLOBS.items()), **members)
    return joined(document, *BLOBS.values())


def test_bytes_mean_what_json_means() -> None:
    """Every datatype gives the same columns in both forms."""
    from_bytes = DECODER.decode(*all_binary()).columns
    from_json = DECODER.decode(json.dumps(request()).encode()).columns

    for name, column in from_json.items():
        np.testing.assert_array_equal(from_bytes[name], column)
        assert from_bytes[name].dtype == column.dtype


def test_both_forms_may_be_mixed() -> None:
    """A client may send texts in the JSON and numbers behind it."""
    body, length = joined(request(announced("dep_hour", 4, datatype="INT16")), struct.pack("<hh", 7, 21))

    assert DECODER.decode(body, length).columns["dep_hour"][:, 0].tolist() == [7, 21]


def test_a_missing_number_is_a_nan_of_ieee() -> None:
    """Bytes have what JSON lacks."""
    body, length = joined(request(announced("distance", 8, datatype="FP32")), struct.pack("<ff", float("nan"), 2))

    np.testing.assert_array_equal(DECODER.decode(body, length).columns["distance"][:, 0], [np.nan, 2.0])


REFUSED = {
    "too few bytes": ([announced("dep_hour", 16)], b"1234", "input dep_hour: 16 bytes are announced, 4 are there"),
    "bytes of no input": ([announced("dep_hour", 16)], b"x" * 20, "4 bytes behind the last binary tensor belong to no"),
    "another size": ([announced("dep_hour", 8)], b"x" * 8, "input dep_hour: 2 rows of INT64 are 16 bytes, got 8"),
    "a negative size": ([announced("dep_hour", -8)], b"", '"binary_data_size" must be a number of bytes'),
    "a text as size": ([announced("dep_hour", "8")], b"", "must be a number of bytes, got a text"),
    "a text that is cut off": ([announced("carrier", 5)], b"\x09\0\0\0U", "input carrier: a value is cut off"),
    "a length that is cut off": ([announced("carrier", 2)], b"\x09\0", "input carrier: a value is cut off"),
    "too few texts": ([announced("carrier", 5)], b"\x01\0\0\0U", "the shape says 2 rows, the data holds 1 values"),
    "another encoding": ([announced("carrier", 10)], b"\x01\0\0\0\xff" * 2, "input carrier: a value is not UTF-8"),
    "a number that INT64 cannot hold": (
        [announced("dep_hour", 16, datatype="UINT64")],
        b"\xff" * 16,
        "input dep_hour: a value lies outside of 0 to 9223372036854775807, which UINT64 may hold here",
    ),
    "an infinite number": (
        [announced("distance", 16)],
        struct.pack("<dd", 1.0, -math.inf),
        "input distance: the number of row 1 is infinite or huge; expected at most 3.4e+38 in size",
    ),
    "an infinite number of fewer bits": (
        [announced("distance", 4, datatype="FP16")],
        struct.pack("<ee", math.inf, 1.0),
        "input distance: the number of row 0 is infinite or huge",
    ),
    "shared memory": (
        [tensor("dep_hour", data=None, parameters={"shared_memory_region": "a"})],
        b"",
        "input dep_hour: shared memory is not supported: send the data",
    ),
}


@pytest.mark.parametrize("tensors, blob, sentence", REFUSED.values(), ids=REFUSED.keys())
def test_refuses(tensors: list[dict[str, Any]], blob: bytes, sentence: str) -> None:
    """Bytes that do not fit are told so, by the name of the input."""
    with pytest.raises(RefusedError) as caught:
        DECODER.decode(*joined(request(*tensors), blob))

    assert caught.value.status == 400
    assert sentence in str(caught.value)


def test_refuses_json_that_is_longer_than_the_body() -> None:
    """The header and the body must agree."""
    with pytest.raises(RefusedError) as caught:
        DECODER.decode(b"{}", 3)

    assert str(caught.value) == "the JSON is announced to be 3 bytes long, the body has 2"


async def ask(app: Application, body: bytes, length: int) -> Answer:
    return await infer(app, body, headers={"Inference-Header-Content-Length": str(length)})


def blobs_of(answer: Answer) -> tuple[dict[str, Any], bytes]:
    """The JSON of a binary answer, and what stands behind it."""
    length = int(answer.headers["inference-header-content-length"])
    return json.loads(answer.body[:length]), answer.body[length:]


async def test_outputs_come_as_bytes_for_who_wants_them(app: Application) -> None:
    """One word asks for all outputs as bytes."""
    answer = await ask(app, *all_binary(parameters={"binary_data_output": True}))
    document, rest = blobs_of(answer)

    assert answer.headers["content-type"] == "application/octet-stream"
    assert [one["parameters"]["binary_data_size"] for one in document["outputs"]] == [2, 32]
    assert rest[:2] == bytes([0, 1])
    plain = (await infer(app, request())).json["outputs"][1]["data"]
    assert np.frombuffer(rest[2:]).tolist() == plain


async def test_a_client_chooses_the_form_of_each_output(app: Application) -> None:
    """An output asked for as bytes stands behind the JSON, the other one in it."""
    outputs = [{"name": "probabilities", "parameters": {"binary_data": True}}, {"name": "label"}]
    document, rest = blobs_of(await infer(app, request(outputs=outputs)))

    assert [one.get("data") for one in document["outputs"]] == [None, [False, True]]
    assert len(rest) == 32


@given(st.lists(st.text(max_size=8), min_size=1, max_size=8))
def test_texts_come_back_as_they_were_written(texts: list[str]) -> None:
    """What is written can be read."""
    data = binary.write("BYTES", np.array(texts, dtype=object))

    assert binary.read_texts("carrier", len(texts), memoryview(data)) == texts


@given(st.sampled_from([*RIGHT]), st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(name: str, blob: bytes) -> None:
    """Whatever stands behind the JSON ends in a column or in a sentence."""
    with suppress(RefusedError):
        columns = DECODER.decode(*joined(request(announced(name, len(blob))), blob)).columns
        assert columns[name].shape == (2, 1)
