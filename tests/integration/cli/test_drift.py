"""`kubectl mlwright drift` on a real API server: told from the records that a monitor left, with no operator."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlwright.api.drift import DriftMonitorSpec
from mlwright.builders.drift import renderer
from mlwright.plan.drift import MonitorSeen
from mlwright.plan.drift_counts import Block, Hours, Reference, Usual
from mlwright.plan.drift_intents import DriftIntent, KeepBlock, KeepReference, KeepUsual
from mlwright.plan.writes import Create
from mlwright.stats.wobble import still
from tests.support.apiserver import Client, Json
from tests.support.browser import Browser
from tests.support.commands import Run, Told
from tests.support.objects import DECISION, MONITOR, changed

HOUR = 3600
T0 = 1_780_002_000 // HOUR * HOUR
BINS = 10
LEARNED = {
    "feature:age": {str(place): 2000 for place in range(BINS)} | {"missing": 0},
    "feature:<b>plan</b>": {"0": 12_000, "1": 8000, "unseen": 0},
    "feature:visits": {"0": 600, "1": 500},
    "output:label": {"0": 16_000, "1": 4000},
}
NAMES = {
    "feature:age": tuple(f"{18 + 5 * place} to {23 + 5 * place}" for place in range(BINS)),
    "feature:<b>plan</b>": ("basic", "<i>plus</i>"),
}
PERFORMANCE = {"check": "truth", "metric": "accuracy", "verdict": "Steady", "labels": 1200, "observed": 0.871}
ESTIMATE: Json = {
    "metric": "accuracy",
    "estimated": 0.84,
    "evaluated": 0.9,
    "rows": 3000,
    "sentence": "84.0 % of the answers may be right, 90.0 % of 10,000 held-out rows were",
}
STATUS: Json = {
    "estimate": ESTIMATE,
    "performance": {**PERFORMANCE, "evaluated": 0.9, "least": 0.865, "weighed": 0, "right": 0},
    "summary": "churn-v8 has drifted: age: 0.19; pipeline churn was asked for a run because churn-v8 has drifted",
    "version": "churn-v8",
    "revision": "bbbbbbbb",
    "conditions": [
        {
            "type": kind,
            "status": status,
            "reason": "Drifted" if kind == "Drifted" else "NotEnoughData",
            "message": message,
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }
        for kind, status, message in (
            ("Drifted", "True", "churn-v8 has drifted: age"),
            ("EnoughData", "False", "too few rows to judge visits"),
        )
    ],
}
WATCHED = changed(
    MONITOR,
    {
        "spec.windows": {"slow": {"length": "2h", "every": "1h"}, "fast": {"length": "10m"}},
        "spec.checks": [
            {"name": "data", "type": "DataDrift"},
            {"name": "answers", "type": "PredictionDrift"},
            {"name": "whole", "type": "Quality", "quality": {"maxUnseen": 0.001}},
            {"name": "truth", "type": "Performance"},
        ],
        "spec.independentRows": True,
    },
)


MINUTES = 600


def usual() -> Usual:
    """Return what is usual at each hour of the day: the ages of the training, after two days."""
    slots = tuple(sorted(LEARNED["feature:age"]))
    rows = tuple(LEARNED["feature:age"][slot] for slot in slots)
    hours = Hours(slots, 168, dict.fromkeys(range(24), rows), still(len(slots)))
    return Usual("bbbbbbbb", T0, MINUTES, {"feature:age": hours})


def minutes(number: int) -> Block:
    """Return the rows of ten minutes: people are old from the third on."""
    tilt = 40 if number >= 2 else 0
    return Block(
        "bbbbbbbb",
        T0 + number * MINUTES,
        T0 + (number + 1) * MINUTES,
        {"feature:age": {str(place): 200 + tilt * (2 * place - 9) // 2 for place in range(BINS)}},
    )


def block(number: int) -> Block:
    """Return the rows of an hour: people grow older from the fourth on."""
    tilt = 22 if number >= 3 else 0
    counts = {
        "feature:age": {str(place): 200 + tilt * (2 * place - 9) for place in range(BINS)},
        "feature:<b>plan</b>": {"0": 1200, "1": 790, "unseen": 10},
        "feature:visits": {"0": 60, "1": 50},
        "output:label": {"0": 1590, "1": 410},
    }
    return Block("bbbbbbbb", T0 + number * HOUR, T0 + (number + 1) * HOUR, counts)


@pytest.fixture
def watched(told: Told, client: Client, namespace: str) -> None:
    """A monitor that has counted six hours, and asked for a run."""
    told(WATCHED, STATUS)
    uid = client.read("DriftMonitor", namespace, "churn")["metadata"]["uid"]
    seen = MonitorSeen(namespace, "churn", uid, DriftMonitorSpec.model_validate(WATCHED["spec"]), STATUS)
    render = renderer(seen)
    intents: list[DriftIntent] = [KeepBlock(block(number)) for number in range(6)]
    intents += [KeepUsual(usual()), *(KeepBlock(minutes(number)) for number in range(5))]
    for intent in (KeepReference(Reference("bbbbbbbb", LEARNED, names=NAMES)), *intents):
        record = render(intent)
        assert isinstance(record, Create)
        path = f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions"
        assert client.request("POST", path, record.body).status == 201
    asked = {"type": "Retrain", "sentence": "churn-v8 has drifted: age", "by": "DriftMonitor churn"}
    about = {"subjectRef": {"kind": "TrainingPipeline", "name": "churn"}, "revision": "bbbbbbbb", **asked}
    told(changed(DECISION, {"metadata.name": "churn-retrain-1", "spec": about}))


def columns(line: str) -> Sequence[str]:
    """Return the cells of a line of a table."""
    return re.split(r"\s{2,}", line.strip())


@pytest.mark.usefixtures("watched")
def test_a_table_tells_each_feature_window_by_window(run: Run) -> None:
    """The one that is farthest away first, what it was compared with, and what was done."""
    said = run("drift", "churn")

    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == f"DriftMonitor churn: {STATUS['summary']}"
    assert "2026-05-29T01:00:00Z to 2026-05-29T03:00:00Z, 4,000 rows; a window of 2h ends every 1h" in lines[1]
    check, name, verdict, distance, interval, limit, drawn, marks, *_ = columns(lines[3])
    assert (check, name, verdict, limit, marks) == ("data", "age", "Drifted", "0.1", "--!!!")
    assert re.fullmatch(r"0\.\d+", distance)
    assert re.fullmatch(r"\[0\.\d+, 0\.\d+\]", interval)
    assert drawn[:2] == "▁▁"
    assert all(bar in "▅▆▇█" for bar in drawn[-2:])
    assert "visits: the reference has 1100 rows, 2000 are needed" in said.out
    assert "EnoughData  False  too few rows to judge visits" in said.out
    assert "Retrain  churn-v8 has drifted: age" in said.out


@pytest.mark.usefixtures("watched")
def test_broken_values_and_right_answers_have_rows_of_their_own(run: Run) -> None:
    """Shares take the place of distances; labels are told as the monitor told them."""
    said, told = run("drift", "churn"), run("drift", "churn", "-o", "json").data

    rows = {tuple(columns(line)[:2]): columns(line) for line in said.out.splitlines() if line.startswith("  ")}
    plan, truth = rows["whole", "<b>plan</b> unseen"], rows["truth", "accuracy"]
    assert (plan[2], plan[3], plan[5], plan[7]) == ("Degraded", "0.5 %", "0.1 %", "!!!!!")
    assert truth[2:] == ["Steady", "87.1 %", ">= 86.5 %", "1,200"]
    flaw = next(one for one in told["quality"] if one["values"] == "Unseen")
    assert flaw["lower"] > flaw["limit"]
    assert [window["state"] for window in flaw["windows"]] == ["Over"] * 5
    assert told["performance"]["labels"] == 1200
    assert f"estimate: {ESTIMATE['sentence']}" in said.out
    assert told["estimate"] == ESTIMATE


@pytest.mark.usefixtures("watched")
def test_the_newest_minutes_have_rows_of_their_own_where_they_are_strange(run: Run, tmp_path: Path) -> None:
    """Beside what is usual at their hour; a distribution of which that is not learnt is in none of them."""
    page = tmp_path / "drift.html"
    said, told = run("drift", "churn"), run("drift", "churn", "-o", "json").data
    run("drift", "churn", "--report", str(page))

    rows = [columns(line) for line in said.out.splitlines() if line.startswith("  data 10m")]
    assert [(row[1], row[2], row[5], row[7]) for row in rows] == [("age", "Drifted", "0.1", "--!!!")]
    assert "a window of 2h ends every 1h, and one of 10m" in said.out
    age = next(one for one in told["fast"]["features"] if one["name"] == "age")
    assert (told["fast"]["learned"], told["fast"]["needed"]) == (0, 168)
    assert [window["state"] for window in age["windows"]] == ["Stable", "Stable", "Over", "Over", "Over"]
    assert "The newest 10m beside what is usual at this hour" in page.read_text()
    assert "the newest 10m: 0 of 168 hours of what is usual are learnt" in said.out


@pytest.mark.usefixtures("watched")
def test_programs_get_every_window_with_its_figures(run: Run) -> None:
    """Five windows rest on six hours; a feature without a verdict has none of the figures, and says why."""
    told = run("drift", "dm/churn", "-o", "json").data

    features = {feature["name"]: feature for feature in told["features"]}
    assert [window["rows"] for window in told["windows"]] == [4000] * 5
    assert [window["state"] for window in features["age"]["windows"][-3:]] == ["Over"] * 3
    assert features["age"]["lower"] > features["age"]["limit"]
    assert features["label"]["verdict"] == "Stable"
    assert "distance" not in features["visits"]
    assert "2000 are needed" in features["visits"]["sentence"]
    assert [one["type"] for one in told["decisions"]] == ["Retrain"]


@pytest.mark.usefixtures("watched")
def test_a_real_browser_shows_the_distributions_side_by_side(run: Run, browser: Browser, tmp_path: Path) -> None:
    """Two drawings for each feature and output; nothing is loaded, and names are text, whatever they are."""
    page = tmp_path / "drift.html"

    said = run("drift", "churn", "--report", str(page))
    shown, complaints = browser.dump(page)
    browser.photograph(page, tmp_path / "drift.png")

    assert (said.code, complaints) == (0, [])
    assert shown.count("<svg") == 2 * len(LEARNED)
    assert shown.count("<details open") == 3
    assert "63 to 68: 10.0% then, 19.9% now" in shown
    assert re.search(r"<td>63 to 68</td>", shown)
    assert "<td>&lt;i&gt;plus&lt;/i&gt;</td>" in shown
    assert "Broken values" in shown
    assert "Right answers (accuracy)" in shown
    assert ESTIMATE["sentence"] in shown
    assert "&lt;b&gt;plan&lt;/b&gt;" in shown
    assert "<b>plan" not in shown
    assert "<i>plus" not in shown
    assert "<script" not in shown
    assert not re.search(r"https?://|//[a-z]", page.read_text())
    assert (tmp_path / "drift.png").stat().st_size > 10_000


def test_a_monitor_that_has_counted_nothing_says_so(run: Run, told: Told, tmp_path: Path) -> None:
    """There is no table and no page of nothing."""
    told(MONITOR)

    said = run("drift", "churn")
    page = run("drift", "churn", "--report", str(tmp_path / "drift.html"))

    assert (said.code, "no window was counted yet" in said.out) == (0, True)
    assert (page.code, "churn has nothing to show yet" in page.err) == (1, True)
    assert not (tmp_path / "drift.html").exists()


@pytest.mark.usefixtures("watched")
def test_a_file_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    """Nothing else has been done by then."""
    said = run("drift", "churn", "--report", str(tmp_path / "nowhere" / "drift.html"))

    assert (said.code, "drift.html cannot be written" in said.err) == (2, True)
