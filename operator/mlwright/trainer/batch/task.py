"""What a batch prediction is told, in `MLWRIGHT_BATCH`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mlwright.bundle.documents import Document
from mlwright.trainer.errors import UserError
from mlwright.trainer.step import DataFormat, Dataset, Split, SplitType, Storage
from mlwright.trainer.step_document import read_storage
from mlwright.trainer.variables import document_in

VARIABLE: Final = "MLWRIGHT_BATCH"
SCHEMA_VERSION: Final = 1
_OURS: Final = ("spec.", "input.", "output.")


class InputFormat(StrEnum):
    """Formats of the rows that are answered."""

    CSV = "CSV"
    PARQUET = "Parquet"
    JSON_LINES = "JSONLines"


@dataclass(frozen=True, slots=True)
class Version:
    """The version that answers."""

    name: str
    model: str
    number: int
    uri: str
    digest: str
    keys: Mapping[str, str]
    """PEM of the public keys by name, one of which must have signed the bundle; none: no signature is needed."""


@dataclass(frozen=True, slots=True)
class Input:
    """Where the rows lie."""

    uri: str
    format: DataFormat | None
    storage: Storage

    def dataset(self) -> Dataset:
        """The same as a dataset of which only the place matters: whoever finds files asks for nothing else."""
        nothing = (None, None, None, None, None)
        return Dataset(self.uri, self.format, "", *nothing, Split(SplitType.HASH, 0.0, 0), storage=self.storage)


@dataclass(frozen=True, slots=True)
class Output:
    """Where the answers go: the folder of the run appears below the address."""

    uri: str
    folder: str
    columns: tuple[str, ...]
    """Columns of the input that are copied beside the answers."""
    storage: Storage


@dataclass(frozen=True, slots=True)
class Task:
    """One run of a batch prediction."""

    namespace: str
    batch: str
    run: str
    version: Version
    input: Input
    output: Output
    shards: int


def read_task(env: Mapping[str, str]) -> Task:
    """Read the document.

    Raises:
        UserError: It is not there, or not what the contract says.
    """
    document = document_in(env, VARIABLE, _refuse)
    if document.integer("schemaVersion") != SCHEMA_VERSION:
        raise _refuse("schemaVersion", f"is not {SCHEMA_VERSION}, which this trainer reads")
    run = document.child("run")
    return Task(
        namespace=run.text("namespace"),
        batch=run.text("batch"),
        run=run.text("name"),
        version=read_version(document.child("version")),
        input=read_input(document.child("input")),
        output=_output(document.child("output")),
        shards=max(1, document.integer("shards")),
    )


def read_version(document: Document) -> Version:
    """Read which version answers."""
    keys = document.child("keys") if document.has("keys") else None
    return Version(
        name=document.text("name"),
        model=document.text("model"),
        number=document.integer("number"),
        uri=document.text("uri"),
        digest=document.text("digest"),
        keys={name: keys.text(name) for name in keys.members} if keys else {},
    )


def read_input(document: Document) -> Input:
    """Read where the rows lie."""
    given = document.choice("format", InputFormat) if document.has("format") else None
    storage = read_storage(document.child("storage")) if document.has("storage") else Storage()
    return Input(document.text("uri"), DataFormat(given) if given else None, storage)


def _output(document: Document) -> Output:
    columns = document.texts("columns") if document.has("columns") else ()
    storage = read_storage(document.child("storage")) if document.has("storage") else Storage()
    return Output(document.text("uri"), document.text("folder"), columns, storage)


def _refuse(path: str, problem: str) -> UserError:
    if path.startswith(_OURS):
        return UserError(f"spec.{path}", problem, "correct it in the BatchPrediction")
    return UserError(path or VARIABLE, problem, f"correct it in {VARIABLE}")
