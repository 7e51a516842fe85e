"""The private copy of a bundle: fetched from the nearest place that has it, so that the store may be away.

A pod keeps what it fetched for as long as it lives, so a container that starts again needs no store. Pods that share a
cache leave there what they fetched, so new ones need none either. Every copy is checked against the digest before it is
used, wherever it came from, and none is ever changed once it has its name.
"""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlwright.bundle.errors import BundleError
from mlwright.bundle.loading import MAX_BUNDLE_BYTES, cached, fetch, fetch_signature, locate
from mlwright.bundle.manifest import Manifest
from mlwright.bundle.verification import verify
from mlwright.server.settings import Settings

log = logging.getLogger(__name__)


@contextmanager
def private_copy(settings: Settings, mount_root: Path) -> Iterator[tuple[Manifest, Path]]:
    """The files of the bundle where nobody else can change them, with the signature if there is one.

    Raises:
        AddressError: The address is refused.
        BundleError: There is no such bundle, or it is not the one that the digest stands for.
        OSError: The store failed.
    """
    if settings.keep_folder is None:
        with tempfile.TemporaryDirectory(prefix="bundle-") as scratch:
            yield _fetch(settings, mount_root, Path(scratch)), Path(scratch)
        return
    folder = cached(settings.keep_folder, settings.bundle_digest)
    yield _kept(folder, settings.bundle_digest) or _fetch_and_keep(settings, mount_root, folder), folder


def _kept(folder: Path, digest: str) -> Manifest | None:
    """What an earlier container of this pod left, if it is complete."""
    if not folder.is_dir():
        return None
    try:
        manifest = verify(folder, digest, max_bytes=MAX_BUNDLE_BYTES)
    except (BundleError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    log.info("the bundle was still there")
    return manifest


def _fetch_and_keep(settings: Settings, mount_root: Path, folder: Path) -> Manifest:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as scratch:
        draft = Path(scratch) / "bundle"
        draft.mkdir()
        manifest = _fetch(settings, mount_root, draft)
        draft.rename(folder)
    return manifest


def _fetch(settings: Settings, mount_root: Path, target: Path) -> Manifest:
    """Fetch from the shared cache, else from the store, and then leave it in the cache."""
    shared = cached(settings.cache_folder, settings.bundle_digest) if settings.cache_folder else None
    if shared is not None and shared.is_dir():
        try:
            return _copy(shared, target, settings.bundle_digest)
        except (BundleError, OSError) as problem:
            log.warning("the copy in the cache cannot be used", extra={"problem": str(problem)})
    source = locate(settings.bundle_uri, mount_root, field="MLWRIGHT_BUNDLE_URI")
    manifest = _copy(source, target, settings.bundle_digest)
    if shared is not None:
        _share(target, shared)
    return manifest


def _copy(source: Path, target: Path, digest: str) -> Manifest:
    manifest = fetch(source, target, digest)
    fetch_signature(source, target)
    return manifest


def _share(copy: Path, shared: Path) -> None:
    """Leave a copy for other pods; that it cannot be left keeps nobody from serving."""
    try:
        shared.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=shared.parent) as scratch:
            shutil.copytree(copy, Path(scratch) / "bundle")
            if shared.is_dir():
                shutil.rmtree(shared)  # it could not be used
            (Path(scratch) / "bundle").rename(shared)
    except OSError as problem:  # full, read-only, or another pod was quicker
        log.warning("the bundle is not left in the cache", extra={"problem": str(problem)})
