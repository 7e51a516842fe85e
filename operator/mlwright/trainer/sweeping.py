"""What all sweeps have in common, wherever folders lie: the marks, what is believed of them, and what is counted."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final, Protocol

from mlwright.bundle.addresses import Address
from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.possession import OWNED, Owner, owner_in
from mlwright.trainer.sweep_task import FIELD, SweepTask

UNUSED: Final = ".unused.json"
"""The mark of a folder that a sweep found unused: since when, and for which slot it was seen so last."""
LIST_LASTS: Final = timedelta(minutes=15)
"""A list of what is in use that is older may be wrong: the pod was stopped for a while, or a clock is."""
AT_ONCE: Final = timedelta(seconds=5)
"""What is written so soon after the mark was written together with it: clocks of volumes are coarse."""

Clock = Callable[[], datetime]


class Whose(Enum):
    """Whose a folder is."""

    OURS = auto()
    FOREIGN = auto()
    NOBODYS = auto()


@dataclass(slots=True)
class Tally:
    """What a sweep found and did; sizes are in bytes."""

    folders: int = 0
    in_use: int = 0
    waiting: int = 0
    waiting_bytes: int = 0
    removed: int = 0
    removed_bytes: int = 0
    unmarked: int = 0
    failed: int = 0
    problem: str = ""
    """Of the first folder that could not be dealt with."""
    names: list[str] = field(default_factory=list)

    def to_results(self) -> dict[str, Any]:
        """The results of the sweep."""
        counts = {
            "folders": self.folders,
            "inUse": self.in_use,
            "waiting": self.waiting,
            "waitingBytes": self.waiting_bytes,
            "removed": self.removed,
            "removedBytes": self.removed_bytes,
            "unmarked": self.unmarked,
            "failed": self.failed,
        }
        return {"sweep": counts}

    def sentence(self, grace: timedelta) -> str:
        """What happened, in words."""
        hours = f"{grace.total_seconds() / 3600:g} h"
        parts = [f"{self.folders} folder{'' if self.folders == 1 else 's'} of runs, {self.in_use} in use"]
        if self.waiting:
            parts += [f"{self.waiting} unused ({_megabytes(self.waiting_bytes)}) until they have been so for {hours}"]
        if self.removed:
            shown = ", ".join(self.names[:3]) + (" ..." if self.removed > 3 else "")  # noqa: PLR2004
            parts += [f"{self.removed} removed ({_megabytes(self.removed_bytes)}): {shown}"]
        if self.unmarked:
            parts += [f"{self.unmarked} left alone, because they carry no mark of ours"]
        if self.failed:
            parts += [f"{self.failed} could not be read or removed and wait for the next sweep ({self.problem})"]
        return "; ".join(parts)


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:,.1f} MB"


def check_age(task: SweepTask, now: datetime) -> None:
    """Refuse to go on with a list of what is in use that may be wrong by now.

    Raises:
        SurroundingsError: It is too old.
    """
    age = now - task.listed_at
    if abs(age) > LIST_LASTS:
        minutes = int(age.total_seconds() // 60)
        problem = f"the list of what is in use was made {minutes} minutes ago by the clock of this pod"
        raise SurroundingsError(f"{problem}; nothing more is removed, and the next sweep comes by itself")


class Place(Protocol):
    """What holds folders of runs."""

    def checked(self) -> dict[str, Whose]:
        """Look whose each folder is, and refuse what somebody else uses as well."""

    def sweep(self, whose: Mapping[str, Whose]) -> None:
        """Deal with every folder."""


def check_shared(address: Address, foreign: list[str]) -> None:
    """Refuse a place in which folders of somebody else are.

    Raises:
        UserError: There are some.
    """
    if foreign:
        others = f"{foreign[0]} and {len(foreign) - 1} more" if foreign[1:] else foreign[0]
        sentence = f"{address} holds folders of another installation or of an earlier Model ({others})"
        remedy = f"give each its own artifacts.uri, or remove their {OWNED} if nobody uses them: then they stay"
        raise UserError(FIELD, f"{sentence}, which may use ours, so nothing is removed", remedy)


def owned(found: bytes | None, owner: Owner) -> Whose:
    """Whose a folder is, by the content of its mark; None where there is no mark."""
    if found is None:
        return Whose.NOBODYS
    return Whose.OURS if owner_in(found) == owner else Whose.FOREIGN


def mark(task: SweepTask, unused: datetime) -> bytes:
    """The content of the mark of a folder that is unused since then."""
    return json.dumps({"since": unused.isoformat(), "slot": task.slot, "sweep": task.name}).encode()


def since(found: bytes | None, task: SweepTask) -> datetime | None:
    """What a mark says; None if there is none, if it is broken, or if a sweep since did not see it."""
    try:
        told = json.loads(found or b"")
        unused, slot = datetime.fromisoformat(told["since"]), int(told["slot"])
    except (KeyError, TypeError, ValueError):
        return None
    seen = task.trusted <= slot <= task.slot
    return unused if unused.tzinfo and seen else None
