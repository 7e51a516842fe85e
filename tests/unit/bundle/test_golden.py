"""Rows that nobody sent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mlwright.bundle.errors import BundleError
from mlwright.bundle.golden import ROWS, GoldenRow, read_golden, synthesise, to_lines
from mlwright.bundle.manifest import Datatype, Signature, Tensor
from mlwright.bundle.profile import Profile
from mlwright.bundle.profiling import profile_booleans, profile_numbers, profile_texts
from mlwright.bundle.tensors import expected_outputs, to_inputs

VALUES: NDArray[np.float64] = np.full(500, np.nan)
VALUES[:400] = np.random.default_rng(1).normal(10, 3, 400)
PROFILE = Profile(
    rows=500,
    features=(
        profile_numbers("x", Datatype.FP64, VALUES),
        profile_numbers("hour", Datatype.INT64, np.mod(np.arange(500, dtype=np.float64), 24.0, dtype=np.float64)),
        profile_booleans("weekend", np.arange(500) % 7 < 2),
        profile_texts("carrier", {"UA": 300, "AA": 190, "Ada Lovelace": 2, "": 8}),
    ),
    outputs=(),
)


def test_the_same_seed_draws_the_same_rows() -> None:
    """A bundle made twice holds the same golden rows."""
    assert synthesise(PROFILE, seed=3) == synthesise(PROFILE, seed=3)
    assert synthesise(PROFILE, seed=3) != synthesise(PROFILE, seed=4)


def test_rows_look_like_the_data_but_are_none_of_it() -> None:
    """Numbers lie in the range seen, whole numbers stay whole, and missing values are drawn too."""
    rows = synthesise(PROFILE, seed=0, rows=500)
    drawn = [row["x"] for row in rows if row["x"] is not None]

    assert all(np.nanmin(VALUES) - 1e-9 <= float(str(value)) <= np.nanmax(VALUES) for value in drawn)
    assert not set(drawn) & set(VALUES.tolist())
    assert 50 < sum(row["x"] is None for row in rows) < 150
    assert {type(row["hour"]) for row in rows} == {int}
    assert {row["hour"] for row in rows} <= set(range(24))
    assert {row["weekend"] for row in rows} == {False, True}


def test_rare_texts_never_appear() -> None:
    """Where a rare text would be drawn, the text is missing."""
    assert {row["carrier"] for row in synthesise(PROFILE, seed=0, rows=2000)} == {"UA", "AA", ""}


def test_golden_rows_survive_being_written_and_read(tmp_path: Path) -> None:
    """One JSON object on each line, missing numbers as null."""
    rows = tuple(GoldenRow(row, {"label": True, "probabilities": [0.25, 0.75]}) for row in synthesise(PROFILE, seed=0))
    (tmp_path / "golden.jsonl").write_bytes(to_lines(rows))

    assert read_golden(tmp_path) == rows
    assert len(rows) == ROWS


@pytest.mark.parametrize("content", [b"", b"{}\n", b"nonsense\n", b'{"inputs": 1, "outputs": {}}\n'])
def test_a_damaged_file_is_a_bundle_error(tmp_path: Path, content: bytes) -> None:
    """Whatever stands in the file, the reader gets one kind of error."""
    (tmp_path / "golden.jsonl").write_bytes(content)

    with pytest.raises(BundleError, match=r"golden.jsonl"):
        read_golden(tmp_path)


def test_rows_become_arrays_of_the_datatypes_of_the_signature() -> None:
    """Missing numbers become NaN, texts stay objects, and every input is a column."""
    signature = Signature(
        inputs=(Tensor("x", Datatype.FP64), Tensor("t", Datatype.BYTES), Tensor("b", Datatype.BOOL)),
        outputs=(Tensor("label", Datatype.BYTES), Tensor("probabilities", Datatype.FP64)),
        classes=("no", "yes"),
    )
    arrays = to_inputs([{"x": None, "t": "", "b": True}, {"x": 1.5, "t": "a", "b": False}], signature)
    expected = expected_outputs([GoldenRow({}, {"label": "yes", "probabilities": [0.1, 0.9]})], signature)

    assert {name: (array.dtype.kind, array.shape) for name, array in arrays.items()} == {
        "x": ("f", (2, 1)),
        "t": ("O", (2, 1)),
        "b": ("b", (2, 1)),
    }
    assert np.isnan(arrays["x"][0, 0])
    assert expected["label"].tolist() == ["yes"]
    assert expected["probabilities"].shape == (1, 2)
