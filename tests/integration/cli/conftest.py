"""Commands in the namespace of a test, and the objects that they are about."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from cluster import toolchain
from cluster.apiserver import ApiServer
from mlwright.cli.__main__ import main
from tests.support.apiserver import Client, Json
from tests.support.commands import Run, Said


@pytest.fixture
def run(apiserver: ApiServer, namespace: str) -> Run:
    """Run a command in the namespace of the test."""

    def do(*arguments: str, kubectl: str = "") -> Said:
        out, err = io.StringIO(), io.StringIO()
        flags = (f"--kubeconfig={apiserver.kubeconfig}", f"--namespace={namespace}")
        code = main([*arguments, *flags], out=out, err=err, program=kubectl or str(toolchain.kubectl()))
        return Said(code, out.getvalue(), err.getvalue())

    return do


@pytest.fixture
def told(client: Client, namespace: str) -> Callable[..., None]:
    """Make objects, each with its status."""

    def make(thing: Json, status: Json | None = None) -> None:
        assert client.create(thing, namespace).status == 201
        if status:
            assert client.merge(thing, namespace, {"status": status}, "/status").status == 200

    return make
