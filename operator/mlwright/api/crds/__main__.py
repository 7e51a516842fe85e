"""Write the generated files: `python -m mlwright.api.crds CRDS DOCS`."""

from __future__ import annotations

import sys
from pathlib import Path

from mlwright.api.crds.definition import file_name, text
from mlwright.api.crds.reference import conditions_page, reference_page
from mlwright.api.kinds import KINDS


def write(crds: Path, docs: Path) -> None:
    """Write one CRD per kind into `crds`, taking away those of kinds that are gone, and the two pages into `docs`."""
    crds.mkdir(parents=True, exist_ok=True)
    docs.mkdir(parents=True, exist_ok=True)
    wanted = {file_name(kind): text(kind) for kind in KINDS.values()}
    for stale in {path.name for path in crds.glob("*.yaml")} - set(wanted):
        (crds / stale).unlink()
    for name, content in wanted.items():
        (crds / name).write_text(content, encoding="utf-8")
    (docs / "reference.md").write_text(reference_page(), encoding="utf-8")
    (docs / "conditions.md").write_text(conditions_page(), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit code."""
    if len(arguments) != 2:  # noqa: PLR2004 - two folders
        sys.stderr.write("usage: python -m mlwright.api.crds CRDS DOCS\n")
        return 2
    write(Path(arguments[0]), Path(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
