"""Taking in a model that was trained elsewhere, and the MLflow server that it may come from."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import Cel, Digest, ObjectName, Rule, Schema
from mlwright.api.parts import ArtifactStore, PodSurface, Ref

MLFLOW_MODEL = r"models:/[A-Za-z0-9][-A-Za-z0-9_. ]{0,200}(/[1-9][0-9]{0,8}|@[A-Za-z][-A-Za-z0-9_]{0,99})"
"""A version of a model in MLflow, by its number or by an alias."""


def _plain(example: str) -> Cel:
    """Return the rule of addresses on the web: nothing secret stands in them. Names (models:/) have a pattern."""
    return Cel(
        (
            Rule(
                "!self.startsWith('http') || (isURL(self) && url(self).getHost() != '' && !self.contains('@') &&"
                " url(self).getQuery().size() == 0)",
                f"write an address such as {example}, without user, password or query",
            ),
        )
    )


Url = Annotated[
    str,
    Field(min_length=10, max_length=1024, pattern=r"^https?://[^ \t\r\n]+$"),
    _plain("https://host.example.com/path"),
]
ImportUri = Annotated[
    str,
    Field(min_length=10, max_length=1024, pattern=rf"^(https?://[^ \t\r\n]+|{MLFLOW_MODEL})$"),
    _plain("https://models.example.com/churn.onnx"),
]


class MlflowSecret(Schema):
    """A Secret of the same namespace that opens an MLflow server; it is read by pods, never by the operator."""

    name: ObjectName = Field(
        description=(
            "Name of the Secret. Its keys are those that MLflow itself knows: MLFLOW_TRACKING_TOKEN, or"
            " MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    )


class MlflowServer(Schema):
    """An MLflow tracking server, which the chart's outside.hosts must allow."""

    uri: Url = Field(description="Address of the server, such as https://mlflow.example.com.")
    secret_ref: MlflowSecret | None = Field(
        default=None, description="What opens the server; without it the server is asked as nobody."
    )


class ModelImport(Schema):
    """A model that was trained elsewhere: where it lies, and what it does not say of itself."""

    model_ref: Ref = Field(description="The Model that gets a version; made when it does not exist.")
    uri: ImportUri = Field(
        description=(
            "What is taken in: models:/NAME/VERSION or models:/NAME@ALIAS of an MLflow server, or the https address of"
            " a file: .onnx, .skops, or a .zip, .tar.gz or .tar of a bundle or of a model that MLflow saved."
        )
    )
    digest: Digest | None = Field(
        default=None,
        description=(
            "SHA-256 of what is fetched; anything else is refused. Of a file its own, of models:/ that which"
            " lineage.source.digest shows after a first import."
        ),
    )
    mlflow: MlflowServer | None = Field(default=None, description="The server, for a uri that begins with models:/.")
    task: Literal["Classification", "Regression", "AnomalyDetection"] | None = Field(
        default=None, description="What the model does, where its files do not say."
    )
    features: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = Field(
        default=(),
        max_length=2000,
        description=(
            "Names of the columns, in their order, of a model that takes one table of numbers and does not name them."
        ),
    )
    classes: tuple[Annotated[str, Field(max_length=256)], ...] = Field(
        default=(),
        max_length=1000,
        description="Classes in the order of the probabilities, where the model does not tell them.",
    )
    allow_unsafe_formats: bool = Field(
        default=False,
        description=(
            "Let the import load a pickle, which can run any code, in its own pod. The chart must allow it as well"
            " (outside.allowUnsafeFormats). What is served is never a pickle."
        ),
    )
    approval_policy: Literal["Automatic", "Manual"] = Field(
        default="Automatic",
        description="Manual: the version is served when somebody approved it. It has passed no gates.",
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image that imports; the chart's trainer image when absent.",
    )
    pod: PodSurface = Field(default=PodSurface(), description="The pod that imports.")
    artifacts: ArtifactStore | None = Field(
        default=None, description="Where the run is written; where the Model or the chart says when absent."
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.mlflow) == self.uri.startsWith('models:')",
            "mlflow: name the server for a uri that begins with models:/, and for no other",
        ),
    )


class Source(Schema):
    """Where an imported model came from."""

    uri: str = Field(max_length=1024, description="Its address, with the number where an alias was asked for.")
    server: str = Field(default="", max_length=1024, description="The MLflow server, of a uri with models:/.")
    digest: Digest = Field(description="Digest of what was fetched.")
    flavor: str = Field(default="", max_length=64, description="The form in which it was found.")
    missing: tuple[Annotated[str, Field(max_length=512)], ...] = Field(
        default=(), max_length=8, description="What it did not bring, so that nothing can be said of it."
    )


def asked_of(part: ModelImport) -> dict[str, Any]:
    """Return what an import fetches and how it reads it, as JSON: all but the pod that does it, and where it writes."""
    whole = part.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: value for key, value in whole.items() if key not in {"pod", "image", "artifacts", "approvalPolicy"}}
