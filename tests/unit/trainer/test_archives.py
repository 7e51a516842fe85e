"""Archives from outside: only plain files, only below their own folder, only so many bytes."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mlwright.trainer.errors import UserError
from mlwright.trainer.imports import archives
from mlwright.trainer.imports.archives import only_folder, unpack


def zipped(path: Path, *names: str, mode: int = 0) -> Path:
    """A zip archive with a small file of each name."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, b"content")
    return path


def tarred(path: Path, *names: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Path:
    """A tar archive with an entry of each name."""
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 7 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"content") if info.size else None)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty folder in one that must stay as it is."""
    place = tmp_path / "inner"
    place.mkdir()
    return place


@pytest.mark.parametrize("make", [zipped, tarred])
def test_plain_files_are_unpacked(tmp_path: Path, target: Path, make: Callable[..., Path]) -> None:
    """With the folders that they lie in; a folder around everything is no more than wrapping."""
    unpack(make(tmp_path / "a", "churn/MLmodel", "churn/data/model.onnx"), target)

    assert (only_folder(target) / "data" / "model.onnx").read_bytes() == b"content"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil"])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, target: Path, make: Callable[..., Path], name: str) -> None:
    """Before anything of it is written."""
    with pytest.raises(UserError, match="leads out of its folder"):
        unpack(make(tmp_path / "a", name), target)

    assert list(tmp_path.rglob("*evil*")) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, target: Path, kind: bytes) -> None:
    """A link could lead a later file anywhere."""
    with pytest.raises(UserError, match="holds a link or a device"):
        unpack(tarred(tmp_path / "a", "model.onnx", kind=kind, link="/etc/passwd"), target)

    assert list(target.iterdir()) == []


def test_links_of_a_zip_are_refused(tmp_path: Path, target: Path) -> None:
    """They are told by the mode of a file."""
    with pytest.raises(UserError, match="holds a link or a device"):
        unpack(zipped(tmp_path / "a", "model.onnx", mode=stat.S_IFLNK | 0o777), target)


def test_one_name_twice_is_refused(tmp_path: Path, target: Path) -> None:
    """Which of them was meant, nobody could tell."""
    with pytest.warns(UserWarning, match="Duplicate"):
        archive = zipped(tmp_path / "a", "model.onnx", "model.onnx")

    with pytest.raises(UserError, match="two files of one name"):
        unpack(archive, target)


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small as it is packed; the sizes that an archive tells of itself are not believed."""
    monkeypatch.setattr(archives, "LARGEST", 10_000)
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1_000_000))

    with pytest.raises(UserError, match="unpacks to more than 10,000 bytes"):
        unpack(tmp_path / "a", target)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", bytes(range(256)) * 16])
def test_what_is_no_archive_is_refused(tmp_path: Path, target: Path, content: bytes) -> None:
    """Whatever it is called."""
    (tmp_path / "a").write_bytes(content)

    with pytest.raises(UserError, match="no archive that can be unpacked"):
        unpack(tmp_path / "a", target)
