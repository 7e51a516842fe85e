"""BatchPrediction: a version answers stored rows, once or by a schedule."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import (
    ColumnName,
    ListSet,
    PositiveDuration,
    Rule,
    Schema,
    Sentence,
    Timestamp,
    Union,
)
from mlwright.api.parts import ObjectRef, PodSurface, Ref, Status
from mlwright.api.storage import Storage
from mlwright.api.stored_rows import StoredRows, plain_rows, rows_uri
from mlwright.api.triggers import CronText, ZoneName


class BatchSource(Schema):
    """Which version answers."""

    type: Literal["Deployment", "Version"] = Field(
        description=(
            "Deployment: the version that a ModelDeployment serves when a run starts. Version: always that one."
        )
    )
    deployment: Ref | None = Field(default=None, description="The ModelDeployment, with type Deployment.")
    version: ObjectRef | None = Field(default=None, description="The ModelVersion, with type Version.")
    union: ClassVar[Union | None] = Union()


class BatchSchedule(Schema):
    """The times, called slots, at which a run starts. While one goes on the next waits; of several the newest runs."""

    cron: CronText = Field(
        description=(
            "Minute, hour, day of the month, month, day of the week, as in cron: 30 3 * * MON-FRI. L is the last day"
            " of the month, 5#2 the second Friday."
        )
    )
    time_zone: ZoneName = Field(
        default="UTC", description="Name of a zone of the IANA database, such as Europe/Berlin."
    )
    starting_deadline: PositiveDuration | None = Field(
        default=None, description="How late a slot may still start its run, such as 2h; always when absent."
    )


class BatchInput(StoredRows):
    """The rows that are answered."""

    uri: str = rows_uri()
    rules: ClassVar[tuple[Rule, ...]] = plain_rows("input")


class BatchOutput(Schema):
    """Where the answers go. Each run makes a folder of its own there, which appears when it is complete."""

    uri: str = Field(
        min_length=7,
        max_length=512,
        description=(
            "A folder: pvc://CLAIM/path on a PersistentVolumeClaim of this namespace, which must exist, or"
            " s3://BUCKET/path in an object store."
        ),
    )
    storage: Storage | None = Field(default=None, description="How the object store of an s3:// address is reached.")
    format: Literal["Parquet"] = Field(default="Parquet", description="Format of the answers.")
    columns: Annotated[tuple[ColumnName, ...], ListSet()] = Field(
        default=(), max_length=64, description="Columns of the input that are copied beside the answers, such as an id."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.uri.matches('^(pvc|s3)://[a-z0-9][-a-z0-9.]*(/[A-Za-z0-9._=-]+)+$')"
            " && !self.uri.matches('/[.][.]?(/|$)')",
            "output.uri must be one plain address of a folder: pvc://CLAIM/path or s3://BUCKET/path",
        ),
        Rule(
            "!has(self.storage) || self.uri.startsWith('s3://')",
            "output.storage belongs to s3:// addresses: remove it, or correct output.uri",
        ),
    )


class BatchPredictionSpec(Schema):
    """A version answers stored rows."""

    source: BatchSource = Field(description="Which version answers.")
    schedule: BatchSchedule | None = Field(default=None, description="When runs start.")
    run_once: bool = Field(
        default=False, description="Run once; and again when source, input or output are not what they were."
    )
    input: BatchInput = Field(description="The rows that are answered.")
    output: BatchOutput = Field(description="Where the answers go.")
    shards: int = Field(
        default=1,
        ge=1,
        le=256,
        description=(
            "Number of pods that share the rows: equal numbers of rows of Parquet files, whole files of other formats."
        ),
    )
    retries: int = Field(
        default=2,
        ge=0,
        le=10,
        description="How often a shard that failed is started again, alone, before the run fails.",
    )
    timeout_after: PositiveDuration | None = Field(
        default=None, description="How long the shards of a run may take; then it fails."
    )
    keep_runs: int = Field(
        default=5, ge=1, le=100, description="How many runs are remembered with their Jobs. Answers are never removed."
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the pods; the chart's trainer image when absent.",
    )
    pod: PodSurface = Field(default=PodSurface(), description="The pods that answer.")
    suspend: bool = Field(
        default=False, description="No pods: shards at work are stopped, and begin anew when this is false again."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.schedule) != self.runOnce",
            "set schedule, or runOnce to true: one of the two says when to run",
        ),
    )


class BatchShards(Schema):
    """The shards of a run."""

    total: int = Field(ge=1, description="How many there are.")
    done: int = Field(default=0, ge=0, description="How many are done.")
    failed: int = Field(default=0, ge=0, description="How many failed for good.")


class BatchRun(Schema):
    """The newest run."""

    name: str = Field(max_length=63, description="Its name.")
    number: int = Field(ge=1, description="Its number.")
    state: Literal["Running", "Waiting", "Succeeded", "Failed"] = Field(description="Where it stands.")
    version: str = Field(max_length=63, description="The ModelVersion that answers, as it was when the run started.")
    progress: str = Field(default="", max_length=16, description="Done and all shards, such as 3/4.")
    shards: BatchShards = Field(description="Its shards.")
    rows: int = Field(default=0, ge=0, description="Rows answered so far, as far as the pods told.")
    output: str = Field(default="", max_length=1024, description="Where the answers are, once they are complete.")
    started_at: Timestamp | None = Field(default=None, description="When it started.")
    finished_at: Timestamp | None = Field(default=None, description="When it ended.")
    sentence: Sentence = Field(default="", description="How it stands, in words.")


class BatchScheduleStatus(Schema):
    """The schedule as it is kept."""

    cron: CronText = Field(description="Its expression since then.")
    time_zone: ZoneName = Field(description="Its time zone since then.")
    since: Timestamp = Field(description="Only slots after this moment count.")
    next: Timestamp | None = Field(default=None, description="Its next slot.")
    sentence: Sentence = Field(default="", description="What became of its newest slot, if that started no run.")


class BatchPredictionStatus(Status):
    """What the batch prediction does now and what it has done."""

    last_run: BatchRun | None = Field(default=None, description="The newest run.")
    runs: int = Field(default=0, ge=0, description="Number of the newest run.")
    handled_request: str | None = Field(
        default=None, max_length=253, description="Value of the last handled mlwright.dev/run annotation."
    )
    handled_retry: str | None = Field(
        default=None, max_length=253, description="Value of the mlwright.dev/retry annotation that the last run knows."
    )
    once: str | None = Field(
        default=None, max_length=16, description="Digest of source, input and output of the last run by runOnce."
    )
    schedule: BatchScheduleStatus | None = Field(default=None, description="The schedule, as it is kept.")
