"""Images of one static program, such as the one that holds a pod's namespaces: there is nothing to build."""

import hashlib
import io
import platform
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cluster.layout import add, as_json, index_of, named

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def write(target: Path, *, program: Path, name: str) -> None:
    """Write an OCI archive with an image called ``name`` that holds one static program and runs it.

    It is found by its name alone, and may write to ``/tmp``.
    """
    layer = _tar({program.name: program.read_bytes()}, folders=["tmp"])
    layer_entry = _descriptor(layer, _LAYER)
    config = as_json(_configuration(program.name, layer_entry["digest"]))
    manifest = as_json({"schemaVersion": 2, "config": _descriptor(config, _CONFIG), "layers": [layer_entry]})
    index = index_of(named(_descriptor(manifest, _MANIFEST), name))
    files = {"oci-layout": as_json({"imageLayoutVersion": "1.0.0"}), "index.json": as_json(index)}
    files |= {f"blobs/sha256/{_digest(blob)}": blob for blob in (layer, config, manifest)}
    target.write_bytes(_tar(files))


def _configuration(program: str, layer: str) -> dict[str, Any]:
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": [f"/{program}"], "Env": ["PATH=/"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [layer]},
    }


def _descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{_digest(content)}", "size": len(content)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _tar(files: dict[str, bytes], folders: Iterable[str] = ()) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in folders:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        for name, content in files.items():
            add(tar, name, content)
    return buffer.getvalue()
