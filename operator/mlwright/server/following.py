"""Following a mounted Secret or ConfigMap: what people change there acts without a restart.

The kubelet replaces such a folder as a whole, so its small files are read again every few seconds and compared.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 2.0
"""The kubelet itself takes up to a minute or two."""

Files = Mapping[str, bytes]


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a mounted folder by name; none where it does not exist."""
    try:
        # What begins with two dots is how the kubelet replaces the folder.
        return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("..")}
    except (FileNotFoundError, NotADirectoryError):
        return {}


async def follow(folder: Path, known: Files, changed: Callable[[Files], None], every: float = EVERY_SECONDS) -> None:
    """Tell of the files whenever they are others than the known ones, for ever.

    What `changed` refuses with a ValueError is logged once and tried again, since a moment may have been to blame; what
    it took before goes on to hold.
    """
    refused: Files | None = None
    while True:
        await asyncio.sleep(every)
        try:
            files = read_folder(folder)
        except OSError as problem:
            log.warning("cannot read what is mounted", extra={"folder": str(folder), "problem": str(problem)})
            continue
        if files == known:
            continue
        try:
            changed(files)
        except ValueError as problem:
            if files != refused:
                log.error("what is mounted is not usable", extra={"folder": str(folder), "problem": str(problem)})  # noqa: TRY400
            refused = files
        else:
            known = files
            log.info("read again what is mounted", extra={"folder": str(folder), "files": sorted(files)})
