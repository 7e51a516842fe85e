"""Stored rows that a model cannot answer: the column and the file are named, and what to do."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mlwright.bundle.errors import GapsError
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.tensors import Array, Arrays
from mlwright.trainer.batch import fit
from mlwright.trainer.batch.rows import Piece, Wanted
from mlwright.trainer.errors import UserError

PIECE = Piece("june.parquet", 32_768, pa.table({}))
WANTED = Wanted({"distance": Datatype.FP64}, (), "flights-v3")


class Gapless:
    """A model that answers no rows in which numbers are missing."""

    def predict(self, inputs: Arrays) -> dict[str, Array]:
        """Refuse."""
        raise GapsError(tuple(inputs))


def test_missing_numbers_that_the_model_does_not_take_are_told() -> None:
    """Another try would end the same: the rows must change, or the version."""
    with pytest.raises(UserError) as caught:
        fit.answered(Gapless(), {"distance": np.array([[np.nan]])}, PIECE, WANTED)

    assert str(caught.value) == (
        "spec.input.uri: numbers are missing or infinite in 'distance' of june.parquet in rows from row 32768 on, and"
        " flights-v3 answers no such rows; fill them in, or leave these rows out"
    )


@pytest.mark.parametrize("number", [np.inf, -np.inf, 1e39])
def test_numbers_that_no_model_computes_with_are_told(number: float) -> None:
    """As in training, and as a server does; missing ones are none of them."""
    inputs = {"distance": np.array([[1.0], [number], [np.nan]]), "hour": np.array([[1], [2], [3]])}

    with pytest.raises(UserError) as caught:
        fit.check_size(PIECE, inputs, WANTED)

    assert str(caught.value) == (
        "spec.input.uri: column 'distance' of june.parquet holds infinite or huge numbers in 1 row from row 32768 on;"
        " make them missing, or scale them below 3e+38 as they were when flights-v3 was trained"
    )
