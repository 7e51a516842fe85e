"""Where a bundle is taken from, while places fail."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlwright.bundle.errors import BundleError
from mlwright.bundle.signatures import SIGNATURE
from mlwright.server.keeping import private_copy
from mlwright.server.settings import Settings
from tests.support.bundles import Bundle


@pytest.fixture
def store(bundle: Bundle, tmp_path: Path) -> Path:
    """A store of one's own, with the bundle in it; what is mounted into the pods of the test."""
    shutil.copytree(bundle.folder, tmp_path / "mounts/pvc/artifacts/flights")
    return tmp_path / "mounts"


def settings(bundle: Bundle, **places: Path) -> Settings:
    """Settings of a pod with these places."""
    told = {f"MLWRIGHT_{name.upper()}": str(place) for name, place in places.items()}
    return Settings.from_env(
        {
            "MLWRIGHT_MODEL_NAME": "flights",
            "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
            "MLWRIGHT_BUNDLE_DIGEST": bundle.digest,
            **told,
        }
    )


def obtained(found: Settings, mount_root: Path) -> set[str]:
    """The names of the files that a pod has in the end."""
    with private_copy(found, mount_root) as (manifest, folder):
        assert manifest.digest == found.bundle_digest
        return {file.name for file in folder.iterdir()}


def away(store: Path) -> None:
    """The store is there, and what it held is not."""
    shutil.rmtree(store / "pvc/artifacts/flights")


def test_without_places_nothing_is_left(bundle: Bundle, store: Path) -> None:
    """Run by hand, the server takes no room for longer than it loads."""
    with private_copy(settings(bundle), store) as (_, folder):
        assert folder.is_dir()

    assert not folder.exists()


def test_a_container_that_starts_again_needs_no_store(bundle: Bundle, store: Path, tmp_path: Path) -> None:
    """What the pod has fetched once is still there."""
    pod = settings(bundle, keep_folder=tmp_path / "pod")
    files = obtained(pod, store)
    away(store)

    assert obtained(pod, store) == files


def test_a_new_pod_without_a_cache_needs_the_store(bundle: Bundle, store: Path, tmp_path: Path) -> None:
    """It says what is missing."""
    obtained(settings(bundle, keep_folder=tmp_path / "one"), store)
    away(store)

    with pytest.raises(BundleError, match="there is no bundle at this address"):
        obtained(settings(bundle, keep_folder=tmp_path / "other"), store)


def test_a_new_pod_with_a_cache_needs_no_store(bundle: Bundle, store: Path, tmp_path: Path) -> None:
    """Another pod has left the bundle there, with its signature."""
    (store / "pvc/artifacts/flights" / SIGNATURE).write_text("{}")
    (tmp_path / "cache").mkdir()
    one = settings(bundle, keep_folder=tmp_path / "one", cache_folder=tmp_path / "cache")
    files = obtained(one, store)
    away(store)

    other = settings(bundle, keep_folder=tmp_path / "other", cache_folder=tmp_path / "cache")
    assert obtained(other, store) == files
    assert SIGNATURE in files


def test_a_damaged_copy_is_fetched_again(bundle: Bundle, store: Path, tmp_path: Path) -> None:
    """Wherever a copy comes from, its digest decides; the damaged one is replaced."""
    (tmp_path / "cache").mkdir()
    name = bundle.digest.replace(":", "-")
    pod = settings(bundle, keep_folder=tmp_path / "pod", cache_folder=tmp_path / "cache")
    obtained(pod, store)
    for place in ("pod", "cache"):
        (tmp_path / place / name / "model.onnx").write_bytes(b"no model")

    obtained(pod, store)

    away(store)
    assert obtained(settings(bundle, cache_folder=tmp_path / "cache"), store)


def test_a_cache_that_cannot_be_written_keeps_nobody_from_serving(bundle: Bundle, store: Path, tmp_path: Path) -> None:
    """A claim that is full or read-only is a warning."""
    assert obtained(settings(bundle, cache_folder=tmp_path / "absent" / "cache"), store)
