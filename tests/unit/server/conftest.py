"""A loaded flight model and the application around it; requests are made by a small builder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlwright.bundle.models import load_model
from mlwright.server.application import Application, Limits
from mlwright.server.model import Model
from mlwright.server.settings import Identity
from tests.support.bundles import Bundle, write_flight_bundle

IDENTITY = Identity(deployment="flights", model="flights", version="flights-7", revision="a1b2c3d4")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle on disk; a test that changes it copies it first."""
    return write_flight_bundle(tmp_path_factory.mktemp("store") / "pvc" / "artifacts" / "flights")


@pytest.fixture(scope="session")
def model(bundle: Bundle) -> Model:
    """The bundle's model; its requests are cheap enough for the event loop."""
    loaded = Model(IDENTITY, bundle.manifest.core, load_model(bundle.folder, bundle.manifest.core))
    loaded.cheap_bytes = 1 << 20
    return loaded


@pytest.fixture
def loading_app() -> Iterator[Application]:
    """An application whose model is still loading."""
    with ThreadPoolExecutor(2) as workers:
        yield Application(IDENTITY, Limits(timeout_seconds=1.0, max_body_bytes=4096), workers)


@pytest.fixture
def app(loading_app: Application, model: Model) -> Application:
    """An application that is ready."""
    loading_app.model = model
    return loading_app


@pytest.fixture
def mount_root(bundle: Bundle) -> Path:
    """Where `pvc://artifacts/flights` is found."""
    return bundle.folder.parents[2]
