"""What a DriftMonitor watches with target type Batch: stored rows, looked at by a schedule."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from mlwright.api.batches import BatchSchedule
from mlwright.api.fields import ColumnName, PositiveDuration, Rule, Schema, Sentence, Timestamp
from mlwright.api.parts import PodSurface, Ref
from mlwright.api.stored_rows import StoredRows, plain_rows, rows_uri


class BatchData(StoredRows):
    """The stored rows."""

    uri: str = rows_uri(" ${scheduledTime}, or ${scheduledTime:%Y-%m-%d}, stands for the slot.")
    rules: ClassVar[tuple[Rule, ...]] = plain_rows("target.batch.dataset")


class BatchTarget(Schema):
    """Stored rows, compared at each slot with what the version learned that the deployment serves then."""

    deployment_ref: Ref = Field(description="The ModelDeployment; its serving version says what is usual.")
    dataset: BatchData = Field(description="The stored rows.")
    schedule: BatchSchedule = Field(
        description="When they are looked at. The annotation mlwright.dev/run with a new value asks for one look more."
    )
    label: ColumnName | None = Field(
        default=None,
        description=(
            "Column with the right answer, as far as it is known, for a check of type Performance: the version then"
            " answers the rows."
        ),
    )
    shards: int = Field(
        default=1,
        ge=1,
        le=64,
        description=(
            "Number of pods that share the rows: equal numbers of rows of Parquet files, whole files of other formats."
            " What they find together does not depend on it."
        ),
    )
    retries: int = Field(
        default=2, ge=0, le=10, description="How often a shard that failed is started again before the look fails."
    )
    timeout_after: PositiveDuration | None = Field(default=None, description="How long a look may take; then it fails.")
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the pods; the chart's trainer image when absent.",
    )
    pod: PodSurface = Field(default=PodSurface(), description="The pods that count.")


class LookStatus(Schema):
    """The newest look at stored rows."""

    job: str = Field(max_length=63, description="Its Job.")
    state: Literal["Running", "Waiting", "Counted", "Unchanged", "Failed"] = Field(
        description=(
            "Where it stands. Counted: its rows are the newest window. Unchanged: they are those of the look before,"
            " so they are no new window."
        )
    )
    slot: Timestamp = Field(description="The slot of the schedule, or when it was asked for.")
    progress: str = Field(default="", max_length=16, description="Done and all shards, such as 3/4.")
    rows: int = Field(default=0, ge=0, description="Rows that it counted.")
    started_at: Timestamp | None = Field(default=None, description="When it started.")
    finished_at: Timestamp | None = Field(default=None, description="When it ended.")
    sentence: Sentence = Field(default="", description="How it stands, in words.")
