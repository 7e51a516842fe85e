"""A stand-in for the Python base image that our Dockerfiles name, made from this machine's Debian packages.

Where no image registry can be reached the Dockerfiles must build unchanged, so the stand-in carries the very name
that they ask for.
"""

import hashlib
import shutil
from pathlib import Path

from cluster.buildah import Buildah
from cluster.commands import run
from cluster.errors import ClusterError
from cluster.locks import locked
from cluster.progress import stage

NAME = "python:3.11-slim-bookworm"
_SUITE = "bookworm"
_PACKAGES = ("ca-certificates", "python3", "python3-venv")
_PYTHON = "/usr/bin/python3.11"

# Nobody in a container reads manuals, and the package manager's caches are of no use after the install.
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")

_DOCKERFILE = """FROM scratch
COPY . /
CMD ["python3"]
"""


def key() -> str:
    """Changes when the recipe changes."""
    recipe = (_SUITE, *_PACKAGES, *_UNUSED, _DOCKERFILE, _PYTHON)
    return hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:12]


def ensure(buildah: Buildah) -> None:
    """Make the base image unless it is there.

    Raises:
        ClusterError: this is no Debian of the right release, or its packages cannot be had.
    """
    keyed = f"localhost/mlwright/base:{key()}"
    with locked(buildah.home / ".base.lock", waiting_for="another run that builds the base image"):
        if not buildah.has(keyed):
            with stage("base image built", hint="takes a minute the first time"):
                _make(buildah, keyed)


def _make(buildah: Buildah, keyed: str) -> None:
    root = buildah.home / "base"
    shutil.rmtree(root, ignore_errors=True)
    _bootstrap(root)
    _tidy(root)
    buildah.build(root, _DOCKERFILE, [keyed, f"localhost/{NAME}"])
    shutil.rmtree(root)


def _bootstrap(root: Path) -> None:
    include = f"--include={','.join(_PACKAGES)}"
    run("making the base image", ["debootstrap", "--variant=minbase", include, _SUITE, root, _mirror()])


def _mirror() -> str:
    """The archive that this machine itself installs from."""
    wanted = ["Created-By: Packages", f"Release: {_SUITE}", "Component: main"]
    said = run("reading the package sources", ["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted])
    if not said.split():
        raise ClusterError(
            f"the base image is made from Debian {_SUITE}, which is not among this machine's package sources; "
            "use Debian 12, or start a Docker engine and kind is used instead"
        )
    return said.split()[0]


def _tidy(root: Path) -> None:
    for unused in _UNUSED:
        shutil.rmtree(root / unused, ignore_errors=True)
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()  # the real base image lets pip install for everybody
    for name in ("python", "python3"):  # where the real base image has them
        (root / "usr/local/bin" / name).symlink_to(_PYTHON)
