"""The version that answers: fetched, checked and proven as a server does it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlwright.bundle.errors import BundleError
from mlwright.bundle.loading import fetch, fetch_signature, locate, prove
from mlwright.bundle.manifest import Signature
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
    try:
        folder = locate(version.uri, root, field=f"ModelVersion {version.name} spec.bundle.uri")
        with tempfile.TemporaryDirectory(prefix="bundle-") as name:
            private = Path(name)
            core = fetch(folder, private, version.digest).core
            if version.keys:
                fetch_signature(folder, private)
                check(private, version.keys)
            model, _ = prove(core, private, threads=threads)
            return Opened(model, core.signature, read_profile(private))
    except BundleError as problem:
        sentence = f"the bundle of {version.name} cannot be used: {problem}"
        raise UserError(SOURCE, sentence, "train again, or name another version") from problem
