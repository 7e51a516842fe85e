"""How clients reach the server of a deployment: ports, tokens, TLS; as its container is told of them."""

from __future__ import annotations

from typing import Any

from mlwright.api.deployments import Server
from mlwright.builders.pods import SecretMount
from mlwright.constants import GRPC_PORT, SERVER_PORT, SERVICE_PORT, SERVICE_TLS_PORT


def variables(server: Server) -> dict[str, str]:
    """Return what the server is told beyond its defaults: nothing where the spec asks for nothing."""
    told: dict[str, str] = {}
    if server.grpc:
        told["MLWRIGHT_GRPC_PORT"] = str(GRPC_PORT)
    if server.auth.secret_ref is not None:
        found = server.auth.secret_ref
        told |= {
            "MLWRIGHT_AUTH": server.auth.type,
            "MLWRIGHT_AUTH_FILE": f"{SecretMount(found.name).folder}/{found.key}",
        }
    if server.tls is not None:
        told["MLWRIGHT_TLS_FOLDER"] = SecretMount(server.tls.secret_ref.name).folder
    return told


def mounts(server: Server) -> tuple[SecretMount, ...]:
    """Return the Secrets that the server reads, each once."""
    named = [ref.name for ref in (server.auth.secret_ref, server.tls and server.tls.secret_ref) if ref]
    return tuple(SecretMount(name) for name in dict.fromkeys(named))


def container_ports(server: Server) -> list[dict[str, Any]]:
    """Return the ports of the container."""
    ports = [{"name": "http", "containerPort": SERVER_PORT, "protocol": "TCP"}]
    return ports + ([{"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"}] if server.grpc else [])


def service_ports(server: Server) -> list[dict[str, Any]]:
    """Return the ports of the Service.

    With TLS the one for plain HTTP stays: until a revision with TLS has taken over, it leads to one without.
    """
    wanted = [("http", SERVICE_PORT, "http")]
    wanted += [("https", SERVICE_TLS_PORT, "http")] if server.tls else []
    wanted += [("grpc", GRPC_PORT, "grpc")] if server.grpc else []
    return [{"name": name, "port": port, "targetPort": target, "protocol": "TCP"} for name, port, target in wanted]


def scheme(server: Server) -> str:
    """Return how the kubelet asks for health."""
    return "HTTPS" if server.tls else "HTTP"
