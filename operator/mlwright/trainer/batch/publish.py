"""`python -m mlwright.trainer publish`: let the answers of all shards appear at once."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mlwright.bundle.canonical import canonical_json
from mlwright.bundle.counting import RowCounter
from mlwright.bundle.manifest import PROFILE
from mlwright.bundle.profile import Profile, parse_profile
from mlwright.trainer.batch import records
from mlwright.trainer.batch.drift import drift
from mlwright.trainer.batch.finding import place_of
from mlwright.trainer.batch.place import DRIFT, MANIFEST, Place, done
from mlwright.trainer.batch.task import Task
from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.wording import rows

SCHEMA_VERSION: Final = 1


def publish(task: Task, root: Path, env: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Check that every shard is done and read the same input, and let the folder of the run appear.

    Raises:
        UserError: Somebody else's files are where the answers go, or shards read different states of the input.
        SurroundingsError: A shard is not done.
    """
    place = place_of(task, root, env)
    manifest = place.published()
    if manifest is None:
        told = [_of_shard(place, shard, task.shards) for shard in range(task.shards)]
        _check_alike(told)
        profile, moved = _distributions(task, place, told)
        manifest = _manifest(task, told) | {"drift": moved["sentence"]}
        documents = {PROFILE: profile, DRIFT: moved, MANIFEST: manifest}
        written = {name: canonical_json(content) + b"\n" for name, content in documents.items()}
        place.publish(written, {shard["part"]["path"]: shard["kept"] for shard in told if "part" in shard})
    where = f"{task.output.uri}/{task.output.folder}"
    results = {"rows": manifest["rows"], "parts": len(manifest["parts"]), "uri": where}
    sentence = f"{rows(manifest['rows'])} answered by {task.version.name}, at {where}; {manifest['drift']}"
    return sentence, {"batch": results}


def _of_shard(place: Place, shard: int, shards: int) -> Mapping[str, Any]:
    told = done(place, shard)
    if told is None:
        raise SurroundingsError(f"shard {shard} of {shards} has left nothing: start the run again")
    return told


def _check_alike(told: Sequence[Mapping[str, Any]]) -> None:
    if len({shard["plan"] for shard in told}) > 1:
        raise UserError(
            "spec.input.uri",
            "the input changed while shards read it, so they do not fit together",
            "let it be complete; shards that read it before the change run again",
        )


def _manifest(task: Task, told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a reader needs to know; written last."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "run": task.run,
        "batch": f"{task.namespace}/{task.batch}",
        "model": task.version.model,
        "version": {"name": task.version.name, "number": task.version.number, "digest": task.version.digest},
        "input": {"uri": task.input.uri, "plan": told[0]["plan"]},
        "rows": sum(shard["rows"] for shard in told),
        "parts": [shard["part"] for shard in told if "part" in shard],
    }


def _distributions(
    task: Task, place: Place, told: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the profile of the bundle, which every shard left, with the counts of these rows, and how they moved."""
    counted = records.total(told)
    if counted is None:
        nothing = Profile(0, (), ())
        return _document(nothing), drift(nothing, nothing, task.version.name)
    learned = parse_profile(place.read(PROFILE) or b"")
    answered = RowCounter.of(learned).counted(counted, sum(shard["rows"] for shard in told))
    return _document(answered), drift(learned, answered, task.version.name)


def _document(profile: Profile) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(profile.to_json())
    return document
