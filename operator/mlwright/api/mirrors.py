"""Mirrors: where else runs and versions of a pipeline are shown. The ModelVersion stays the record."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mlwright.api.fields import Schema, Sentence, Timestamp
from mlwright.api.imports import MlflowServer


class MlflowMirror(MlflowServer):
    """An MLflow server that is told of each version."""

    experiment: Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[^ \t\r\n/][^\t\r\n/]*$")] = Field(
        default="mlwright", description="Name of the experiment that gets the runs; made when it does not exist."
    )


class Mirror(Schema):
    """Where else versions are shown. A mirror that fails changes nothing of the run."""

    mlflow: MlflowMirror = Field(
        description=(
            "Every version of this pipeline becomes a run and a model version there, with parameters, metrics, tags and"
            " the files of its bundle; aliases of the Model follow."
        )
    )


class MirrorStatus(Schema):
    """What the mirror was told last."""

    digest: str = Field(default="", max_length=71, description="Digest of what it was told to show.")
    through: int = Field(default=0, ge=0, description="Number of the newest version that was considered.")
    failed: tuple[int, ...] = Field(
        default=(),
        max_length=10,
        description="Numbers of the newest versions that could not be shown; they are tried again every hour.",
    )
    at: Timestamp | None = Field(default=None, description="When it was told.")
    sentence: Sentence = Field(default="", description="What it was told.")
