"""`manifest.json`: what a bundle holds, how to ask it, and its digest.

The digest is the SHA-256 of the canonical JSON of `core`, and `core` names every digested file with its own SHA-256:
whoever knows the digest can check everything that will be loaded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

from mlwright.bundle.canonical import DIGEST_PREFIX, digest_of
from mlwright.bundle.documents import Document
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
SCORE: Final = "score"
"""How anomalous a row is: above 0 it is called anomalous, and higher is more so."""

Label = bool | int | str

_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Format(StrEnum):
    """How the model is stored."""

    ONNX = "ONNX"
    SKOPS = "Skops"
    PICKLE = "Pickle"
    """Loading one can run any code, so only who asks for it by name gets it loaded."""


class Datatype(StrEnum):
    """Element types of inputs and outputs, as the Open Inference Protocol calls them."""

    FP64 = "FP64"
    INT64 = "INT64"
    BOOL = "BOOL"
    BYTES = "BYTES"


MODEL_FILE: Final[Mapping[Format, str]] = {
    Format.ONNX: "model.onnx",
    Format.SKOPS: "model.skops",
    Format.PICKLE: "model.pkl",
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """Name and element type of one input or output."""

    name: str
    datatype: Datatype


@dataclass(frozen=True, slots=True)
class Signature:
    """How the model is asked and answers.

    Each input has the shape `[n, 1]`. A classifier answers `label` `[n]` and `probabilities` `[n, classes]`, a
    regressor `prediction` `[n]`, a detector of anomalies `label` `[n]` and `score` `[n]`. `classes` are the labels, in
    the order of the columns of `probabilities`; empty for a regressor.
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
        top = Document.of(document, "", _refuse)
        core = top.child("core")
        manifest = cls(_core(core), top.text("digest"), top.optional_text("formatReason"))
        if manifest.digest != digest_of(core.members):
            raise _refuse("digest", "does not fit core: the manifest was changed after it was written")
        return manifest


def _tensor_document(tensor: Tensor) -> dict[str, str]:
    return {"name": tensor.name, "datatype": str(tensor.datatype)}


def _core(document: Document) -> Core:
    version = document.integer("schemaVersion")
    if version != SCHEMA_VERSION:
        raise document.refuse("core.schemaVersion", f"is {version}, this version reads {SCHEMA_VERSION}")
    core = Core(
        format=document.choice("format", Format),
        task=document.choice("task", Task),
        signature=_signature(document.child("signature")),
        framework=_framework(document.child("framework")),
        skops_trusted=document.texts("skopsTrusted"),
        files=tuple(_file(entry) for entry in document.children("files")),
    )
    if document.text("model") != core.model:
        raise document.refuse("core.model", f"of a bundle of format {core.format} should be {core.model}")
    return core


def _signature(document: Document) -> Signature:
    classes = document.many("classes", (bool, int, str), "a boolean, a whole number or a text")
    return Signature(
        inputs=tuple(_tensor(entry) for entry in document.children("inputs")),
        outputs=tuple(_tensor(entry) for entry in document.children("outputs")),
        classes=cast("tuple[Label, ...]", classes),
    )


def _framework(document: Document) -> dict[str, str]:
    return {name: document.text(name) for name in document.members}


def _tensor(document: Document) -> Tensor:
    return Tensor(document.text("name"), document.choice("datatype", Datatype))


def _file(document: Document) -> BundleFile:
    file = BundleFile(document.text("path"), document.text("sha256"), document.integer("bytes"))
    if not _FILE_NAME.fullmatch(file.path):
        raise document.refuse(document.where("path"), "should be the plain name of a file in the bundle")
    if not _SHA256.fullmatch(file.sha256):
        raise document.refuse(document.where("sha256"), "should be 64 hexadecimal digits")
    return file


def _refuse(path: str, problem: str) -> BundleError:
    return BundleError(f"{MANIFEST}: {f'{path} {problem}'.lstrip()}")


def is_digest(text: str) -> bool:
    """Whether a text has the form of a bundle's digest."""
    return text.startswith(DIGEST_PREFIX) and _SHA256.fullmatch(text.removeprefix(DIGEST_PREFIX)) is not None
