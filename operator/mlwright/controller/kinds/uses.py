"""What needs a version of a model: deployments that serve or served it, batches that answer with it, runs.

What a deployment serves is found by what was frozen for it, since its spec may name another model by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from mlwright.constants import LABEL_REVISION
from mlwright.controller.indexes import key_of, owner_of
from mlwright.controller.kinds import parsing
from mlwright.controller.kinds.deployments import decisions
from mlwright.controller.kinds.runs import is_over
from mlwright.controller.reconciler import CacheView
from mlwright.plan.models import Use
from mlwright.plan.resources import (
    BATCH_PREDICTION,
    BY_NAME,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    MODEL_DEPLOYMENT,
    MODEL_VERSION,
    TRAINING_RUN,
    Body,
    Key,
)
from mlwright.plan.versions import VersionSeen
from mlwright.plan.writes import Witness
from mlwright.planners.decisions import chain


def uses(cache: CacheView, namespace: str, model: str) -> tuple[Use, ...]:
    """Return all uses of versions of a model, but for its aliases."""
    served = (use for key in _deployments(cache, namespace, model) for use in _of_deployment(cache, key, model))
    compared = (use for key in _owners(cache, namespace, model, TRAINING_RUN.name) for use in _of_run(cache, key))
    return (*served, *compared, *_of_batches(cache, namespace, model))


def _of_batches(cache: CacheView, namespace: str, model: str) -> Iterator[Use]:
    """Return the versions that batch predictions name, and those with which they ran last or still run."""
    for body in cache.related(BATCH_PREDICTION, namespace, "source", model):
        version = body["spec"]["source"]["version"]["name"]
        yield Use(version, f"{BATCH_PREDICTION.name} {body['metadata']['name']} names it")
    for key in sorted(_owners(cache, namespace, model, BATCH_PREDICTION.name)):
        runs = cache.children(CONTROLLER_REVISION, key)
        newest = max(runs, key=lambda child: int(child.get("revision") or 0))
        version = ((newest.get("data") or {}).get("version") or {}).get("name")
        if version:
            yield Use(version, f"{BATCH_PREDICTION.name} {key.name} answers with it, or did last")


def makers(cache: CacheView, namespace: str, versions: Iterable[VersionSeen]) -> Iterator[Use]:
    """Return the versions whose run exists, by its name: it may carry another uid since it was restored.

    Of a run without its status nothing but its version tells that it is done; without that it would record its bundle
    again, as the newest.
    """
    for version in versions:
        if version.run and cache.get(TRAINING_RUN, namespace, version.run) is not None:
            yield Use(version.name, f"{TRAINING_RUN.name} {version.run}, which made it, exists")


def witnesses(cache: CacheView, body: Body) -> tuple[Witness, ...]:
    """Return the Model and what names its versions as it is now: by a change of one a version may come into use."""
    namespace, model = body["metadata"]["namespace"], body["metadata"]["name"]
    found = (cache.get(MODEL_DEPLOYMENT, namespace, key.name) for key in _deployments(cache, namespace, model))
    batches = cache.related(BATCH_PREDICTION, namespace, "source", model)
    return tuple(_witness(living) for living in (body, *found, *batches) if living is not None)


def _witness(body: Body) -> Witness:
    meta, kind = body["metadata"], BY_NAME[body["kind"]]
    return Witness(kind, meta["namespace"], meta["name"], meta["resourceVersion"])


def _deployments(cache: CacheView, namespace: str, model: str) -> list[Key]:
    """Return the deployments that ask for the model or have something of it frozen."""
    asking = {key_of(body) for body in cache.related(MODEL_DEPLOYMENT, namespace, "model", model)}
    return sorted(asking | _owners(cache, namespace, model, MODEL_DEPLOYMENT.name))


def _owners(cache: CacheView, namespace: str, model: str, kind: str) -> set[Key]:
    frozen = cache.related(CONTROLLER_REVISION, namespace, "model", model)
    return {owner for body in frozen if (owner := owner_of(body)) is not None and owner.kind == kind}


def _of_deployment(cache: CacheView, key: Key, model: str) -> Iterator[Use]:
    """Return what a deployment pins, what it serves, served last and has pods for, each once."""
    whose = f"{MODEL_DEPLOYMENT.name} {key.name}"
    body = cache.get(MODEL_DEPLOYMENT, key.namespace, key.name)
    asks = body is not None and body["spec"]["model"]["ref"]["name"] == model
    found = _named(body["spec"], model, whose) if body and asks else {}
    promoted = [decision.version for decision in chain(decisions(cache, body))] if body else []
    for version, why in ((promoted[-1:], "serves it"), (_before(promoted), "served it last")):
        found |= {name: f"{whose} {why}" for name in version if name not in found}
    found |= {name: f"{whose} has pods for it" for name in _running(cache, key) if name not in found}
    yield from (Use(version, why) for version, why in found.items())


def _named(spec: Body, model: str, whose: str) -> dict[str, str]:
    """Return the versions of its model that a deployment names, and why."""
    variants = (spec.get("experiment") or {}).get("variants") or ()
    found = {f"{model}-v{variant['model']['version']}": f"{whose} compares it" for variant in variants}
    pinned = spec["model"].get("version")
    return found | ({f"{model}-v{pinned}": f"{whose} pins it"} if pinned else {})


def _running(cache: CacheView, key: Key) -> Iterator[str]:
    """Return the versions for which there are pods, and that for which there may be next."""
    running = {child["metadata"]["labels"].get(LABEL_REVISION) for child in cache.children(DEPLOYMENT, key)}
    frozen = sorted(cache.children(CONTROLLER_REVISION, key), key=lambda child: int(child.get("revision") or 0))
    for child in frozen:
        version = (child.get("data") or {}).get("version")
        if version and (child is frozen[-1] or child["metadata"]["labels"].get(LABEL_REVISION) in running):
            yield version


def _before(promoted: list[str]) -> list[str]:
    """Return the version that served before the one that serves; empty when there was none."""
    return [version for version in promoted if version != promoted[-1]][-1:]


def _of_run(cache: CacheView, key: Key) -> Iterator[Use]:
    """Return the champion with which a run that goes on compares."""
    body = cache.get(TRAINING_RUN, key.namespace, key.name)
    if body is None or is_over(body):
        return
    frozen = parsing.frozen(key.name, key.namespace, cache)
    if frozen is not None and frozen.champion.get("name"):
        yield Use(frozen.champion["name"], f"{TRAINING_RUN.name} {key.name} compares with it")


def folders(cache: CacheView, namespace: str, model: str) -> frozenset[str]:
    """Return the names of all folders of runs that something uses: rather one too many than one too few.

    These are the folders of the runs that exist and of what they took over from earlier ones, of the versions of
    whatever model (a bundle may be used under another name), and of what deployments serve and served last.
    """
    found = set(_of_frozen(cache, namespace, model))
    for name in cache.names(MODEL_VERSION, namespace):
        spec = (cache.get(MODEL_VERSION, namespace, name) or {}).get("spec") or {}
        found.add((spec.get("lineage") or {}).get("folder", ""))
        found.update(_in_address((spec.get("bundle") or {}).get("uri", "")))
    return frozenset(found - {""})


def _of_frozen(cache: CacheView, namespace: str, model: str) -> Iterator[str]:
    """Return the folders of what is frozen: of every run, of deployments what serves, served last or has pods."""
    used = {use.version for use in uses(cache, namespace, model)}
    for body in cache.related(CONTROLLER_REVISION, namespace, "model", model):
        data, owner = body.get("data") or {}, owner_of(body)
        yield data.get("folder", "")
        if isinstance(used_by_batch := data.get("version"), dict):  # a batch prediction froze it, which renders no pod
            yield from _in_address(str(used_by_batch.get("uri", "")))
            continue
        pod = (data.get("template") or {}).get("spec") or {} if data.get("version") in used else {}
        for container in pod.get("containers") or ():
            told = {variable["name"]: variable.get("value", "") for variable in container.get("env") or ()}
            yield from _in_address(told.get("MLWRIGHT_BUNDLE_URI", ""))
        run = cache.get(TRAINING_RUN, namespace, owner.name) if owner and owner.kind == TRAINING_RUN.name else None
        for step in ((run or {}).get("status") or {}).get("steps") or ():
            yield str(step.get("origin", "")).partition("/")[0]


def _in_address(uri: str) -> list[str]:
    """Return what may be the name of a run's folder in an address: what stands behind a segment `runs`.

    Whatever claim it names: two claims may be the same volume.
    """
    segments = uri.split("/")
    return [name for before, name in pairwise(segments) if before == "runs"]
