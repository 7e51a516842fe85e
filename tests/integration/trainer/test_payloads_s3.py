"""A payload log in a real S3 store: what a server records arrives whole, and a preflight finds it in another pod."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mlwright.constants import PAYLOADS_AWAY
from mlwright.server.payload_log import PayloadLog
from mlwright.server.replay import newest
from mlwright.server.settings import Identity
from mlwright.trainer import payloads
from mlwright.trainer.artifacts import Store
from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.payloads import Sender, fetch, read_log
from tests.support.s3server import ACCESS, PASSWORD, S3Server, free_port, serving
from tests.support.waiting import eventually, exit_code

pytestmark = pytest.mark.timeout(120)

IDENTITY = Identity(deployment="flights", model="flights", version="flights-7", revision="stable1")
COLUMNS = {"distance": np.array([[1.5]])}
OUTPUTS = {"label": np.array([True])}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server; each test begins with an empty bucket."""
    with serving(tmp_path_factory.mktemp("s3") / "server") as running:
        yield running


@pytest.fixture
def bucket(server: S3Server) -> Iterator[Path]:
    """The bucket of the log."""
    found = server.bucket("logs")
    yield found
    for left in found.iterdir():
        shutil.rmtree(left)


def told(root: Path, endpoint: str, password: str = PASSWORD, **wanted: str | int) -> dict[str, str]:
    """Return what the container of a pod is told."""
    storage = {"endpointURL": endpoint, "secretRef": {"name": "keys"}}
    before = "MLWRIGHT_ARTIFACTS_0_"
    store = {"uri": "s3://logs/live", "field": "spec.server.payloadLog", "storage": storage, "keys": before}
    return {
        "MLWRIGHT_MOUNT_ROOT": str(root),
        "MLWRIGHT_TERMINATION_LOG": str(root / "termination-log"),
        "MLWRIGHT_ARTIFACTS": json.dumps({"stores": [store], "fetch": []}),
        "MLWRIGHT_PAYLOADS": json.dumps({"namespace": "ml", "deployment": "flights", "revision": "stable1", **wanted}),
        f"{before}AWS_ACCESS_KEY_ID": ACCESS,
        f"{before}AWS_SECRET_ACCESS_KEY": password,
    }


def record(root: Path, *moments: float, pod: str = "pod-1", revision: str = "stable1") -> PayloadLog:
    """Let the server of a pod record requests and end."""
    identity = Identity("flights", "flights", "flights-7", revision)
    log = PayloadLog(identity, root / "s3/logs/live/ml", pod, 1.0, lambda: 0.0, sent=True)
    log.start()
    for at in moments:
        log.offer(COLUMNS, OUTPUTS, at)
    log.stop(5.0)
    return log


def test_what_one_pod_recorded_another_one_finds(server: S3Server, bucket: Path, tmp_path: Path) -> None:
    """Of the revision that is asked for; the names say namespace, deployment, revision, hour, pod and number."""
    record(tmp_path / "one", 1.0, 2.0)
    record(tmp_path / "one", 3.0, revision="other")
    revisions = ("stable1", "other")
    failed = [Sender(read_log(told(tmp_path / "one", server.endpoint, revision=one))).send() for one in revisions]
    [name, other] = sorted((path.relative_to(bucket) for path in bucket.rglob("*.jsonl")), reverse=True)
    said, _ = fetch(told(tmp_path / "two", server.endpoint, requests=10))
    lines = [json.loads(line) for line in newest(tmp_path / "two/s3/logs/live/ml/flights/stable1", 10)]

    assert failed == [None, None]
    assert re.fullmatch(r"live/ml/flights/stable1/20\d\d-\d\d-\d\dT\d\d/pod-1-\d{10}\.jsonl", str(name))
    assert other.is_relative_to("live/ml/flights/other")
    assert said == "2 recorded requests are fetched"
    assert [line["at"] for line in lines] == [1.0, 2.0]
    assert not list((tmp_path / "two").rglob("other"))
    assert not list((tmp_path / "one").rglob("*.jsonl"))


def test_only_as_much_is_fetched_as_is_wanted(
    server: S3Server, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest files; what is older than the hours of these is not even listed, however long the log grew."""
    for hour, number in (("01", 4000), ("01", 3700), ("00", 3500), ("00", 3599)):
        path = bucket / f"live/ml/flights/stable1/1970-01-01T{hour}/pod-{number:010}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"at": {number}}}\n' * 2)
    listed: list[str] = []
    beside = Store.beside

    def listing(store: Store, folder: Path) -> list[tuple[Path, int]]:
        listed.append(folder.name)
        return beside(store, folder)

    monkeypatch.setattr(Store, "beside", listing)
    fetch(told(tmp_path / "three", server.endpoint, requests=3))
    of_three, listed[:] = list(listed), []
    fetch(told(tmp_path / "five", server.endpoint, requests=5))

    assert numbers(tmp_path / "three") == [3700, 4000]
    assert (of_three, listed) == (["1970-01-01T01"], ["1970-01-01T01", "1970-01-01T00"])
    assert numbers(tmp_path / "five") == [3599, 3700, 4000]


def test_a_newest_file_that_is_too_large_is_fetched_alone(
    server: S3Server, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preflight that found nothing would pass."""
    monkeypatch.setattr(payloads, "LARGEST", 10)
    for number in (1, 2):
        path = bucket / f"live/ml/flights/stable1/1970-01-01T00/pod-{number:010}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"at": 1}\n' * 2)
    said, _ = fetch(told(tmp_path, server.endpoint, requests=10))

    assert (said, numbers(tmp_path)) == ("2 recorded requests are fetched", [2])


def numbers(root: Path) -> list[int]:
    """Of the files that were fetched."""
    return sorted(int(path.stem.rpartition("-")[2]) for path in root.rglob("*.jsonl"))


def test_where_nothing_was_recorded_nothing_is_fetched(server: S3Server, bucket: Path, tmp_path: Path) -> None:
    """The first version of a deployment has nobody before it."""
    said, _ = fetch(told(tmp_path, server.endpoint, requests=3))

    assert said == "0 recorded requests are fetched"
    assert list(bucket.rglob("*.jsonl")) == []


def test_a_store_that_refuses_is_told_once_and_keeps_what_was_recorded(
    server: S3Server, bucket: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The server shows it; what waits is sent as soon as the store takes it."""
    log = record(tmp_path, 1.0)
    refused = Sender(read_log(told(tmp_path, server.endpoint, password="wrong")))  # noqa: S106 - a wrong one
    problems = [str(refused.send()) for _ in range(2)]
    away = "mlwright_payloads_store_away{" in "\n".join(log.lines()) and list(log.lines())[-1].endswith(" 1")
    fine = Sender(read_log(told(tmp_path, server.endpoint)))
    failed = fine.send()
    log._look()

    assert problems[0].startswith("spec.server.payloadLog.storage.secretRef: ")
    assert len([one for one in caplog.records if one.message.startswith("the payload log is not taken")]) == 1
    assert (away, failed, fine.sent) == (True, None, 1)
    assert not list(tmp_path.rglob(PAYLOADS_AWAY))
    assert any(line.startswith("mlwright_payloads_written_total{") and line.endswith(" 1") for line in log.lines())
    assert len(list(bucket.rglob("*.jsonl"))) == 1


def test_what_is_left_is_sent_when_the_pod_ends(server: S3Server, bucket: Path, tmp_path: Path) -> None:
    """Also the draft of a server that was killed: nobody writes it any more."""
    folder = tmp_path / "s3/logs/live/ml/flights/stable1"
    folder.mkdir(parents=True)
    (folder / ".pod-1.draft").write_text('{"at": 1}\n')
    env = {**os.environ, **told(tmp_path, server.endpoint)}
    command = [sys.executable, "-m", "mlwright.trainer", "send-payloads"]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as process:
        (folder / "pod-1-0000000001.jsonl").write_text('{"at": 0}\n')
        eventually(lambda: list(bucket.rglob("*-0000000001.jsonl")) or None, "a whole file is in the store", 30)
        before = len(list(bucket.rglob("*.jsonl")))
        process.send_signal(signal.SIGTERM)
        code = exit_code(process, "the sender has ended")

    assert (before, code) == (1, 0)
    assert sorted(path.read_text() for path in bucket.rglob("*.jsonl")) == ['{"at": 0}\n', '{"at": 1}\n']
    assert json.loads((tmp_path / "termination-log").read_text())["sentence"].startswith("2 files")


def test_a_bucket_that_is_not_there_is_told(server: S3Server, tmp_path: Path) -> None:
    """By who sends, and by who fetches: nothing was recorded would be another story."""
    env = told(tmp_path, server.endpoint, requests=3)
    env["MLWRIGHT_ARTIFACTS"] = env["MLWRIGHT_ARTIFACTS"].replace("s3://logs/live", "s3://nowhere/live")
    folder = tmp_path / "s3/nowhere/live/ml/flights/stable1"
    folder.mkdir(parents=True)
    (folder / "pod-1-0000000001.jsonl").write_text('{"at": 0}\n')

    problem = Sender(read_log(env)).send()
    with pytest.raises(UserError) as raised:
        fetch(env)

    for said in (str(problem), str(raised.value)):
        assert said.startswith("spec.server.payloadLog.uri: there is no bucket 'nowhere'")


def test_only_files_are_sent_that_the_server_named(
    server: S3Server, bucket: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """To files that are called otherwise it may still write; what is not sent is told, once."""
    folder = tmp_path / "s3/logs/live/ml/flights/stable1"
    folder.mkdir(parents=True)
    (folder / "pod-1-000000.jsonl").write_text('{"at": 0}\n')
    (folder / "pod-1-0000000001.jsonl").write_text('{"at": 1}\n')
    sender = Sender(read_log(told(tmp_path, server.endpoint)))
    failed = [sender.send() for _ in range(2)]

    assert failed == [None, None]
    assert [path.name for path in bucket.rglob("*.jsonl")] == ["pod-1-0000000001.jsonl"]
    assert [path.name for path in folder.iterdir()] == ["pod-1-000000.jsonl"]
    assert [one.__dict__["file"] for one in caplog.records if "not sent" in one.message] == ["pod-1-000000.jsonl"]


def test_a_server_of_an_older_release_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It writes as to a claim, beside the folder of its revision; nothing of that is sent."""
    folder = tmp_path / "s3/logs/live/ml/flights"
    folder.mkdir(parents=True)
    (folder / "stable1-pod-1-000000.jsonl").write_text('{"at": 0}\n')
    Sender(read_log(told(tmp_path, "http://127.0.0.1:9"))).send()

    [said] = [one for one in caplog.records if "not sent" in one.message]
    assert said.__dict__["file"] == "stable1-pod-1-000000.jsonl"
    assert "server image" in said.__dict__["remedy"]


def a_link(place: Path) -> None:
    """Leave a link to what only this container may read."""
    place.symlink_to("/proc/self/environ")


def a_pipe(place: Path) -> None:
    """Leave a file that whoever opens it waits for."""
    os.mkfifo(place)


@pytest.mark.parametrize("leave", [a_link, a_pipe])
def test_what_is_no_file_is_never_followed(
    server: S3Server, bucket: Path, tmp_path: Path, leave: Callable[[Path], None]
) -> None:
    """The server may run whose code may not see the keys, which this container has; what it recorded is sent."""
    folder = tmp_path / "s3/logs/live/ml/flights/stable1"
    folder.mkdir(parents=True)
    leave(folder / "pod-1-0000000001.jsonl")
    (folder / "pod-1-0000000002.jsonl").write_text('{"at": 2}\n')
    Sender(read_log(told(tmp_path, server.endpoint))).send()

    assert [path.name for path in bucket.rglob("*.jsonl")] == ["pod-1-0000000002.jsonl"]


def test_an_object_is_never_made_of_what_a_link_leads_to(server: S3Server, bucket: Path, tmp_path: Path) -> None:
    """Also of one that takes the place of a file after it was looked at."""
    place = tmp_path / "s3/logs/live/one"
    place.parent.mkdir(parents=True)
    place.symlink_to("/proc/self/environ")
    store = read_log(told(tmp_path, server.endpoint)).store

    with pytest.raises(SurroundingsError, match="one is no regular file: remove it"):
        store.send(place)
    assert list(bucket.rglob("*")) == []


@pytest.mark.usefixtures("bucket")
def test_a_folder_that_takes_no_mark_does_not_end_the_sender(
    server: S3Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As when the disk is full: what the store does not take is told once, and tried again."""
    record(tmp_path, 1.0)
    in_the_way = tmp_path / "s3/logs/live/ml/flights/stable1" / PAYLOADS_AWAY
    in_the_way.mkdir()
    sender = Sender(read_log(told(tmp_path, server.endpoint, password="wrong")))  # noqa: S106 - a wrong one
    problems = [str(sender.send()) for _ in range(2)]

    assert all("refuses the keys" in problem for problem in problems)
    assert len([one for one in caplog.records if one.message.startswith("the payload log is not taken")]) == 1


@pytest.mark.usefixtures("bucket")
def test_corrected_keys_are_taken_by_a_sender_that_runs(server: S3Server, tmp_path: Path) -> None:
    """The kubelet changes the files of a Secret when somebody corrects it."""
    record(tmp_path, 1.0)
    keys = tmp_path / "secret/keys"
    keys.mkdir(parents=True)
    (keys / "AWS_ACCESS_KEY_ID").write_text(ACCESS)
    (keys / "AWS_SECRET_ACCESS_KEY").write_text("wrong")
    sender = Sender(read_log(told(tmp_path, server.endpoint, password="wrong")))  # noqa: S106 - a wrong one
    refused = sender.send()
    (keys / "AWS_SECRET_ACCESS_KEY").write_text(PASSWORD)
    taken = sender.send()

    assert "refuses the keys of Secret 'keys'" in str(refused)
    assert (taken, sender.sent) == (None, 1)


@pytest.mark.usefixtures("bucket")
def test_keys_that_are_no_text_do_not_end_the_sender(server: S3Server, tmp_path: Path) -> None:
    """It goes on with those that it has."""
    record(tmp_path, 1.0)
    keys = tmp_path / "secret/keys"
    keys.mkdir(parents=True)
    (keys / "AWS_ACCESS_KEY_ID").write_bytes(b"\xff")
    sender = Sender(read_log(told(tmp_path, server.endpoint, password="wrong")))  # noqa: S106 - a wrong one
    problems = [str(sender.send()) for _ in range(2)]

    assert all("refuses the keys" in problem for problem in problems)


def test_what_is_left_takes_no_name_that_was_sent(server: S3Server, bucket: Path, tmp_path: Path) -> None:
    """A server that filled several files in a second gave them numbers that the clock has not reached."""
    folder = tmp_path / "s3/logs/live/ml/flights/stable1"
    folder.mkdir(parents=True)
    ahead = int(time.time()) + 1000
    (folder / f"pod-1-{ahead}.jsonl").write_text('{"at": 1}\n')
    (folder / ".pod-1.draft").write_text('{"at": 2}\n')
    sender = Sender(read_log(told(tmp_path, server.endpoint)))
    sender.send()
    sender.adopt()
    sender.send()

    names = sorted(path.name for path in bucket.rglob("*.jsonl"))
    assert names == [f"pod-1-{ahead}.jsonl", f"pod-1-{ahead + 1}.jsonl"]


def test_a_store_that_is_away_does_not_end_the_sender(tmp_path: Path) -> None:
    """Were it to end, the pod would be out of service."""
    record(tmp_path, 1.0)
    problem = Sender(read_log(told(tmp_path, f"http://127.0.0.1:{free_port()}"))).send()

    assert "does not answer" in str(problem)
    assert len(list(tmp_path.rglob("*.jsonl"))) == 1
