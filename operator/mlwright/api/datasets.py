"""The data of a pipeline: where it lies, which rows and columns are used, which are held out; and what was read."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.checks import Checks
from mlwright.api.fields import (
    ColumnName,
    Digest,
    ListSet,
    PositiveDuration,
    Rule,
    Schema,
    Timestamp,
    Union,
)
from mlwright.api.storage import Storage

LabelText = Annotated[str, Field(min_length=1, max_length=256)]


class Until(Schema):
    """Where a time range ends."""

    type: Literal["Newest", "Trigger", "Time"] = Field(
        default="Newest",
        description=(
            "Newest: the largest value of the column. Trigger: the moment the run was asked for. Time: the given time."
        ),
    )
    time: Timestamp | None = Field(default=None, description="The end, with type Time; RFC 3339.")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.type == 'Time' ? has(self.time) : !has(self.time)", "set time exactly when type is Time"),
    )


class TimeRange(Schema):
    """Which rows are read, by their time: what makes a later run see newer data."""

    column: ColumnName = Field(description="Column that holds the time of a row.")
    last: PositiveDuration = Field(
        description="Length of the range, such as 2160h; rows in (until - last, until] are read."
    )
    until: Until = Field(default=Until(), description="Where the range ends.")


Share = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, le=2147483647)]


class HashSplit(Schema):
    """A row is held out or not for ever, whatever rows come later."""

    test: Share = Field(default=0.2, description="Share of rows that are held out, between 0 and 1.")
    seed: Seed = Field(default=0, description="Another seed gives another split.")


class StratifiedSplit(Schema):
    """Every class has the same share of rows held out, to within one row."""

    test: Share = Field(default=0.2, description="Share of the rows of each class that are held out.")
    seed: Seed = Field(default=0, description="Another seed gives another split.")


class TemporalSplit(Schema):
    """The newest rows are held out."""

    test: Share = Field(default=0.2, description="Share of rows that are held out, the newest by timeColumn.")


class GroupSplit(Schema):
    """Rows of one group stay on one side."""

    test: Share = Field(default=0.2, description="Share of rows that are held out, as near as whole groups come to it.")
    seed: Seed = Field(default=0, description="Another seed gives another split.")


class RandomSplit(Schema):
    """Rows are drawn by chance."""

    test: Share = Field(default=0.2, description="Share of rows that are held out; equal rows stay together.")
    seed: Seed = Field(default=0, description="Another seed gives another split.")


class Split(Schema):
    """How held-out rows are chosen."""

    type: Literal["Hash", "Stratified", "Temporal", "Group", "Random"] = Field(
        default="Hash",
        description=(
            "Hash: by idColumn or, without one, by the row's content; stable for ever. Stratified: the same share of"
            " every class, or of every tenth of a quantity. Temporal: the newest rows. Group: whole groups by"
            " groupColumn. Random: drawn by seed, the same rows whatever their order."
        ),
    )
    hash: HashSplit | None = Field(default=None, description="Settings of type Hash.")
    stratified: StratifiedSplit | None = Field(default=None, description="Settings of type Stratified.")
    temporal: TemporalSplit | None = Field(default=None, description="Settings of type Temporal.")
    group: GroupSplit | None = Field(default=None, description="Settings of type Group.")
    random: RandomSplit | None = Field(default=None, description="Settings of type Random.")
    union: ClassVar[Union | None] = Union(optional=("Hash", "Stratified", "Temporal", "Group", "Random"))


class Dataset(Schema):
    """The data of a run: where it lies, which rows and columns are used, and which rows are held out."""

    uri: str = Field(
        min_length=7,
        max_length=512,
        description=(
            "Where the data lies: pvc://CLAIM/path or s3://BUCKET/path (the last segment may hold *), or"
            " configmap://NAME/key. ${scheduledTime}, or ${scheduledTime:%Y-%m-%d}, stands for the time of the run."
        ),
    )
    storage: Storage | None = Field(default=None, description="How the object store of an s3:// address is reached.")
    format: Literal["Parquet", "CSV", "JSONLines", "Delta"] | None = Field(
        default=None,
        description="Format of the files, guessed from the suffix when absent; Delta for the folder of a Delta table.",
    )
    revision: str | None = Field(
        default=None,
        min_length=1,
        max_length=18,
        pattern=r"^[0-9]+$",
        description="Version of the Delta table that is read; the newest when absent.",
    )
    target: ColumnName | None = Field(
        default=None,
        description=(
            "Column to be predicted; every task but AnomalyDetection needs it. There it may name labels (1 or true for"
            " anomalous rows, else 0 or false; or texts, with anomalousLabels), by which answers are judged and from"
            " which nothing is learned."
        ),
    )
    anomalous_labels: Annotated[tuple[LabelText, ...] | None, ListSet()] = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Texts of target that mark a row as anomalous, of an AnomalyDetection; all others are usual.",
    )
    features: Annotated[tuple[ColumnName, ...] | None, ListSet()] = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description=(
            "Columns to predict from; every column but target, idColumn, timeColumn, groupColumn and weightColumn when"
            " absent."
        ),
    )
    id_column: ColumnName | None = Field(
        default=None, description="Column that identifies a row; never a feature by default."
    )
    time_column: ColumnName | None = Field(
        default=None, description="Column that holds the time of a row; needed by the Temporal split."
    )
    group_column: ColumnName | None = Field(
        default=None,
        description=(
            "Column that says which rows belong together, such as a patient or a customer; needed by the Group split."
        ),
    )
    weight_column: ColumnName | None = Field(
        default=None,
        description=(
            "Column that says how much a row counts while an estimator learns: numbers above 0. Metrics and gates count"
            " every row once."
        ),
    )
    time_range: TimeRange | None = Field(default=None, description="Which rows are read, by time; all when absent.")
    split: Split = Field(default=Split(), description="How held-out rows are chosen.")
    checks: Checks | None = Field(
        default=None, description="What the data must prove before anything is learned from it."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.uri.matches('^(pvc|configmap|s3)://[a-z0-9][-a-z0-9.]*/.+$')",
            "dataset.uri must be pvc://CLAIM/path, configmap://NAME/key or s3://BUCKET/path; put the data on a"
            " PersistentVolumeClaim, in a ConfigMap of this namespace or into an object store",
        ),
        Rule(
            "!has(self.storage) || self.uri.startsWith('s3://')",
            "dataset.storage belongs to s3:// addresses: remove it, or correct dataset.uri",
        ),
        Rule(
            "!self.uri.contains('::') && !self.uri.matches('/[.][.]?(/|$)')",
            "dataset.uri must be one plain address: remove '::' and the segments . and ..",
        ),
        Rule(
            "!has(self.revision) || (has(self.format) && self.format == 'Delta')",
            "dataset.revision is the version of a Delta table: set format to Delta, or remove revision",
        ),
        Rule(
            "!has(self.features) || !has(self.target) || !self.features.exists(f, f == self.target)",
            "dataset.features must not hold the target: a model that sees the answer learns nothing",
        ),
        Rule(
            "!has(self.target) || ((!has(self.idColumn) || self.idColumn != self.target) && (!has(self.timeColumn) ||"
            " self.timeColumn != self.target) && (!has(self.groupColumn) || self.groupColumn != self.target) &&"
            " (!has(self.weightColumn) || self.weightColumn != self.target))",
            "dataset.target must be another column than idColumn, timeColumn, groupColumn and weightColumn: name the"
            " column to be predicted",
        ),
        Rule(
            "self.split.type != 'Stratified' || has(self.target)",
            "split Stratified needs dataset.target: name the column, or use the split Hash or Random",
        ),
        Rule(
            "self.split.type != 'Temporal' || has(self.timeColumn)",
            "split Temporal needs dataset.timeColumn: name the column that holds the time of a row",
        ),
        Rule(
            "self.split.type != 'Group' || has(self.groupColumn)",
            "split Group needs dataset.groupColumn: name the column that says which rows belong together",
        ),
    )


class TimeRangeRecord(Schema):
    """A resolved time range."""

    from_: str = Field(alias="from", max_length=40, description="Begin, exclusive.")
    until: str = Field(max_length=40, description="End, inclusive.")


class SplitRecord(Schema):
    """How rows were held out: what proves later which rows were not learned from."""

    type: str = Field(max_length=32, description="Type of the split.")
    test: float = Field(ge=0, le=1, description="Share of rows asked for.")
    seed: int = Field(default=0, ge=0, description="Its seed.")
    by: str = Field(
        default="", max_length=256, description="What told rows apart: an id, a group, a time, or a digest of features."
    )
    until: str | None = Field(
        default=None, max_length=40, description="Of a temporal split the newest time that was learned from."
    )


class DatasetRecord(Schema):
    """What was read, exactly."""

    uri: str = Field(default="", max_length=512, description="Where it lay.")
    format: str = Field(default="", max_length=32, description="Format of the files.")
    digest: Digest = Field(description="Digest of the content that was read.")
    revision: str = Field(
        default="",
        max_length=256,
        description=(
            "What changes when the source does: made of the names, sizes and times of the files, or of their ETags; of"
            " a Delta table its version."
        ),
    )
    bytes: int = Field(default=0, ge=0, description="Size of the files in bytes.")
    source_rows: int | None = Field(default=None, ge=0, description="Rows of the source, before the time range.")
    rows: int = Field(ge=0, description="Rows read.")
    train_rows: int = Field(ge=0, description="Rows the model learned from.")
    test_rows: int = Field(ge=0, description="Rows held out.")
    features: int = Field(default=0, ge=0, description="Number of features.")
    range: TimeRangeRecord | None = Field(default=None, description="The resolved time range.")
    report: str = Field(
        default="", max_length=1024, description="Where the report about the data lies, a page for people."
    )
    split: SplitRecord | None = Field(default=None, description="How rows were held out.")
