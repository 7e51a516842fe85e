"""From an address and a digest to a model that has proven that it answers as it did when it was trained.

The order is the point: nothing is loaded before its digest was checked, and nothing is served before its golden rows
came out right. What was checked is what is loaded, since both happen on a private copy: the volume may belong to
others as well, who could change a file in between.
"""

import contextlib
import logging
import shutil
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from mlwright.bundle import addresses
from mlwright.bundle.errors import AddressError, BundleError
from mlwright.bundle.golden import GoldenRow, read_golden
from mlwright.bundle.manifest import MANIFEST, Core, Format, Manifest, Signature
from mlwright.bundle.models import load_model
from mlwright.bundle.parity import compare_golden
from mlwright.bundle.profile import read_profile
from mlwright.bundle.signatures import SIGNATURE
from mlwright.bundle.tensors import to_inputs
from mlwright.bundle.verification import verify
from mlwright.process.threads import pool_size
from mlwright.server.failures import UnservableError
from mlwright.server.model import Model
from mlwright.server.settings import Settings
from mlwright.server.signature import check_apart
from mlwright.server.wire import Head

log = logging.getLogger(__name__)

# Larger models need more memory than the pods that serve them get.
MAX_BUNDLE_BYTES = 2 * 1024**3
# The event loop may be held up this long by one request; a switch to a thread costs a tenth of it.
CHEAP_SECONDS = 0.002

_WARM_UPS = 20
_WARM_UP_HEAD = Head("POST", "", {})
_RETRAIN = "train the model again, or serve another version"


def load(settings: Settings, mount_root: Path) -> Model:
    """Fetch, check, load, test and warm up a model.

    Raises:
        UnservableError: The bundle is absent, damaged, not the one asked for, or does not answer as it should.
        OSError: The store failed; another try may succeed.
    """
    try:
        folder = _locate(settings.bundle_uri, mount_root)
        with tempfile.TemporaryDirectory(prefix="bundle-") as private:
            manifest = fetch(folder, Path(private), settings.bundle_digest)
            if settings.verify_keys:
                _check_signature(folder, Path(private), settings.verify_keys)
            return _prove(settings, manifest.core, Path(private))
    except AddressError as problem:
        raise UnservableError(str(problem)) from problem
    except BundleError as problem:
        raise UnservableError(f"{settings.bundle_uri}: {problem}; {_RETRAIN}") from problem


def fetch(source: Path, target: Path, digest: str) -> Manifest:
    """Copy the files of a bundle that its digest vouches for, and check the copy.

    Raises:
        BundleError: The bundle is not the one that the digest stands for.
        OSError: A file cannot be read or written.
    """
    manifest = verify(source, digest, max_bytes=MAX_BUNDLE_BYTES)
    for name in (MANIFEST, *(file.path for file in manifest.core.files)):
        shutil.copyfile(source / name, target / name, follow_symlinks=False)
    return verify(target, digest, max_bytes=MAX_BUNDLE_BYTES)


def _check_signature(source: Path, private: Path, keys: Mapping[str, str]) -> None:
    """Check the signature of what was fetched; the signature itself is fetched here, as nothing vouches for it."""
    with contextlib.suppress(FileNotFoundError):
        if not (source / SIGNATURE).is_symlink():
            shutil.copyfile(source / SIGNATURE, private / SIGNATURE)
    check_apart(private, keys)


def _locate(uri: str, mount_root: Path) -> Path:
    address = addresses.parse(uri, field="MLWRIGHT_BUNDLE_URI")
    folder = addresses.locate(address, mount_root)
    if not folder.is_dir():
        raise BundleError("there is no bundle at this address")
    return folder


def _prove(settings: Settings, core: Core, folder: Path) -> Model:
    _check_framework(core)
    _check_unpacked(core, folder)
    predictor = load_model(folder, core, threads=pool_size(settings.cpus))
    model = Model(settings.identity, core, predictor)
    rows = read_golden(folder)
    _self_test(model, rows)
    model.profile = read_profile(folder)
    model.cheap_bytes = _warm_up(model, rows[0])
    return model


def _check_framework(core: Core) -> None:
    """A pipeline of another scikit-learn may load and answer differently; ONNX says in the file what it needs."""
    made_with = core.framework.get("scikit-learn", "")
    if core.format is not Format.SKOPS or _release(made_with) == _release(version("scikit-learn")):
        return
    raise BundleError(
        f"the model was trained with scikit-learn {made_with}, this image has {version('scikit-learn')}: "
        "use the server image of the trainer's release"
    )


def _check_unpacked(core: Core, folder: Path) -> None:
    """An archive can be small and what it unpacks to larger than any memory."""
    path = folder / core.model
    if core.format is not Format.SKOPS or not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MAX_BUNDLE_BYTES:
        raise BundleError(f"{path.name} unpacks to {unpacked:,} bytes, at most {MAX_BUNDLE_BYTES:,} are read")


def _release(text: str) -> Sequence[str]:
    return text.split(".")[:2]


def _self_test(model: Model, rows: Sequence[GoldenRow]) -> None:
    try:
        answers = model.predictor.predict(to_inputs([row.inputs for row in rows], model.signature))
        parity = compare_golden(rows, answers, model.signature)
    except Exception as problem:
        raise BundleError(f"self-test failed: {type(problem).__name__}: {problem}") from problem
    if not parity.holds:
        raise BundleError(f"self-test failed on {parity.rows} golden rows: {parity.sentence}")
    log.info("self-test passed", extra={"rows": parity.rows, "max_difference": parity.max_difference})


def _warm_up(model: Model, row: GoldenRow) -> int:
    """Answer a request until the first-time costs are paid; the size of body that is cheap at the speed seen."""
    body = _request(row, model.signature)
    seconds = min(_timed(model, body) for _ in range(_WARM_UPS))
    return int(len(body) * CHEAP_SECONDS / seconds) if seconds <= CHEAP_SECONDS else 0


def _timed(model: Model, body: bytes) -> float:
    started = time.perf_counter()
    model.infer(_WARM_UP_HEAD, body)
    return time.perf_counter() - started


def _request(row: GoldenRow, signature: Signature) -> bytes:
    inputs: list[dict[str, Any]] = [
        {"name": tensor.name, "datatype": tensor.datatype, "shape": [1, 1], "data": [row.inputs[tensor.name]]}
        for tensor in signature.inputs
    ]
    return orjson.dumps({"inputs": inputs})
