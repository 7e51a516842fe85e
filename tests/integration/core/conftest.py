"""What tests of single operators share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cluster.apiserver import ApiServer
from tests.support.apiserver import Client
from tests.support.kube import Kube


@pytest.fixture
async def kube(apiserver: ApiServer, client: Client) -> AsyncIterator[Kube]:
    """An administrator."""
    del client  # it installs the definitions
    async with Kube(apiserver) as kube:
        yield kube
