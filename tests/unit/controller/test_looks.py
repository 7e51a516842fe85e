"""The last looks at deployments: written out, read again and decided again, with the same end."""

from __future__ import annotations

import io
import json
import math
import tracemalloc
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlwright.cli.__main__ import main
from mlwright.controller import looks as module
from mlwright.controller.kinds import RECONCILERS, deployments
from mlwright.controller.looks import Looks, Played, Unreadable, played
from mlwright.plan.analysis import Counted
from mlwright.plan.loads import Answer, Question
from mlwright.plan.measuring import Measure, Measured, Phase, Side
from mlwright.plan.serving import DeploymentSeen
from tests.support.replay import operator as replayed
from tests.support.replay.stories import STORIES
from tests.unit.planners.given import NOW, SETTINGS, a_deployment, a_pod

pytestmark = pytest.mark.timeout(60)


def a_look(looks: Looks, seen: DeploymentSeen, at: datetime = NOW) -> None:
    """Let a look happen."""
    looks.over(deployments.RECONCILER).plan(seen, SETTINGS, at)


def serving(name: str = "churn", ready: int = 2) -> DeploymentSeen:
    """Return a deployment that serves, with what was answered about its load."""
    seen = a_deployment().stable(1, ready=ready, pods=(a_pod(ready=True),)).done()
    answers = {Question("rate(a[1m])"): Answer(3.0, {("demo", "churn-1"): 2.5})}
    return replace(seen, name=name, uid=f"uid-{name}", answers=answers)


def written(looks: Looks, folder: Path) -> list[str]:
    """Return the lines of what was written."""
    file = folder / "looks.jsonl"
    looks.write(file)
    return file.read_text().splitlines()


@pytest.mark.parametrize("name", STORIES)
def test_every_look_of_a_story_is_decided_again_as_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file alone: another process that reads it comes to the same sentences and the same bytes."""
    looks = Looks()
    monkeypatch.setattr(module, "KEPT", 100_000)
    monkeypatch.setattr(module, "LARGEST", 1 << 40)
    kinds = {reconciler.kind.name: looks.over(reconciler) for reconciler in RECONCILERS}
    monkeypatch.setattr(replayed, "_BY_KIND", kinds)
    operator, _ = STORIES[name].tell()
    lines = written(looks, tmp_path)

    looked_at = {name for kind, name, _ in operator.trace if kind == "ModelDeployment"}
    assert {json.loads(line)["seen"]["name"] for line in lines} == looked_at
    assert [one for one in played(lines) if isinstance(one, Unreadable) or not one.same] == []


def test_what_was_answered_about_the_load_is_kept(tmp_path: Path) -> None:
    """Although its keys are no texts."""
    looks, seen = Looks(), serving()
    a_look(looks, seen)
    [found] = played(written(looks, tmp_path))

    assert isinstance(found, Played)
    assert found.look.seen.answers == {}
    assert [dict(one.pods) for one in found.look.answers] == [{("demo", "churn-1"): 2.5}]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_read_again(number: float, tmp_path: Path) -> None:
    """A query may answer anything, also what JSON has no number for: of the load, and of a version under judgement."""
    looks = Looks()
    measure = Measure("demo", "churn", Side("c", ()), Side("s", ()), (Phase(0, 1.0),), (), timedelta(0))
    measured = Measured(measure, {"errors": Counted(values=(number,))})
    answers = {Question("sum(x) / 0"): Answer(3.0, {("demo", "churn-1"): number}, number=number)}
    a_look(looks, replace(serving(), measured=measured, answers=answers))
    [found] = played(written(looks, tmp_path))

    assert isinstance(found, Played)
    [answered], seen = found.look.answers, found.look.seen.measured
    assert isinstance(seen, Measured)
    reading = seen.readings["errors"]
    assert isinstance(reading, Counted)
    assert repr((answered.answer.number, answered.pods[0][1], *reading.values)) == repr((number,) * 3)
    assert found.same


def test_what_brings_nothing_new_is_not_kept(tmp_path: Path) -> None:
    """Else an hour of quiet would push out what happened before it."""
    looks = Looks()
    for minute in range(3):
        a_look(looks, serving(), NOW + timedelta(minutes=minute))
    a_look(looks, serving("other"))

    assert [json.loads(line)["seen"]["name"] for line in written(looks, tmp_path)] == ["churn", "other"]


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory is bounded; a deployment whose last look is forgotten is remembered anew."""
    monkeypatch.setattr(module, "KEPT", 2)
    looks = Looks()
    for name in ("a", "b", "c", "a"):
        a_look(looks, serving(name))

    assert [json.loads(line)["seen"]["name"] for line in written(looks, tmp_path)] == ["c", "a"]


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest looks are in it."""
    one, looks = Looks(), Looks()
    a_look(one, serving("a"))
    monkeypatch.setattr(module, "LARGEST", 2 * len(written(one, tmp_path)[0]) + 10)
    for name in ("a", "b", "c"):
        a_look(looks, serving(name))

    assert [json.loads(line)["seen"]["name"] for line in written(looks, tmp_path)] == ["b", "c"]


def test_memory_is_bounded_by_what_the_file_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long rollout is judged by thousands of readings at each look, and those are other objects every time."""
    monkeypatch.setattr(module, "LARGEST", 500_000)
    measure = Measure("demo", "churn", Side("c", ()), Side("s", ()), (Phase(0, 1.0),), (), timedelta(0))
    looks, seen = Looks(), serving()
    a_look(looks, serving("first"))
    tracemalloc.start()
    try:
        for number in range(20):
            measured = Measured(measure, {"errors": Counted(values=tuple(number + place / 7 for place in range(5000)))})
            a_look(looks, replace(seen, uid=f"uid-{number}", measured=measured))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 2 * module.LARGEST


def test_a_look_that_cannot_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is decided does not hang on what is remembered; it is logged."""
    looks = Looks()
    a_look(looks, serving("half a character \ud800"))
    a_look(looks, serving())

    assert "a look cannot be remembered" in caplog.text
    assert [json.loads(line)["seen"]["name"] for line in written(looks, tmp_path)] == ["churn"]


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged."""
    Looks().write(tmp_path / "absent" / "looks.jsonl")

    assert "looks cannot be written" in caplog.text


@pytest.mark.parametrize(
    "change,sentence",
    [
        ({"form": 2}, "line 1 is of form 2, this version knows form 1"),
        ({"seen": {}}, "line 1 is no look of a deployment: seen.namespace"),
    ],
)
def test_a_line_that_is_no_look_is_named(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    """By its number, and those behind it are decided all the same."""
    looks = Looks()
    a_look(looks, serving())
    [line] = written(looks, tmp_path)

    broken, whole = played([json.dumps(json.loads(line) | change), line])
    assert isinstance(broken, Unreadable)
    assert broken.sentence.startswith(sentence)
    assert isinstance(whole, Played)
    assert whole.same


def replay(file: Path) -> tuple[int, str]:
    """Return the exit code of the command and the last line that it printed."""
    out, err = io.StringIO(), io.StringIO()
    code = main(["replay", str(file)], out=out, err=err)
    return code, (out.getvalue() + err.getvalue()).splitlines()[-1]


def test_the_command_says_what_would_come_out_now(tmp_path: Path) -> None:
    """With the exit code of a difference."""
    looks, file = Looks(), tmp_path / "looks.jsonl"
    a_look(looks, serving())
    looks.write(file)
    honest = replay(file)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"sentence": "another one"}))

    assert honest == (0, "1 looks, all decided as then")
    assert replay(file) == (1, "1 looks, 1 decided otherwise")


def test_the_command_names_a_line_that_it_cannot_read(tmp_path: Path) -> None:
    """The others are decided all the same; of a file without any look there is nothing to say."""
    looks, file = Looks(), tmp_path / "looks.jsonl"
    a_look(looks, serving())
    looks.write(file)
    file.write_text(file.read_text() + "{}\n")
    mixed = replay(file)
    file.write_text("{}\n")
    code, said = replay(file)

    assert mixed == (1, "1 looks, all decided as then; 1 lines could not be read")
    assert code == 2
    assert "line 1 is no look of a deployment: form" in said


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As wrong usage."""
    code, said = replay(tmp_path / "absent")

    assert code == 2
    assert "absent cannot be read" in said
