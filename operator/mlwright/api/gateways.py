"""What a deployment asks of a Gateway of the Gateway API."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from mlwright.api.fields import ObjectName, Rule, Schema

Hostname = Annotated[
    str,
    Field(
        pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        min_length=1,
        max_length=253,
    ),
]


class GatewayRef(Schema):
    """A Gateway, or one of its listeners."""

    name: ObjectName = Field(description="Name of the Gateway.")
    namespace: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        max_length=63,
        description=(
            "Its namespace; the deployment's own when absent. Listeners of a Gateway elsewhere must let routes of this"
            " namespace in (allowedRoutes)."
        ),
    )
    section_name: ObjectName | None = Field(
        default=None, description="Name of the listener; every listener that fits when absent."
    )


class GatewayRoute(Schema):
    """Which requests a Gateway sends to this deployment. The operator keeps one HTTPRoute of its name."""

    parent_refs: tuple[GatewayRef, ...] = Field(
        min_length=1,
        max_length=8,
        description="The Gateways that the HTTPRoute belongs to; all of them must accept it.",
    )
    hostnames: tuple[Hostname, ...] = Field(
        default=(), max_length=16, description="Hosts that requests ask for; every host of the listeners when absent."
    )
    path: str | None = Field(
        default=None,
        pattern=r"^/([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?$",
        max_length=255,
        description=(
            "Where the paths of requests begin: /flights means that /flights/v2/models/NAME/infer comes here, and that"
            " the model server sees /v2/models/NAME/infer. When absent, /v2, /predict and /openapi.json with"
            " hostnames (all paths of a server of your own), and /v2/models/NAME without."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.parentRefs.all(one, self.parentRefs.exists_one(other, one.name == other.name &&"
            " (has(one.__namespace__) ? one.__namespace__ : '') =="
            " (has(other.__namespace__) ? other.__namespace__ : '') &&"
            " (!has(one.sectionName) || !has(other.sectionName) || one.sectionName == other.sectionName)))",
            "a Gateway stands here twice: remove one entry, or give each a sectionName of its own",
        ),
    )
