"""A folder against its digest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlwright.bundle.canonical import sha256_of_file
from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import BundleFile, Core, Datatype, Format, Manifest, Signature, Tensor
from mlwright.bundle.verification import verify
from mlwright.scoring import Task

CONTENT = {"golden.jsonl": b"{}\n", "model.onnx": b"a model", "profile.json": b"{}"}


def _bundle(folder: Path, names: tuple[str, ...] = tuple(CONTENT)) -> Manifest:
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    files = tuple(BundleFile(name, sha256_of_file(folder / name), len(CONTENT[name])) for name in names)
    signature = Signature((Tensor("x", Datatype.FP64),), (Tensor("prediction", Datatype.FP64),))
    manifest = Manifest.of(Core(Format.ONNX, Task.REGRESSION, signature, {}, (), files), None)
    (folder / "manifest.json").write_text(json.dumps(manifest.to_document()))
    return manifest


def test_a_whole_bundle_is_accepted(tmp_path: Path) -> None:
    """What was written is what is found; files outside the digest do not matter."""
    manifest = _bundle(tmp_path)
    (tmp_path / "run.json").write_text("anything")

    assert verify(tmp_path, manifest.digest) == manifest


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "damage, problem",
    [
        pytest.param(lambda f: (f / "model.onnx").unlink(), "model.onnx is missing from the bundle", id="a file gone"),
        pytest.param(
            lambda f: (f / "model.onnx").write_bytes(b"a modem"), "model.onnx is not the file that", id="a byte changed"
        ),
        pytest.param(
            lambda f: (f / "profile.json").write_bytes(b"{} "),
            "profile.json has 3 bytes, the manifest says 2",
            id="longer",
        ),
        pytest.param(lambda f: _link(f / "model.onnx"), "model.onnx in the bundle is not a regular file", id="a link"),
        pytest.param(lambda f: (f / "manifest.json").unlink(), "manifest.json is missing", id="no manifest"),
        pytest.param(
            lambda f: (f / "manifest.json").write_text("{"), "manifest.json is not JSON", id="half a manifest"
        ),
        pytest.param(
            lambda f: (f / "manifest.json").write_bytes(b" " * 2_000_000),
            "manifest.json has more than",
            id="a huge one",
        ),
    ],
)
def test_damage_is_noticed_before_anything_is_loaded(
    tmp_path: Path, damage: Callable[[Path], object], problem: str
) -> None:
    """Each kind of damage has its own sentence, which names the file."""
    manifest = _bundle(tmp_path)
    damage(tmp_path)

    with pytest.raises(BundleError) as caught:
        verify(tmp_path, manifest.digest)

    assert str(caught.value).startswith(problem)


def test_another_bundle_is_not_accepted(tmp_path: Path) -> None:
    """A sound bundle with another digest than expected is refused, with both digests."""
    manifest = _bundle(tmp_path)
    other = "sha256:" + "0" * 64

    with pytest.raises(BundleError) as caught:
        verify(tmp_path, other)

    assert str(caught.value) == f"the bundle has the digest {manifest.digest}, expected was {other}"


def test_a_bundle_above_the_size_limit_is_not_read(tmp_path: Path) -> None:
    """The sizes in the manifest are summed before any file is opened."""
    manifest = _bundle(tmp_path)

    with pytest.raises(BundleError, match="has 12 bytes, at most 5 are read"):
        verify(tmp_path, manifest.digest, max_bytes=5)


@pytest.mark.parametrize("missing", ["golden.jsonl", "model.onnx", "profile.json"])
def test_a_manifest_names_all_parts(tmp_path: Path, missing: str) -> None:
    """A bundle whose manifest leaves a part undigested is refused: the part could be anything."""
    manifest = _bundle(tmp_path, tuple(name for name in CONTENT if name != missing))

    with pytest.raises(BundleError, match=rf"core.files should name {missing} once"):
        verify(tmp_path, manifest.digest)


def test_a_folder_that_is_not_there_holds_no_manifest(tmp_path: Path) -> None:
    """A missing folder is told like a missing manifest."""
    with pytest.raises(BundleError, match=r"manifest.json is missing"):
        verify(tmp_path / "nowhere", "sha256:" + "0" * 64)
