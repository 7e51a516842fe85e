"""The arithmetic of scaling, held against a model of HorizontalPodAutoscaler that was written without a look at it."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bench.autoscale_arithmetic import moved, wish
from mlwright.plan.scaling import Behavior, Carried, Change, Limits, Memory, Tolerance, Wish
from mlwright.planners.replica_calculator import by_pods
from mlwright.planners.scaling_behavior import Move, move, remembered

NOW = 10_000.0
EXACT = Tolerance(0.0, 0.0)


@given(st.randoms(use_true_random=False))
def test_a_wish_is_what_the_model_wishes(chance: Random) -> None:
    """Whatever pods carry, start, or keep to themselves."""
    for _ in range(20):
        ours, theirs = wish(chance)
        assert ours == theirs


@given(st.randoms(use_true_random=False))
def test_a_move_goes_as_far_as_the_model_goes(chance: Random) -> None:
    """Within any windows, policies and limits, after anything that was wanted and done."""
    for _ in range(20):
        ours, theirs = moved(chance)
        assert ours == theirs


def test_pods_of_which_nothing_is_known_hold_back_a_way_down() -> None:
    """They could carry their target, so two idle pods do not let four go."""
    carried = Carried({"a": 0, "b": 0}, missing=frozenset({"c", "d"}))

    assert by_pods(4, carried, 1000, EXACT) == 2


def test_without_any_value_there_is_no_wish() -> None:
    """Nothing known is not nothing carried."""
    assert by_pods(3, Carried({}, missing=frozenset({"a", "b", "c"})), 1000, EXACT) is None


def test_a_move_says_what_held_it() -> None:
    """So that a sentence can."""
    calm = Memory((Wish(NOW - 10, 3),))

    assert move(3, 9, Memory(), Behavior(), Limits(1, 20), NOW) == Move(7, "policy")
    assert move(3, 1, calm, Behavior(), Limits(1, 20), NOW) == Move(3, "window")
    assert move(3, 9, Memory(), Behavior(), Limits(1, 5), NOW) == Move(5, "limit")
    assert move(9, 9, Memory(), Behavior(), Limits(1, 5), NOW) == Move(5, "limit")


def test_what_nothing_looks_back_at_is_forgotten() -> None:
    """Else it would grow for ever."""
    old = Memory((Wish(NOW - 301, 3), Wish(NOW - 299, 4)), (Change(NOW - 16, 2), Change(NOW - 14, 1)))

    known = remembered(old, Wish(NOW, 5), Change(NOW, 0), Behavior())

    assert known == Memory((Wish(NOW - 299, 4), Wish(NOW, 5)), (Change(NOW - 14, 1),))
