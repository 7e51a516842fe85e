"""The way to the API server from outside a pod: a kubeconfig, as the official client reads it.

Nothing but a start outside of a pod imports this module: the client is larger than all of mlwright.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.kube_config import load_kube_config

from mlwright.adapters.kube.failures import UnreachableError
from mlwright.ports.access import Access


async def access(environ: Mapping[str, str]) -> Access:
    """Return the way that the current context names.

    Args:
        environ: `KUBECONFIG` holds paths, separated as in PATH; without it `~/.kube/config` is read.

    Raises:
        UnreachableError: there is no such file, or it does not say where and who.
    """
    configuration = Configuration()
    try:
        file = environ.get("KUBECONFIG")
        await load_kube_config(config_file=file, client_configuration=configuration)  # type: ignore[no-untyped-call]
        tls = RESTClientObject(configuration).ssl_context if configuration.host.startswith("https") else None
    except (ConfigException, OSError) as error:
        raise UnreachableError.because(error) from error
    return Access(
        server=configuration.host.rstrip("/"),
        tls=tls,
        authorization=lambda: configuration.get_api_key_with_prefix("BearerToken"),
        proxy=configuration.proxy,
    )
