"""How the API server is reached: from inside a pod by its service account, elsewhere by a kubeconfig file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from mlwright.adapters.kube.transport import Call, Transport, Watcher
from mlwright.errors import MlwrightError
from mlwright.ports.access import Access

OLDEST: Final = (1, 35)
"""First Kubernetes version whose resourceVersions may be compared as numbers, which the cache rests on."""


class UnreachableError(MlwrightError):
    """There is no usable way to the API server; the sentence says what to set."""


async def connect(environ: Mapping[str, str], connections: int, watcher: Watcher) -> tuple[Transport, Access]:
    """Read the configuration and check the server's version.

    Args:
        environ: `KUBERNETES_SERVICE_HOST` means inside a pod; else `KUBECONFIG` or its default place.
        connections: how many calls may be under way at once.
        watcher: is told of every call.

    Raises:
        UnreachableError: no configuration, or Kubernetes is too old.
        UnavailableError: the API server does not answer.
    """
    configuration = await _configuration(environ)
    access = Access(
        server=configuration.host.rstrip("/"),
        tls=RESTClientObject(configuration).ssl_context if configuration.host.startswith("https") else None,
        authorization=lambda: configuration.get_api_key_with_prefix("BearerToken"),
        proxy=configuration.proxy,
    )
    transport = Transport(access, connections, watcher)
    try:
        await _check_version(transport)
    except BaseException:
        await transport.close()
        raise
    return transport, access


async def _configuration(environ: Mapping[str, str]) -> Configuration:
    configuration = Configuration()
    try:
        if "KUBERNETES_SERVICE_HOST" in environ:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            file = environ.get("KUBECONFIG")
            await load_kube_config(config_file=file, client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        message = f"no way to the API server ({error}): run inside a pod, or let KUBECONFIG name a kubeconfig file"
        raise UnreachableError(message) from error
    return configuration


async def _check_version(transport: Transport) -> None:
    answer = await transport.send(Call("get", "version", "GET", "/version"))
    version = tuple(int(re.sub(r"\D.*", "", str(answer[part])) or 0) for part in ("major", "minor"))
    if version < OLDEST:
        raise UnreachableError(
            f"this Kubernetes is {answer.get('gitVersion')}, mlwright needs {OLDEST[0]}.{OLDEST[1]} or newer"
            " (it compares resourceVersions): upgrade the cluster"
        )
