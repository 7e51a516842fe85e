"""What a sweep is told, in `MLWRIGHT_SWEEP`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mlwright.bundle import addresses
from mlwright.bundle.addresses import Address
from mlwright.bundle.documents import Document
from mlwright.trainer.errors import UserError
from mlwright.trainer.possession import Owner
from mlwright.trainer.variables import document_in

VARIABLE: Final = "MLWRIGHT_SWEEP"
FIELD: Final = "spec.retention.artifacts"
"""What in a Model asks for sweeps."""


@dataclass(frozen=True, slots=True)
class SweepTask:
    """Where to look, and what is in use."""

    name: str
    """Of the sweep itself, for the marks that it leaves."""
    owner: Owner
    listed_at: datetime
    """When the list of what is in use was made."""
    grace: timedelta
    """How long a folder is marked as unused before it is removed."""
    places: tuple[Address, ...]
    """Folders that hold the folders of runs."""
    in_use: frozenset[str]
    """Names of folders of runs."""
    slot: int
    """When this sweep was due, in seconds since 1970."""
    trusted: int
    """The earliest slot of a sweep whose mark is believed: since then every sweep that ended well saw the folder."""


def read_task(env: Mapping[str, str]) -> SweepTask:
    """Read the document.

    Raises:
        UserError: It is not there, or not what the contract says.
    """
    document = document_in(env, VARIABLE, _refuse)
    owner = document.child("owner")
    return SweepTask(
        name=document.text("name"),
        owner=Owner(owner.text("namespace"), owner.text("model"), owner.text("uid")),
        listed_at=_moment(document),
        grace=timedelta(seconds=document.integer("graceSeconds")),
        places=tuple(
            addresses.parse(uri, field=FIELD, schemes=addresses.ARTIFACTS) for uri in document.texts("places")
        ),
        in_use=frozenset(document.texts("inUse")),
        slot=document.integer("slot"),
        trusted=document.integer("trustedSlot"),
    )


def _moment(document: Document) -> datetime:
    try:
        moment = datetime.fromisoformat(document.text("listedAt"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _refuse("listedAt", "should be a time such as 2026-01-31T10:00:00Z")
    return moment


def _refuse(path: str, problem: str) -> UserError:
    return UserError(path or VARIABLE, problem, f"correct it in {VARIABLE}")
