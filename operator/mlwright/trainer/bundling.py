"""Write a bundle: the model, its profile, its golden rows, the record of the run, and last the manifest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlwright.bundle.canonical import sha256_of_file
from mlwright.bundle.golden import GoldenRow, to_lines
from mlwright.bundle.manifest import GOLDEN, MANIFEST, PROFILE, RUN_RECORD, BundleFile, Core, Manifest
from mlwright.bundle.models import load_model
from mlwright.bundle.parity import compare_golden
from mlwright.bundle.profile import Profile
from mlwright.bundle.tensors import to_inputs
from mlwright.bundle.verification import verify
from mlwright.trainer.answering import Answering
from mlwright.trainer.environment import framework
from mlwright.trainer.errors import SurroundingsError
from mlwright.trainer.storing import Stored


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that goes into a bundle."""

    fitted: Answering
    stored: Stored
    profile: Profile
    golden: tuple[GoldenRow, ...]
    record: Mapping[str, Any]  # of the run; outside the digest


def write_bundle(folder: Path, parts: Parts) -> Manifest:
    """Write a bundle into a new folder, and check it as a model server will.

    Raises:
        SurroundingsError: What was written is not what was meant, or does not answer its own golden rows.
        OSError: The volume cannot be written.
    """
    folder.mkdir()
    digested = {
        parts.stored.name: parts.stored.content,
        PROFILE: parts.profile.to_json(),
        GOLDEN: to_lines(parts.golden),
    }
    for name, content in digested.items():
        (folder / name).write_bytes(content)
    (folder / RUN_RECORD).write_text(_pretty(parts.record), encoding="utf-8")
    manifest = Manifest.of(_core(folder, parts, sorted(digested)), parts.stored.reason)
    (folder / MANIFEST).write_text(_pretty(manifest.to_document()), encoding="utf-8")
    _check(folder, manifest, parts)
    return manifest


def _core(folder: Path, parts: Parts, names: list[str]) -> Core:
    files = tuple(BundleFile(name, sha256_of_file(folder / name), (folder / name).stat().st_size) for name in names)
    return Core(
        format=parts.stored.format,
        task=parts.fitted.task,
        signature=parts.fitted.signature,
        framework=framework(parts.stored.format),
        skops_trusted=parts.stored.skops_types,
        files=files,
    )


def _check(folder: Path, manifest: Manifest, parts: Parts) -> None:
    core = verify(folder, manifest.digest).core
    inputs = to_inputs([row.inputs for row in parts.golden], core.signature)
    parity = compare_golden(parts.golden, load_model(folder, core, unsafe=True).predict(inputs), core.signature)
    if not parity.holds:
        raise SurroundingsError(f"the bundle as written does not answer its golden rows: {parity.sentence}")


def _pretty(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n"
