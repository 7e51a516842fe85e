"""`manifest.json`: what a bundle holds, how to ask it, and its digest.

The digest is the SHA-256 of the canonical JSON of `core`, and `core` names every digested file with its own SHA-256:
whoever knows the digest can check everything that will be loaded.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from mlwright.bundle.canonical import DIGEST_PREFIX, digest_of
from mlwright.bundle.errors import BundleError
from mlwright.scoring import Task

SCHEMA_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
PROFILE: Final = "profile.json"
GOLDEN: Final = "golden.jsonl"
RUN_RECORD: Final = "run.json"

LABEL: Final = "label"
PROBABILITIES: Final = "probabilities"
PREDICTION: Final = "prediction"

Label = bool | int | str
T = TypeVar("T")

_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Format(StrEnum):
    """How the model is stored."""

    ONNX = "ONNX"
    SKOPS = "Skops"


class Datatype(StrEnum):
    """Element types of inputs and outputs, as the Open Inference Protocol calls them."""

    FP64 = "FP64"
    INT64 = "INT64"
    BOOL = "BOOL"
    BYTES = "BYTES"


MODEL_FILE: Final[Mapping[Format, str]] = {Format.ONNX: "model.onnx", Format.SKOPS: "model.skops"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """Name and element type of one input or output."""

    name: str
    datatype: Datatype


@dataclass(frozen=True, slots=True)
class Signature:
    """How the model is asked and answers.

    Each input has the shape `[n, 1]`. A classifier answers `label` `[n]` and `probabilities` `[n, classes]`, a
    regressor `prediction` `[n]`. `classes` are in the order of the columns of `probabilities`; empty for a regressor.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    classes: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A digested file of the bundle."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Core:
    """The digested part of a manifest."""

    format: Format
    task: Task
    signature: Signature
    framework: Mapping[str, str]
    skops_trusted: tuple[str, ...]
    files: tuple[BundleFile, ...]

    @property
    def model(self) -> str:
        """Name of the model's file."""
        return MODEL_FILE[self.format]

    def to_document(self) -> dict[str, object]:
        """The JSON object `core`."""
        return {
            "schemaVersion": SCHEMA_VERSION,
            "format": str(self.format),
            "task": str(self.task),
            "model": self.model,
            "signature": {
                "inputs": [_tensor_document(tensor) for tensor in self.signature.inputs],
                "outputs": [_tensor_document(tensor) for tensor in self.signature.outputs],
                "classes": list(self.signature.classes),
            },
            "framework": dict(self.framework),
            "skopsTrusted": list(self.skops_trusted),
            "files": [{"path": file.path, "sha256": file.sha256, "bytes": file.bytes} for file in self.files],
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest. `format_reason` says why the format is not ONNX, if it is not."""

    core: Core
    digest: str
    format_reason: str | None = None

    @classmethod
    def of(cls, core: Core, format_reason: str | None) -> "Manifest":
        """The manifest of this core, with its digest."""
        return cls(core, digest_of(core.to_document()), format_reason)

    @property
    def bytes(self) -> int:
        """Size of all digested files together."""
        return sum(file.bytes for file in self.core.files)

    def to_document(self) -> dict[str, object]:
        """The JSON object of `manifest.json`."""
        return {"core": self.core.to_document(), "digest": self.digest, "formatReason": self.format_reason}

    @classmethod
    def from_document(cls, document: object) -> "Manifest":
        """Read a manifest and check its digest against its core.

        Raises:
            BundleError: A field is missing or not what version 1 says, or the digest does not fit.
        """
        top = _Reader.of(document, MANIFEST)
        core = top.child("core")
        manifest = cls(_core(core), top.text("digest"), top.optional_text("formatReason"))
        if manifest.digest != digest_of(core.members):
            raise BundleError(f"{MANIFEST}: digest does not fit core; the manifest was changed after it was written")
        return manifest


def _tensor_document(tensor: Tensor) -> dict[str, str]:
    return {"name": tensor.name, "datatype": str(tensor.datatype)}


@dataclass(frozen=True, slots=True)
class _Reader:
    """A JSON object and where it stands, so that every complaint names its place."""

    members: Mapping[str, object]
    where: str

    @classmethod
    def of(cls, value: object, where: str) -> "_Reader":
        if not isinstance(value, Mapping):
            raise BundleError(f"{where}: expected an object")
        return cls(value, where)

    def get(self, key: str, kind: type[T], expected: str) -> T:
        value = self.members.get(key)
        # A boolean is an int to isinstance; the type itself decides.
        if type(value) is not kind:
            raise BundleError(f"{self.where}: {key} should be {expected}")
        return value

    def text(self, key: str) -> str:
        return self.get(key, str, "a text")

    def optional_text(self, key: str) -> str | None:
        return None if self.members.get(key) is None else self.text(key)

    def number(self, key: str) -> int:
        value = self.get(key, int, "a whole number")
        if value < 0:
            raise BundleError(f"{self.where}: {key} should not be negative")
        return value

    def child(self, key: str) -> "_Reader":
        return _Reader.of(self.members.get(key), f"{self.where}: {key}")

    def many(self, key: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
        values = self.get(key, list, "a list")
        return tuple(read(value, f"{self.where}: {key}[{index}]") for index, value in enumerate(values))

    def choice(self, key: str, choices: type[T]) -> T:
        text = self.text(key)
        try:
            return choices(text)  # type: ignore[call-arg] # an enum is called with a value
        except ValueError:
            known = ", ".join(str(choice) for choice in choices)  # type: ignore[attr-defined] # an enum iterates
            raise BundleError(f"{self.where}: {key} is {text[:32]!r}, this version reads {known}") from None


def _core(reader: _Reader) -> Core:
    version = reader.number("schemaVersion")
    if version != SCHEMA_VERSION:
        raise BundleError(f"{MANIFEST}: schemaVersion is {version}, this version reads {SCHEMA_VERSION}")
    core = Core(
        format=reader.choice("format", Format),
        task=reader.choice("task", Task),
        signature=_signature(reader.child("signature")),
        framework=_framework(reader.child("framework")),
        skops_trusted=reader.many("skopsTrusted", _text),
        files=reader.many("files", _file),
    )
    if reader.text("model") != core.model:
        raise BundleError(f"{MANIFEST}: core: model of a {core.format} bundle should be {core.model}")
    return core


def _signature(reader: _Reader) -> Signature:
    return Signature(reader.many("inputs", _tensor), reader.many("outputs", _tensor), reader.many("classes", _label))


def _framework(reader: _Reader) -> dict[str, str]:
    return {name: reader.text(name) for name in reader.members}


def _tensor(value: object, where: str) -> Tensor:
    reader = _Reader.of(value, where)
    return Tensor(reader.text("name"), reader.choice("datatype", Datatype))


def _file(value: object, where: str) -> BundleFile:
    reader = _Reader.of(value, where)
    file = BundleFile(reader.text("path"), reader.text("sha256"), reader.number("bytes"))
    if not _FILE_NAME.fullmatch(file.path):
        raise BundleError(f"{where}: path should be the plain name of a file in the bundle")
    if not _SHA256.fullmatch(file.sha256):
        raise BundleError(f"{where}: sha256 should be 64 hexadecimal digits")
    return file


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise BundleError(f"{where} should be a text")
    return value


def _label(value: object, where: str) -> Label:
    if not isinstance(value, bool | int | str):
        raise BundleError(f"{where} should be a boolean, a whole number or a text")
    return value


def is_digest(text: str) -> bool:
    """Whether a text has the form of a bundle's digest."""
    return text.startswith(DIGEST_PREFIX) and _SHA256.fullmatch(text.removeprefix(DIGEST_PREFIX)) is not None
