"""Settings of the operator, read once from the environment at the start.

Every field says its unit and why its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation chooses. The chart sets these as environment variables `MLWRIGHT_<NAME>`."""

    trainer_image: str = ""
    """Image of the training steps where a pipeline names none."""
    server_image: str = ""
    """Image of the model server where a deployment names none."""
    router_image: str = ""
    """Image of the routers; needed as soon as a deployment uses one."""
    router_role: str = "mlwright-router"
    """Name of the role of routers, which is bound in each namespace that has one."""
    traffic_provider: str = "Service"
    """Who divides the requests of deployments that do not say: Service or Router."""
    network_policy: bool = False
    """Whether pods behind a router take requests only from it and from `network_policy_from`."""
    network_policy_from: str = "[]"
    """Who else may reach guarded pods, as a JSON list of peers of a NetworkPolicy: Prometheus, most of all."""
    network_policy_gateways: str = "[]"
    """The pods of Gateways, as such a list. Empty: nobody knows them, so pods behind Gateways are not guarded."""
    image_pull_policy: str = "IfNotPresent"
    """As in a pod: Always, IfNotPresent or Never."""
    artifacts_uri: str = ""
    """Where runs and bundles go if neither pipeline nor Model say so; a claim of that name in the run's own
    namespace.
    """
    namespace: str = ""
    """Serve only this namespace; all when empty."""
    workers: int = 8
    """Objects reconciled at the same time.

    Reconciles mostly wait for the API server; 8 keep one core busy.
    """
    resync_seconds: float = 600.0
    """Everything is listed and looked at again that often, whatever events said."""
    step_attempts: int = 3
    """How often a step is tried when it fails for a reason that is not the user's."""
    training_resources: str = ""
    """Kinds of other controllers that steps of type Resource may make: GROUP/VERSION/PLURAL/KIND, comma between them.

    None by default: whoever writes a pipeline may then make such objects with the operator's rights.
    """
    outside_hosts: str = ""
    """Hosts outside that pods of imports and mirrors may ask: https://HOST or http://HOST:PORT, comma between them.

    None by default: an address in a spec would else let whoever writes it ask anything that this network reaches.
    """
    prometheus_url: str = ""
    """Address of the Prometheus that scrapes serving pods: http://HOST:PORT or https://HOST/PATH.

    Empty: no candidate can be judged by its traffic.
    """
    prometheus_folder: str = ""
    """Folder of the mounted Secret that opens it: token, or username and password; ca.crt; tls.crt and tls.key."""
    unsafe_formats: bool = False
    """Whether an import may load a pickle in its own pod, where its author asks for that."""
    log_format: str = "json"
    """json for collectors, text for people."""
    log_level: str = "INFO"
    """As in Python's logging."""
    health_port: int = 8081
    """Port of /healthz, /readyz and /metrics."""
    leader_election: bool = True
    """Take a Lease before acting; needed as soon as there are two replicas."""
    lease_name: str = "mlwright"
    """Name of the Lease."""
    lease_namespace: str = ""
    """Namespace of the Lease: the operator's own."""
    identity: str = ""
    """Who holds the Lease: the pod's name."""

    @property
    def router_role_kind(self) -> str:
        """Kind of the role of routers: the chart makes a ClusterRole unless one namespace is served."""
        return "Role" if self.namespace else "ClusterRole"


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ValueError: a variable does not hold what its field needs; the message names the variable, its value
        and the remedy.
    """
    values = {
        f.name: _parse(f.name, environ[_variable(f.name)], f.default)
        for f in fields(Settings)
        if _variable(f.name) in environ
    }
    return Settings(**values)  # type: ignore[arg-type]  # _parse returns the type of the default


def _variable(name: str) -> str:
    return f"MLWRIGHT_{name.upper()}"


def _parse(name: str, text: str, default: object) -> object:
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(default, (int, float)):
            return type(default)(text)
    except (KeyError, ValueError) as error:
        wanted = "true or false" if isinstance(default, bool) else "a number"
        message = f"{_variable(name)} is {text!r}, expected {wanted}: correct the chart's value or remove the variable"
        raise ValueError(message) from error
    return text
