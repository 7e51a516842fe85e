"""Resource quantities: 500m is 0.5, 1Gi is 1024Mi. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_SUFFIXES: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}
_HIGHEST: Final = 99
"""Powers of ten beyond which every quantity is the same: more than there is."""
_FORM: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)")


def parse(text: str) -> Decimal | None:
    """Return the value of a quantity, None when the text is none.

    >>> parse("500m") == parse("0.5"), parse("1Gi") == parse("1024Mi"), parse("1e3") == parse("1k"), parse("much")
    (True, True, True, None)
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    power = min(max(int(exponent[1:]), -_HIGHEST), _HIGHEST) if exponent else 0
    return Decimal(number) * Decimal(10) ** power * _SUFFIXES[suffix or ""]
