"""Building images without an engine, with a store of our own and nothing mounted on the host afterwards."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import MappingProxyType

from cluster.commands import Argv, run, succeeds
from cluster.locks import locked
from cluster.paths import cache_root

_CERTIFICATES = Path("/etc/ssl/certs")
_BUNDLE = _CERTIFICATES / "ca-certificates.crt"
_POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
_FORWARDED = ("PIP_INDEX_URL",)
_NONE: Mapping[str, str] = MappingProxyType({})
# What the tools mount goes away with a mount namespace of their own.
_OWN_MOUNTS = ("unshare", "--mount", "--")


class Buildah:
    """Buildah with its storage in the cache."""

    def __init__(self) -> None:
        self.home = cache_root() / "images"
        self.home.mkdir(parents=True, exist_ok=True)
        self._policy = self.home / "policy.json"
        self._policy.write_text(json.dumps(_POLICY))

    def has(self, name: str) -> bool:
        """Whether an image of this name was built."""
        with tempfile.TemporaryDirectory() as scratch:
            return succeeds([*self._command(scratch), "inspect", "--type", "image", name])

    def build(
        self, context: Path, dockerfile: str | Path, tags: Sequence[str], arguments: Mapping[str, str] = _NONE
    ) -> None:
        """Build a Dockerfile (a path, or its text) and give the image these names.

        Raises:
            ClusterError: a step failed; with the last lines of its output.
        """
        with tempfile.TemporaryDirectory() as scratch:
            file = dockerfile
            if isinstance(dockerfile, str):
                file = Path(scratch, "Dockerfile")
                file.write_text(dockerfile)
            names = [part for tag in tags for part in ("--tag", tag)]
            options = ["--pull=never", "--layers", "--isolation", "chroot", "--network", "host"]
            options += ["--signature-policy", str(self._policy), *self._access()]
            options += [f"--build-arg={name}={value}" for name, value in arguments.items()]
            argv = [*self._command(scratch), "build", *options, *names, "--file", file, context]
            run(f"building {tags[0]}", argv, env=self._environment())

    def export(self, name: str, layout: Path, reference: str) -> None:
        """Copy an image into an OCI layout under a reference of its own.

        Layers stay uncompressed, because they go no further than this machine, and one that the layout has
        already costs nothing.
        """
        layout.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            source = f"containers-storage:[overlay@{self._storage}+{scratch}]{name}"
            skopeo: Argv = [
                "skopeo",
                "--policy",
                self._policy,
                "copy",
                "--quiet",
                "--dest-oci-accept-uncompressed-layers",
            ]
            run(f"exporting {name}", [*_OWN_MOUNTS, *skopeo, source, f"oci:{layout}:{reference}"])

    def building(self, image: str) -> AbstractContextManager[None]:
        """Hold the only right to build an image of the repository, by the name of its folder."""
        return locked(self.home / f".{image}.lock", waiting_for=f"another run that builds the image {image}")

    def clear(self, images: Iterable[str]) -> None:
        """Remove all that was built, when no run builds one of these images any more."""
        with ExitStack() as held:
            for image in images:
                held.enter_context(self.building(image))
            for place in self.home.iterdir():
                if place.is_dir():
                    shutil.rmtree(place)

    def _command(self, scratch: str) -> Argv:
        # A fresh run directory never remembers mounts that went with their namespace.
        places: Argv = ["--root", self._storage, "--runroot", scratch, "--storage-driver", "overlay"]
        return [*_OWN_MOUNTS, "buildah", *places]

    @property
    def _storage(self) -> Path:
        return self.home / "storage"

    def _access(self) -> list[str]:
        """What a build step needs to reach the package index as this machine does."""
        options = [f"--build-arg={name}={os.environ[name]}" for name in _FORWARDED if name in os.environ]
        if _BUNDLE.exists():
            options += [f"--volume={_CERTIFICATES}:{_CERTIFICATES}:ro", f"--build-arg=PIP_CERT={_BUNDLE}"]
        return options

    def _environment(self) -> dict[str, str]:
        temporary = self.home / "tmp"  # holds what RUN --mount=type=cache keeps from build to build
        temporary.mkdir(exist_ok=True)
        return {"TMPDIR": str(temporary)}
