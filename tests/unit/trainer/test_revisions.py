"""What tells that data changed, without reading it, and how many rows it has."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from mlwright.trainer import revisions
from mlwright.trainer.program import main
from mlwright.trainer.sources import Source, find
from mlwright.trainer.step_document import read_dataset


def put(root: Path, name: str, content: bytes | str) -> Path:
    """Write a file of the claim lake."""
    path = root / "pvc" / "lake" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def revision(root: Path, uri: str = "pvc://lake/*.csv") -> str:
    """Return the revision of what an address names."""
    return found(root, uri).revision


def found(root: Path, uri: str) -> Source:
    """Return the files that an address names."""
    document = {"schemaVersion": 1, "dataset": {"uri": uri, "target": "y"}}
    return find(read_dataset(json.dumps(document)), root)


def test_a_revision_stays_while_nothing_changes(tmp_path: Path) -> None:
    """Whoever looks, and whatever else lies beside the data."""
    put(tmp_path, "a.csv", "x\n1\n")
    before = revision(tmp_path)
    put(tmp_path, "notes.txt", "hello")

    assert revision(tmp_path) == before


def test_a_revision_changes_with_every_file(tmp_path: Path) -> None:
    """One that comes, goes, grows or is written again with the same length."""
    first = put(tmp_path, "a.csv", "x\n1\n")
    seen = [revision(tmp_path)]
    second = put(tmp_path, "b.csv", "x\n1\n")
    seen.append(revision(tmp_path))
    put(tmp_path, "b.csv", "x\n1\n2\n")
    seen.append(revision(tmp_path))
    second.unlink()
    first.write_text("x\n2\n")
    os.utime(first, ns=(first.stat().st_atime_ns, first.stat().st_mtime_ns + 1))
    seen.append(revision(tmp_path))

    assert len(set(seen)) == 4


def test_a_configmap_is_known_by_its_content(tmp_path: Path) -> None:
    """Its times are those of the pod that mounts it."""
    path = tmp_path / "configmap" / "table" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_text("x\n1\n")
    before = revision(tmp_path, "configmap://table/a.csv")
    os.utime(path, (0, 0))
    same = revision(tmp_path, "configmap://table/a.csv")
    path.write_text("x\n2\n")

    assert before == same != revision(tmp_path, "configmap://table/a.csv")


def parquet(rows: int) -> bytes:
    """Return a Parquet file."""
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(pa.table({"x": list(range(rows))}), sink)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    "name, content, rows",
    [
        ("a.parquet", parquet(12), 12),
        ("a.csv", "x,y\n1,a\n2,b\n3,c\n", 3),
        ("a.csv", 'x,y\n1,"one\ntext, two lines"\n2,b', 2),
        ("a.csv", "x,y\n", 0),
        ("a.csv", "x,y\n1,a\n2\n3,c\n", 2),
        ("a.csv.gz", gzip.compress(b"x,y\n1,a\n2,b\n"), 2),
        ("a.jsonl", '{"x": 1}\n{"x": 2}\n\n{"x": 3}', 3),
        ("a.jsonl.gz", gzip.compress(b'{"x": 1}\n{"x": 2}\n'), 2),
    ],
    ids=[
        "Parquet",
        "CSV",
        "lines in a text",
        "no rows",
        "a bad row",
        "CSV, packed",
        "JSON Lines",
        "JSON Lines, packed",
    ],
)
def test_rows_are_counted(tmp_path: Path, name: str, content: bytes | str, rows: int) -> None:
    """Without taking the data in."""
    put(tmp_path, name, content)

    assert revisions.rows(found(tmp_path, f"pvc://lake/{name}")) == rows


def test_the_rows_of_all_files_count(tmp_path: Path) -> None:
    """Those of a CSV of many blocks too, whose later values look like another type."""
    put(tmp_path, "a.csv", "x\n" + "1\n" * 400_000 + "text\n")
    put(tmp_path, "b.csv", "x\n1\n")

    assert revisions.rows(found(tmp_path, "pvc://lake/*.csv")) == 400_002


def report(tmp_path: Path, document: dict[str, Any]) -> tuple[int, Any]:
    """Run the program; return its exit code and what it says last."""
    log = tmp_path / "log"
    env = {
        "MLWRIGHT_STEP": json.dumps(document),
        "MLWRIGHT_MOUNT_ROOT": str(tmp_path),
        "MLWRIGHT_TERMINATION_LOG": str(log),
    }
    return main(["revision"], env), json.loads(log.read_text())


DOCUMENT = {"schemaVersion": 1, "namespace": "demo", "pipeline": "churn"}


def test_the_program_reports_what_it_found(tmp_path: Path) -> None:
    """In the form of a step's result."""
    put(tmp_path, "a.csv", "x,y\n1,a\n")
    code, said = report(tmp_path, DOCUMENT | {"dataset": {"uri": "pvc://lake/a.csv", "target": "y"}})

    assert (code, said["outcome"], said["sentence"]) == (0, "Succeeded", "found 1 row in 1 file")
    assert said["results"]["dataset"] == {"revision": revision(tmp_path), "rows": 1, "bytes": 8}
    assert not (tmp_path / "pvc" / "artifacts").exists()


def test_the_program_says_what_is_wrong(tmp_path: Path) -> None:
    """As a step does."""
    code, said = report(tmp_path, DOCUMENT | {"dataset": {"uri": "pvc://lake/a.csv", "target": "y"}})

    assert (code, said["outcome"], said["reason"]) == (64, "UserError", "DatasetMissing")
