"""What the bins of a distribution hold, in words for people: ranges of numbers, categories."""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from mlwright.bundle.manifest import Datatype, Label
from mlwright.bundle.profile import Distribution

LONGEST: Final = 40
"""Characters of a name."""
RARE: Final = "rare texts"
_TO: Final = " to "


def bin_names(distribution: Distribution) -> tuple[str, ...]:
    """Return the names of the numbered bins, in their order.

    >>> from mlwright.bundle.profile import Counts
    >>> bin_names(Distribution("age", Datatype.FP64, Counts((5, 7)), edges=(17.9999999, 21.5, 40.0)))
    ('18 to 21.5', '21.5 to 40')
    >>> bin_names(Distribution("rooms", Datatype.INT64, Counts((5, 7)), edges=(0.99999, 2.0, 3.0)))
    ('1 to 2', '3')
    """
    if distribution.edges:
        whole = distribution.datatype is Datatype.INT64
        edges = distribution.edges
        return tuple(_range(low, high, whole=whole) for low, high in pairwise(edges))
    names = [_short(_plain(label)) for label in distribution.categories]
    return (*names, *([RARE] if len(distribution.counts.bins) > len(names) else []))


def _range(low: float, high: float, *, whole: bool) -> str:
    """Return what lies above one edge and not above the next."""
    first, last = (f"{int(low // 1) + 1}", f"{int(high)}") if whole else (f"{low:.4g}", f"{high:.4g}")
    return last if first == last else f"{first}{_TO}{last}"


def ranges(names: Iterable[str]) -> tuple[tuple[float, float], ...]:
    """Read the names of bins of numbers back, with the four digits that they have; empty where any is none.

    >>> ranges(("18 to 21.5", "40"))
    ((18.0, 21.5), (40.0, 40.0))
    """
    try:
        ends = [[float(end) for end in name.split(_TO)] for name in names]
    except ValueError:
        return ()
    plain = all(len(pair) in {1, 2} and all(map(math.isfinite, pair)) for pair in ends)
    return tuple((pair[0], pair[-1]) for pair in ends) if plain else ()


def _plain(label: Label) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
