"""How a pod reaches an object store; the operator itself never does."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mlwright.api.fields import Cel, ObjectName, Rule, Schema


class ConfigMapKey(Schema):
    """One key of a ConfigMap of the same namespace."""

    name: ObjectName = Field(description="Name of the ConfigMap.")
    key: str = Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$", description="Key in the ConfigMap.")


class StorageSecret(Schema):
    """A Secret of the same namespace that holds keys of an object store; it is read by pods, never by the operator."""

    name: ObjectName = Field(
        description="Name of the Secret; its keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are used."
    )


class Storage(Schema):
    """How to reach an object store that speaks the S3 protocol."""

    endpoint_url: Annotated[
        str | None,
        Cel(
            (
                Rule(
                    "isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHost() != ''"
                    " && !self.contains('@') && url(self).getQuery().size() == 0",
                    "write an address such as https://minio.storage:9000, without user, password or query",
                ),
            )
        ),
    ] = Field(
        default=None, alias="endpointURL", max_length=512, description="Address of the store; that of AWS when absent."
    )
    region: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9-]+$",
        description="Region of the bucket; us-east-1 when absent.",
    )
    ca_bundle_ref: ConfigMapKey | None = Field(
        default=None, description="Certificates of the authorities that the store's own certificate is signed by."
    )
    secret_ref: StorageSecret | None = Field(
        default=None, description="Keys; without them the store is read with what the pod has, else as nobody."
    )
