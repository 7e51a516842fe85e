"""The project's images: when they are built, and how their Dockerfiles hang together."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from cluster import images
from cluster.errors import ClusterError
from cluster.paths import REPOSITORY


class Recorder:
    """A cluster that remembers what it was asked for."""

    def __init__(self) -> None:
        self.present: set[str] = set()
        self.built: list[str] = []
        self.told: list[Mapping[str, str]] = []

    def image_names(self) -> set[str]:
        """What was made so far."""
        return self.present

    def build(self, dockerfile: Path, names: Sequence[str], arguments: Mapping[str, str]) -> None:
        """Remember a build."""
        self.built.append(dockerfile.parent.name)
        self.told.append(arguments)
        self.present |= set(names)

    def tag(self, image: str, name: str) -> None:
        """Remember a name for an image that must be there."""
        assert image in self.present
        self.present.add(name)


def test_an_image_that_the_cluster_has_is_not_built_again() -> None:
    """The second run only makes sure of the name ``dev``."""
    cluster = Recorder()
    images.ensure(cluster, ["server"])
    cluster.present.remove("localhost/mlwright/server:dev")

    images.ensure(cluster, ["server"])

    assert cluster.built == ["server"]
    assert "localhost/mlwright/server:dev" in cluster.present


def test_without_names_all_images_are_wanted() -> None:
    """They are the folders with a Dockerfile."""
    cluster = Recorder()

    images.ensure(cluster, [])

    assert cluster.built == ["containers", "operator", "prometheus", "router", "server", "trainer", "faulty"]


def test_an_image_that_begins_with_another_is_built_after_it() -> None:
    """Also where the cluster has that one already: whoever builds needs it, too."""
    cluster = Recorder()
    images.ensure(cluster, ["server"])

    images.ensure(cluster, ["faulty"])

    assert cluster.built == ["server", "server", "faulty"]
    assert cluster.told == [{}, {}, {"SERVER": images.name_of("server", images.content_tag("server"))}]


def test_an_unknown_image_is_refused_with_the_known_names() -> None:
    """A typing error costs no build."""
    with pytest.raises(ClusterError, match="there is no images/sever/Dockerfile; the images are containers, faulty"):
        images.ensure(Recorder(), ["sever"])


def test_each_image_has_a_tag_of_its_own() -> None:
    """The tag follows from the inputs, which differ."""
    assert len({images.content_tag(image) for image in images.known()}) == len(images.known())


@pytest.mark.parametrize("image", ["operator", "server", "trainer"])
def test_an_image_runs_as_an_ordinary_user_with_locked_dependencies(image: str) -> None:
    """Non-root, hash-locked, started as a module of ours."""
    text = (REPOSITORY / "images" / image / "Dockerfile").read_text()

    for part in ("USER 65532:65532", "--require-hashes", f"requirements/{image}.txt", '["python", "-m", "mlwright.'):
        assert part in text


def test_the_image_that_is_given_keys_imports_nothing_from_the_folder_that_it_works_in() -> None:
    """Pods share /tmp with containers of somebody's own."""
    text = (REPOSITORY / "images" / "trainer" / "Dockerfile").read_text()

    assert "WORKDIR /tmp\n" in text
    assert "PYTHONSAFEPATH=1 " in text


def test_the_wheel_is_built_with_the_backend_that_the_project_names() -> None:
    """images/wheel.txt locks what pyproject.toml asks for."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    locked = (REPOSITORY / "images" / "wheel.txt").read_text()

    assert all(requirement in locked for requirement in project["build-system"]["requires"])


def test_a_build_is_sent_the_folders_of_all_images() -> None:
    """What .dockerignore leaves out cannot be copied into an image."""
    sent = set((REPOSITORY / ".dockerignore").read_text().splitlines())
    homes = {images.dockerfile(image).parent.relative_to(REPOSITORY) for image in (*images.known(), *images.APART)}

    assert {f"!{home.parts[0]}" if home.parts[0] == "images" else f"!{home}" for home in homes} <= sent
