"""Who may ask the model server, and how connections to it are encrypted."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import Rule, Schema
from mlwright.api.parts import ObjectRef, SecretKey


class Auth(Schema):
    """Who may ask."""

    type: Literal["None", "Token", "APIKey"] = Field(
        default="None",
        description=(
            "None: whoever reaches the address. Token: who sends a token of the Secret as Authorization: Bearer TOKEN."
            " APIKey: who sends a key of the Secret as X-API-Key. Health and metrics are answered to all."
        ),
    )
    secret_ref: SecretKey | None = Field(
        default=None,
        description="Key of a Secret with the accepted tokens or keys, one a line; a change counts without a restart.",
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'None' ? !has(self.secretRef) : has(self.secretRef)",
            "set auth.secretRef exactly when auth.type is Token or APIKey",
        ),
    )


class Encryption(Schema):
    """TLS of the pods."""

    secret_ref: ObjectRef = Field(
        description="A Secret with tls.crt and tls.key; a renewed certificate counts without a restart."
    )
