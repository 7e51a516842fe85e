"""Sweeping the folders of runs, on real files: what nothing uses goes in two phases, and nothing else ever."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlwright.bundle.addresses import parse
from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.possession import OWNED, Owner, claim
from mlwright.trainer.program import main
from mlwright.trainer.results import Outcome, Result
from mlwright.trainer.sweep import REMOVED, sweep
from mlwright.trainer.sweep_task import SweepTask
from mlwright.trainer.sweeping import UNUSED
from mlwright.trainer.workspace import Workspace

OURS = Owner("demo", "flights", "uid-1")
THEIRS = Owner("demo", "flights", "uid-of-another-cluster")
DAY = timedelta(hours=24)
HALF_A_DAY = 12 * 3600
PLACE = "pvc://artifacts/mlwright/demo/flights/runs"


@dataclass
class Store:
    """A volume with folders of runs, and a clock."""

    root: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    trusted: int = 0
    """Slot of the last sweep that is known to have ended well; 0 when none is."""

    @property
    def runs(self) -> Path:
        """Where the folders of runs are."""
        return self.root / "pvc/artifacts/mlwright/demo/flights/runs"

    def folder(self, name: str, owner: Owner | None = OURS) -> Path:
        """Make the folder of a run that has trained."""
        folder = self.runs / name
        (folder / "train-0/bundle").mkdir(parents=True)
        (folder / "train-0/bundle/model.onnx").write_bytes(b"m" * 1000)
        claim(folder, owner)
        return folder

    def task(self, in_use: Iterable[str] = (), **known: Any) -> SweepTask:
        """Return what a sweep is told now."""
        place = parse(PLACE, field="test")
        slot = int(self.now.timestamp()) // HALF_A_DAY * HALF_A_DAY
        told = {"name": "flights-sweep-1", "owner": OURS, "listed_at": self.now, "grace": DAY, "places": (place,)}
        told |= {"slot": slot, "trusted": max(slot - 2 * HALF_A_DAY, self.trusted)}
        return SweepTask(**{**told, "in_use": frozenset(in_use), **known})

    def sweep(self, in_use: Iterable[str] = (), **known: Any) -> dict[str, int]:
        """Sweep; return the counts."""
        found: dict[str, int] = sweep(self.task(in_use, **known), self.root, lambda: self.now)[1]["sweep"]
        return found

    def later(self, time: timedelta) -> None:
        """Let time pass."""
        self.now += time

    def names(self) -> list[str]:
        """Return what is in the place."""
        return sorted(path.name for path in self.runs.iterdir())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a volume with the folders of two runs."""
    found = Store(tmp_path)
    found.folder("flights-1-aa")
    found.folder("flights-2-bb")
    return found


def test_what_is_unused_is_marked_and_goes_after_the_grace_period(store: Store) -> None:
    """Not before, and not what is in use."""
    told = []
    for _ in range(3):
        told.append(store.sweep(["flights-2-bb"]))
        store.later(timedelta(hours=13))

    assert [(counts["waiting"], counts["removed"]) for counts in told] == [(1, 0), (1, 0), (0, 1)]
    assert (told[0]["waitingBytes"], told[2]["removedBytes"]) == (1000, 1000)
    assert store.names() == ["flights-2-bb"]


def test_it_says_what_it_did(store: Store) -> None:
    """In one sentence, for the status."""
    store.folder("by-hand", owner=None)
    store.sweep(["flights-2-bb"])
    store.later(DAY)
    store.folder("flights-3-cc")
    sentence, _ = sweep(store.task(["flights-2-bb"]), store.root, lambda: store.now)

    assert sentence == (
        "3 folders of runs, 1 in use; 1 unused (0.0 MB) until they have been so for 24 h; 1 removed (0.0 MB):"
        " flights-1-aa; 1 left alone, because they carry no mark of ours"
    )


def test_what_is_in_use_again_begins_anew(store: Store) -> None:
    """Somebody brought a version back: when it is gone again, the grace period is a new one."""
    store.sweep(["flights-2-bb"])
    store.later(timedelta(hours=23))
    store.sweep(["flights-1-aa", "flights-2-bb"])
    store.later(timedelta(hours=2))

    assert store.sweep(["flights-2-bb"])["removed"] == 0
    assert store.sweep(["flights-2-bb"])["waiting"] == 1


def test_what_a_run_writes_into_is_not_removed(store: Store) -> None:
    """It was marked, and something is written there nevertheless: that counts as use."""
    store.sweep(["flights-2-bb"])
    later = store.runs / "flights-1-aa/train-0/bundle/report.html"
    later.write_text("late", encoding="utf-8")
    os.utime(later, (store.now.timestamp() + 3600,) * 2)
    store.later(DAY)

    assert store.sweep(["flights-2-bb"])["removed"] == 0
    assert later.exists()


def test_a_mark_is_worth_nothing_where_nobody_looked_for_a_while(store: Store) -> None:
    """Sweeps were off for days, and what was in use meanwhile has left no trace."""
    store.sweep(["flights-2-bb"])
    store.later(timedelta(days=10))
    first = store.sweep(["flights-2-bb"])
    store.later(timedelta(hours=12))
    second = store.sweep(["flights-2-bb"])
    store.later(timedelta(hours=12))
    third = store.sweep(["flights-2-bb"])

    assert [found["removed"] for found in (first, second, third)] == [0, 0, 1]


def test_a_folder_that_was_put_back_with_its_mark_begins_anew(store: Store) -> None:
    """From a backup, with all its times: somebody wants it, and has yet to apply the record."""
    store.sweep(["flights-2-bb"])
    shutil.copytree(store.runs / "flights-1-aa", store.root / "backup")
    for _ in range(2):
        store.later(timedelta(hours=12))
        store.sweep(["flights-2-bb"])
        store.trusted = store.task().slot
    assert store.names() == ["flights-2-bb"]
    shutil.copytree(store.root / "backup", store.runs / "flights-1-aa")

    assert store.sweep(["flights-2-bb"])["waiting"] == 1
    store.later(timedelta(hours=12))
    assert store.sweep(["flights-2-bb"])["removed"] == 0


@pytest.mark.parametrize("mark", [b"", b"{", b'{"since": "2026-01-01T00:00:00+00:00"}', b'{"slot": 1}'])
def test_a_mark_without_a_slot_is_made_anew(store: Store, mark: bytes) -> None:
    """Nobody knows when the folder was seen last."""
    (store.runs / "flights-1-aa" / UNUSED).write_bytes(mark)

    assert store.sweep(["flights-2-bb"])["waiting"] == 1


def test_a_shared_place_keeps_all_places_as_they_are(store: Store) -> None:
    """Two claims may be parts of one store, and whoever writes to one may use what lies in the other."""
    other = parse("pvc://second/mlwright/demo/flights/runs", field="test")
    places = (*store.task().places, other)
    (store.root / "pvc/second/mlwright/demo/flights/runs").mkdir(parents=True)
    store.sweep(places=places)
    foreign = store.root / "pvc/second/mlwright/demo/flights/runs/flights-9-zz"
    foreign.mkdir()
    claim(foreign, THEIRS)
    store.later(DAY)
    with pytest.raises(UserError, match="flights-9-zz"):
        store.sweep(places=places)

    assert store.names() == ["flights-1-aa", "flights-2-bb"]


def test_a_folder_that_cannot_be_removed_keeps_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user wrote it, or a client of NFS holds a file in it: it is counted, named, and tried again."""
    store.sweep()
    store.later(DAY)
    rename = os.rename

    def refuses(name: str, *told: Any, **more: Any) -> None:
        if name == "flights-1-aa":
            raise PermissionError(13, "Permission denied")
        rename(name, *told, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", refuses)
        sentence, results = sweep(store.task(), store.root, lambda: store.now)
    again = store.sweep()

    assert (results["sweep"]["removed"], results["sweep"]["failed"]) == (1, 1)
    assert sentence.endswith(
        "1 could not be read or removed and wait for the next sweep (flights-1-aa: Permission denied)"
    )
    assert (again["removed"], again["failed"]) == (1, 0)


def test_where_the_mark_of_an_owner_cannot_be_read_nothing_is_removed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be that of another installation."""
    opened = os.open

    def refuses(name: Any, *told: Any, **more: Any) -> int:
        if name == "flights-2-bb":
            raise PermissionError(13, "Permission denied")
        return opened(name, *told, **more)

    monkeypatch.setattr(os, "open", refuses)
    with pytest.raises(UserError, match=r"whose owner this pod may not read \(flights-2-bb\), so nothing is removed"):
        store.sweep()

    assert not list(store.runs.rglob(UNUSED))


def test_everybody_may_read_whose_a_folder_is(store: Store) -> None:
    """Pods of another pipeline may run as another user, and sweep."""
    assert (store.runs / "flights-1-aa" / OWNED).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mark", [b"", b"{", b'{"since": 1}', b'{"since": "2026-01-01T00:00:00"}', b"\xff"])
def test_a_broken_mark_is_made_anew(store: Store, mark: bytes) -> None:
    """A sweep that crashed in the middle of it, or somebody's edit, removes nothing."""
    (store.runs / "flights-1-aa" / UNUSED).write_bytes(mark)

    assert store.sweep(["flights-2-bb"])["waiting"] == 1
    assert json.loads((store.runs / "flights-1-aa" / UNUSED).read_bytes())["since"] == store.now.isoformat()


def test_a_mark_of_the_future_is_made_anew(store: Store) -> None:
    """The clock of that node went ahead; else the folder would stay for years, or a clock set back would remove it."""
    mark = {"since": (store.now + timedelta(days=900)).isoformat(), "slot": store.task().slot, "sweep": "x"}
    (store.runs / "flights-1-aa" / UNUSED).write_text(json.dumps(mark), encoding="utf-8")
    store.sweep(["flights-2-bb"])

    assert json.loads((store.runs / "flights-1-aa" / UNUSED).read_bytes())["since"] == store.now.isoformat()


def test_without_a_mark_of_its_owner_nothing_is_touched(tmp_path: Path) -> None:
    """Folders of an older release, or of somebody who writes into ours."""
    store = Store(tmp_path)
    folder = store.folder("somebodys", owner=None)
    (folder / OWNED).mkdir()
    store.later(DAY)

    assert store.sweep()["unmarked"] == 1
    assert not (folder / UNUSED).exists()


def test_a_shared_place_is_refused_as_a_whole(store: Store) -> None:
    """Another cluster writes here: it may serve what we do not know of, so not even our own folders are marked."""
    store.folder("flights-9-zz", owner=THEIRS)
    with pytest.raises(UserError) as refused:
        store.sweep()

    assert str(refused.value) == (
        f"spec.retention.artifacts: {PLACE} holds folders of another installation or of an earlier Model"
        f" (flights-9-zz), which may use ours, so nothing is removed; give each its own artifacts.uri, or remove"
        f" their {OWNED} if nobody uses them: then they stay"
    )
    assert not list(store.runs.rglob(UNUSED))


def test_a_place_behind_a_link_is_refused(store: Store) -> None:
    """Whoever can write a link could lead the sweep to where others keep theirs."""
    real = store.root / "elsewhere"
    store.runs.parent.rename(real)
    store.runs.parent.symlink_to(real)
    with pytest.raises(UserError, match=r"'flights' in .* is a link or a file"):
        store.sweep()

    assert sorted(path.name for path in (real / "runs").iterdir()) == ["flights-1-aa", "flights-2-bb"]


def test_links_are_never_followed(store: Store) -> None:
    """Neither one that stands for a run's folder, nor one inside, nor one in the place of a mark."""
    precious = store.root / "precious"
    precious.mkdir()
    (precious / "data.csv").write_text("1", encoding="utf-8")
    claim(precious, OURS)
    (store.runs / "flights-3-link").symlink_to(precious)
    (store.runs / "flights-1-aa/train-0/inside").symlink_to(precious)
    (store.runs / "flights-1-aa/top").symlink_to(precious)
    store.sweep()
    store.later(DAY)
    store.sweep()

    assert store.names() == ["flights-3-link"]
    assert sorted(path.name for path in precious.iterdir()) == [OWNED, "data.csv"]


def test_a_mark_that_is_a_link_is_no_mark(store: Store) -> None:
    """A link to the mark of another folder would make that folder's owner the owner of this one."""
    folder = store.folder("flights-3-cc", owner=None)
    (folder / OWNED).symlink_to(store.runs / "flights-1-aa" / OWNED)

    assert store.sweep()["unmarked"] == 1


def test_a_place_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """No run has written yet."""
    (tmp_path / "pvc/artifacts").mkdir(parents=True)

    assert Store(tmp_path).sweep()["folders"] == 0


def test_a_list_that_is_old_removes_nothing(store: Store) -> None:
    """The pod was stopped for a while, or one of two clocks is wrong."""
    store.sweep()
    store.later(DAY)
    task = store.task(listed_at=store.now - timedelta(minutes=16))
    with pytest.raises(SurroundingsError, match="was made 16 minutes ago"):
        sweep(task, store.root, lambda: store.now)

    assert store.names() == ["flights-1-aa", "flights-2-bb"]


def test_a_list_that_grows_old_while_folders_are_removed_ends_the_sweep(store: Store) -> None:
    """A volume that takes minutes for each."""
    store.sweep()
    store.later(DAY)
    task, moments = store.task(), iter([0, 1, 2, 3, 4, 20, 21, 22])
    with pytest.raises(SurroundingsError):
        sweep(task, store.root, lambda: store.now + timedelta(minutes=next(moments)))

    assert len(store.names()) == 1


@pytest.mark.parametrize("at", ["rmtree", "rmdir"])
def test_what_a_crashed_sweep_left_goes_with_the_next(store: Store, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Between the phases, and when only the empty folder was left."""
    store.sweep()
    store.later(DAY)
    with monkeypatch.context() as patched:
        module: Any = shutil if at == "rmtree" else os
        patched.setattr(module, at, _crash)
        with pytest.raises(KeyboardInterrupt):
            store.sweep()
    left = store.names()
    store.sweep()

    assert left == [f"{REMOVED}flights-1-aa", "flights-2-bb"]
    assert store.names() == []


def _crash(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_what_is_half_removed_and_not_ours_stays(store: Store) -> None:
    """Somebody else's sweep is at it."""
    folder = store.folder(f"{REMOVED}flights-7-xx", owner=None)
    store.sweep()

    assert (folder / "train-0/bundle/model.onnx").exists()


def test_two_sweeps_at_once_remove_each_folder_once(tmp_path: Path) -> None:
    """A Job whose pod was believed dead goes on beside its successor."""
    store = Store(tmp_path)
    for number in range(150):
        store.folder(f"flights-{number}-aa")
    store.sweep()
    store.later(DAY)
    counts: list[dict[str, int]] = []
    workers = [threading.Thread(target=lambda: counts.append(store.sweep())) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    store.sweep()  # of a folder that one removed while another marked it, an empty one may be left

    assert len(counts) == 3
    assert sum(count["removed"] for count in counts) == 150
    assert store.names() == []


def test_a_run_that_is_writing_loses_nothing(tmp_path: Path) -> None:
    """It began after the list was made, so no list has its folder; sweeps come again and again meanwhile."""
    store, done = Store(tmp_path), threading.Event()
    store.runs.mkdir(parents=True)

    def work() -> None:
        for attempt in range(60):
            workspace = Workspace(store.runs / "flights-3-cc", "train", attempt, owner=OURS)
            draft = workspace.begin()
            (draft / "model.onnx").write_bytes(b"m" * 1000)
            workspace.publish(Result("train", "flights-3", attempt, Outcome.SUCCEEDED, "done", {}))
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    while not done.is_set():
        store.sweep()
    worker.join()

    assert len(list((store.runs / "flights-3-cc").glob("train-*/model.onnx"))) == 60
    assert store.sweep()["waiting"] == 1


def test_it_is_a_program(store: Store, tmp_path: Path) -> None:
    """Its input is one document, its result the termination message."""
    document = {
        "schemaVersion": 1,
        "name": "flights-sweep-1",
        "owner": {"namespace": "demo", "model": "flights", "uid": "uid-1"},
        "listedAt": store.now.isoformat(),
        "slot": 43200,
        "trustedSlot": 0,
        "graceSeconds": 86400,
        "places": [PLACE],
        "inUse": ["flights-1-aa"],
    }
    env = {"MLWRIGHT_SWEEP": json.dumps(document), "MLWRIGHT_MOUNT_ROOT": str(store.root)}
    env["MLWRIGHT_TERMINATION_LOG"] = str(tmp_path / "said")
    code = main(["sweep"], env)
    said = json.loads((tmp_path / "said").read_bytes())
    refused = main(["sweep"], {**env, "MLWRIGHT_SWEEP": json.dumps({**document, "listedAt": "today"})})

    assert (code, said["outcome"], said["results"]["sweep"]["inUse"]) == (0, "Succeeded", 1)
    assert refused == 64


HISTORY = st.lists(
    st.tuples(
        st.sets(st.sampled_from("abc")),  # what is in use
        st.sets(st.sampled_from("abc")),  # what is written into
        st.integers(0, 40),  # hours that pass
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY)
def test_only_what_was_unused_for_the_whole_grace_period_ever_goes(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[set[str], set[str], int]]
) -> None:
    """Whatever happens in whatever order."""
    store = Store(tmp_path_factory.mktemp("volume"))
    for name in "abc":
        store.folder(name)
    last = dict.fromkeys("abc", store.now)
    for in_use, written, hours in history:
        for name in sorted(written & set(store.names())):
            path = store.runs / name / "late"
            path.write_text("x", encoding="utf-8")
            os.utime(path, (store.now.timestamp() + 60,) * 2)
        last |= dict.fromkeys(in_use, store.now)
        before = set(store.names())
        store.sweep(in_use)
        gone = before - set(store.names())

        assert not gone & in_use
        assert all(store.now - last[name] >= DAY for name in gone)
        store.later(timedelta(hours=hours))


def test_marks_name_what_they_stand_for() -> None:
    """Another Model of the same name, or of another namespace, is another owner."""
    others = (replace(OURS, uid="x"), replace(OURS, model="x"), replace(OURS, namespace="x"))

    assert OURS not in others
    assert len({owner.to_json() for owner in (OURS, *others)}) == 4
