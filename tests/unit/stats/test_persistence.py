"""What single windows say, and what lasts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.stats.persistence import Persistence, Votes, voted

RULE = Persistence(required=3, of=5)


def after(votes: str) -> Votes:
    """Windows in a row: `x` over, `.` not over, `?` without a verdict."""
    found = Votes()
    for vote in votes:
        found = voted(found, RULE, over={"x": True, ".": False, "?": None}[vote])
    return found


@pytest.mark.parametrize(
    "votes, lasting",
    [
        ("xx", False),
        ("xxx", True),
        ("x.x.x", True),
        ("xx....x", False),
        ("x?x?x", True),
        ("xxx....", True),
        ("xxx.....", False),
        ("xxx....x", True),
        ("xxx?????????", True),
        ("", False),
    ],
)
def test_three_of_five_make_it_lasting_and_five_quiet_ones_take_it_back(votes: str, *, lasting: bool) -> None:
    """A window without a verdict neither raises nor takes back."""
    assert after(votes).lasting is lasting


@given(st.text("x.?", max_size=40))
def test_what_happened_long_ago_is_forgotten(votes: str) -> None:
    """Five quiet windows end everything, and no more than five are kept."""
    found = after(votes + ".....")

    assert found == Votes((False,) * 5, lasting=False)
