"""Objects of training: the Model record, runs, frozen templates, the Jobs of steps, versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from mlwright.api.conditions import timestamp
from mlwright.api.kinds import API_VERSION
from mlwright.builders import meta
from mlwright.builders.artifacts import Fetcher, Stored, certificates, mounts, variables, with_bundles
from mlwright.builders.containers import before, inputs, kept, own_pod, preceded
from mlwright.builders.looks import look
from mlwright.builders.mirrors import mirror
from mlwright.builders.outside import import_pod
from mlwright.builders.pods import literal, merged, pod_spec
from mlwright.builders.probes import probe
from mlwright.builders.storage import data_keys, data_mounts
from mlwright.constants import (
    ANNOTATION_CRASHES,
    ANNOTATION_RETRY,
    EXIT_USER_ERROR,
    FETCH,
    LABEL_ATTEMPT,
    LABEL_MODEL,
    LABEL_PIPELINE,
    LABEL_QUEUE,
    LABEL_STEP,
    OWN_CONTAINER,
    PREPARE_CONTAINER,
    STEP_CONTAINER,
)
from mlwright.plan.digests import canonical, child_name
from mlwright.plan.frozen import Frozen
from mlwright.plan.pipelines import PipelineSeen
from mlwright.plan.pods import moment
from mlwright.plan.resources import JOB, TRAINING_RUN, Key
from mlwright.plan.training import (
    Freeze,
    MakeModel,
    RecordVersion,
    RemoveJob,
    RemoveRun,
    RunSeen,
    StartLook,
    StartMirror,
    StartProbe,
    StartRun,
    StartStep,
    TrainingIntent,
)
from mlwright.plan.writes import Create, Delete, Write

_COMPARING: Final = frozenset({"Validate", "Evaluate"})
"""The steps that read the bundle of the champion."""
RESOURCES: Final = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "4Gi"}}
"""What a training step gets where the pipeline says nothing."""
COLLECTS: Final = "mlwright.dev/collects"
"""Label of a Job that only reads a result again."""


def for_pipeline(seen: PipelineSeen) -> Callable[[TrainingIntent], Write]:
    """Return the renderer of a pipeline's intents."""

    def render(intent: TrainingIntent) -> Write:
        match intent:
            case MakeModel(name):
                return Create(_model(seen.namespace, name))
            case StartRun():
                return Create(_run(seen, intent))
            case StartProbe():
                return Create(probe(seen, intent))
            case StartMirror():
                return Create(mirror(seen, intent))
            case RemoveJob(name, uid):
                return Delete(JOB, seen.namespace, name, uid)
            case RemoveRun(name, uid):
                return Delete(TRAINING_RUN, seen.namespace, name, uid)
            case _:
                message = f"a pipeline has no intent {type(intent).__name__}"
                raise TypeError(message)

    return render


def for_run(seen: RunSeen) -> Callable[[TrainingIntent], Write]:
    """Return the renderer of a run's intents."""

    def render(intent: TrainingIntent) -> Write:
        match intent:
            case MakeModel(name):
                return Create(_model(seen.namespace, name))
            case Freeze():
                return Create(_revision(seen, intent))
            case StartStep():
                return _started(seen, intent)
            case StartLook():
                return Create(look(seen, intent, run_uri(seen, intent.frozen)))
            case RemoveJob():
                return _removed(seen, intent)
            case RecordVersion():
                return Create(_version(seen, intent))
            case _:
                message = f"a run has no intent {type(intent).__name__}"
                raise TypeError(message)

    return render


def _started(seen: RunSeen, intent: StartStep) -> Write:
    if intent.frozen.step(intent.step).resource:
        return Create(foreign_object(seen, intent))
    return Create(_job(seen, intent))


def _removed(seen: RunSeen, intent: RemoveJob) -> Write:
    if intent.kind is not JOB:
        return Delete(intent.kind, seen.namespace, intent.name, intent.uid)
    return Delete(JOB, seen.namespace, intent.name, intent.uid)


def _model(namespace: str, name: str) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": "Model", "metadata": meta.record(name, namespace, {}), "spec": {}}


def _run(seen: PipelineSeen, intent: StartRun) -> dict[str, Any]:
    owner = Key("TrainingPipeline", seen.namespace, seen.name)
    labels = {LABEL_PIPELINE: seen.name, LABEL_MODEL: seen.model}
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingRun",
        "metadata": meta.child(child_name(seen.name, str(intent.number)), owner, seen.uid, labels),
        "spec": {
            "pipelineRef": {"name": seen.name},
            "trigger": intent.trigger.model_dump(mode="json", by_alias=True, exclude_none=True),
        },
    }


def _revision(seen: RunSeen, intent: Freeze) -> dict[str, Any]:
    owner = Key("TrainingRun", seen.namespace, seen.name)
    labels = _whose(intent.frozen)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": meta.child(seen.name, owner, seen.uid, labels),
        "revision": 1,
        "data": asdict(intent.frozen),
    }


def _whose(frozen: Frozen) -> dict[str, str]:
    """Return the labels that name the model and, where there is one, the pipeline."""
    return {LABEL_MODEL: frozen.model, **({LABEL_PIPELINE: frozen.pipeline} if frozen.pipeline else {})}


def _labels(intent: StartStep) -> dict[str, str]:
    return {
        **_whose(intent.frozen),
        LABEL_STEP: intent.step,
        LABEL_ATTEMPT: str(intent.attempt),
        **({COLLECTS: "true"} if intent.collects else {}),
    }


def _attempt(seen: RunSeen, intent: StartStep) -> dict[str, Any]:
    """Return the metadata of what does an attempt of a step."""
    owner = Key("TrainingRun", seen.namespace, seen.name)
    parts = (seen.name, intent.step, str(intent.attempt), *(("read",) if intent.collects else ()))
    counted = {"annotations": {ANNOTATION_CRASHES: str(intent.crashes), **_retried(intent)}}
    return meta.child(child_name(*parts), owner, seen.uid, _labels(intent)) | counted


def foreign_object(seen: RunSeen, intent: StartStep) -> dict[str, Any]:
    """Return the object that another controller works on: as written, but in our namespace, under our name, ours."""
    manifest = intent.frozen.step(intent.step).resource["manifest"]
    asked, own = manifest.get("metadata") or {}, _attempt(seen, intent)
    both = {part: {**(asked.get(part) or {}), **own[part]} for part in ("labels", "annotations")}
    body = {key: value for key, value in manifest.items() if key not in {"metadata", "status"}}
    return {**body, "metadata": {**own, **both}}


def _job(seen: RunSeen, intent: StartStep) -> dict[str, Any]:
    owner, labels = Key("TrainingRun", seen.namespace, seen.name), _labels(intent)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _in_queue(_attempt(seen, intent), intent.frozen.queue),
        "spec": {
            **_size(intent),
            "backoffLimit": 0,  # the operator counts attempts; a disruption is not one
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                    *({"action": "FailJob", "onExitCodes": _by_user(name)} for name in _containers(intent)),
                ]
            },
            "template": {
                "metadata": {"labels": {**meta.owner_labels(owner), **labels}, **_shown(intent)},
                "spec": _step_pod(seen, intent),
            },
        },
    }


def _in_queue(metadata: dict[str, Any], queue: str) -> dict[str, Any]:
    """Return the metadata of a Job that a LocalQueue admits; whether it is suspended is never ours to say."""
    return metadata | {"labels": metadata["labels"] | {LABEL_QUEUE: queue}} if queue else metadata


def _retried(intent: StartStep) -> dict[str, str]:
    return {ANNOTATION_RETRY: intent.retry} if intent.retry else {}


def _size(intent: StartStep) -> dict[str, Any]:
    """Return how long an attempt may take and of how many pods it consists."""
    template = intent.frozen.step(intent.step)
    deadline = {"activeDeadlineSeconds": int(template.timeout)} if template.timeout and not intent.collects else {}
    if template.shards == 1 or intent.collects:
        return deadline
    return {"completionMode": "Indexed", "completions": template.shards, "parallelism": template.shards, **deadline}


def _is_own(intent: StartStep) -> bool:
    return bool(intent.frozen.step(intent.step).container) and not intent.collects


def _containers(intent: StartStep) -> tuple[str, ...]:
    """Return the containers that may find an error of the user's."""
    fetching = (FETCH,) if any(one.is_remote for one in _opponent(intent)) else ()
    own = (PREPARE_CONTAINER, OWN_CONTAINER) if _is_own(intent) else ()
    return (STEP_CONTAINER, *own, *fetching)


def _by_user(container: str) -> dict[str, Any]:
    return {"containerName": container, "operator": "In", "values": [EXIT_USER_ERROR]}


def _shown(intent: StartStep) -> dict[str, Any]:
    """Let kubectl show the log of the container that does the work."""
    return {"annotations": {"kubectl.kubernetes.io/default-container": OWN_CONTAINER}} if _is_own(intent) else {}


def _step_pod(seen: RunSeen, intent: StartStep) -> dict[str, Any]:
    frozen, template = intent.frozen, intent.frozen.step(intent.step)
    if template.uses == "Import":
        where = {"runUri": run_uri(seen, frozen), **owner_of_folder(seen.namespace, frozen)}
        return {"restartPolicy": "Never", **import_pod(intent, seen.namespace, seen.name, where)}
    if template.container and not template.uses:
        document = step_document(seen, intent)
        reads = tuple(fetched(seen, intent))
        pod = own_pod(intent, seen.name, run_uri(seen, frozen), reads=reads, document=document, resources=RESOURCES)
        return {"restartPolicy": "Never", **pod}
    stored = kept(frozen)
    keys = [*_keys(frozen, template.uses), *variables((stored,), fetched(seen, intent))]
    container = {
        "name": STEP_CONTAINER,
        "image": frozen.image,
        "imagePullPolicy": frozen.image_pull_policy,
        "args": [frozen.step(intent.step).folder],
        "env": [{"name": "MLWRIGHT_STEP", "value": literal(canonical(step_document(seen, intent)))}, *keys],
        "resources": RESOURCES,
        "terminationMessagePolicy": "File",
    }
    wanted = merged(
        (
            *data_mounts(frozen.dataset),
            *mounts(stored, read_only=False),
            *(mount for one in _opponent(intent) for mount in mounts(one, read_only=True)),
            *certificates((stored,)),
        )
    )
    surface = {**frozen.pod, **template.pod}
    pod = {"restartPolicy": "Never", **pod_spec(container, surface, wanted)}
    if _is_own(intent):
        told = step_document(seen, intent)
        reads = tuple(fetched(seen, intent))
        run = run_uri(seen, frozen)
        first = before(intent, seen.name, run, reads=reads, document=told, resources=RESOURCES)
        pod = preceded(pod, first)
    fetcher = Fetcher(frozen.fetching_image, frozen.image_pull_policy)
    return with_bundles(pod, tuple(_opponent(intent)), surface, fetcher)


def _keys(frozen: Frozen, uses: str) -> list[dict[str, Any]]:
    """Return the variables with what only one step may know: keys of the store to read data, that to sign bundles."""
    if uses == "Train" and frozen.signing:
        return [{"name": "MLWRIGHT_SIGNING_KEY", "valueFrom": {"secretKeyRef": dict(frozen.signing["secretRef"])}}]
    return data_keys(frozen.dataset) if uses == "Validate" else []


def run_uri(seen: RunSeen, frozen: Frozen) -> str:
    """Return the folder of a run."""
    return f"{frozen.artifacts_uri}/{seen.namespace}/{frozen.model}/runs/{frozen.folder}"


def step_document(seen: RunSeen, intent: StartStep) -> dict[str, Any]:
    """Return the whole input of a step (docs/contracts.md, "A training step as a process")."""
    frozen, folder = intent.frozen, run_uri(seen, intent.frozen)
    made = {entry["name"]: entry["uri"] for entry in inputs(intent, folder)}
    slot = seen.spec.trigger.scheduled_time
    return {
        "schemaVersion": 1,
        "run": {
            "namespace": seen.namespace,
            "name": seen.name,
            "pipeline": frozen.pipeline,
            "generation": frozen.generation,
            "attempt": intent.attempt,
            "triggeredAt": timestamp(moment(slot) if slot else seen.created),
        },
        "model": frozen.model,
        **owner_of_folder(seen.namespace, frozen),
        "dataset": {**frozen.dataset, "uri": made["data"]} if _reads_made(intent) else frozen.dataset,
        "training": frozen.training,
        **({"signed": True} if frozen.signing else {}),
        "evaluation": {"metrics": list(frozen.metrics), "gates": list(measured_gates(frozen))},
        **({"champion": told} if (told := _told_champion(frozen)) else {}),
        "runUri": folder,
        "inputs": {
            template.folder: f"{folder}/{template.folder}-{intent.inputs[template.name]}"
            for template in frozen.steps
            if template.name in intent.inputs
        },
        "image": frozen.image,
    }


def owner_of_folder(namespace: str, frozen: Frozen) -> dict[str, Any]:
    """Return what the run's folder is marked with; nothing for a run that found no Model."""
    if not frozen.model_uid:
        return {}
    return {"owner": {"namespace": namespace, "model": frozen.model, "uid": frozen.model_uid}}


def _told_champion(frozen: Frozen) -> dict[str, Any]:
    """Return what a step is told of the champion; nothing of one whose record is gone."""
    known = ("name", "version", "uri", "digest")
    return {key: frozen.champion[key] for key in known} if "uri" in frozen.champion else {}


def _opponent(intent: StartStep) -> Iterator[Stored]:
    """Return where the champion's bundle lies, for the steps that compare with it."""
    frozen = intent.frozen
    if (uri := frozen.champion.get("uri")) and frozen.step(intent.step).uses in _COMPARING:
        field = f"ModelVersion {frozen.champion['name']} spec.bundle"
        yield Stored(uri, field, frozen.champion.get("storage") or {})


def fetched(seen: RunSeen, intent: StartStep) -> Iterator[str]:
    """Return what a pod fetches of a run that lies in an object store: what its step reads, and what it left before.

    A tuning goes on with its journal wherever it was; other pods of it look for the rest themselves.
    """
    frozen, folder = intent.frozen, run_uri(seen, intent.frozen)
    template = frozen.step(intent.step)
    yield f"{folder}/{template.folder}-{intent.attempt}"
    for other in frozen.steps:
        if other.name in intent.inputs and (other.uses or not other.container):
            yield f"{folder}/{other.folder}-{intent.inputs[other.name]}"
    for entry in inputs(intent, folder):
        yield entry["uri"]


def measured_gates(frozen: Frozen) -> Iterator[Mapping[str, Any]]:
    """Return the gates for which a step measures something; a threshold is judged by the metrics alone."""
    return (gate for gate in frozen.gates if gate["type"] != "Threshold")


def _reads_made(intent: StartStep) -> bool:
    """Tell whether validate reads data that an earlier step made."""
    template = intent.frozen.step(intent.step)
    return template.uses == "Validate" and bool(template.inputs)


def _version(seen: RunSeen, intent: RecordVersion) -> dict[str, Any]:
    frozen = intent.frozen
    estimator: Mapping[str, Any] = frozen.training.get("estimator") or {}
    container: Mapping[str, Any] = frozen.training.get("container") or {}
    labels = _whose(frozen)
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": meta.record(f"{frozen.model}-v{intent.number}", seen.namespace, labels),
        "spec": {
            "modelRef": {"name": frozen.model},
            "version": intent.number,
            "bundle": dict(intent.bundle),
            "lineage": {
                "run": seen.name,
                "folder": frozen.folder,
                "pipeline": frozen.pipeline,
                "generation": frozen.generation,
                "templateDigest": frozen.digest,
                "image": container.get("image") or frozen.image,
                "estimator": estimator.get("class", ""),
                "parameters": estimator.get("parameters") or {},
                "seed": frozen.training["seed"],
                **intent.lineage,
            },
            "metrics": dict(intent.metrics),
            "verdict": {
                "outcome": intent.outcome,
                "gates": [dict(gate) for gate in intent.gates],
            },
            "approvalPolicy": frozen.approval_policy,
            **({"approval": dict(intent.approval)} if intent.approval else {}),
        },
    }
