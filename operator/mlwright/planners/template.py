"""Freezing a pipeline for a run: what is used, and the digest that tells when a new run is needed."""

from __future__ import annotations

from typing import Any

from mlwright.api.fields import Schema
from mlwright.bundle.addresses import parse
from mlwright.bundle.errors import AddressError
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import digest
from mlwright.plan.training import Frozen, PipelineSeen
from mlwright.settings import Settings


def dump(part: Schema) -> dict[str, Any]:
    """Return a part of a spec as JSON values, defaults included, absent fields left out."""
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)


def template_digest(seen: PipelineSeen) -> str:
    """Return the digest of what makes a new run when it changes: model, dataset, training and the metrics.

    Gates, image and pods are not part of it: new gates judge the next run, a new image starts none.
    """
    spec = seen.spec
    return digest(
        {
            "model": seen.model,
            "dataset": dump(spec.dataset),
            "training": dump(spec.training),
            "metrics": sorted(spec.evaluation.metrics),
        }
    )


def freeze(seen: PipelineSeen, settings: Settings) -> Frozen:
    """Return what a run of this pipeline uses if it starts now.

    Raises:
        InvalidSpecError: an address is refused, or nobody says where artifacts go or which image trains.
    """
    spec = seen.spec
    _check_address(spec.dataset.uri, "spec.dataset.uri")
    gates = tuple(dump(gate) for gate in spec.evaluation.gates)
    asked = (*spec.evaluation.metrics, *(gate["threshold"]["metric"] for gate in gates))
    return Frozen(
        pipeline=seen.name,
        generation=seen.generation,
        model=seen.model,
        dataset=dump(spec.dataset),
        training=dump(spec.training),
        metrics=tuple(dict.fromkeys(asked)),
        gates=gates,
        pod=dump(spec.pod),
        image=_image(seen, settings),
        image_pull_policy=settings.image_pull_policy,
        artifacts_uri=artifacts_uri(seen, settings),
        digest=template_digest(seen),
    )


def artifacts_uri(seen: PipelineSeen, settings: Settings) -> str:
    """Return where the run writes: the pipeline's word, else the Model's, else the installation's."""
    own = seen.spec.artifacts.uri if seen.spec.artifacts else ""
    uri = own or seen.model_artifacts or settings.artifacts_uri
    if not uri:
        raise InvalidSpecError(
            "spec.artifacts.uri",
            f"nobody says where runs are written: set it here, or in Model {seen.model} (spec.artifacts.uri), or for the whole "
            "installation with the chart's artifacts.uri, as pvc://CLAIM/path",
        )
    _check_address(uri.rstrip("/"), "spec.artifacts.uri")
    return uri.rstrip("/")


def _check_address(uri: str, field: str) -> None:
    try:
        parse(uri, field=field)
    except AddressError as error:
        raise InvalidSpecError(field, f"{error.sentence}; {error.remedy}") from error


def _image(seen: PipelineSeen, settings: Settings) -> str:
    image = seen.spec.image or settings.trainer_image
    if not image:
        raise InvalidSpecError(
            "spec.image", "no image trains: set it here, or for the whole installation with the chart's images.trainer"
        )
    return image
