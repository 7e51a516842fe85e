"""`mirror`: show versions and aliases in MLflow, so that telling it once more shows the same.

What MLflow knows is found by tags of ours, never by memory: a run by `mlwright.run` (the folder of the training run,
which carries a hash of its uid), a model version by `mlwright.version` and `mlwright.digest`, a registered model by
`mlwright.owner`, which holds the uid of the Model, an alias that we set by a tag of its own. What is in MLflow and is
not ours is left alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mlwright.bundle import addresses
from mlwright.bundle.documents import Document
from mlwright.bundle.errors import AddressError, BundleError
from mlwright.bundle.manifest import Datatype, Format, Manifest
from mlwright.bundle.verification import verify
from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.mlflow import EXISTS, MISSING, Json, Mlflow, MlflowError, place_of
from mlwright.trainer.outside import Outside

FIELD: Final = "spec.mirror.mlflow"
OWNER, RUN, VERSION, DIGEST = "mlwright.owner", "mlwright.run", "mlwright.version", "mlwright.digest"
"""Tags by which we find what is ours."""
ALIAS: Final = "mlwright.alias."
"""Begin of the tag that tells that an alias is ours; one for each, so that two pipelines of a model lose none."""
MODEL: Final = "model"
"""Folder of the model among the artifacts of a run; the bundle lies in it."""
MOST: Final = 100
"""Parameters and tags that MLflow takes at once."""
LONGEST: Final = 5000
"""Characters of a value that every MLflow of today takes."""
_COLUMN: Final = {
    Datatype.FP64: "double",
    Datatype.INT64: "long",
    Datatype.BOOL: "boolean",
    Datatype.BYTES: "string",
}


@dataclass(frozen=True, slots=True)
class Mirror:
    """What is to be shown, and where."""

    owner: str
    model: str
    experiment: str
    versions: tuple[Mapping[str, Any], ...]
    aliases: Mapping[str, int]
    kept: frozenset[str]
    """Names of all aliases of the Model, those included that name versions which are not shown from here."""
    mlflow: Mlflow
    root: Path


def show(text: str | None, env: Mapping[str, str], root: Path) -> tuple[str, Json]:
    """Show everything; the sentence and the results. A version that cannot be shown stands in no other's way.

    Raises:
        UserError: MLflow is away, lets nobody in, or holds something of that name that is not ours.
    """
    mirror = _read(text, env, root)
    try:
        experiment = _experiment(mirror)
        _register(mirror)
        shown, failed = _versions(mirror, experiment)
        aliases = _alias(mirror)
    except MlflowError as problem:
        raise UserError(f"{FIELD}.uri", str(problem), "look at the log of the MLflow server") from problem
    results = {"experiment": experiment, "versions": list(shown.values()), "failed": sorted(failed)}
    return _sentence(mirror, shown, failed, aliases), {"mirror": results}


def _sentence(mirror: Mirror, shown: Mapping[int, str], failed: Mapping[int, str], aliases: Mapping[str, int]) -> str:
    new = ", ".join(f"v{number}" for number in shown) or "no new version"
    named = [f"{name} names version {number}" for name, number in sorted(aliases.items())]
    lost = ", ".join(f"v{number}" for number in failed)
    why = f"not shown: {lost}, because {next(iter(failed.values()))[:400]}" if failed else ""
    parts = (f"{mirror.mlflow.uri} shows {mirror.model}: {new}", ", ".join(named), why)
    return "; ".join(part for part in parts if part)


def _read(text: str | None, env: Mapping[str, str], root: Path) -> Mirror:
    try:
        document = Document.of(json.loads(text or ""), "", _refuse)
    except (ValueError, RecursionError):
        raise UserError("MLWRIGHT_STEP", "is not JSON", "put the document of the mirror into it") from None
    server = Document.of(document.members.get("mlflow"), FIELD, _refuse)
    secret = server.child("secretRef").text("name") if server.has("secretRef") else ""
    outside = Outside(document.texts("hosts"), FIELD)
    return Mirror(
        owner="/".join(document.text(part) for part in ("namespace", "model", "uid")),
        model=document.text("model"),
        experiment=server.text("experiment"),
        versions=tuple(entry.members for entry in document.children("versions")),
        aliases={name: document.child("aliases").integer(name) for name in document.child("aliases").members},
        kept=frozenset(document.texts("kept")),
        mlflow=Mlflow.of(server.text("uri"), outside, env, secret),
        root=root,
    )


def _refuse(path: str, problem: str) -> UserError:
    return UserError(path or "MLWRIGHT_STEP", problem, "correct it in the TrainingPipeline")


def _experiment(mirror: Mirror) -> str:
    """Id of the experiment, made when it is not there."""
    try:
        found: Json = mirror.mlflow.get("experiments/get-by-name", experiment_name=mirror.experiment)["experiment"]
    except MlflowError as problem:
        if problem.code != MISSING:
            raise
        return _new_experiment(mirror)
    if found.get("lifecycle_stage") == "deleted":
        said = f"the experiment {mirror.experiment!r} was deleted in MLflow"
        raise UserError(f"{FIELD}.experiment", said, "restore it there, or name another one")
    return str(found["experiment_id"])


def _new_experiment(mirror: Mirror) -> str:
    try:
        return str(mirror.mlflow.send("experiments/create", name=mirror.experiment)["experiment_id"])
    except MlflowError as problem:
        if problem.code != EXISTS:  # another pipeline has made it meanwhile
            raise
    return _experiment(mirror)


def _register(mirror: Mirror) -> None:
    """Make the registered model; one that is not ours is left alone."""
    tags = [{"key": OWNER, "value": mirror.owner}]
    try:
        mirror.mlflow.send("registered-models/create", name=mirror.model, tags=tags)
    except MlflowError as problem:
        if problem.code != EXISTS:
            raise
    else:
        return
    owner = _registered(mirror).get(OWNER)
    if owner != mirror.owner:
        whose = f"that of {owner}" if owner else "not of mlwright"
        said = f"the registered model {mirror.model!r} is {whose}"
        remedy = f"set its tag {OWNER} to {mirror.owner} to hand it over, or let the pipeline name another modelRef"
        raise UserError(FIELD, said, remedy)


def _registered(mirror: Mirror) -> dict[str, str]:
    """The tags of the registered model."""
    found = mirror.mlflow.get("registered-models/get", name=mirror.model)["registered_model"]
    return _tags(found)


def _tags(thing: Mapping[str, Any]) -> dict[str, str]:
    return {str(tag["key"]): str(tag.get("value", "")) for tag in thing.get("tags") or ()}


def _versions(mirror: Mirror, experiment: str) -> tuple[dict[int, str], dict[int, str]]:
    """Show all that can be shown; by their numbers those that MLflow gave them, and why others are not shown."""
    shown: dict[int, str] = {}
    failed: dict[int, str] = {}
    for spec in mirror.versions:
        try:
            shown[int(spec["version"])] = _version(mirror, experiment, spec)
        except (AddressError, MlflowError, SurroundingsError) as problem:
            failed[int(spec["version"])] = str(problem)
    return shown, failed


def _version(mirror: Mirror, experiment: str, spec: Mapping[str, Any]) -> str:
    """Show one version; the number that MLflow gives it."""
    number = int(spec["version"])
    known = _known(mirror, spec)
    if known is not None:
        return known
    run = _run(mirror, experiment, spec)
    mirror.mlflow.send("runs/log-batch", run_id=run["run_id"], metrics=_metrics(spec))
    for part in _parts(_parameters(spec)):
        mirror.mlflow.send("runs/log-batch", run_id=run["run_id"], params=part)
    source = _upload(mirror, spec, run)
    mirror.mlflow.send("runs/update", run_id=run["run_id"], status="FINISHED", end_time=_finished(spec))
    made = mirror.mlflow.send(
        "model-versions/create",
        name=mirror.model,
        source=source,
        run_id=run["run_id"],
        tags=_listed(_about(spec)),
        description=f"{mirror.owner.partition('/')[0]}/{mirror.model}-v{number}, kept and served by mlwright",
    )
    return str(made["model_version"]["version"])


def _known(mirror: Mirror, spec: Mapping[str, Any]) -> str | None:
    """The number that MLflow gave a version of ours; None if it does not have it.

    The number alone is no proof: another cluster, and a Model that was made anew, begin at 1 as well.
    """
    ours = f"tags.`{VERSION}` = '{spec['version']}' and tags.`{DIGEST}` = '{spec['bundle']['digest']}'"
    asked = f"name='{mirror.model}' and {ours}"
    found = mirror.mlflow.get("model-versions/search", filter=asked, max_results="10").get("model_versions") or []
    return str(min(int(entry["version"]) for entry in found)) if found else None


def _run(mirror: Mirror, experiment: str, spec: Mapping[str, Any]) -> Json:
    """The run in MLflow that shows the training run, made when it is not there."""
    folder, lineage = str(spec["lineage"].get("folder") or spec["lineage"].get("run")), spec["lineage"]
    asked = f"tags.`{RUN}` = '{folder}'"
    answer = mirror.mlflow.send("runs/search", experiment_ids=[experiment], filter=asked, max_results=1)
    for found in answer.get("runs") or ():
        return dict(found["info"])
    name = str(lineage.get("run") or folder)
    tags = _listed({RUN: folder, **_about(spec)})
    made = mirror.mlflow.send(
        "runs/create", experiment_id=experiment, run_name=name, start_time=_finished(spec), tags=tags
    )
    return dict(made["run"]["info"])


def _about(spec: Mapping[str, Any]) -> dict[str, str]:
    """What tags say of a version."""
    lineage, data = spec["lineage"], spec["lineage"].get("dataset") or {}
    return {
        VERSION: str(spec["version"]),
        DIGEST: spec["bundle"]["digest"],
        "mlwright.format": spec["bundle"]["format"],
        "mlwright.bundle": spec["bundle"]["uri"],
        "mlwright.verdict": str((spec.get("verdict") or {}).get("outcome", "Passed")),
        "mlwright.pipeline": str(lineage.get("pipeline", "")),
        "mlwright.image": str(lineage.get("image", "")),
        "mlwright.dataset.uri": str(data.get("uri", "")),
        "mlwright.dataset.digest": str(data.get("digest", "")),
        "mlwright.dataset.revision": str(data.get("revision", "")),
    }


def _listed(tags: Mapping[str, str]) -> list[Json]:
    return [{"key": key, "value": value[:LONGEST]} for key, value in tags.items() if value]


def _parameters(spec: Mapping[str, Any]) -> list[Json]:
    lineage = spec["lineage"]
    said = {"estimator": lineage.get("estimator"), "seed": lineage.get("seed"), **(lineage.get("parameters") or {})}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
    return [{"key": name, "value": text[:LONGEST]} for name, text in sorted(texts.items()) if text not in {"", "null"}]


def _parts(entries: Sequence[Json]) -> list[Sequence[Json]]:
    return [entries[start : start + MOST] for start in range(0, len(entries), MOST)]


def _metrics(spec: Mapping[str, Any]) -> list[Json]:
    """Metrics, all of one moment, so that logging them twice adds nothing."""
    moment = _finished(spec)
    values = sorted((spec.get("metrics") or {}).items())
    return [{"key": name, "value": value, "timestamp": moment, "step": 0} for name, value in values]


def _finished(spec: Mapping[str, Any]) -> int:
    """When the training ended, in milliseconds since 1970."""
    text = spec["lineage"].get("finishedAt")
    return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0


def _upload(mirror: Mirror, spec: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """Store the bundle among the run's artifacts, if the server takes them in; the address of the model."""
    where = str(run["artifact_uri"])
    place = place_of(where)
    if place is None:
        return f"{where}/{MODEL}"  # a store that only its owner reaches: the tag mlwright.bundle says where it lies
    folder = addresses.locate(
        addresses.parse(spec["bundle"]["uri"], field="spec.bundle.uri", schemes=addresses.DATA), mirror.root
    )
    try:
        manifest = verify(folder, spec["bundle"]["digest"])
    except BundleError as problem:
        raise SurroundingsError(f"the bundle of version {spec['version']} cannot be shown: {problem}") from problem
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.is_symlink():
            mirror.mlflow.upload(path, f"{place}/{MODEL}/bundle/{path.name}")
    mirror.mlflow.upload(_described(manifest, run).encode(), f"{place}/{MODEL}/MLmodel")
    return f"{where}/{MODEL}"


def _described(manifest: Manifest, run: Mapping[str, Any]) -> str:
    """`MLmodel`, by which MLflow knows a model. It is YAML, of which JSON is a part."""
    core = manifest.core
    flavors: Json = {"mlwright": {"bundle": "bundle", "digest": manifest.digest}}
    if core.format is Format.ONNX:
        session = {"providers": ["CPUExecutionProvider"], "code": None, "onnx_session_options": None}
        flavors["onnx"] = {"data": f"bundle/{core.model}", "onnx_version": core.framework.get("onnx", "1"), **session}
    columns = [
        {"type": _COLUMN[tensor.datatype], "name": tensor.name, "required": True} for tensor in core.signature.inputs
    ]
    described = {
        "artifact_path": MODEL,
        "flavors": flavors,
        "run_id": run["run_id"],
        "signature": {"inputs": json.dumps(columns), "outputs": None, "params": None},
    }
    return json.dumps(described, indent=1) + "\n"


def _alias(mirror: Mirror) -> dict[str, int]:
    """Let aliases name what they name here, and take away those of ours that the Model has no more; those set."""
    before = _registered(mirror)
    for name in sorted(tag.removeprefix(ALIAS) for tag in before if tag.startswith(ALIAS)):
        if name not in mirror.kept:
            _take_away(mirror, name)
    specs = {int(spec["version"]): spec for spec in mirror.versions}
    known = {name: _known(mirror, specs[number]) for name, number in mirror.aliases.items() if number in specs}
    there = {name: version for name, version in sorted(known.items()) if version is not None}
    for name, version in there.items():
        if before.get(f"{ALIAS}{name}") != "ours":  # first: no alias of ours may be one that nobody knows of
            tag = {"key": f"{ALIAS}{name}", "value": "ours"}
            mirror.mlflow.send("registered-models/set-tag", name=mirror.model, **tag)
        if _aliased(mirror, name) != version:
            mirror.mlflow.send("registered-models/alias", name=mirror.model, alias=name, version=version)
    return {name: mirror.aliases[name] for name in there}


def _take_away(mirror: Mirror, name: str) -> None:
    """Take away an alias that we set, then the tag that tells so."""
    if _aliased(mirror, name):
        mirror.mlflow.send("registered-models/alias", "DELETE", name=mirror.model, alias=name)
    mirror.mlflow.send("registered-models/delete-tag", "DELETE", name=mirror.model, key=f"{ALIAS}{name}")


def _aliased(mirror: Mirror, name: str) -> str | None:
    """What an alias names in MLflow; None if there is no such alias."""
    try:
        found = mirror.mlflow.get("registered-models/alias", name=mirror.model, alias=name)
    except MlflowError as problem:
        if problem.code in {MISSING, "INVALID_PARAMETER_VALUE"}:
            return None
        raise
    return str(found["model_version"]["version"])
