"""Following what is mounted: changes act without a restart."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from mlwright.server.following import Files, follow, read_folder


def mount(folder: Path, generation: int, **files: str) -> None:
    """Replace the content as the kubelet does: a new folder behind a link that is moved at once."""
    content = folder / f"..{generation}"
    content.mkdir(parents=True)
    for name, text in files.items():
        (content / name).write_text(text)
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(Path("..data") / name)
    new = folder / "..data_tmp"
    new.symlink_to(content.name)
    new.rename(folder / "..data")


def test_reads_the_files_and_not_how_they_came_there(tmp_path: Path) -> None:
    """The kubelet's own links are no keys."""
    mount(tmp_path, 1, a="1", b="2")

    assert read_folder(tmp_path) == {"a": b"1", "b": b"2"}
    assert read_folder(tmp_path / "nowhere") == {}


async def test_tells_of_changes_once_and_survives_bad_ones(tmp_path: Path) -> None:
    """What is refused is told, and the next change is told again."""
    mount(tmp_path, 1, key="old")
    told: list[Files] = []

    def changed(files: Files) -> None:
        told.append(files)
        if files["key"] == b"bad":
            raise ValueError("no key")

    task = asyncio.create_task(follow(tmp_path, read_folder(tmp_path), changed, every=0.01))
    for generation, text in enumerate(("bad", "good"), start=2):
        await asyncio.sleep(0.05)
        mount(tmp_path, generation, key=text)
    await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert told == [{"key": b"bad"}, {"key": b"good"}]
