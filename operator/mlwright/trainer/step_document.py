"""Read the document in `MLWRIGHT_STEP`.

Field names are those of the TrainingPipeline, so that an error can name the field that its reader has to change.
"""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from mlwright.bundle.documents import Document
from mlwright.scoring import Task
from mlwright.trainer.checks.expectations import read_checks
from mlwright.trainer.errors import UserError
from mlwright.trainer.gate_settings import read_gates
from mlwright.trainer.possession import read_owner
from mlwright.trainer.step import (
    Champion,
    DataFormat,
    Dataset,
    Preprocessing,
    Run,
    Split,
    SplitType,
    Step,
    StepName,
    Storage,
    TimeRange,
    Training,
    UntilType,
)
from mlwright.trainer.tuning.settings import read_tuning

VARIABLE: Final = "MLWRIGHT_STEP"
SCHEMA_VERSION: Final = 1

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
_REMEDY: Final = "correct it in the TrainingPipeline"
_DEFAULT_SHARE: Final = 0.2


def read_step(name: str, text: str | None) -> Step:
    """Read the input of a step.

    Args:
        name: Name of the step, as given on the command line.
        text: Content of `MLWRIGHT_STEP`.

    Raises:
        UserError: Something is missing or not what the contract says; it names the field.
    """
    if name not in list(StepName):
        raise UserError("STEP", f"there is no step {name[:32]!r}", f"use {', '.join(StepName)}")
    document = Document.of(_parse(text), "", _refuse)
    _check_version(document)
    dataset, training = _dataset(_spec(document, "dataset")), _training(_spec(document, "training"))
    if dataset.target is None and training.task is not Task.ANOMALY_DETECTION:
        raise _refuse("spec.dataset.target", f"should be a text: {training.task.named} learns to predict a column")
    return Step(
        name=StepName(name),
        run=_run(document.child("run")),
        model=document.text("model"),
        dataset=dataset,
        training=training,
        metrics=_spec(document, "evaluation").texts("metrics"),
        gates=read_gates(_spec(document, "evaluation")),
        run_uri=document.text("runUri"),
        inputs=_inputs(document),
        champion=_champion(document),
        owner=read_owner(document),
        document=document.members,
        signed=document.members.get("signed") is True,
    )


def read_dataset(text: str | None) -> Dataset:
    """Read the input of a look at the revision of a dataset.

    Args:
        text: Content of `MLWRIGHT_STEP`.

    Raises:
        UserError: Something is missing or not what the contract says; it names the field.
    """
    document = Document.of(_parse(text), "", _refuse)
    _check_version(document)
    return _dataset(_spec(document, "dataset"))


def read_run_uri(text: str | None) -> str:
    """Read the input of a look at how far a tuning is: the address of the run's folder.

    Args:
        text: Content of `MLWRIGHT_STEP`.

    Raises:
        UserError: Something is missing or not what the contract says; it names the field.
    """
    document = Document.of(_parse(text), "", _refuse)
    _check_version(document)
    return document.text("runUri")


def _check_version(document: Document) -> None:
    version = document.integer("schemaVersion")
    if version != SCHEMA_VERSION:
        raise _refuse("schemaVersion", f"is {version}; this trainer reads {SCHEMA_VERSION}")


def parse_duration(text: str) -> timedelta | None:
    """A duration such as `168h`, `1h30m` or `90s`; None if it is none, or zero."""
    match = _DURATION.fullmatch(text)
    if not match or not text:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    try:
        return timedelta(hours=hours, minutes=minutes, seconds=seconds) or None
    except OverflowError:
        return None


def _parse(text: str | None) -> object:
    if not text:
        raise UserError(VARIABLE, "is not set", "put the step's JSON document into it")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(VARIABLE, "is not JSON", "put the step's JSON document into it") from None


def _refuse(path: str, problem: str) -> UserError:
    return UserError(path or VARIABLE, problem, _REMEDY if path.startswith("spec.") else f"correct it in {VARIABLE}")


def _spec(document: Document, key: str) -> Document:
    """A part of the pipeline's spec, whose errors name the path in the pipeline."""
    return Document.of(document.members.get(key), f"spec.{key}", _refuse)


def _inputs(document: Document) -> dict[StepName, str]:
    if not document.has("inputs"):
        return {}
    inputs = document.child("inputs")
    return {name: inputs.text(name) for name in StepName if inputs.has(name)}


def _champion(document: Document) -> Champion | None:
    """The champion that the operator names; an empty object is none."""
    if not document.members.get("champion"):
        return None
    champion = document.child("champion")
    return Champion(champion.text("name"), champion.text("uri"), champion.text("digest"))


def _run(document: Document) -> Run:
    return Run(
        namespace=document.text("namespace"),
        name=document.text("name"),
        attempt=document.integer("attempt"),
        triggered_at=_time(document, "triggeredAt") if document.has("triggeredAt") else None,
    )


def _dataset(document: Document) -> Dataset:
    return Dataset(
        uri=document.text("uri"),
        format=document.choice("format", DataFormat) if document.has("format") else None,
        target=document.optional_text("target"),
        features=document.texts("features") if document.has("features") else None,
        id_column=document.optional_text("idColumn"),
        time_column=document.optional_text("timeColumn"),
        group_column=document.optional_text("groupColumn"),
        time_range=_time_range(document.child("timeRange")) if document.has("timeRange") else None,
        split=_split(document.child("split")) if document.has("split") else Split(SplitType.HASH, _DEFAULT_SHARE, 0),
        checks=read_checks(document.child("checks"), parse_duration) if document.has("checks") else None,
        storage=read_storage(document.child("storage")) if document.has("storage") else Storage(),
        revision=document.optional_text("revision") or "",
        weight_column=document.optional_text("weightColumn"),
        anomalous_labels=document.texts("anomalousLabels") if document.has("anomalousLabels") else (),
    )


def read_storage(document: Document) -> Storage:
    """How to reach an object store."""
    bundle = document.child("caBundleRef") if document.has("caBundleRef") else None
    return Storage(
        endpoint=document.optional_text("endpointURL") or "",
        region=document.optional_text("region") or "",
        secret=document.child("secretRef").text("name") if document.has("secretRef") else "",
        ca_bundle=f"{bundle.text('name')}/{bundle.text('key')}" if bundle else "",
    )


def _split(document: Document) -> Split:
    kind = document.choice("type", SplitType)
    member = kind[0].lower() + kind[1:]
    settings = document.child(member) if document.has(member) else _empty(document)
    return Split(kind, _share(settings), settings.integer("seed", 0))


def _empty(document: Document) -> Document:
    return Document({}, document.path, _refuse)


def _share(document: Document) -> float:
    value = document.members.get("test", _DEFAULT_SHARE)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1 or math.isnan(value):
        raise _refuse(document.where("test"), "should be a number above 0 and below 1")
    return float(value)


def _time_range(document: Document) -> TimeRange:
    last = parse_duration(document.text("last"))
    if last is None:
        raise _refuse(document.where("last"), "should be a duration above zero, such as 168h")
    until = document.child("until") if document.has("until") else Document({"type": "Newest"}, document.path, _refuse)
    kind = until.choice("type", UntilType)
    time = _time(until, "time") if kind is UntilType.TIME else None
    return TimeRange(document.text("column"), last, kind, time)


def _time(document: Document, key: str) -> datetime:
    try:
        time = datetime.fromisoformat(document.text(key))
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter where UTC has another year than the zone, 0 or 10000
        raise _refuse(document.where(key), "should be a time such as 2026-01-31T10:00:00Z") from None


def _training(document: Document) -> Training:
    kind = document.text("type") if document.has("type") else "Estimator"
    if kind == "Container":
        task, seed = document.choice("task", Task), document.integer("seed", 0)
        return Training(task, "", {}, Preprocessing.NONE, seed, own=True)
    if kind != "Estimator":
        raise _refuse(document.where("type"), f"is {kind[:32]!r}; known are Estimator, Container")
    estimator = document.child("estimator")
    parameters = estimator.child("parameters") if estimator.has("parameters") else _empty(estimator)
    auto = not estimator.has("preprocessing")
    return Training(
        task=document.choice("task", Task),
        estimator=estimator.text("class"),
        parameters=parameters.members,
        preprocessing=Preprocessing.AUTO if auto else estimator.choice("preprocessing", Preprocessing),
        seed=document.integer("seed", 0),
        tuning=read_tuning(document.child("tuning"), parse_duration) if document.has("tuning") else None,
    )
