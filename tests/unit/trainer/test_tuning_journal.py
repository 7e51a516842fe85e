"""The journal of a tuning whose run lies in an object store: all of it is found, and little is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from mlwright.trainer.tuning import journal
from mlwright.trainer.tuning.journal import COUNTS, JOURNAL, open_journal

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
        self.before_fetch: Callable[[Path], None] = lambda _: None

    def holds(self, path: Path) -> bool:
        """See Copies."""
        return path.name.startswith(JOURNAL)

    def fetch(self, path: Path) -> None:
        """See Copies."""
        self.before_fetch(path)
        if path.name in self.objects:
            path.write_bytes(self.objects[path.name])

    def send(self, path: Path) -> None:
        """See Copies."""
        self.objects[path.name] = path.read_bytes()
        self.sent += len(self.objects[path.name])


def with_trials(storage: BaseStorage, number: int) -> int:
    """Begin a study with some trials; return it."""
    study = storage.create_new_study([StudyDirection.MAXIMIZE], "search")
    do_trials(storage, study, number)
    return study


def do_trials(storage: BaseStorage, study: int, number: int) -> None:
    """Do some trials of a study."""
    for _ in range(number):
        storage.set_trial_state_values(storage.create_new_trial(study), TrialState.COMPLETE, [0.5])


def found(bucket: Bucket, run: Path) -> list[Any]:
    """Return the entries that a pod finds that comes next."""
    open_journal(run, bucket)
    return told(bucket, run)


def told(bucket: Bucket, run: Path) -> list[Any]:
    """Return the entries of the pod that opened the journal last."""
    return [json.loads(line) for line in (run / bucket.objects[COUNTS].decode()).read_bytes().splitlines()]


@pytest.mark.parametrize("trials", range(0, 40, 3))
def test_a_pod_that_comes_next_finds_every_entry(tmp_path: Path, trials: int) -> None:
    """Wherever the one before was lost: before, while and after its tail became too long."""
    bucket, run = Bucket(), tmp_path / "first"
    with_trials(open_journal(run, bucket), trials)
    wrote = told(bucket, run)

    assert found(bucket, tmp_path / "second") == wrote


def test_most_entries_are_sent_without_all_that_came_before(tmp_path: Path) -> None:
    """A hundred trials of two entries each: all of the journal with each of them would be the square of it."""
    bucket, run = Bucket(), tmp_path / "first"
    with_trials(open_journal(run, bucket), 100)
    ends = accumulate(len(json.dumps(entry)) for entry in told(bucket, run))

    assert bucket.sent < sum(ends) / 5


@pytest.mark.parametrize("late", [pytest.param(1, id="a tail"), pytest.param(60, id="all of it, and tails")])
@pytest.mark.parametrize("more", [0, 3])
def test_what_somebody_writes_who_was_given_up_counts_for_nothing(tmp_path: Path, late: int, more: int) -> None:
    """Whatever it sends, and whether the successor goes on after it: what the successor has done is found."""
    bucket = Bucket()
    given_up = open_journal(tmp_path / "first", bucket)
    study = with_trials(given_up, 3)
    successor = open_journal(tmp_path / "second", bucket)
    do_trials(successor, study, 50)
    do_trials(given_up, study, late)
    do_trials(successor, study, more)

    assert len(open_journal(tmp_path / "third", bucket).get_all_trials(study)) == 3 + 50 + more


def test_somebody_who_was_given_up_before_it_wrote_anything_takes_nothing(tmp_path: Path) -> None:
    """Its first entry comes when another has gone on."""
    bucket = Bucket()
    study = with_trials(open_journal(tmp_path / "first", bucket), 3)
    given_up = open_journal(tmp_path / "second", bucket)
    do_trials(open_journal(tmp_path / "third", bucket), study, 5)
    do_trials(given_up, study, 1)

    assert len(open_journal(tmp_path / "fourth", bucket).get_all_trials(study)) == 3 + 5


@pytest.mark.parametrize("object_", [1, 2, 3])
@pytest.mark.parametrize("meanwhile", range(1, 30, 3))
def test_what_is_sent_while_somebody_looks_leaves_no_gap(tmp_path: Path, object_: int, meanwhile: int) -> None:
    """What is fetched one after the other may be of several times; all that was there at first is found."""
    bucket = Bucket()
    writer = open_journal(tmp_path / "first", bucket)
    study = with_trials(writer, 3)
    journal_of_writer = tmp_path / "first" / bucket.objects[COUNTS].decode()
    before = journal_of_writer.read_bytes()
    looks: list[Path] = []

    def write_meanwhile(path: Path) -> None:
        looks.append(path)
        if len(looks) == object_:
            do_trials(writer, study, meanwhile)

    bucket.before_fetch = write_meanwhile
    open_journal(tmp_path / "second", bucket)

    seen = (tmp_path / "second" / bucket.objects[COUNTS].decode()).read_bytes()
    assert journal_of_writer.read_bytes().startswith(seen)
    assert seen.startswith(before)


def test_a_tail_that_follows_something_else_is_passed_over_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as of a journal that somebody put back from yesterday."""
    bucket = Bucket()
    study = with_trials(open_journal(tmp_path / "first", bucket), 3)
    do_trials(open_journal(tmp_path / "second", bucket), study, 2)
    name = bucket.objects[COUNTS].decode()
    bucket.objects[name] = bucket.objects[name].splitlines(keepends=True)[0]

    assert len(found(bucket, tmp_path / "third")) == 1
    assert "follows another journal; its trials are done again" in caplog.text


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
            return not path.name.startswith(JOURNAL)

    bucket = Volume()
    with_trials(open_journal(tmp_path, bucket), 2)

    assert (bucket.objects, [path.name for path in tmp_path.glob(f"{JOURNAL}*")]) == ({}, [JOURNAL])
