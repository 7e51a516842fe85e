"""Freezing what a run takes in that was trained elsewhere."""

from __future__ import annotations

from typing import Final

from mlwright.api.imports import ModelImport, asked_of
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import canonical, digest, short
from mlwright.plan.frozen import Frozen
from mlwright.plan.steps import IMPORTING
from mlwright.plan.training import ModelKnown
from mlwright.planners.outside import check_host
from mlwright.planners.template import LARGEST_STEP, dump, image_of, storage_of, store_of
from mlwright.settings import Settings

FIELD: Final = "spec.importFrom"


def freeze_import(wanted: ModelImport, model: ModelKnown, settings: Settings, *, run: str, uid: str) -> Frozen:
    """Return what a run uses that takes in a model.

    Args:
        wanted: what is taken in.
        model: the Model that gets a version.
        settings: of the installation.
        run: name of the run.
        uid: of the run; its folder carries a hash of it, so that a run of the same name finds nothing of the first.

    Raises:
        InvalidSpecError: a host or a format is not allowed here, or nobody says which image imports or where to.
    """
    check_import(wanted, settings)
    asked = asked_of(wanted)
    own = (wanted.artifacts.uri if wanted.artifacts else "", f"{FIELD}.artifacts.uri")
    return Frozen(
        pipeline="",
        generation=0,
        model=model.name,
        dataset={},
        training={"seed": 0, "importFrom": asked},
        metrics=(),
        gates=(),
        pod=dump(wanted.pod),
        image=image_of(wanted.image, f"{FIELD}.image", settings),
        image_pull_policy=settings.image_pull_policy,
        model_uid=model.uid,
        artifacts_uri=store_of((own,), model.name, model.artifacts, settings),
        artifacts_storage=storage_of(wanted.artifacts, f"{FIELD}.artifacts", model.name, model.storage),
        digest=digest(asked),
        folder=f"{run}-{short(uid)}",
        steps=IMPORTING,
        approval_policy=wanted.approval_policy,
    )


def check_import(wanted: ModelImport, settings: Settings) -> None:
    """Hold an import against what the administrator allows; it is asked before each pod, for that may change.

    Raises:
        InvalidSpecError: a host or a format is not allowed here, or the import is longer than a step reads.
    """
    if wanted.mlflow is not None:
        check_host(wanted.mlflow.uri, f"{FIELD}.mlflow.uri", settings)
    else:
        check_host(wanted.uri, f"{FIELD}.uri", settings)
    if wanted.allow_unsafe_formats and not settings.unsafe_formats:
        raise InvalidSpecError(
            f"{FIELD}.allowUnsafeFormats",
            "pickles are not loaded in this installation: export the model as ONNX or skops, or let the administrator"
            " set the chart's outside.allowUnsafeFormats",
        )
    if len(canonical(asked_of(wanted)).encode()) > LARGEST_STEP:
        raise InvalidSpecError(f"{FIELD}.features", f"is longer than the {LARGEST_STEP:,} bytes that a step reads")
