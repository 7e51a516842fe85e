"""What serves a version: the built-in server, or a container of one's own."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mlwright.api.fields import Rule, Schema

Argument = Annotated[str, Field(max_length=4096)]


class OwnServer(Schema):
    """A container with a server of your own, such as MLServer or Triton. Its variables are those of spec.pod.env."""

    image: str = Field(min_length=1, max_length=512, description="The image.")
    command: tuple[Argument, ...] = Field(
        default=(), max_length=32, description="What is started; the image's entry point when absent."
    )
    args: tuple[Argument, ...] = Field(default=(), max_length=64, description="Its arguments.")
    port: int = Field(default=8080, ge=1024, le=65535, description="Port on which it answers HTTP.")
    protocol: Literal["OIPv2", "Custom"] = Field(
        default="OIPv2",
        description=(
            "OIPv2: it is ready when /v2/health/ready says so, and alive while /v2/health/live does. Custom: it is both"
            " while its port can be reached."
        ),
    )
    model_mount_path: str = Field(
        default="/mnt/models",
        pattern=r"^(/[A-Za-z0-9._-]+)+$",
        max_length=255,
        description="Where the container finds the files of the bundle, read-only.",
    )


class Runtime(Schema):
    """What serves."""

    type: Literal["BuiltIn", "Container"] = Field(
        default="BuiltIn", description="BuiltIn: the model server of mlwright. Container: one of your own."
    )
    container: OwnServer | None = Field(default=None, description="The container, with type Container.")
    allow_unsafe_formats: bool = Field(
        default=False,
        description=(
            "Whether the built-in server loads a version whose model is a pickle. Loading one runs whatever its author"
            " put into it, with all that the pod may do."
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.type == 'BuiltIn' || !self.allowUnsafeFormats",
            "a container of your own loads what it likes: remove runtime.allowUnsafeFormats, or set runtime.type to"
            " BuiltIn",
        ),
        Rule(
            "self.type == 'Container' ? has(self.container) : !has(self.container)",
            "set runtime.container exactly when runtime.type is Container",
        ),
    )
