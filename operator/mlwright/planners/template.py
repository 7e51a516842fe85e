"""Freezing a pipeline for a run: what is used, and the digest that tells when a new run is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from mlwright.api.datasets import Dataset
from mlwright.api.fields import Schema, parse_duration
from mlwright.api.parts import ArtifactStore
from mlwright.api.runs import Overrides
from mlwright.api.steps import Step
from mlwright.bundle.addresses import ARTIFACTS, DATA, VOLUMES, Address, Scheme, parse
from mlwright.bundle.errors import AddressError
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import canonical, digest, short
from mlwright.plan.frozen import Frozen
from mlwright.plan.pipelines import PipelineSeen
from mlwright.plan.resources import foreign
from mlwright.planners import placeholders
from mlwright.planners.expectations import refuse_impossible
from mlwright.planners.resolution import check_resources, on_exit, resolve
from mlwright.settings import Settings

URI: Final = "spec.dataset.uri"
LARGEST_STEP: Final = 100_000
"""Bytes of what a step is told. One environment variable holds it, and Linux takes 131,072 bytes in one."""


def dump(part: Schema) -> dict[str, Any]:
    """Return a part of a spec as JSON values, defaults included, absent fields left out."""
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)


def essence(part: Schema) -> dict[str, Any]:
    """Return what somebody asked for beyond the defaults, for digests.

    A field that a later release adds does not show in it until somebody sets it, so an upgrade of the operator
    neither trains nor rolls out.
    """
    return part.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def template_digest(seen: PipelineSeen) -> str:
    """Return the digest of what makes a new run when it changes: model, dataset, training, metrics and steps.

    Gates, image and pods are not part of it: new gates judge the next run, a new image starts none. Nor is the order
    of the metrics and of the steps, nor how often and how long a step is tried.
    """
    spec = seen.spec
    what = {
        "model": seen.model,
        "dataset": _data(spec.dataset),
        "training": essence(spec.training),
        "metrics": sorted(spec.evaluation.metrics),
    }
    return digest({**what, "steps": _work(spec.steps)} if spec.steps else what)


def _work(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return what the steps do, without how their pods are and how often they are tried."""
    found = [{key: value for key, value in essence(step).items() if key not in _HOW} for step in steps]
    return sorted(found, key=lambda step: str(step["name"]))


_HOW: Final = frozenset({"pod", "retries", "timeoutAfter", "cache"})


def _data(dataset: Dataset) -> dict[str, Any]:
    """Return what makes the data another one: what a failed check does changes nothing of it."""
    found = essence(dataset)
    checks = {key: value for key, value in found.pop("checks", {}).items() if key != "onFailure"}
    return found | ({"checks": checks} if checks else {})


def check(seen: PipelineSeen, settings: Settings) -> None:
    """Refuse a pipeline of which no run could start.

    Raises:
        InvalidSpecError: an address is refused, nobody says where artifacts go or which image trains, or a step
            would be told more than it can read.
    """
    parse_address(placeholders.sample(seen.spec.dataset.uri, URI), URI, DATA)
    refuse_impossible(seen.spec.dataset.checks)
    artifacts_uri(seen, settings)
    artifacts_storage(seen)
    training_image(seen, settings)
    check_resources(resolve(seen.spec), foreign(settings.training_resources))
    told = _told(seen, dump(seen.spec.training))
    if told > LARGEST_STEP:
        raise InvalidSpecError(
            "spec.dataset.features",
            f"dataset and training are {told:,} bytes long and a step reads at most {LARGEST_STEP:,}: name fewer"
            " features, or leave dataset.features out to use every column",
        )


def _told(seen: PipelineSeen, training: dict[str, Any]) -> int:
    """Return how many bytes of the spec a step is told."""
    return len(canonical([dump(seen.spec.dataset), training]).encode())


def _training(seen: PipelineSeen, overrides: Overrides | None) -> dict[str, Any]:
    """Return how a run fits its model: as the pipeline says, but for what the run says otherwise.

    Raises:
        InvalidSpecError: there is no estimator whose parameters could be others, or a step would be told more than it
            can read.
    """
    found = dump(seen.spec.training)
    if overrides is None:
        return found
    if overrides.parameters:
        if seen.spec.training.estimator is None:
            raise InvalidSpecError(
                "spec.overrides.parameters",
                f"TrainingPipeline {seen.name} trains with a container, which has no such parameters: create another"
                " run without them",
            )
        found["estimator"] |= {"parameters": {**found["estimator"]["parameters"], **overrides.parameters}}
    if overrides.seed is not None:
        found["seed"] = overrides.seed
    if (told := _told(seen, found)) > LARGEST_STEP:
        raise InvalidSpecError(
            "spec.overrides.parameters",
            f"with them dataset and training are {told:,} bytes long and a step reads at most {LARGEST_STEP:,}: create"
            " another run with fewer",
        )
    return found


def freeze(
    seen: PipelineSeen, settings: Settings, *, run: str, uid: str, at: datetime, overrides: Overrides | None = None
) -> Frozen:
    """Return what a run of this pipeline uses if it starts now.

    `at` is the slot that it answers, else when it was made. The digest is that of the pipeline whatever the run
    overrides: it says which spec the run began with, and runs with overrides answer none (see `runs`).

    The run's folder carries a hash of its uid: were a run of the same name made once more, it must not find the
    results of the first.

    Raises:
        InvalidSpecError: as `check`, or the run overrides what the pipeline does not have.
    """
    check(seen, settings)
    spec = seen.spec
    gates = tuple(dump(gate) for gate in spec.evaluation.gates)
    asked = (*spec.evaluation.metrics, *(gate["threshold"]["metric"] for gate in gates if "threshold" in gate))
    return Frozen(
        pipeline=seen.name,
        generation=seen.generation,
        model=seen.model,
        dataset=dump(spec.dataset) | {"uri": placeholders.resolved(spec.dataset.uri, at, URI)},
        training=_training(seen, overrides),
        metrics=tuple(dict.fromkeys(asked)),
        gates=gates,
        pod=dump(spec.pod),
        image=training_image(seen, settings),
        image_pull_policy=settings.image_pull_policy,
        artifacts_uri=artifacts_uri(seen, settings),
        artifacts_storage=artifacts_storage(seen),
        fetching_image=fetching_image(seen.champion.get("uri", ""), settings),
        digest=template_digest(seen),
        queue=spec.policy.queue_name or "",
        folder=f"{run}-{short(uid)}",
        steps=resolve(spec),
        on_exit=on_exit(spec.on_exit),
        timeout=parse_duration(spec.policy.timeout_after).total_seconds() if spec.policy.timeout_after else 0.0,
        approval_policy=spec.evaluation.approval_policy,
        champion=seen.champion,
        model_uid=seen.model_uid,
        signing=dump(spec.signing) if spec.signing else {},
    )


def artifacts_uri(seen: PipelineSeen, settings: Settings) -> str:
    """Return where runs write: the pipeline's word, else the Model's, else the installation's.

    Raises:
        InvalidSpecError: nobody says, or the address is refused; it names where the address stands.
    """
    own = (seen.spec.artifacts.uri if seen.spec.artifacts else "", "spec.artifacts.uri")
    return store_of((own,), seen.model, seen.model_artifacts, settings)


def artifacts_storage(seen: PipelineSeen) -> dict[str, Any]:
    """Return how the object store is reached that runs write to; empty for a claim.

    Raises:
        InvalidSpecError: only the Model names the Secret with its keys.
    """
    return storage_of(seen.spec.artifacts, "spec.artifacts", seen.model, seen.model_storage)


def storage_of(own: ArtifactStore | None, field: str, model: str, lent: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the object store is reached: as a run says itself, else as the Model does; empty for a claim.

    The keys that a Model names are for pods in which nothing of anybody else runs, such as sweeps: who defines what a
    pod of a run does was never asked for the right to read that Secret.

    Raises:
        InvalidSpecError: only the Model names a Secret.
    """
    if own is not None:
        return dump(own.storage) if own.storage else {}
    if secret := (lent.get("secretRef") or {}).get("name"):
        raise InvalidSpecError(
            field,
            f"Model {model} (spec.artifacts.storage) names Secret {secret}, whose keys are not lent to pods that others"
            " define: set artifacts here as well, with uri and storage",
        )
    return dict(lent)


def fetching_image(uri: str, settings: Settings) -> str:
    """Return the image that speaks with the object store of an address; empty where it lies in none.

    It is always the installation's: whoever names another image may not be allowed to read the keys of the store.

    Raises:
        InvalidSpecError: the installation has none.
    """
    if not uri.startswith(f"{Scheme.S3}://"):
        return ""
    if not settings.trainer_image:
        raise InvalidSpecError(
            "images.trainer of the chart", f"is not set, and this image alone reaches what lies at {uri}: set it"
        )
    return settings.trainer_image


def store_of(own: Sequence[tuple[str, str]], model: str, model_artifacts: str, settings: Settings) -> str:
    """Return where a run writes: as it says itself (address and field), else the Model's, else the installation's.

    Raises:
        InvalidSpecError: nobody says, or the address is refused; it names where the address stands.
    """
    stated = (
        *own,
        (model_artifacts, f"Model {model} spec.artifacts.uri"),
        (settings.artifacts_uri, CHART),
    )
    uri, field = next(((uri.rstrip("/"), field) for uri, field in stated if uri), ("", ""))
    if not uri:
        fields = [field for _, field in own]
        raise InvalidSpecError(
            fields[0] if fields else f"Model {model} spec.artifacts.uri",
            f"nobody says where runs are written: set it {'here, or ' if fields else ''}in Model {model}"
            " (spec.artifacts.uri), or for the whole installation with the chart's artifacts.uri, as pvc://CLAIM/path",
        )
    # how a store is reached, and with which keys, no chart can say for every namespace
    known = (Scheme.PVC,) if field == CHART else ARTIFACTS
    if parse_address(uri, field, (*VOLUMES, Scheme.S3)).scheme not in known:
        store = "" if field == CHART else " or an object store"
        raise InvalidSpecError(field, f"runs are written to a PersistentVolumeClaim{store}; write pvc://CLAIM/path")
    return uri


CHART: Final = "artifacts.uri of the chart"


def training_image(seen: PipelineSeen, settings: Settings) -> str:
    """Return the image that trains: the pipeline's, else the installation's.

    Raises:
        InvalidSpecError: there is none.
    """
    return image_of(seen.spec.image, "spec.image", settings)


def image_of(own: str | None, field: str, settings: Settings) -> str:
    """Return the image of a run: as a field says, else the installation's.

    Raises:
        InvalidSpecError: there is none.
    """
    image = own or settings.trainer_image
    if not image:
        raise InvalidSpecError(
            field, "no image trains: set it here, or for the whole installation with the chart's images.trainer"
        )
    return image


def parse_address(uri: str, field: str, schemes: Collection[Scheme] = VOLUMES) -> Address:
    """Return the storage address that stands in a field.

    Raises:
        InvalidSpecError: it is refused; the sentence says why and what to write instead.
    """
    try:
        return parse(uri, field=field, schemes=schemes)
    except AddressError as error:
        raise InvalidSpecError(field, f"{error.sentence}; {error.remedy}") from error
