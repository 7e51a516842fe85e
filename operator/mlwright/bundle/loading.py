"""From the folder of a bundle to a model that has proven that it answers as it did when it was trained.

Whoever answers with a model loads it this way, be it a server or a batch prediction. The order is the point: nothing is
loaded before its digest was checked, and nothing is used before its golden rows came out right. What was checked is
what is loaded, since both happen on a private copy: the volume may belong to others as well, who could change a file
in between.
"""

import contextlib
import logging
import shutil
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from mlwright.bundle import addresses
from mlwright.bundle.errors import AnotherBundleError, BundleError
from mlwright.bundle.golden import GoldenRow, read_golden
from mlwright.bundle.manifest import MANIFEST, Core, Format, Manifest, Signature
from mlwright.bundle.models import Model, load_model
from mlwright.bundle.parity import compare_golden
from mlwright.bundle.signatures import SIGNATURE
from mlwright.bundle.tensors import to_inputs
from mlwright.bundle.verification import verify

log = logging.getLogger(__name__)

MAX_BUNDLE_BYTES: Final = 2 * 1024**3
"""Larger models need more memory than the pods that answer with them get."""


def locate(uri: str, root: Path, *, field: str) -> Path:
    """Return the folder of a bundle below the mount root.

    Raises:
        AddressError: The address is refused; it names the field.
        AnotherBundleError: There is nothing at the address.
    """
    folder = addresses.locate(addresses.parse(uri, field=field, schemes=addresses.DATA), root)
    if not folder.is_dir():
        raise AnotherBundleError("there is no bundle at this address", "uri")
    return folder


def cached(cache: Path, digest: str) -> Path:
    """Return where pods leave a bundle for others."""
    return cache / digest.replace(":", "-")


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


def fetch_signature(source: Path, target: Path) -> None:
    """Copy the signature of a bundle, if there is one; nothing vouches for it but what it says itself.

    Raises:
        OSError: It cannot be read or written.
    """
    with contextlib.suppress(FileNotFoundError):
        if not (source / SIGNATURE).is_symlink():
            shutil.copyfile(source / SIGNATURE, target / SIGNATURE)


def prove(core: Core, folder: Path, *, threads: int, unsafe: bool = False) -> tuple[Model, Sequence[GoldenRow]]:
    """Load the model of a private copy and let it answer its golden rows.

    Args:
        core: The manifest's core.
        folder: The private copy.
        threads: Size of the pool for one question.
        unsafe: Whether a model may be loaded that can run any code when it is.

    Returns:
        The model, and the rows that it answered.

    Raises:
        BundleError: It was made for another release, is not trusted, too large, or answers differently here.
    """
    check_framework(core)
    check_unpacked(core, folder)
    model = load_model(folder, core, threads=threads, unsafe=unsafe)
    rows = read_golden(folder)
    _self_test(model, rows, core.signature)
    return model, rows


def check_framework(core: Core) -> None:
    """Check the release of scikit-learn that a pipeline needs; ONNX says in the file what it needs.

    Raises:
        BundleError: A pipeline of another release may load and answer differently.
    """
    made_with = core.framework.get("scikit-learn", "")
    if core.format is Format.ONNX or _release(made_with) == _release(version("scikit-learn")):
        return
    raise BundleError(
        f"the model was trained with scikit-learn {made_with}, this image has {version('scikit-learn')}: "
        "use the server image of the trainer's release"
    )


def check_unpacked(core: Core, folder: Path) -> None:
    """Check what an archive unpacks to.

    Raises:
        BundleError: It can be small and what it unpacks to larger than any memory.
    """
    path = folder / core.model
    if core.format is not Format.SKOPS or not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MAX_BUNDLE_BYTES:
        raise BundleError(f"{path.name} unpacks to {unpacked:,} bytes, at most {MAX_BUNDLE_BYTES:,} are read")


def _release(text: str) -> Sequence[str]:
    return text.split(".")[:2]


def _self_test(model: Model, rows: Sequence[GoldenRow], signature: Signature) -> None:
    try:
        answers = model.predict(to_inputs([row.inputs for row in rows], signature))
        parity = compare_golden(rows, answers, signature)
    except Exception as problem:
        raise BundleError(f"self-test failed: {type(problem).__name__}: {problem}") from problem
    if not parity.holds:
        raise BundleError(f"self-test failed on {parity.rows} golden rows: {parity.sentence}")
    log.info("self-test passed", extra={"rows": parity.rows, "max_difference": parity.max_difference})
