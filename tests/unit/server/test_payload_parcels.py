"""Files of a payload log that another container takes to a store: whole ones only, bounded, and counted."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from mlwright.constants import PAYLOADS_AWAY
from mlwright.server import payload_parcels as module
from mlwright.server.payload_parcels import Parcels


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A thousand seconds after the beginning."""
    return Clock()


@pytest.fixture
def parcels(tmp_path: Path, clock: Clock) -> Parcels:
    """Those of a pod that has written nothing yet."""
    return Parcels(tmp_path, "rev-pod", clock)


def ready(folder: Path) -> list[str]:
    """Names of the files that may be taken."""
    return sorted(path.name for path in folder.glob("*.jsonl"))


def test_a_file_can_be_taken_when_it_is_old_enough_and_not_before(
    parcels: Parcels, clock: Clock, tmp_path: Path
) -> None:
    """Until then its lines gather under a name that nobody takes."""
    parcels.append([b"1\n"])
    parcels.look()
    early = ready(tmp_path)
    clock.now += module.CLOSE_SECONDS
    parcels.append([b"2\n"])
    parcels.look()

    assert early == []
    assert ready(tmp_path) == ["rev-pod-0000001060.jsonl"]
    assert (tmp_path / "rev-pod-0000001060.jsonl").read_bytes() == b"1\n2\n"


def test_a_full_file_does_not_wait(parcels: Parcels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two in the same second have names of their own."""
    monkeypatch.setattr(module, "FILE_BYTES", 2)
    for _ in range(2):
        parcels.append([b"1\n"])
        parcels.look()

    assert ready(tmp_path) == ["rev-pod-0000001000.jsonl", "rev-pod-0000001001.jsonl"]


def test_no_file_is_larger_than_files_may_be(parcels: Parcels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is written at once: what does not fit begins the next one."""
    monkeypatch.setattr(module, "FILE_BYTES", 5)
    parcels.append([b"1\n", b"2\n", b"3\n", b"4\n"])
    parcels.append([b"5\n"])
    parcels.look(over=True)

    assert [(tmp_path / name).read_bytes() for name in ready(tmp_path)] == [b"1\n2\n", b"3\n4\n", b"5\n"]
    assert parcels.waiting == 5


def test_a_line_that_is_larger_than_a_file_is_lost(
    parcels: Parcels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, and costs no other line."""
    monkeypatch.setattr(module, "FILE_BYTES", 5)
    parcels.append([b"1\n", b"too long\n", b"2\n"])
    parcels.look(over=True)

    assert [(tmp_path / name).read_bytes() for name in ready(tmp_path)] == [b"1\n2\n"]
    assert (parcels.lost, parcels.waiting) == (1, 2)


def test_what_is_written_at_once_leaves_no_more_files_than_may_wait(
    parcels: Parcels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk stays bounded also while the store is away, and the newest are kept."""
    monkeypatch.setattr(module, "FILE_BYTES", 2)
    parcels.append([b"%d\n" % number for number in range(8)])

    assert [(tmp_path / name).read_bytes() for name in ready(tmp_path)] == [b"3\n", b"4\n", b"5\n", b"6\n"]
    assert (parcels.lost, parcels.waiting) == (3, 5)


def test_lines_that_were_written_are_not_among_those_that_are_left(
    parcels: Parcels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the folder takes no more, whoever counts what is lost counts no line twice."""
    monkeypatch.setattr(module, "FILE_BYTES", 2)
    (tmp_path / "rev-pod-0000001000.jsonl").mkdir()
    lines = [b"1\n", b"2\n"]
    with pytest.raises(IsADirectoryError):
        parcels.append(lines)

    assert lines == [b"2\n"]
    assert parcels.waiting == 1


def test_a_full_disk_tears_no_line(parcels: Parcels, tmp_path: Path) -> None:
    """What was written of one that did not fit goes: the next would continue it."""
    parcels.append([b"1\n"])
    most, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            parcels.append([b"22\n"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    parcels.append([b"3\n"])
    parcels.look(over=True)

    assert [(tmp_path / name).read_bytes() for name in ready(tmp_path)] == [b"1\n3\n"]


def test_all_can_be_taken_when_the_server_ends(parcels: Parcels, tmp_path: Path) -> None:
    """However young it is."""
    parcels.append([b"1\n"])
    parcels.look(over=True)

    assert ready(tmp_path) == ["rev-pod-0000001000.jsonl"]


def test_what_is_gone_has_arrived(parcels: Parcels, tmp_path: Path) -> None:
    """And waits no more."""
    parcels.append([b"1\n", b"2\n"])
    parcels.look(over=True)
    before = (parcels.waiting, parcels.arrived)
    (tmp_path / ready(tmp_path)[0]).unlink()
    parcels.look()

    assert (before, (parcels.waiting, parcels.arrived, parcels.lost)) == ((2, 0), (0, 2, 0))


def test_a_store_that_is_away_costs_the_oldest_files(parcels: Parcels, clock: Clock, tmp_path: Path) -> None:
    """The disk stays bounded, and what is lost is counted."""
    for _ in range(module.FILES + 2):
        parcels.append([b"1\n"])
        parcels.look(over=True)
        clock.now += 1

    assert ready(tmp_path) == [f"rev-pod-{1002 + number:010}.jsonl" for number in range(module.FILES)]
    assert (parcels.lost, parcels.arrived, parcels.waiting) == (2, 0, module.FILES)


def test_what_a_container_left_that_died_is_given_away(parcels: Parcels, clock: Clock, tmp_path: Path) -> None:
    """Its draft becomes a file, its files count among those that may wait, and no name is used again."""
    parcels.append([b"1\n"])
    parcels.look(over=True)
    parcels.append([b"2\n"])
    clock.now += 5
    after = Parcels(tmp_path, "rev-pod", clock)
    after.append([b"3\n"])
    after.look(over=True)

    found = [(tmp_path / name).read_bytes() for name in ready(tmp_path)]
    assert found == [b"1\n", b"2\n", b"3\n"]
    assert after.waiting == 1


def test_a_store_that_is_away_is_seen(parcels: Parcels, tmp_path: Path) -> None:
    """Whoever sends leaves a mark."""
    before = parcels.away
    (tmp_path / PAYLOADS_AWAY).write_text("the store does not answer")

    assert (before, parcels.away) == (False, True)
