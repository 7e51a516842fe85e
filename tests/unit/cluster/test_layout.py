"""Image archives: what is sent to a node, and what is not."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from cluster import programimage
from cluster.layout import Layout


def blob(home: Path, content: bytes) -> dict[str, object]:
    """Store a blob and describe it."""
    digest = hashlib.sha256(content).hexdigest()
    file = home / "blobs" / "sha256" / digest
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return {"mediaType": "application/octet-stream", "digest": f"sha256:{digest}", "size": len(content)}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A layout with one image of two layers, referred to as ``server``, and one blob that nobody needs."""
    layers = [blob(tmp_path, b"big layer"), blob(tmp_path, b"small layer")]
    manifest = {"schemaVersion": 2, "config": blob(tmp_path, b"{}"), "layers": layers}
    entry = blob(tmp_path, json.dumps(manifest).encode())
    entry["annotations"] = {"org.opencontainers.image.ref.name": "server"}
    blob(tmp_path, b"of an older build")
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return Layout(tmp_path)


def members(archive: bytes) -> dict[str, bytes]:
    """Names and contents of a tar archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def test_an_archive_holds_the_whole_image_under_its_new_name(layout: Layout) -> None:
    """Manifest, configuration, both layers, and an index that names the image."""
    target = io.BytesIO()

    layout.write_archive(target, "server", name="localhost/mlwright/server:abc", without=())

    found = members(target.getvalue())
    names = [entry["annotations"] for entry in json.loads(found["index.json"])["manifests"]]
    assert len([name for name in found if name.startswith("blobs/")]) == 4
    assert names == [{"io.containerd.image.name": "localhost/mlwright/server:abc"}]


def test_a_layer_that_the_node_has_is_not_sent_again(layout: Layout) -> None:
    """Only the manifest is always sent; a changed source costs one small layer."""
    target = io.BytesIO()
    everything = layout.blobs(layout.entry("server"))

    layout.write_archive(target, "server", name="x", without=everything)

    assert len([name for name in members(target.getvalue()) if name.startswith("blobs/")]) == 1


def test_pruning_removes_what_no_image_needs(layout: Layout) -> None:
    """Blobs of older builds go, the image stays whole."""
    layout.prune()

    left = {f"sha256:{file.name}" for file in (layout.home / "blobs" / "sha256").iterdir()}
    assert left == set(layout.blobs(layout.entry("server")))


def test_an_unknown_reference_is_a_key_error(layout: Layout) -> None:
    """Nobody gets some other image instead."""
    with pytest.raises(KeyError, match="trainer"):
        layout.entry("trainer")


def test_the_pause_image_holds_its_program_and_runs_it(tmp_path: Path) -> None:
    """The archive is a valid OCI image: every digest fits its content."""
    program = tmp_path / "pause"
    program.write_bytes(b"program")

    programimage.write(tmp_path / "pause.tar", program=program, name="localhost/mlwright/pause:1")

    found = members((tmp_path / "pause.tar").read_bytes())
    blobs = {name.rpartition("/")[2]: content for name, content in found.items() if name.startswith("blobs/")}
    assert all(hashlib.sha256(content).hexdigest() == digest for digest, content in blobs.items())
    assert any(b'"Entrypoint": ["/pause"]' in content for content in blobs.values())


def test_a_program_is_found_by_its_name_and_may_write_below_tmp(tmp_path: Path) -> None:
    """Pods of other people's charts name the program alone, and have a root that is empty but for it."""
    program = tmp_path / "controller"
    program.write_bytes(b"program")

    programimage.write(tmp_path / "image.tar", program=program, name="localhost/mlwright/controller:1")

    blobs = members((tmp_path / "image.tar").read_bytes()).values()
    (layer,) = [content for content in blobs if b"ustar" in content]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        found = {entry.name: (entry.isdir(), entry.mode) for entry in tar}
    assert found == {"tmp": (True, 0o1777), "controller": (False, 0o755)}
    assert any(b'"Env": ["PATH=/"]' in content for content in blobs)
