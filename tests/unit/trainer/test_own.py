"""What stands before and behind a container of somebody's own, played on real files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlwright.trainer.program import main

RUN = Path("pvc/store/runs/r1")


class Pod:
    """A mount root in which the three containers of a step run one after the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.message: dict[str, Any] = {}

    def ours(self, part: str, *, shard: str = "", **task: Any) -> int:
        """Run one of our containers and return its exit code."""
        known = {"run": "r1", "step": "features", "attempt": 0, "runUri": "pvc://store/runs/r1"}
        known |= {"inputs": [], "outputs": [], **task}
        log = self.root / "termination-log"
        env = {
            "MLWRIGHT_OWN": json.dumps(known),
            "MLWRIGHT_MOUNT_ROOT": str(self.root),
            "MLWRIGHT_TERMINATION_LOG": str(log),
            "MLWRIGHT_SHARD": shard,
        }
        code = main([part], env)
        self.message = json.loads(log.read_text())
        return code

    def run(self, files: Mapping[str, str], **task: Any) -> int:
        """Let a container write files between ours; the exit code of the last one comes back."""
        shard = task.get("shard", "")
        assert self.ours("prepare", **task) == 0
        draft = self.root / RUN / (f"features-0/.{shard}.tmp" if shard else ".features-0.tmp")
        for name, text in files.items():
            (draft / name).parent.mkdir(exist_ok=True)
            (draft / name).write_text(text)
        return self.ours("seal", **task)


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    """Return an empty place."""
    return Pod(tmp_path)


def test_what_a_container_left_is_the_result_of_the_step(pod: Pod) -> None:
    """Its folder appears complete, and its report is read in the form that every step has."""
    told = {"sentence": "kept 3 rows", "results": {"rows": 3}}
    code = pod.run({"result.json": json.dumps(told), "data/a.csv": "x"}, outputs=[{"name": "data", "type": "Dataset"}])

    assert code == 0
    assert pod.message == {
        "schemaVersion": 1,
        "step": "features",
        "run": "r1",
        "attempt": 0,
        "outcome": "Succeeded",
        **told,
    }
    assert sorted(p.name for p in (pod.root / RUN / "features-0").iterdir()) == ["data", "result.json"]


def test_a_container_need_not_report_anything(pod: Pod) -> None:
    """To end with 0 is enough."""
    assert pod.run({}) == 0
    assert (pod.message["sentence"], pod.message["results"]) == ("done; it left no result.json", {})


@pytest.mark.parametrize(
    "text, says",
    [
        ("{", "its result.json is no JSON"),
        ("[]", 'its result.json is no object such as {"sentence": "...", "results": {"rows": 1}}'),
        ('{"results": 1}', 'its result.json is no object such as {"sentence": "...", "results": {"rows": 1}}'),
        ('{"sentence": 1}', 'its result.json is no object such as {"sentence": "...", "results": {"rows": 1}}'),
        ('{"results": {"loss": NaN}}', "its result.json is no JSON"),
        ('{"results": {"a": {"loss": 1e999}}}', "its result.json is no object such as"),
        ('{"sentence": "half an emoji: \\ud83d"}', "its result.json is no object such as"),
        ('{"results": {"a": ["\\ud83d"]}}', "its result.json is no object such as"),
        ('{"sentence": "' + "x" * 5000 + '"}', "its result.json holds 5,016 bytes, and at most 3,072 are read"),
    ],
    ids=[
        "broken",
        "a list",
        "results that are none",
        "a sentence that is none",
        "not a number",
        "infinity",
        "half a character in the sentence",
        "half a character in the results",
        "too long",
    ],
)
def test_a_report_that_cannot_be_read_is_told(pod: Pod, text: str, says: str) -> None:
    """It is the author's error, with the remedy; nothing appears in the store but that."""
    assert pod.run({"result.json": text}) == 64
    assert pod.message["sentence"].startswith(says)
    assert pod.message["field"] == "spec.steps[features].container"
    assert pod.message["remedy"]


@pytest.mark.parametrize("size", [2900, 3072])
def test_the_longest_report_reaches_the_status(pod: Pod, size: int) -> None:
    """What is said around it leaves it whole."""
    text = json.dumps({"results": {"x": "y" * (size - 22)}})

    assert (len(text), pod.run({"result.json": text})) == (size, 0)
    assert len(pod.message["results"]["x"]) == size - 22


@pytest.mark.parametrize(
    "type_, files, says",
    [
        ("File", {}, "data was not written"),
        ("Dataset", {}, "data holds no file"),
    ],
)
def test_an_output_that_is_missing_is_told_where_it_should_have_been_made(
    pod: Pod, type_: str, files: Mapping[str, str], says: str
) -> None:
    """Not by the step that would have read it."""
    assert pod.run(files, outputs=[{"name": "data", "type": type_}]) == 64
    assert pod.message["sentence"] == says
    assert pod.message["field"] == "spec.steps[features].outputs[data]"
    assert "MLWRIGHT_OUTPUT_DATA" in pod.message["remedy"]


def test_an_input_that_is_missing_is_told_before_the_container_starts(pod: Pod) -> None:
    """It would say it in words of its own."""
    entry = {"name": "data", "from": "raw.rows", "uri": "pvc://store/runs/r1/raw-0/rows"}

    assert pod.ours("prepare", inputs=[entry]) == 64
    assert (pod.message["field"], pod.message["sentence"]) == (
        "spec.steps[features].inputs[data]",
        "raw.rows is not there",
    )


def test_an_attempt_that_is_started_twice_begins_with_an_empty_folder(pod: Pod) -> None:
    """What a pod left that was evicted is gone, and what other steps are at work on stays."""
    pod.ours("prepare")
    (pod.root / RUN / ".features-0.tmp" / "half").write_text("x")
    (pod.root / RUN / ".features-2-0.tmp").mkdir()
    pod.ours("prepare")

    assert list((pod.root / RUN / ".features-0.tmp").iterdir()) == []
    assert (pod.root / RUN / ".features-2-0.tmp").exists()


def test_a_result_that_is_there_is_reported_again(pod: Pod) -> None:
    """That is how it is read when the first report was not heard."""
    pod.run({"result.json": '{"sentence": "first"}'})

    assert pod.ours("seal") == 0
    assert pod.message["sentence"] == "first"


def test_shards_have_a_folder_each(pod: Pod) -> None:
    """And do not disturb each other."""
    assert pod.ours("prepare", shard="1") == 0
    assert pod.run({"part": "0"}, shard="0", outputs=[{"name": "part", "type": "File"}]) == 0

    assert (pod.root / RUN / "features-0/0/part").read_text() == "0"
    assert (pod.root / RUN / "features-0/.1.tmp").is_dir()


def test_without_its_document_it_says_what_is_missing(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody started it by hand."""
    monkeypatch.chdir(pod.root)

    assert main(["seal"], {"MLWRIGHT_TERMINATION_LOG": str(pod.root / "log")}) == 64
    assert "MLWRIGHT_OWN" in (pod.root / "log").read_text()
