"""The version that answers: fetched, checked and proven as a server does it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlwright.bundle.errors import BRING_BACK, AnotherBundleError, BundleError
from mlwright.bundle.loading import fetch, fetch_signature, locate, prove
from mlwright.bundle.manifest import Core, Signature
from mlwright.bundle.models import Model
from mlwright.bundle.profile import Profile, read_profile
from mlwright.bundle.signatures import check
from mlwright.trainer.batch.task import Version
from mlwright.trainer.errors import UserError

SOURCE: Final = "spec.source"


@dataclass(frozen=True, slots=True)
class Opened:
    """A version, ready to answer."""

    model: Model
    signature: Signature
    profile: Profile


@dataclass(frozen=True, slots=True)
class Learned:
    """What a version learned, without its model."""

    signature: Signature
    profile: Profile


def open_profile(version: Version, root: Path) -> Learned:
    """Read what a version learned; its model is neither loaded nor asked.

    Raises:
        AddressError, UserError, OSError: As `open_version`.
    """
    with _private(version, root) as (core, private):
        return Learned(core.signature, read_profile(private))


def open_version(version: Version, root: Path, threads: int) -> Opened:
    """Load a version and let it prove itself.

    Args:
        version: Which one.
        root: The mount root.
        threads: Size of the model's pool.

    Raises:
        AddressError: The address of its bundle is refused.
        UserError: Its bundle is absent, damaged, not the one that was recorded, not signed as the Model asks, or does
            not answer as it did when it was trained.
        OSError: The store failed; another try may succeed.
    """
    with _private(version, root) as (core, private):
        model, _ = prove(core, private, threads=threads)
        return Opened(model, core.signature, read_profile(private))


@contextmanager
def _private(version: Version, root: Path) -> Iterator[tuple[Core, Path]]:
    """Keep a private copy of a bundle that was checked."""
    try:
        folder = locate(version.uri, root, field=f"ModelVersion {version.name} spec.bundle.uri")
        with tempfile.TemporaryDirectory(prefix="bundle-") as name:
            private = Path(name)
            core = fetch(folder, private, version.digest).core
            if version.keys:
                fetch_signature(folder, private)
                check(private, version.keys)
            yield core, private
    except BundleError as problem:
        sentence = f"the bundle of {version.name} cannot be used: {problem}"
        remedy = BRING_BACK if isinstance(problem, AnotherBundleError) else "train again, or name another version"
        raise UserError(SOURCE, sentence, remedy) from problem
