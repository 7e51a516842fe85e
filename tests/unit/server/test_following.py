"""Following what is mounted: changes act without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

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


class Taker:
    """Takes what is mounted, but for what it must not."""

    def __init__(self, *refused: bytes) -> None:
        self.refused = set(refused)
        self.taken: list[bytes] = []
        self.tries = 0

    def __call__(self, files: Files) -> None:
        """Take it, or not."""
        self.tries += 1
        if files["key"] in self.refused:
            raise ValueError("no key")
        self.taken.append(files["key"])


async def turns(taker: Taker, tries: int) -> None:
    """Wait until something was offered so many times in all, and the loop has come round once more."""
    for _ in range(1000):
        if taker.tries >= tries:
            break
        await asyncio.sleep(0)
    assert taker.tries >= tries
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def followed(folder: Path, taker: Taker) -> AsyncIterator[None]:
    """Follow a folder without a pause."""
    task = asyncio.create_task(follow(folder, read_folder(folder), taker, every=0))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_tells_of_changes_once_and_survives_bad_ones(tmp_path: Path) -> None:
    """What is refused is told, and the next change is told again."""
    mount(tmp_path, 1, key="old")
    taker = Taker(b"bad")

    async with followed(tmp_path, taker):
        for generation, text in enumerate(("bad", "good", "bad", "better"), start=2):
            mount(tmp_path, generation, key=text)
            await turns(taker, taker.tries + 1)

    assert taker.taken == [b"good", b"better"]


async def test_what_was_refused_is_tried_again_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What could not be read for a moment counts without another change; the log is not filled meanwhile."""
    mount(tmp_path, 1, key="old")
    taker = Taker(b"new")

    async with followed(tmp_path, taker):
        mount(tmp_path, 2, key="new")
        await turns(taker, 3)
        refusals = [record.message for record in caplog.records]
        taker.refused.clear()
        await turns(taker, taker.tries + 1)

    assert refusals == ["what is mounted is not usable"]
    assert taker.taken == [b"new"]
