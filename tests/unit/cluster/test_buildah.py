"""The store of built images, which all clusters of a machine share."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cluster.buildah import Buildah


@pytest.fixture
def buildah(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Buildah:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store = Buildah()
    (store.home / "storage").mkdir()
    return store


def test_the_store_is_cleared_when_nobody_builds(buildah: Buildah) -> None:
    """All folders go; the next build finds an empty store."""
    buildah.clear(["operator"])

    assert [place.name for place in buildah.home.iterdir() if place.is_dir()] == []


def test_a_build_that_goes_on_keeps_its_store(buildah: Buildah) -> None:
    """Clearing waits until the image is built."""
    clearing = threading.Thread(target=buildah.clear, args=(["operator"],))
    with buildah.building("operator"):
        clearing.start()
        clearing.join(0.2)
        kept = (buildah.home / "storage").exists()
    clearing.join()

    assert kept
    assert not (buildah.home / "storage").exists()
