"""A workshop for each test, and one MLflow server for all that need it: its start takes many seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mlflow import MlflowServer, serving
from tests.support.training import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A server with nothing in it but what tests put there."""
    with serving(tmp_path_factory.mktemp("mlflow")) as found:
        yield found
