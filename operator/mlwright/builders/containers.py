"""Pods of steps whose work is done by a container of somebody's own, between two of ours.

`prepare` makes the folder of the attempt, `own` does the work, `step` makes of what it left the result of the step.
The container writes into the attempt's folder alone; everything else it may only read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mlwright.builders.artifacts import Stored, certificates, mounts, variables
from mlwright.builders.pods import TMP, Mount, SecretMount, literal, merged, pod_spec
from mlwright.builders.storage import data_keys, data_mounts
from mlwright.bundle.addresses import ARTIFACTS, DATA, locate, mount_root, parse
from mlwright.constants import OUTPUT_PATH, OWN_CONTAINER, OWN_PREFIX, PREPARE_CONTAINER, STEP_CONTAINER
from mlwright.plan.digests import canonical
from mlwright.plan.frozen import Frozen
from mlwright.plan.steps import StepTemplate
from mlwright.plan.training import StartStep

SMALL: Final = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
"""What our two containers get: they move files and read a few bytes."""
_TMP: Final = "own-tmp"
_INDEX: Final = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
_ROOT: Final = mount_root({})


def own_pod(
    intent: StartStep,
    run: str,
    run_uri: str,
    *,
    reads: Sequence[str],
    document: Mapping[str, Any],
    resources: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the pod spec of an attempt.

    Args:
        intent: the attempt; one that only reads a result again has the last of the three containers alone.
        run: name of the run.
        run_uri: the run's folder.
        reads: addresses of what is fetched where runs lie in an object store.
        document: what steps are told of the run.
        resources: what the container gets where nobody says.
    """
    frozen, template = intent.frozen, intent.frozen.step(intent.step)
    again = (f"{run_uri}/{_folder(template)}-{intent.attempt}",)  # the rest is there, or nobody needs it any more
    ours = _told(intent, run, run_uri, document, again)
    spec = pod_spec(_ours(STEP_CONTAINER, "seal", frozen, ours), _of_pod(frozen, template), _mounts(frozen, own=False))
    if intent.collects:
        return spec
    return preceded(spec, before(intent, run, run_uri, reads=reads, document=document, resources=resources))


def before(
    intent: StartStep,
    run: str,
    run_uri: str,
    *,
    reads: Sequence[str],
    document: Mapping[str, Any],
    resources: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the containers that run before the one that makes the result; arguments as for `own_pod`."""
    frozen = intent.frozen
    ours = _ours(PREPARE_CONTAINER, "prepare", frozen, _told(intent, run, run_uri, document, reads))
    prepare = pod_spec(ours, {}, _mounts(frozen, own=False))["containers"][0]
    return [prepare, _own(intent, run_uri, document=document, resources=resources)]


def preceded(pod: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a pod in which the containers that `before` gives run first."""
    return {**pod, "initContainers": list(containers), "volumes": [*pod["volumes"], {"name": _TMP, "emptyDir": {}}]}


def _told(
    intent: StartStep, run: str, run_uri: str, document: Mapping[str, Any], reads: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what our containers around the one of somebody's own are told."""
    task = {"name": "MLWRIGHT_OWN", "value": literal(canonical(_task(intent, run, run_uri, document)))}
    return [task, *variables((kept(intent.frozen),), reads), *_shard(intent.frozen.step(intent.step))]


def _ours(name: str, part: str, frozen: Frozen, env: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "image": frozen.image,
        "imagePullPolicy": frozen.image_pull_policy,
        "args": [part],
        "env": list(env),
        "resources": SMALL,
        "terminationMessagePolicy": "File",
    }


def _own(
    intent: StartStep, run_uri: str, *, document: Mapping[str, Any], resources: Mapping[str, Any]
) -> dict[str, Any]:
    frozen, template = intent.frozen, intent.frozen.step(intent.step)
    asked = template.container
    container = {
        "name": OWN_CONTAINER,
        "image": asked["image"],
        **{key: [literal(word) for word in asked[key]] for key in ("command", "args") if asked.get(key)},
        "env": _environment(intent, run_uri, document),
        "resources": resources,
        "terminationMessagePolicy": "File",
    }
    surface = {**frozen.pod, **template.pod}
    surface["env"] = [*(frozen.pod.get("env") or ()), *(asked.get("env") or ())]
    built: dict[str, Any] = pod_spec(container, surface, _mounts(frozen, own=True))["containers"][0]
    # A /tmp of its own: that of ours is their home as well, and they know keys. What it left there, such as an
    # .aws/config with a credential_process, would run with them.
    mounted = [mount | {"name": _TMP} if mount["name"] == TMP else mount for mount in built["volumeMounts"]]
    return {**built, "volumeMounts": [*mounted, _output(intent, run_uri)]}


def _of_pod(frozen: Frozen, template: StepTemplate) -> dict[str, Any]:
    """Return what people said of the pod; what they said of the container is for theirs."""
    surface = {**frozen.pod, **template.pod}
    return {key: value for key, value in surface.items() if key not in {"resources", "env"}}


def _mounts(frozen: Frozen, *, own: bool) -> tuple[Mount | SecretMount, ...]:
    return merged(
        (
            *data_mounts(frozen.dataset),
            *mounts(kept(frozen), read_only=own),
            *(() if own else certificates((kept(frozen),))),
        )
    )


def kept(frozen: Frozen) -> Stored:
    """Return where runs are written."""
    return Stored(frozen.artifacts_uri, "spec.artifacts", frozen.artifacts_storage)


def _output(intent: StartStep, run_uri: str) -> dict[str, Any]:
    """Return the mount of the folder that `prepare` has made, which is all of the claim that may be written."""
    address = parse(run_uri, field="spec.artifacts.uri", schemes=ARTIFACTS)
    template = intent.frozen.step(intent.step)
    attempt = f"{_folder(template)}-{intent.attempt}"
    name = Mount(address, read_only=False).name
    if template.shards > 1:
        path = f"{address.path}/{attempt}/.$(MLWRIGHT_SHARD).tmp"
        return {"name": name, "mountPath": OUTPUT_PATH, "subPathExpr": path}
    return {"name": name, "mountPath": OUTPUT_PATH, "subPath": f"{address.path}/.{attempt}.tmp"}


def _folder(template: StepTemplate) -> str:
    """Return the name, without attempt, of the folder in which the container writes; train takes in what is there."""
    return f"{OWN_PREFIX}{template.folder}" if template.uses else template.folder


def _of_training(intent: StartStep, run_uri: str) -> dict[str, str]:
    """Return where a container that trains finds the rows to learn from, and leaves the model."""
    if not intent.frozen.step(intent.step).uses:
        return {}
    rows = f"{run_uri}/validate-{intent.inputs['validate']}/train.parquet"
    return {"MLWRIGHT_INPUT_TRAIN": _file(rows, "inputs"), "MLWRIGHT_OUTPUT_MODEL": f"{OUTPUT_PATH}/model.onnx"}


def _environment(intent: StartStep, run_uri: str, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the container is told: paths, where it is in the run, and all that our own steps are told."""
    template = intent.frozen.step(intent.step)
    told = {
        "MLWRIGHT_DATASET": _path(intent.frozen.dataset["uri"], "spec.dataset.uri"),
        **{f"MLWRIGHT_INPUT_{_variable(e['name'])}": _file(e["uri"], "inputs") for e in inputs(intent, run_uri)},
        "MLWRIGHT_OUTPUT": OUTPUT_PATH,
        **{f"MLWRIGHT_OUTPUT_{_variable(e['name'])}": f"{OUTPUT_PATH}/{e['name']}" for e in template.outputs},
        **_of_training(intent, run_uri),
        "MLWRIGHT_RESULT": f"{OUTPUT_PATH}/result.json",
        "MLWRIGHT_ATTEMPT": str(intent.attempt),
        "MLWRIGHT_STEP": canonical(document),
        **intent.told,
    }
    plain = [{"name": name, "value": literal(value)} for name, value in told.items()]
    return [*plain, *data_keys(intent.frozen.dataset), *_shard(template)]


def _shard(template: StepTemplate) -> list[dict[str, Any]]:
    if template.shards == 1:
        return []
    return [
        {"name": "MLWRIGHT_SHARD", "valueFrom": {"fieldRef": {"fieldPath": _INDEX}}},
        {"name": "MLWRIGHT_SHARDS", "value": str(template.shards)},
    ]


def _task(intent: StartStep, run: str, run_uri: str, document: Mapping[str, Any]) -> dict[str, Any]:
    template = intent.frozen.step(intent.step)
    return {
        "run": run,
        "step": _folder(template),
        "attempt": intent.attempt,
        "runUri": run_uri,
        "inputs": inputs(intent, run_uri),
        "outputs": [{"name": entry["name"], "type": entry["type"]} for entry in template.outputs],
        **({"owner": document["owner"]} if "owner" in document else {}),
    }


def inputs(intent: StartStep, run_uri: str) -> list[dict[str, str]]:
    """Return the inputs of a step with their addresses: of a step of several shards its whole folder."""
    found = []
    for entry in intent.frozen.step(intent.step).inputs:
        step, _, output = entry["from"].partition(".")
        maker = intent.frozen.step(step)
        runs = run_uri.rpartition("/")[0]
        used = intent.origins.get(step)
        folder = f"{runs}/{used}" if used else f"{run_uri}/{maker.folder}-{intent.inputs[step]}"
        uri = folder if maker.shards > 1 else f"{folder}/{output}"
        found.append({"name": entry["name"], "from": entry["from"], "uri": uri})
    return found


def _path(uri: str, field: str) -> str:
    """Return where a program finds what an address names: a path, or the address itself of an object store."""
    address = parse(uri, field=field, schemes=DATA)
    return str(locate(address, _ROOT)) if address.is_mounted else uri


def _file(uri: str, field: str) -> str:
    """Return where a program finds what an earlier step made, fetched if need be."""
    return str(locate(parse(uri, field=field, schemes=ARTIFACTS), _ROOT))


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
