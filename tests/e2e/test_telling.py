"""Whoever asks the cluster what happened gets an answer: kubectl get, describe, explain, and the Events."""

from __future__ import annotations

import json
import re

from tests.support.live import Live


def table(live: Live, *what: str) -> dict[str, dict[str, str]]:
    """Return what kubectl get shows: per name, the cells by their heading."""
    heading, *lines = live.kubectl("get", *what).splitlines()
    columns = [(column.group().strip(), slice(*column.span())) for column in re.finditer(r"\S+( \S+)*\s*", heading)]
    *inner, (last, end) = columns
    cells = [*inner, (last, slice(end.start, None))]
    rows = [{name: line[place].strip() for name, place in cells} for line in lines]
    return {row["NAME"]: row for row in rows}


def test_get_shows_where_everything_stands(trained: Live) -> None:
    """The columns answer the first question about each kind."""
    pipeline, run = table(trained, "tp")["churn"], table(trained, "run")["churn-1"]
    version, deployment = table(trained, "mv")["churn-v1"], table(trained, "md")["churn"]

    assert [pipeline[key] for key in ("READY", "RUN", "STATE", "LATEST")] == [
        "True",
        "churn-1",
        "Succeeded",
        "churn-v1",
    ]
    assert [run[key] for key in ("PIPELINE", "PROGRESS", "COMPLETE", "VERSION")] == ["churn", "3/3", "True", "churn-v1"]
    assert [version[key] for key in ("MODEL", "VERSION", "VERDICT", "FORMAT")] == ["churn", "1", "Passed", "ONNX"]
    assert [deployment[key] for key in ("READY", "VERSION", "REPLICAS")] == ["True", "churn-v1", "1"]


def test_get_wide_holds_the_sentence(trained: Live) -> None:
    """With more room the table says why."""
    wide = trained.kubectl("get", "tp,md", "--output=wide")

    assert "churn-1: made churn-v1, which passed its gates" in wide
    assert "churn-v1 serves with 1 of 1 pods ready" in wide
    assert f"http://churn.{trained.name}.svc.cluster.local/v2/models/churn" in wide


def test_one_word_shows_every_kind(trained: Live) -> None:
    """`kubectl get mlwright` is the overview."""
    shown = trained.kubectl("get", "mlwright", "--output=name")

    for name in (
        "trainingpipeline.mlwright.dev/churn",
        "trainingrun.mlwright.dev/churn-1",
        "model.mlwright.dev/churn",
        "modelversion.mlwright.dev/churn-v1",
        "modeldeployment.mlwright.dev/churn",
        "decision.mlwright.dev/churn-promote-",
    ):
        assert name in shown


def test_describe_tells_the_story(trained: Live) -> None:
    """What was read, how it was judged, and the Events of the way there stand in one place."""
    run = trained.kubectl("describe", "trainingrun/churn-1")
    deployment = trained.kubectl("describe", "modeldeployment/churn")

    assert "read 2,000 rows" in run
    assert "gate good passed: roc_auc is 0.9" in run
    assert "made churn-v1, which passed its gates" in run
    assert "churn-v1 serves with 1 of 1 pods ready" in deployment
    assert "Events:" in deployment
    assert "RunInProgress" in trained.kubectl("describe", "trainingpipeline/churn")


def test_events_carry_the_sentences_of_the_conditions(trained: Live) -> None:
    """Who looks at the Events of an object reads the same words as in its status."""
    told = events(trained, "trainingrun/churn-1")
    served = events(trained, "modeldeployment/churn")

    assert "Normal Complete made churn-v1, which passed its gates" in told
    assert "Normal Serving churn-v1 serves with 1 of 1 pods ready" in served


def events(live: Live, what: str) -> list[str]:
    """Return the Events of an object as type, reason and sentence."""
    said = json.loads(live.kubectl("events", f"--for={what}", "--output=json"))
    return [f"{event['type']} {event['reason']} {event['message']}" for event in said["items"]]


def test_decisions_say_what_was_decided_and_why(trained: Live) -> None:
    """A takeover is recorded with its reason."""
    (decision,) = (row for name, row in table(trained, "decisions").items() if name.startswith("churn-promote-"))

    assert [decision[key] for key in ("SUBJECT", "TYPE", "VERSION")] == ["churn", "Promote", "churn-v1"]
    assert decision["SENTENCE"] == "churn-v1 takes over: 1 of 1 pods ready"


def test_explain_is_the_manual(trained: Live) -> None:
    """Every field is described where it is written."""
    drain = trained.kubectl("explain", "modeldeployment.spec.server.drain")
    pipeline = trained.kubectl("explain", "trainingpipeline.spec.dataset")

    assert "How long a pod that is going away still answers." in drain
    for field in ("uri", "format", "target", "features", "timeRange", "split"):
        assert field in pipeline
