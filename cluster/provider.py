"""The two ways to get a cluster, and the choice between them."""

from pathlib import Path
from typing import Protocol

from cluster.commands import succeeds
from cluster.images import ImageHost
from cluster.kind import Kind
from cluster.node import OwnNode


class Provider(ImageHost, Protocol):
    """What the commands need of a cluster."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; it exists while the cluster is up."""

    def is_up(self) -> bool:
        """Whether it runs."""

    def up(self) -> None:
        """Start it unless it runs; returns when pods can be started."""

    def down(self) -> None:
        """Stop it and remove what it made."""

    def purge(self) -> None:
        """Remove what ``down`` keeps for the next start."""

    def describe(self) -> str:
        """One line for a person."""

    def load(self, file: Path) -> list[str]:
        """Import an image archive; returns the names that it brought."""


def choose(name: str) -> Provider:
    """Kind where a Docker engine answers, else our own node."""
    return Kind(name) if succeeds(["docker", "info"]) else OwnNode(name)
