"""Small pieces of sentences that many errors share."""

import difflib
from collections.abc import Iterable, Sequence

_NEAR = 0.6  # likeness, 0 to 1, from which on a name may have been meant
_AS_NEAR = 0.1  # names that are this much less alike than the nearest are not worth a mention
_SHOWN = 20  # names listed before a sentence becomes unreadable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy: the nearest known names, or the known names themselves.

    Example: `did_you_mean("Late", ["late", "dest"])` is `did you mean 'late'?`.
    """
    names = list(known)
    folded = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=_NEAR)
    if near:
        best = _likeness(name, near[0])
        shown = [repr(folded[match]) for match in near if best - _likeness(name, match) < _AS_NEAR]
        return f"did you mean {' or '.join(shown)}?"
    return f"known are {listed(names)}"


def _likeness(name: str, match: str) -> float:
    return difflib.SequenceMatcher(None, name.lower(), match).ratio()


def listed(names: Sequence[str]) -> str:
    """Names in one line, the first of them if there are many."""
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown


def rows(count: int) -> str:
    """`1 row`, `2 rows`."""
    return "1 row" if count == 1 else f"{count:,} rows"
