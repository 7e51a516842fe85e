"""Stored rows that a program of ours reads, and where they may lie."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from mlwright.api.fields import Rule, Schema
from mlwright.api.storage import Storage


class StoredRows(Schema):
    """Files of rows, and how they are reached; whoever takes them in says at which path of its kind they stand."""

    uri: str
    storage: Storage | None = Field(default=None, description="How the object store of an s3:// address is reached.")
    format: Literal["Parquet", "CSV", "JSONLines"] | None = Field(
        default=None, description="Format of the files, guessed from the suffix when absent."
    )


def rows_uri(more: str = "") -> Any:
    """Return the field of the address, with what else may be said of it."""
    description = (
        "Where they lie: pvc://CLAIM/path or s3://BUCKET/path (a file, a folder, or a pattern with * in the last"
        f" segment), or configmap://NAME/key.{more}"
    )
    return Field(min_length=7, max_length=512, description=description)


def plain_rows(path: str) -> tuple[Rule, ...]:
    """Return the rules of stored rows, whose messages name the fields from the beginning of the spec.

    Args:
        path: Where they stand in the spec, such as `input`.
    """
    return (
        Rule(
            "self.uri.matches('^(pvc|configmap|s3)://[a-z0-9][-a-z0-9.]*/.+$') && !self.uri.contains('::')"
            " && !self.uri.matches('/[.][.]?(/|$)')",
            f"{path}.uri must be one plain address: pvc://CLAIM/path, configmap://NAME/key or s3://BUCKET/path",
        ),
        Rule(
            "!has(self.storage) || self.uri.startsWith('s3://')",
            f"{path}.storage belongs to s3:// addresses: remove it, or correct {path}.uri",
        ),
    )
