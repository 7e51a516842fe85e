"""What an import is told, as frozen values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mlwright.bundle.documents import Document
from mlwright.scoring import Task
from mlwright.trainer.errors import UserError
from mlwright.trainer.possession import Owner, read_owner

SCHEMA_VERSION: Final = 1
FIELD: Final = "spec.importFrom"
MODELS: Final = "models:/"


@dataclass(frozen=True, slots=True)
class Server:
    """An MLflow server; `secret` names what opens it, if anything does."""

    uri: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class ImportTask:
    """The whole input of an import."""

    run: str
    attempt: int
    uri: str
    run_uri: str
    hosts: tuple[str, ...]
    digest: str | None = None
    server: Server | None = None
    task: Task | None = None
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    unsafe: bool = False
    owner: Owner | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)  # as it came, for the record of the run


def read_task(text: str | None) -> ImportTask:
    """Read the document of an import.

    Raises:
        UserError: Something is missing or not what the contract says; it names the field.
    """
    try:
        document = Document.of(json.loads(text or ""), "", _refuse)
    except (ValueError, RecursionError):
        raise UserError("MLWRIGHT_STEP", "is not JSON", "put the step's JSON document into it") from None
    if document.integer("schemaVersion") != SCHEMA_VERSION:
        raise _refuse("schemaVersion", f"should be {SCHEMA_VERSION}")
    asked = Document.of(document.members.get("import"), FIELD, _refuse)
    run = document.child("run")
    return ImportTask(
        run=run.text("name"),
        attempt=run.integer("attempt"),
        uri=asked.text("uri"),
        run_uri=document.text("runUri"),
        hosts=document.texts("hosts"),
        digest=asked.optional_text("digest"),
        server=read_server(asked.child("mlflow")) if asked.has("mlflow") else None,
        task=asked.choice("task", Task) if asked.has("task") else None,
        features=asked.texts("features") if asked.has("features") else (),
        classes=asked.texts("classes") if asked.has("classes") else (),
        unsafe=asked.members.get("allowUnsafeFormats") is True,
        owner=read_owner(document),
        document=document.members,
    )


def read_server(document: Document) -> Server:
    """Read which MLflow server is asked."""
    secret = document.child("secretRef").text("name") if document.has("secretRef") else ""
    return Server(document.text("uri").rstrip("/"), secret)


def _refuse(path: str, problem: str) -> UserError:
    return UserError(path or "MLWRIGHT_STEP", problem, "correct it in the TrainingRun")
