"""The step `import`: fetch a model, understand it, and write it as a bundle."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlwright.bundle import addresses
from mlwright.bundle.errors import BundleError
from mlwright.bundle.golden import read_golden
from mlwright.bundle.manifest import MANIFEST, Manifest
from mlwright.bundle.models import load_model
from mlwright.bundle.parity import compare_golden
from mlwright.bundle.tensors import to_inputs
from mlwright.bundle.verification import read_manifest, verify
from mlwright.trainer.bundling import write_bundle
from mlwright.trainer.environment import environment
from mlwright.trainer.errors import UserError
from mlwright.trainer.imports.fetching import URI, Fetched, fetch
from mlwright.trainer.imports.finding import Found, Kind, find
from mlwright.trainer.imports.task import ImportTask
from mlwright.trainer.imports.understanding import understand
from mlwright.trainer.workspace import BUNDLE, Workspace


def workspace(task: ImportTask, root: Path) -> Workspace:
    """Where an import leaves its files.

    Raises:
        AddressError: The run's address is refused.
    """
    address = addresses.parse(task.run_uri, field="runUri", schemes=addresses.DATA)
    return Workspace(addresses.locate(address, root), "import", task.attempt, owner=task.owner)


def take_in(task: ImportTask, folder: Path, env: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Run the step; its sentence and its results.

    Raises:
        UserError: The model cannot be fetched, is not what was asked for, or cannot be served.
    """
    with tempfile.TemporaryDirectory(prefix=".fetched-", dir=folder) as private:
        fetched = fetch(task, Path(private), env)
        found = find(fetched.folder)
        manifest, missing = _written(found, task, folder / BUNDLE)
    told = f", and brings {'; '.join(missing)}" if missing else ""
    sentence = f"took in {fetched.uri} ({found.flavor}), stored as {manifest.core.format}{told}"
    return sentence, _results(task, manifest, fetched, found.flavor, missing)


def _written(found: Found, task: ImportTask, target: Path) -> tuple[Manifest, tuple[str, ...]]:
    if found.kind is Kind.BUNDLE:
        return _copied(found.path, target, unsafe=task.unsafe), ()
    parts, missing = understand(found, task)
    return write_bundle(target, parts), missing


def _copied(source: Path, target: Path, *, unsafe: bool) -> Manifest:
    """A bundle as it is: its files are those of its digest, and its model answers its golden rows.

    Its report and the record of its run stay behind: no digest vouches for them, and a page may hold scripts.
    """
    try:
        manifest = verify(source, read_manifest(source).digest)
        target.mkdir()
        for name in (MANIFEST, *(file.path for file in manifest.core.files)):
            shutil.copyfile(source / name, target / name, follow_symlinks=False)
        core, rows = manifest.core, read_golden(target)
        model = load_model(target, core, unsafe=unsafe)
        answers = model.predict(to_inputs([row.inputs for row in rows], core.signature))
        parity = compare_golden(rows, answers, core.signature)
    except BundleError as problem:
        raise UserError(URI, f"the bundle is damaged: {problem}", "take it from where it was made") from problem
    if not parity.holds:
        raise UserError(URI, f"the bundle does not answer its golden rows: {parity.sentence}", "train the model again")
    return manifest


def _results(
    task: ImportTask, manifest: Manifest, fetched: Fetched, flavor: str, missing: tuple[str, ...]
) -> dict[str, Any]:
    run = addresses.parse(task.run_uri, field="runUri", schemes=addresses.DATA)
    bundle = {
        "uri": str(run.join(f"import-{task.attempt}", BUNDLE)),
        "digest": manifest.digest,
        "format": str(manifest.core.format),
        "bytes": manifest.bytes,
    }
    source: dict[str, Any] = {"uri": fetched.uri, "digest": fetched.digest, "flavor": flavor, "missing": list(missing)}
    results = {"bundle": bundle, "environment": environment(), "source": source}
    if fetched.server:
        source["server"] = fetched.server
    if manifest.format_reason:
        results["formatReason"] = manifest.format_reason
    return results
