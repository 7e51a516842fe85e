"""Whether what single windows say lasts: one window may be wrong, or a wobble of an hour that means nothing.

A feature drifts when it was over in several of its last windows, and is taken back only when it was over in none of
them: one that hovers at the threshold does not begin anew every hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Persistence:
    """How many windows of how many."""

    required: int = 3
    of: int = 5


class Votes(NamedTuple):
    """What the last windows said of one feature, oldest first, and what follows from it.

    Hundreds are made in a look at fifty features, and a tuple is made in a third of the time.

    Attributes:
        last: True for over, False for not over, None for a window without a verdict.
        lasting: Whether the feature is held to have drifted.
    """

    last: tuple[bool | None, ...] = ()
    lasting: bool = False

    @property
    def over(self) -> int:
        """How many of the last windows were over."""
        return self.last.count(True)


def voted(votes: Votes, rule: Persistence, *, over: bool | None) -> Votes:
    """Add one window.

    >>> voted(Votes((True, False, True)), Persistence(3, 5), over=True)
    Votes(last=(True, False, True, True), lasting=True)

    Args:
        votes: What the windows before said.
        rule: How many windows of how many.
        over: Whether the feature was over; None without a verdict, which neither raises nor takes back.
    """
    last = (*votes.last, over)[-rule.of :]
    stays = votes.lasting and last.count(False) < rule.of
    return Votes(last, stays or last.count(True) >= rule.required)
