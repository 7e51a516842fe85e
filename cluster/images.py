"""The project's images: built when an input changed, and found in the cluster by what they were built from."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from cluster import base
from cluster.errors import ClusterError
from cluster.paths import REPOSITORY
from cluster.progress import say, stage

_HOME = REPOSITORY / "images"
_EXAMPLES = REPOSITORY / "examples"
_SHARED = (REPOSITORY / "operator" / "mlwright", REPOSITORY / "pyproject.toml", _HOME / "wheel.txt")


APART = frozenset({"envoy", "mlserver"})
"""Images that are large and that one target alone needs: built only by name."""
ON_TOP = {"faulty": "server"}
"""Images that begin with another one of ours."""


class ImageHost(Protocol):
    """What this module needs of a cluster."""

    def image_names(self) -> set[str]:
        """The names of all images that pods can use."""

    def build(self, dockerfile: Path, names: Sequence[str], arguments: Mapping[str, str]) -> None:
        """Build an image from the repository and make it usable under these names."""

    def tag(self, image: str, name: str) -> None:
        """Give a usable image one more name."""


def known() -> list[str]:
    """The names of all images that the repository has a Dockerfile for, without those that are built only by name."""
    found = {file.parent.name for home in (_HOME, _EXAMPLES) for file in home.glob("*/Dockerfile")}
    return sorted(found - APART)


def dockerfile(image: str) -> Path:
    """The Dockerfile of an image."""
    own = _HOME / image / "Dockerfile"
    return own if own.exists() else _EXAMPLES / image / "Dockerfile"


def name_of(image: str, tag: str) -> str:
    """The full name of an image in the local cluster."""
    return f"localhost/mlwright/{image}:{tag}"


def content_tag(image: str) -> str:
    """A tag that changes when anything changes that the image is built from."""
    below = content_tag(ON_TOP[image]) if image in ON_TOP else ""
    digest = hashlib.sha256(f"{base.key()}{below}".encode())
    for file in _inputs(image):
        digest.update(f"{file.relative_to(REPOSITORY)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def ensure(host: ImageHost, wanted: Sequence[str]) -> None:
    """Make images usable as ``:dev`` and as ``:<content tag>``; what the cluster has already is not built.

    Raises:
        ClusterError: there is no such image, the cluster is down, or a build failed.
    """
    images = list(wanted) or known()
    for image in images:
        if image not in {*known(), *APART}:
            raise ClusterError(f"there is no images/{image}/Dockerfile; the images are {', '.join(known())}")
    present, built = host.image_names(), set[str]()
    for image in sorted(images, key=lambda name: name in ON_TOP):
        keyed = name_of(image, content_tag(image))
        if keyed in present:
            host.tag(keyed, name_of(image, "dev"))
            say(f"image {keyed} is there")
        else:
            with stage(f"image {keyed}"):
                _build(host, image, built)


def _build(host: ImageHost, image: str, built: set[str]) -> None:
    """Build an image, and before it the one that it begins with: a cluster that has that need not be its builder."""
    arguments, below = {}, ON_TOP.get(image)
    if below:
        arguments = {below.upper(): name_of(below, content_tag(below))}
        if below not in built:
            _build(host, below, built)
    host.build(dockerfile(image), [name_of(image, content_tag(image)), name_of(image, "dev")], arguments)
    built.add(image)


def _inputs(image: str) -> Iterator[Path]:
    places = [_HOME / image, REPOSITORY / "requirements" / f"{image}.txt", *_SHARED]
    if not places[0].exists():
        places = [_EXAMPLES / image]  # an example holds nothing of ours
    for place in places:
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (file for file in files if file.is_file() and file.suffix != ".pyc")
