"""The journal of a tuning whose run lies in an object store: all of it is found, and little is sent."""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from mlwright.trainer.tuning import journal
from mlwright.trainer.tuning.journal import JOURNAL, TAIL, open_journal

SHORT = 2000
"""Bytes of the longest tail, so that few entries are many tails."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LONGEST_TAIL", SHORT)


class Bucket:
    """A store of whole objects, as a pod sees it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.sent = 0

    def holds(self, path: Path) -> bool:
        """See Copies."""
        return path.name in {JOURNAL, TAIL}

    def fetch(self, path: Path) -> None:
        """See Copies."""
        if path.name in self.objects:
            path.write_bytes(self.objects[path.name])

    def send(self, path: Path) -> None:
        """See Copies."""
        self.objects[path.name] = path.read_bytes()
        self.sent += len(self.objects[path.name])


def with_trials(storage: BaseStorage, number: int) -> int:
    """Begin a study with some trials; return it."""
    study = storage.create_new_study([StudyDirection.MAXIMIZE], "search")
    for _ in range(number):
        storage.set_trial_state_values(storage.create_new_trial(study), TrialState.COMPLETE, [0.5])
    return study


def found(bucket: Bucket, run: Path) -> list[Any]:
    """Return the entries that a pod finds that comes next."""
    open_journal(run, bucket)
    return [json.loads(line) for line in (run / JOURNAL).read_bytes().splitlines()]


@pytest.mark.parametrize("trials", range(0, 40, 3))
def test_a_pod_that_comes_next_finds_every_entry(tmp_path: Path, trials: int) -> None:
    """Wherever the one before was lost: before, while and after its tail became too long."""
    bucket, run = Bucket(), tmp_path / "first"
    with_trials(open_journal(run, bucket), trials)
    told = [json.loads(line) for line in (run / JOURNAL).read_bytes().splitlines()]

    assert found(bucket, tmp_path / "second") == told


def test_most_entries_are_sent_without_all_that_came_before(tmp_path: Path) -> None:
    """A hundred trials of two entries each: all of the journal with each of them would be the square of it."""
    bucket, run = Bucket(), tmp_path / "first"
    with_trials(open_journal(run, bucket), 100)
    ends = accumulate(len(line) for line in (run / JOURNAL).read_bytes().splitlines(keepends=True))

    assert bucket.sent < sum(ends) / 5


def test_a_tail_of_somebody_who_was_given_up_is_passed_over(tmp_path: Path) -> None:
    """It follows the journal of before: what the successor has sent whole since is what counts."""
    bucket = Bucket()
    with_trials(open_journal(tmp_path / "first", bucket), 3)
    late = bucket.objects[TAIL]
    told = len(found(bucket, tmp_path / "second"))
    bucket.objects[JOURNAL] = (tmp_path / "second" / JOURNAL).read_bytes()
    bucket.objects[TAIL] = late

    assert len(found(bucket, tmp_path / "third")) == told


def test_a_pod_goes_on_where_another_was_lost(tmp_path: Path) -> None:
    """The study and its trials are there, and what it adds is found as well."""
    bucket = Bucket()
    study = with_trials(open_journal(tmp_path / "first", bucket), 3)
    again = open_journal(tmp_path / "second", bucket)
    again.create_new_trial(study)

    assert len(open_journal(tmp_path / "third", bucket).get_all_trials(study)) == 4


def test_on_a_volume_there_is_one_file(tmp_path: Path) -> None:
    """Others look at the journal itself."""

    class Volume(Bucket):
        def holds(self, path: Path) -> bool:
            """See Copies."""
            return path.name not in {JOURNAL, TAIL}

    bucket = Volume()
    with_trials(open_journal(tmp_path, bucket), 2)

    assert (bucket.objects, [path.name for path in tmp_path.glob(f"{JOURNAL}*")]) == ({}, [JOURNAL])
