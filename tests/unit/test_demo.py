"""The demo: what it reports, above all when it fails; and when clients were served without a break."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from cluster.kubectl import KubectlError, Namespace
from examples.flights import demo
from examples.flights.demo import Story, Told, write_report
from examples.flights.errands import Load

COUNTED = {"requests": 12, "failed": 0, "failures": {}, "versions": {"1": 5, "2": 7}}


def says(sentence: str) -> Callable[[], str]:
    """A stage that goes well."""
    return lambda: sentence


def fails(error: Exception) -> Callable[[], str]:
    """A stage that does not."""

    def act() -> str:
        raise error

    return act


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the report goes."""
    monkeypatch.setattr(demo, "REPORT", tmp_path / "build" / "demo.json")
    return demo.REPORT


@pytest.mark.parametrize(
    "error", [KubectlError("no answer"), json.JSONDecodeError("no answer", "", 0), FileNotFoundError("no answer")]
)
def test_whatever_fails_is_told_and_is_not_ok(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    """No failure of any kind ends the demo before its report."""
    story = Story()

    assert story.tell("serve", says("it serves"))
    assert not story.tell("predict", fails(error))

    assert [(stage.name, stage.ok) for stage in story.stages] == [("serve", True), ("predict", False)]
    assert "FAILED: no answer" in capsys.readouterr().out


def test_a_mistake_of_ours_is_told_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Words of kubectl say what to do; a KeyError alone says nothing."""
    Story().tell("predict", fails(KeyError("outputs")))

    assert "Traceback" in capsys.readouterr().err


def test_the_report_says_what_was_played(report: Path) -> None:
    """Whoever reads that all is well sees of which parts that is said."""
    story = Story()
    story.tell("season", says("it closed"))

    write_report(story, ["season"], Told(), (), ok=True)

    written = json.loads(report.read_text("utf-8"))
    assert (written["ok"], written["parts"], written["failedRequests"]) == (True, ["season"], None)
    assert [stage["name"] for stage in written["stages"]] == ["season"]


def test_an_earlier_report_does_not_speak_for_a_demo_that_broke_off(
    report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is gone before anything begins."""
    report.parent.mkdir()
    report.write_text('{"ok": true}', "utf-8")
    monkeypatch.setattr(Namespace, "of_this_cluster", lambda _: fails(KeyboardInterrupt())())  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        demo.main(["life"])

    assert not report.exists()


class Answers:
    """A namespace in which a load ran, and printed this."""

    def __init__(self, printed: dict[str, Any]) -> None:
        self.printed = printed

    def kubectl(self, verb: str, *_: str) -> str:
        """Show the log; everything else is done in silence."""
        return json.dumps(self.printed) if verb == "logs" else ""


def counted(**otherwise: Any) -> Load:
    """A load that has stopped."""
    clients = Load(cast("Namespace", Answers(COUNTED | otherwise)), "load-flights")
    clients.stop()
    return clients


def test_clients_that_were_all_answered_by_both_versions_saw_no_break() -> None:
    """The figures are those of the script."""
    assert counted().unbroken("1", "2") == COUNTED


@pytest.mark.parametrize(
    "otherwise, sentence",
    [
        ({"failed": 2, "failures": {"status 500: no": 2}}, "2 of 12 requests failed: .*status 500: no"),
        ({"versions": {"1": 12}}, "version 2 answered no request"),
    ],
)
def test_clients_that_saw_a_break_say_which(otherwise: dict[str, Any], sentence: str) -> None:
    """A takeover that nobody saw was not shown either."""
    with pytest.raises(KubectlError, match=sentence):
        counted(**otherwise).unbroken("1", "2")


def test_clients_that_asked_nothing_saw_nothing() -> None:
    """That no request failed is true of them too."""
    with pytest.raises(KubectlError, match="load-flights asked nothing"):
        counted(requests=0, versions={})
