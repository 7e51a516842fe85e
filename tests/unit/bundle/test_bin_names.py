"""Names of bins are for people, and those of numbers can be read back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle.bin_names import bin_names, ranges
from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profiling import profile_numbers


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_ranges_of_numbers_are_read_back(values: list[float]) -> None:
    """With the four digits that people see."""
    profile = profile_numbers("x", Datatype.FP64, np.array(values))

    assert [*np.ravel(ranges(bin_names(profile)))] == pytest.approx(
        [edge for pair in zip(profile.edges, profile.edges[1:], strict=False) for edge in pair], rel=1e-3
    )


@pytest.mark.parametrize("name", ["UA", "", "nan", "1 to inf", "1 to 2 to 3", "1 to "])
def test_what_is_no_range_is_not_read_as_one(name: str) -> None:
    """One that cannot be read leaves nothing: half of the bins would mislead."""
    assert ranges(("1 to 2", name)) == ()
