"""How the API server is reached: from inside a pod by its service account, elsewhere by a kubeconfig file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mlwright.adapters.kube import service_account
from mlwright.adapters.kube.failures import UnreachableError
from mlwright.adapters.kube.transport import Call, Dated, Transport, Watcher
from mlwright.ports.access import Access

OLDEST: Final = (1, 35)
"""First Kubernetes version whose resourceVersions may be compared as numbers, which the cache rests on."""


async def connect(
    environ: Mapping[str, str], connections: int, watcher: Watcher, dated: Dated = lambda *_: None
) -> tuple[Transport, Access]:
    """Read the configuration and check the server's version.

    Args:
        environ: `KUBERNETES_SERVICE_HOST` means inside a pod; else `KUBECONFIG` or its default place.
        connections: how many calls may be under way at once.
        watcher: is told of every call.
        dated: is told when every success was answered, by the clock of the API server.

    Raises:
        UnreachableError: no configuration, or Kubernetes is too old.
        UnavailableError: the API server does not answer.
    """
    access = await _access(environ)
    transport = Transport(access, connections, watcher, dated)
    try:
        await _check_version(transport)
    except BaseException:
        await transport.close()
        raise
    return transport, access


async def _access(environ: Mapping[str, str]) -> Access:
    if environ.get(service_account.HOST):
        return service_account.access(environ)
    from mlwright.adapters.kube import kubeconfig  # noqa: PLC0415 - brings the official client, which no pod needs

    return await kubeconfig.access(environ)


async def _check_version(transport: Transport) -> None:
    answer = await transport.send(Call("get", "version", "GET", "/version"))
    version = tuple(int(re.sub(r"\D.*", "", str(answer[part])) or 0) for part in ("major", "minor"))
    if version < OLDEST:
        raise UnreachableError(
            f"this Kubernetes is {answer.get('gitVersion')}, mlwright needs {OLDEST[0]}.{OLDEST[1]} or newer"
            " (it compares resourceVersions): upgrade the cluster"
        )
