"""Check a bundle's folder against the digest that its reader was told, before anything in it is loaded."""

import json
import stat
from pathlib import Path
from typing import Final

from mlwright.bundle.canonical import sha256_of_file
from mlwright.bundle.errors import AnotherBundleError, BundleError
from mlwright.bundle.manifest import GOLDEN, MANIFEST, PROFILE, BundleFile, Manifest

MANIFEST_MAX_BYTES: Final = 1 << 20  # a manifest of 1,000 features has about 60 kB
BUNDLE_MAX_BYTES: Final = 8 << 30  # no model that fits the pods we make is larger; stops a runaway read


def verify(folder: Path, digest: str, *, max_bytes: int = BUNDLE_MAX_BYTES) -> Manifest:
    """Check that a folder holds exactly the bundle with this digest.

    Sizes are compared before contents, so that a wrong file is noticed before it is read to its end. Files that the
    manifest does not name are ignored.

    Raises:
        AnotherBundleError: Something is missing, or not what the digest stands for.
        BundleError: It is too large, or not one that version 1 knows.
        OSError: The folder cannot be read although it is there.
    """
    manifest = read_manifest(folder)
    if manifest.digest != digest:
        raise AnotherBundleError(f"the bundle has the digest {manifest.digest}, expected was {digest}")
    if manifest.bytes > max_bytes:
        raise BundleError(f"the bundle has {manifest.bytes:,} bytes, at most {max_bytes:,} are read")
    _check_names(manifest)
    for file in manifest.core.files:
        _check_file(folder, file)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's manifest and check it against its own digest; its files are not looked at.

    Raises:
        AnotherBundleError: There is no manifest, or it is damaged.
        BundleError: It is not one that version 1 knows.
    """
    path = folder / MANIFEST
    if _size(path) > MANIFEST_MAX_BYTES:
        raise BundleError(f"{MANIFEST} has more than {MANIFEST_MAX_BYTES:,} bytes")
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise AnotherBundleError(f"{MANIFEST} is not JSON") from None
    return Manifest.from_document(document)


def _check_names(manifest: Manifest) -> None:
    names = [file.path for file in manifest.core.files]
    for wanted in (manifest.core.model, PROFILE, GOLDEN):
        if names.count(wanted) != 1:
            raise BundleError(f"{MANIFEST}: core.files should name {wanted} once")


def _check_file(folder: Path, file: BundleFile) -> None:
    path = folder / file.path
    size = _size(path)
    if size != file.bytes:
        raise AnotherBundleError(f"{file.path} has {size:,} bytes, the manifest says {file.bytes:,}")
    if sha256_of_file(path) != file.sha256:
        raise AnotherBundleError(f"{file.path} is not the file that the manifest names: its SHA-256 differs")


def _size(path: Path) -> int:
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise AnotherBundleError(f"{path.name} is missing from the bundle") from None
    if not stat.S_ISREG(status.st_mode):
        raise AnotherBundleError(f"{path.name} in the bundle is not a regular file")
    return status.st_size
