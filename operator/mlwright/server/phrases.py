"""Pieces of the sentences that clients read. What a client sent is repeated in short, and its values never are."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType, NoneType

_LISTED = 5  # names that a sentence lists before it says how many more there are
_SHOWN = 64  # characters of a client's own text that a sentence repeats

_JSON_NAMES: Mapping[type, str] = MappingProxyType(
    {
        NoneType: "null",
        bool: "a boolean",
        int: "a whole number",
        float: "a number with a decimal point",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
)


def json_name(value: object) -> str:
    """How to call a decoded JSON value without repeating it: it may be personal."""
    return _JSON_NAMES[type(value)]


def quoted(text: str) -> str:
    """A client's own text, cut to a length that fits a sentence."""
    return f'"{text[:_SHOWN]}{"..." if len(text) > _SHOWN else ""}"'


def listed(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def nearest(name: str, known: Iterable[str], otherwise: str = "the model has") -> str:
    """A question after the known name that was probably meant, or else what is known."""
    # Comparing long texts is quadratic, and this one comes from a stranger.
    close = difflib.get_close_matches(name[:_SHOWN], names := list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"{otherwise} {listed(names)}"
