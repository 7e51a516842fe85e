"""The manifest and its digest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlwright.bundle.canonical import canonical_json, digest_of
from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import (
    BundleFile,
    Core,
    Datatype,
    Format,
    Manifest,
    Signature,
    Tensor,
    is_digest,
)
from mlwright.scoring import Task

CORE = Core(
    format=Format.ONNX,
    task=Task.CLASSIFICATION,
    signature=Signature(
        inputs=(Tensor("dep_hour", Datatype.INT64), Tensor("carrier", Datatype.BYTES)),
        outputs=(Tensor("label", Datatype.BOOL), Tensor("probabilities", Datatype.FP64)),
        classes=(False, True),
    ),
    framework={"python": "3.11", "scikit-learn": "1.9.1"},
    skops_trusted=(),
    files=(BundleFile("golden.jsonl", "0" * 64, 1), BundleFile("model.onnx", "1" * 64, 2)),
)


def test_a_manifest_survives_being_written_and_read() -> None:
    """What is read equals what was written, through JSON text."""
    manifest = Manifest.of(CORE, None)

    assert Manifest.from_document(json.loads(json.dumps(manifest.to_document()))) == manifest


def test_the_digest_is_that_of_the_canonical_core() -> None:
    """The digest is a plain SHA-256 that anybody can compute again; this one was computed with another tool."""
    assert canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'.encode()
    assert digest_of({}) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_the_digest_ignores_why_the_format_is_not_onnx() -> None:
    """A reason in words is no part of what the model answers."""
    assert Manifest.of(CORE, "too large").digest == Manifest.of(CORE, None).digest


def test_a_digest_has_one_form() -> None:
    """Only sha256 and 64 lower-case hexadecimal digits are a digest."""
    assert is_digest("sha256:" + "a1" * 32)
    assert not is_digest("sha256:" + "A1" * 32)
    assert not is_digest("md5:" + "a1" * 16)


def _changed(path: str, value: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(Manifest.of(CORE, None).to_document()))
    *parents, last = path.split(".")
    place: Any = document
    for part in parents:
        place = place[int(part) if part.isdigit() else part]
    place[int(last) if last.isdigit() else last] = value
    document["digest"] = digest_of(document["core"]) if isinstance(document["core"], dict) else "sha256:"
    return document


@pytest.mark.parametrize(
    "path, value, problem",
    [
        pytest.param("core", 7, "core should be an object", id="no core"),
        pytest.param("core.schemaVersion", 2, "core.schemaVersion is 2, this version reads 1", id="a later version"),
        pytest.param("core.schemaVersion", True, "core.schemaVersion should be a whole number", id="a boolean version"),
        pytest.param("core.format", "PMML", "core.format is 'PMML'; known are ONNX, Skops", id="an unknown format"),
        pytest.param("core.task", "Guessing", "core.task is 'Guessing'; known are", id="an unknown task"),
        pytest.param(
            "core.model", "x.onnx", "core.model of a bundle of format ONNX should be", id="another model file"
        ),
        pytest.param("core.files.0.path", "../x", "core.files[0].path should be the plain name", id="a way out"),
        pytest.param("core.files.0.path", "a/b", "core.files[0].path should be the plain name", id="a folder"),
        pytest.param("core.files.0.sha256", "00", "core.files[0].sha256 should be 64 hexadecimal", id="a short sum"),
        pytest.param("core.files.0.bytes", -1, "core.files[0].bytes should not be negative", id="a negative size"),
        pytest.param("core.files", {}, "core.files should be a list", id="files that are no list"),
        pytest.param(
            "core.signature.inputs.1.datatype", "FP8", "core.signature.inputs[1].datatype is", id="a datatype"
        ),
        pytest.param("core.signature.classes.0", 0.5, "core.signature.classes[0] should be a boolean", id="a class"),
        pytest.param("core.skopsTrusted", [1], "core.skopsTrusted[0] should be a text", id="a type that is no text"),
    ],
)
def test_a_manifest_that_is_not_version_1_is_refused(path: str, value: object, problem: str) -> None:
    """Reading fails closed, and the sentence names the place."""
    with pytest.raises(BundleError) as caught:
        Manifest.from_document(_changed(path, value))

    assert str(caught.value).startswith(f"manifest.json: {problem}")


def test_a_core_that_was_changed_is_noticed() -> None:
    """A manifest whose digest does not fit its core is refused."""
    document = Manifest.of(CORE, None).to_document() | {"digest": "sha256:" + "0" * 64}

    with pytest.raises(BundleError, match="digest does not fit core"):
        Manifest.from_document(document)
