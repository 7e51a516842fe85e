"""The node's image store, reached from the host through the node's root directory."""

import subprocess
from pathlib import Path

from cluster.commands import last_lines, run
from cluster.errors import ClusterError
from cluster.layout import Layout
from cluster.nodeconfig import SOCKET


class ImageStore:
    """The images that pods of one running node can use."""

    def __init__(self, pid: int) -> None:
        """Open the store of the node whose process 1 has this number on the host."""
        socket = Path(f"/proc/{pid}/root") / SOCKET.relative_to("/")
        self._ctr = ["ctr", "--address", str(socket), "--namespace", "k8s.io"]

    def names(self) -> set[str]:
        """The names of all images."""
        return set(run("listing images", [*self._ctr, "images", "list", "--quiet"]).split())

    def load(self, archive: Path) -> list[str]:
        """Import an OCI or Docker archive and return the image names that are new or changed."""
        before = self._digests()
        run(f"loading {archive.name}", [*self._ctr, "images", "import", archive])
        return sorted(name for name, digest in self._digests().items() if before.get(name) != digest)

    def load_from(self, layout: Layout, reference: str, name: str) -> None:
        """Import one image of a layout as ``name``; blobs that the store has are not sent again.

        Raises:
            ClusterError: the import failed.
        """
        present = set(run("listing content", [*self._ctr, "content", "list", "--quiet"]).split())
        argv = [*self._ctr, "images", "import", "-"]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin  # noqa: S101 - asked for above
            assert process.stderr  # noqa: S101 - asked for above
            try:
                layout.write_archive(process.stdin, reference, name=name, without=present)
                process.stdin.close()
            except BrokenPipeError:
                pass  # it gave up early; its words follow
            said = process.stderr.read().decode(errors="replace")
        if process.returncode != 0:
            raise ClusterError(f"loading {name} failed:{last_lines(said)}")

    def tag(self, image: str, name: str) -> None:
        """Give an image a second name, taking it from another image if need be."""
        run(f"naming {name}", [*self._ctr, "images", "tag", "--force", image, name])

    def _digests(self) -> dict[str, str]:
        lines = run("listing images", [*self._ctr, "images", "list"]).splitlines()[1:]
        rows = [line.split() for line in lines]
        return {row[0]: row[2] for row in rows if not row[0].startswith("sha256:")}
