"""What a count of stored rows for a drift monitor is told, in `MLWRIGHT_COUNT`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mlwright.trainer.batch.task import Input, Version, read_input, read_version
from mlwright.trainer.errors import UserError
from mlwright.trainer.variables import document_in

VARIABLE: Final = "MLWRIGHT_COUNT"
SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class CountingTask:
    """One look at stored rows."""

    run: str
    """Name of the Job."""
    version: Version
    """Whose bins are counted."""
    input: Input
    shards: int
    outputs: bool
    """Whether the version answers the rows, so that its answers are counted as well."""
    label: str | None
    """Column with the right answers; None where nothing is known of them."""


def read_counting_task(env: Mapping[str, str]) -> CountingTask:
    """Read the document.

    Raises:
        UserError: It is not there, or not what the contract says.
    """
    document = document_in(env, VARIABLE, _refuse)
    if document.integer("schemaVersion") != SCHEMA_VERSION:
        raise _refuse("schemaVersion", f"is not {SCHEMA_VERSION}, which this trainer reads")
    label = document.optional_text("label")
    return CountingTask(
        run=document.text("run"),
        version=read_version(document.child("version")),
        input=read_input(document.child("dataset")),
        shards=max(1, document.integer("shards")),
        outputs=document.get("outputs", bool, "true or false"),
        label=label,
    )


def _refuse(path: str, problem: str) -> UserError:
    if path.startswith("dataset."):
        return UserError(f"spec.target.batch.{path}", problem, "correct it in the DriftMonitor")
    return UserError(path or VARIABLE, problem, f"correct it in {VARIABLE}")
