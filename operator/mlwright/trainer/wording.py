"""Small pieces of sentences that many errors share."""

import difflib
from collections.abc import Iterable, Sequence

_SHOWN = 20  # names listed before a sentence becomes unreadable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy: the nearest known names, or the known names themselves.

    Example: `did_you_mean("Late", ["late", "dest"])` is `did you mean 'late'?`.
    """
    names = list(known)
    folded = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(repr(folded[match]) for match in near)}?"
    return f"known are {listed(names)}"


def listed(names: Sequence[str]) -> str:
    """Names in one line, the first of them if there are many."""
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown


def rows(count: int) -> str:
    """`1 row`, `2 rows`."""
    return "1 row" if count == 1 else f"{count:,} rows"
