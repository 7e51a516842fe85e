"""What a step is told, as frozen values. `step_document` reads them from the document in `MLWRIGHT_STEP`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mlwright.scoring import Task
from mlwright.trainer.checks.expectations import Checks
from mlwright.trainer.copies import Copies, OnVolume
from mlwright.trainer.gate_settings import Gate
from mlwright.trainer.possession import Owner
from mlwright.trainer.tuning.settings import Tuning


class StepName(StrEnum):
    """The steps of a training run, in their order."""

    VALIDATE = "validate"
    TUNE = "tune"
    TRAIN = "train"
    EVALUATE = "evaluate"


class DataFormat(StrEnum):
    """Formats of data files."""

    CSV = "CSV"
    PARQUET = "Parquet"
    JSON_LINES = "JSONLines"
    DELTA = "Delta"


class UntilType(StrEnum):
    """Where a time range ends."""

    NEWEST = "Newest"
    TRIGGER = "Trigger"
    TIME = "Time"


class Preprocessing(StrEnum):
    """Who makes features fit for the estimator."""

    AUTO = "Auto"
    NONE = "None"


@dataclass(frozen=True, slots=True)
class Run:
    """Which run this step belongs to."""

    namespace: str
    name: str
    attempt: int
    triggered_at: datetime | None


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Rows whose time lies in `(until - last, until]`; `time` is set where the type is Time."""

    column: str
    last: timedelta
    until: UntilType
    time: datetime | None


class SplitType(StrEnum):
    """How held-out rows are chosen."""

    HASH = "Hash"
    STRATIFIED = "Stratified"
    TEMPORAL = "Temporal"
    GROUP = "Group"
    RANDOM = "Random"


@dataclass(frozen=True, slots=True)
class Split:
    """How rows are held out; `test` is their share, and `seed` means nothing to a temporal split."""

    type: SplitType
    test: float
    seed: int


@dataclass(frozen=True, slots=True)
class Storage:
    """How to reach an object store: `secret` and `ca_bundle` are the names of what holds keys and certificates."""

    endpoint: str = ""
    region: str = ""
    secret: str = ""
    ca_bundle: str = ""  # NAME/key of a ConfigMap


@dataclass(frozen=True, slots=True)
class Dataset:
    """The data of a run."""

    uri: str
    format: DataFormat | None
    target: str | None  # None: nobody knows what the rows are, and a detector of anomalies learns from them
    features: tuple[str, ...] | None
    id_column: str | None
    time_column: str | None
    group_column: str | None
    time_range: TimeRange | None
    split: Split
    checks: Checks | None = None
    storage: Storage = Storage()
    revision: str = ""  # version of a Delta table; empty for the newest
    weight_column: str | None = None
    anomalous_labels: tuple[str, ...] = ()  # texts of the target that mark an anomaly


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that a new one has to stand beside: its name and its bundle."""

    version: str
    uri: str
    digest: str


@dataclass(frozen=True, slots=True)
class Training:
    """What is fitted. `parameters` are as given, not yet judged."""

    task: Task
    estimator: str
    parameters: Mapping[str, Any]
    preprocessing: Preprocessing
    seed: int
    own: bool = False
    """A container of somebody's own fits the model; there is no estimator."""
    tuning: Tuning | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The whole input of a step."""

    name: StepName
    run: Run
    model: str
    dataset: Dataset
    training: Training
    metrics: tuple[str, ...]
    gates: tuple[Gate, ...]
    run_uri: str
    inputs: Mapping[StepName, str]
    champion: Champion | None
    owner: Owner | None
    document: Mapping[str, Any] = field(repr=False)  # as it came, for the record of the run
    signed: bool = False
    """The bundle is to be signed."""
    signing_key: str = field(default="", repr=False)
    """PEM of the private key; it is in no document."""
    copies: Copies = field(default=OnVolume(), repr=False)
    """Where files are kept that other pods of the step look for while it is at work."""
