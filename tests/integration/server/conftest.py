"""A store with a flight bundle, and servers of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.bundles import Bundle, write_flight_bundle
from tests.support.serving import SERVER, ServerProcess

Start = Callable[..., ServerProcess]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is mounted into a server's pod."""
    return tmp_path_factory.mktemp("mounts")


@pytest.fixture(scope="session")
def bundle(store: Path) -> Bundle:
    """The bundle at pvc://artifacts/flights."""
    return write_flight_bundle(store / "pvc" / "artifacts" / "flights")


@pytest.fixture
def start(store: Path, bundle: Bundle, tmp_path: Path) -> Iterator[Start]:
    """Start a server of the flight bundle; keyword arguments are variables of its environment."""
    numbers = itertools.count()
    with ExitStack() as running:

        def start_one(command: Sequence[str] = SERVER, **variables: str) -> ServerProcess:
            environment = {
                "MLWRIGHT_MOUNT_ROOT": str(store),
                "MLWRIGHT_BUNDLE_URI": "pvc://artifacts/flights",
                "MLWRIGHT_BUNDLE_DIGEST": bundle.digest,
                **variables,
            }
            return running.enter_context(ServerProcess(environment, tmp_path / f"server-{next(numbers)}.log", command))

        yield start_one
