"""What pods say of counts is short, and nothing else is believed."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
import pytest

from mlwright.bundle.packed import MOST_BYTES, pack, unpack


def test_the_counts_of_a_billion_rows_fit_into_a_message() -> None:
    """Twenty features and two outputs with 23 slots each."""
    chance = np.random.default_rng(3)
    counts = {f"feature:name_of_{one}": chance.poisson(43_478_260, 23).tolist() for one in range(22)}

    packed = pack(counts)

    assert len(json.dumps(packed)) < 3_600
    assert unpack(packed) == counts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not packed",
        pack([1, 2, 3])[:-5],
        base64.b85encode(zlib.compress(b"no json")).decode(),
        base64.b85encode(zlib.compress(b"0" * (MOST_BYTES + 1))).decode(),
        base64.b85encode(zlib.compress(b"[" * 100_000)).decode(),
    ],
    ids=["nothing", "other text", "cut off", "no JSON", "too long", "too deep"],
)
def test_what_was_not_packed_by_us_is_refused(text: str) -> None:
    """A pod may say anything."""
    with pytest.raises(ValueError, match=r"."):
        unpack(text)
