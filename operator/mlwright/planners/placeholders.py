"""What stands for the time of a run in the address of its data: `${scheduledTime}`.

A run that answers a slot has the slot's time, in the zone of its schedule; any other the moment when it was asked for,
in UTC. So the run of a late or repeated slot reads the same address.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from mlwright.errors import InvalidSpecError

PLAIN: Final = "%Y-%m-%dT%H-%M-%S"
"""How the time is written where no form is given: without colons, which not every store takes."""
_PLACEHOLDER: Final = re.compile(r"\$\{(?P<name>[^}:]*)(?::(?P<form>[^}]*))?\}")
_FORM: Final = re.compile(r"(%[YmdHMSj]|[-_.T/=a-z])+")
_EXAMPLE: Final = "${scheduledTime} or ${scheduledTime:%Y/%m/%d}"


def has(uri: str) -> bool:
    """Tell whether an address depends on the time of the run."""
    return "${" in uri


def resolved(uri: str, at: datetime, field: str) -> str:
    """Return an address with the time of a run in it.

    >>> resolved("pvc://lake/day=${scheduledTime:%Y-%m-%d}/*.csv", datetime(2026, 1, 2, 3, tzinfo=UTC), "f")
    'pvc://lake/day=2026-01-02/*.csv'

    Raises:
        InvalidSpecError: there is another placeholder, or a form that is not known.
    """

    def written(found: re.Match[str]) -> str:
        form = found["form"] if found["form"] is not None else PLAIN
        if found["name"] != "scheduledTime" or not _FORM.fullmatch(form):
            raise InvalidSpecError(field, f"{found[0]} stands for nothing; write {_EXAMPLE}, of %Y %m %d %H %M %S %j")
        return at.strftime(form)

    text = _PLACEHOLDER.sub(written, uri)
    if has(text):
        raise InvalidSpecError(field, f"a placeholder is not closed; write {_EXAMPLE}")
    return text


def sample(uri: str, field: str) -> str:
    """Return an address with some time in it, to see whether it is one.

    Raises:
        InvalidSpecError: as `resolved`.
    """
    return resolved(uri, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), field)
