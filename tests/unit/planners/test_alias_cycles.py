"""Chains of aliases: they may fork and be long, and must not lead back."""

from __future__ import annotations

import pytest

from mlwright.plan.serving import Handing
from mlwright.planners.alias_cycles import cycle

FIRST = Handing("first", "new", "tried")


@pytest.mark.parametrize(
    "others",
    [
        (),
        (Handing("second", "tried", "proven"), Handing("third", "proven", "old")),
        (Handing("twin", "new", "tried"),),
        (Handing("second", "tried", "proven"), Handing("third", "proven", "tried")),
    ],
    ids=["nobody else", "a long chain", "two that do the same", "a circle behind it"],
)
def test_what_does_not_come_back_is_no_circle(others: tuple[Handing, ...]) -> None:
    """A circle of others is theirs to open."""
    assert cycle(FIRST, others) == ""


def test_a_long_way_round_is_named_in_its_order() -> None:
    """Whoever reads it finds the place where to open it."""
    others = [Handing("third", "proven", "new"), Handing("fork", "tried", "else"), Handing("second", "tried", "proven")]

    assert cycle(FIRST, others).startswith("second, then third follow alias tried, which this deployment sets, and set")


def test_following_what_oneself_sets_is_the_smallest_circle() -> None:
    """Also without anybody else."""
    assert cycle(Handing("first", "new", "new"), ()).startswith("a deployment cannot follow the alias that it sets")
