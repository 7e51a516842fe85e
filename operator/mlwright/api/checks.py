"""What data must prove before anything is learned from it, and what was found."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import (
    ColumnName,
    FreeValue,
    ListMap,
    PositiveDuration,
    Rule,
    Schema,
    Sentence,
)

Share = Annotated[float, Field(ge=0, le=1)]


class Freshness(Schema):
    """How old the data may be."""

    column: ColumnName = Field(description="Column that holds the time of a row.")
    max_age: PositiveDuration = Field(
        description=(
            "How long before the run was asked for the newest time may lie, such as 48h; more than five minutes after"
            " it fails as well."
        )
    )


class ColumnCheck(Schema):
    """What is expected of one column."""

    name: ColumnName = Field(description="The column; it need not be one that the model learns from.")
    type: Literal["Number", "Integer", "Text", "Boolean", "Time"] | None = Field(
        default=None, description="What its values must be; min and max imply Number or Time."
    )
    min: FreeValue = Field(default=None, description="The smallest value: a number, or a time as text.")
    max: FreeValue = Field(default=None, description="The largest value: a number, or a time as text.")
    max_missing: Share | None = Field(
        default=None, description="Share of rows that may have no value; checks.maxMissing when absent."
    )
    allowed: tuple[FreeValue, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="The values that there may be: texts, numbers, true and false.",
    )
    unique: bool = Field(default=False, description="Whether every value may stand in one row only.")


class AgainstChampion(Schema):
    """The data beside that of the champion, as its bundle remembers it."""

    schema_: bool = Field(
        default=True,
        alias="schema",
        description="Whether the features must be those of the champion, and of the same types.",
    )
    max_drift: Share | None = Field(
        default=None,
        description=(
            "How far the distribution of a feature may have moved: its Jensen-Shannon distance, from 0 (equal) to 1."
            " It fails when that is proven to be exceeded; not judged when absent."
        ),
    )


class Checks(Schema):
    """What the data must prove before anything is learned from it."""

    min_rows: int | None = Field(default=None, ge=1, le=1_000_000_000_000, description="The smallest number of rows.")
    max_missing: Share | None = Field(
        default=None, description="Share of rows in which a column may have no value, for each column that is read."
    )
    max_duplicate_rows: Share | None = Field(
        default=None, description="Share of rows that may repeat an earlier one in every column that is read."
    )
    freshness: Freshness | None = Field(default=None, description="How old the data may be.")
    columns: Annotated[tuple[ColumnCheck, ...], ListMap("name")] = Field(
        default=(), max_length=500, description="What is expected of single columns."
    )
    against_champion: AgainstChampion | None = Field(
        default=None,
        description="How far it may be from the data of the champion; without a champion there is nothing to compare.",
    )
    on_failure: Literal["Fail", "Warn"] = Field(
        default="Fail",
        description="Fail: the run ends before training. Warn: it goes on, and the condition DataChecks tells.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.minRows) || has(self.maxMissing) || has(self.maxDuplicateRows) || has(self.freshness)"
            " || has(self.againstChampion) || (has(self.columns) && self.columns.size() > 0)",
            "checks without a check prove nothing: add one, such as minRows, or remove checks",
        ),
    )


class FindingRecord(Schema):
    """One expectation that the data does not meet."""

    field: str = Field(max_length=512, description="The field of the pipeline that asks for it.")
    sentence: Sentence = Field(description="What is wrong; never a value of a row.")
    column: str | None = Field(default=None, max_length=128, description="The column.")
    count: int = Field(default=0, ge=0, description="Rows that fail it; 0 for what concerns the data as a whole.")
    rows: tuple[int, ...] = Field(
        default=(), max_length=10, description="Numbers of the first such rows, counted from 1 through all files."
    )


class ChecksRecord(Schema):
    """What the checks found."""

    outcome: Literal["Passed", "Warned", "Failed"] = Field(description="How the data was judged.")
    failed: int = Field(default=0, ge=0, description="Number of expectations that the data does not meet.")
    findings: tuple[FindingRecord, ...] = Field(
        default=(), max_length=50, description="The worst of them; the report has all."
    )
    champion: Sentence = Field(default="", description="How the data stands to that of the champion.")
