"""The cluster on a machine with a Docker engine: kind does the work."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster import toolchain
from cluster.commands import Argv, run
from cluster.paths import REPOSITORY, State
from cluster.progress import stage


class Kind:
    """The kind cluster of one name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._state = State.of(name)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._state.kubeconfig

    def is_up(self) -> bool:
        """Whether kind knows it."""
        return self.name in run("listing kind clusters", [toolchain.kind(), "get", "clusters"]).split()

    def up(self) -> None:
        """Create the cluster unless it exists."""
        self._state.root.mkdir(parents=True, exist_ok=True)
        verb = ["export", "kubeconfig"] if self.is_up() else ["create", "cluster", "--wait", "120s"]
        with stage("kind cluster ready"):
            run("starting kind", [toolchain.kind(), *verb, "--name", self.name, "--kubeconfig", self.kubeconfig])

    def down(self) -> None:
        """Delete the cluster."""
        with stage("kind cluster deleted"):
            argv: Argv = [toolchain.kind(), "delete", "cluster", "--name", self.name, "--kubeconfig", self.kubeconfig]
            run("deleting the kind cluster", argv)
            self.kubeconfig.unlink(missing_ok=True)

    def purge(self) -> None:
        """Remove what ``down`` keeps for the next start."""
        shutil.rmtree(self._state.root, ignore_errors=True)

    def describe(self) -> str:
        """One line for a person."""
        return f"{self.name}: {'up' if self.is_up() else 'down'} (kind), {self.kubeconfig}"

    def load(self, file: Path) -> list[str]:
        """Import an image archive; returns the names that it brought."""
        before = self.image_names()
        argv: Argv = [toolchain.kind(), "load", "image-archive", file, "--name", self.name]
        run(f"loading {file.name}", argv)
        return sorted(self.image_names() - before)

    def image_names(self) -> set[str]:
        """The names of all images in the node."""
        return set(run("listing images", [*self._ctr(), "list", "--quiet"]).split())

    def build(self, dockerfile: Path, names: Sequence[str], arguments: Mapping[str, str]) -> None:
        """Build with the Docker engine and copy the image into the node."""
        tags = [part for name in names for part in ("--tag", name)]
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        build: Argv = ["docker", "build", *given, *tags, "--file", dockerfile, REPOSITORY]
        run(f"building {names[0]}", build, env={"DOCKER_BUILDKIT": "1"})
        run(f"loading {names[0]}", [toolchain.kind(), "load", "docker-image", *names, "--name", self.name])

    def tag(self, image: str, name: str) -> None:
        """Give an image in the node one more name."""
        run(f"naming {name}", [*self._ctr(), "tag", "--force", image, name])

    def _ctr(self) -> list[str]:
        return ["docker", "exec", f"{self.name}-control-plane", "ctr", "--namespace", "k8s.io", "images"]
