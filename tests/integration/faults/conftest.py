"""Operators under faults on a real kube-apiserver; what happens in pods is played by an actor."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from cluster.apiserver import ApiServer
from tests.support.apiserver import Client
from tests.support.campaign import Lab

REPORTS = pytest.StashKey[list[str]]()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def laboratory(apiserver: ApiServer, client: Client) -> AsyncIterator[Lab]:
    """The API server with the actor and a mirror of all objects."""
    del client  # it has installed the CRDs
    logging.getLogger("kopf").setLevel(logging.ERROR)  # every operator in a thread warns that it hears no signals
    async with Lab(apiserver) as lab:
        yield lab


@pytest_asyncio.fixture(loop_scope="session")
async def lab(laboratory: Lab) -> AsyncIterator[Lab]:
    """The same for each test, which uses namespaces of its own.

    Its event loop stands still while tests of other loops run: an answer that the actor awaits then would be late.
    """
    yield laboratory
    await laboratory.kubelet.rests()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Return what lets a line of figures appear at the end of the session."""
    lines = request.config.stash.setdefault(REPORTS, [])
    return lambda line: lines.append(str(line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    lines = terminalreporter.config.stash.get(REPORTS, [])
    if lines:
        terminalreporter.section("faults")
        for line in sorted(lines):
            terminalreporter.line(line)
