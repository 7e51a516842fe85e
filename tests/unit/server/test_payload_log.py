"""The payload log: what is sampled, what it costs when the volume is in trouble, and how it stays small."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlwright.server import payload_files as module
from mlwright.server.payload_log import MOST_ROWS, MOST_WAITING, PayloadLog
from tests.unit.server.conftest import IDENTITY

COLUMNS = {"distance": np.array([[1.5], [np.nan]]), "carrier": np.array([["UA"], [""]], dtype=object)}
OUTPUTS = {"label": np.array([True, False]), "probabilities": np.array([[0.1, 0.9], [0.8, 0.2]])}


def a_log(folder: Path, *, share: float = 1.0, chance: float = 0.5) -> PayloadLog:
    return PayloadLog(IDENTITY, folder, "pod-1", share, lambda: chance)


def counts(log: PayloadLog) -> dict[str, float]:
    """Counts by what became of the requests."""
    families = text_string_to_metric_families("\n".join(log.lines()) + "\n")
    return {one.name.split("_")[2]: one.value for family in families for one in family.samples}


def lines(folder: Path) -> list[str]:
    """All lines of all files, in their order."""
    return [line for path in sorted(folder.rglob("*.jsonl")) for line in path.read_text().splitlines()]


def test_a_line_is_a_request_and_its_answer(tmp_path: Path) -> None:
    """As the protocol writes them, so that nothing else has to be known to ask again."""
    log = a_log(tmp_path)

    log.offer(COLUMNS, OUTPUTS, at=1767355200.0)
    log._write()

    assert json.loads(*lines(tmp_path)) == {
        "at": 1767355200.0,
        "revision": "a1b2c3d4",
        "inputs": [
            {"name": "distance", "shape": [2, 1], "datatype": "FP64", "data": [1.5, None]},
            {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "data": ["UA", ""]},
        ],
        "outputs": [
            {"name": "label", "shape": [2], "datatype": "BOOL", "data": [True, False]},
            {"name": "probabilities", "shape": [2, 2], "datatype": "FP64", "data": [0.1, 0.9, 0.8, 0.2]},
        ],
    }
    assert counts(log) == {"written": 1, "dropped": 0}


def test_what_waits_is_written_at_the_end(tmp_path: Path) -> None:
    """A pod that goes leaves what it sampled."""
    log = a_log(tmp_path)
    log.start()

    log.offer(COLUMNS, OUTPUTS, at=0.0)
    log.stop(seconds=1.0)

    assert len(lines(tmp_path)) == 1


@pytest.mark.parametrize("chance, sampled", [(0.009, 1), (0.01, 0)])
def test_a_share_is_sampled(tmp_path: Path, chance: float, sampled: int) -> None:
    """The others are neither kept nor counted."""
    log = a_log(tmp_path, share=0.01, chance=chance)

    log.offer(COLUMNS, OUTPUTS, at=0.0)
    log._write()

    assert counts(log) == {"written": sampled, "dropped": 0}


def test_what_is_too_much_or_too_large_is_dropped(tmp_path: Path) -> None:
    """Memory and volume stay bounded."""
    log = a_log(tmp_path)
    log.offer(COLUMNS, {"prediction": np.zeros(MOST_ROWS + 1)}, at=0.0)
    for _ in range(MOST_WAITING + 2):
        log.offer(COLUMNS, OUTPUTS, at=0.0)
    log._write()

    assert counts(log) == {"written": MOST_WAITING, "dropped": 3}


def test_a_volume_in_trouble_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    """When it is well again, lines are written again."""
    log = a_log(tmp_path)
    (tmp_path / "flights").write_text("in the way")
    log.offer(COLUMNS, OUTPUTS, at=0.0)
    log._write()
    (tmp_path / "flights").unlink()
    log.offer(COLUMNS, OUTPUTS, at=1.0)
    log._write()

    assert counts(log) == {"written": 1, "dropped": 1}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Files with room for one line and a bit, of which two are kept; returns the length of a line."""
    log = a_log(tmp_path / "elsewhere")
    log.offer(COLUMNS, OUTPUTS, at=0.0)
    log._write()
    length = len(lines(tmp_path)[0]) + 1
    (tmp_path / "elsewhere" / "flights" / "a1b2c3d4-pod-1-000000.jsonl").unlink()
    monkeypatch.setattr(module, "FILE_BYTES", length + 10)
    monkeypatch.setattr(module, "FILES", 2)
    return length


def write(log: PayloadLog, *times: float) -> None:
    """Have lines written, all at once."""
    for at in times:
        log.offer(COLUMNS, OUTPUTS, at=at)
    log._write()


def kept(folder: Path) -> list[float | None]:
    """When the requests were that are in the log, file by file."""
    return [json.loads(line).get("at") for line in lines(folder)]


@pytest.mark.usefixtures("small")
def test_a_pod_keeps_its_newest_files(tmp_path: Path) -> None:
    """What a pod writes has a limit: the oldest of its files go, and nobody else's."""
    (tmp_path / "flights").mkdir()
    others = ("a1b2c3d4-pod-1-b-000000", "other-pod-000000")
    for other in others:
        (tmp_path / "flights" / f"{other}.jsonl").write_text("{}\n")
    log = a_log(tmp_path)

    for at in range(5):
        write(log, float(at))

    assert kept(tmp_path) == [3.0, 4.0, None, None]


@pytest.mark.usefixtures("small")
def test_a_container_that_starts_again_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    """The newest lines of the one before are kept, and its oldest go first."""
    write(a_log(tmp_path), 0.0, 1.0, 2.0)

    log = a_log(tmp_path)
    write(log, 3.0)

    assert kept(tmp_path) == [2.0, 3.0]
    assert counts(log) == {"written": 1, "dropped": 0}


def test_no_file_grows_beyond_its_size(tmp_path: Path, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is sampled at once; a line that is longer than a file is dropped and counted."""
    log = a_log(tmp_path)
    write(log, 0.0, 1.0, 2.0)
    monkeypatch.setattr(module, "FILE_BYTES", small - 1)
    write(log, 3.0)

    assert kept(tmp_path) == [1.0, 2.0]
    assert counts(log) == {"written": 3, "dropped": 1}


def test_a_full_volume_tears_no_line(tmp_path: Path) -> None:
    """What was written of a line goes again: the next one would continue it, and both would be lost."""
    log = a_log(tmp_path)
    write(log, 0.0)
    [file] = (tmp_path / "flights").iterdir()
    most, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 10, hard))
    try:
        write(log, 1.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    write(log, 2.0)

    assert kept(tmp_path) == [0.0, 2.0]
    assert counts(log) == {"written": 2, "dropped": 1}


def test_in_an_object_store_a_line_counts_when_it_has_arrived(tmp_path: Path) -> None:
    """Until then it waits, and a store that takes nothing is told."""
    log = PayloadLog(IDENTITY, tmp_path, "pod-1", 1.0, lambda: 0.5, sent=True)
    log.start()
    log.offer(COLUMNS, OUTPUTS, at=0.0)
    log.stop(5.0)
    waiting = counts(log)
    [path] = tmp_path.rglob("*.jsonl")
    path.unlink()
    log._look()

    assert path.parent == tmp_path / IDENTITY.deployment / IDENTITY.revision
    assert path.name.startswith("pod-1-")
    assert waiting == {"written": 0, "dropped": 0, "waiting": 1, "store": 0}
    assert counts(log) == {"written": 1, "dropped": 0, "waiting": 0, "store": 0}
