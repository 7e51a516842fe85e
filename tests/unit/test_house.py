"""Rules of the house that no linter knows."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINARY = {".png", ".ico", ".zip", ".parquet", ".onnx", ".gz"}
MAX_BYTES = 512 * 1024

# Written backwards, so that this file does not hold what it looks for.
REGISTRIES = tuple(
    name[::-1] for name in ("ipyp", "detsohnohtyp", "sjmpn", "gnalog.yxorp", "oi.setarc", "nevam.oper", "gro.naibed.")
)
MACHINE_PATHS = re.compile(r"(?<![\w.$}/-])/(?:" + "|".join((f"{'wo'}rk", f"{'ro'}ot", "home/[a-z]+")) + r")/")
SHARED_NOTES = re.compile(r"\.\./sha" + "red/")


@cache
def _texts() -> tuple[tuple[str, str], ...]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return tuple(
        (str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for path in paths
        if path.is_file() and path.suffix not in BINARY
    )


def _hits(pattern: re.Pattern[str]) -> Iterator[str]:
    for name, text in _texts():
        yield from (
            f"{name}:{number}: {line.strip()}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        )


@cache
def _project() -> dict[str, dict[str, list[str]]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]  # type: ignore[no-any-return]


def _locked(name: str) -> dict[str, str]:
    """Return name -> version(s) of one lock file, markers left out."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for package, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE):
        found[package] = f"{found[package]} {version}" if package in found else version
    return found


def test_the_source_root_is_not_a_package() -> None:
    """A package called operator would shadow the standard library for whatever starts at the repository root."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the choice of the machine, not of the repository."""
    assert list(_hits(re.compile("|".join(map(re.escape, REGISTRIES)), re.IGNORECASE))) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    """Nothing in the repository works on one machine only."""
    assert list(_hits(MACHINE_PATHS)) == []


def test_the_project_explains_itself() -> None:
    """No file points at notes outside the repository."""
    assert list(_hits(SHARED_NOTES)) == []


def test_the_readme_leads_to_every_page_of_the_documentation() -> None:
    """A page that nobody finds is not written."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [page.name for page in sorted((ROOT / "docs").glob("*.md")) if f"(docs/{page.name})" not in readme] == []


@pytest.mark.parametrize("name", ["operator", "server", "trainer", "dev", "demo"])
def test_lock_files_hold_names_versions_and_hashes_only(name: str) -> None:
    """An option or an address in a lock would decide for the machine where packages come from."""
    line = re.compile(r"[a-z0-9._-]+==[\w.]+( ; [^\\]+)?( \\)?|    --hash=sha256:[0-9a-f]{64}( \\)?")
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")

    assert [found for found in text.splitlines() if not line.fullmatch(found)] == []


@pytest.mark.parametrize("name", ["operator", "server", "trainer"])
def test_every_image_locks_the_versions_that_are_tested(name: str) -> None:
    """What an image installs is what the tests ran with."""
    tested = _locked("dev")

    assert {package: version for package, version in _locked(name).items() if tested.get(package) != version} == {}


@pytest.mark.parametrize("name", ["operator", "server", "trainer", "dev"])
def test_every_dependency_of_an_extra_is_locked(name: str) -> None:
    """A dependency added to pyproject.toml without `make lock` would be missing in the image."""
    wanted = {re.split(r"[\[<>=]", line)[0].lower() for line in _project()["optional-dependencies"][name]}

    assert wanted - {"mlwright"} - set(_locked(name)) == set()


def test_trainer_and_server_pin_the_same_model_libraries() -> None:
    """A bundle is loaded by the very versions that wrote it."""
    server, trainer = _locked("server"), _locked("trainer")
    shared = ("numpy", "onnxruntime", "scikit-learn", "skops")

    assert [server[name] for name in shared] == [trainer[name] for name in shared]


def test_no_file_is_larger_than_half_a_mebibyte() -> None:
    """Large files are made, not kept."""
    assert [name for name, text in _texts() if len(text.encode()) > MAX_BYTES] == []
