"""The shape of Events."""

from __future__ import annotations

import pytest

from mlwright.adapters.kube.events import NOTE_LENGTH, _event
from mlwright.ports.events import Notice, Subject

RUN = {
    "apiVersion": "mlwright.dev/v1alpha1",
    "kind": "TrainingRun",
    "metadata": {"namespace": "demo", "name": "flights-1", "uid": "u1", "resourceVersion": "7"},
}


def name(sentence: str = "fine", uid: str = "u1") -> str:
    about = {**RUN, "metadata": {**RUN["metadata"], "uid": uid}}  # type: ignore[dict-item]
    return str(_event(Notice(Subject.of(about), "Normal", "Settled", sentence), "now", "pod")["metadata"]["name"])


def test_the_same_thing_said_again_has_the_same_name() -> None:
    """So it is counted up instead of told twice."""
    assert name() == name()


@pytest.mark.parametrize("other", [name("other words"), name(uid="u2")], ids=["words", "object"])
def test_another_thing_has_another_name(other: str) -> None:
    """Other words, or the same words about a successor of the object."""
    assert other != name()


def test_an_event_belongs_to_its_object() -> None:
    """Kubectl describe finds it by kind, name and uid."""
    event = _event(Notice(Subject.of(RUN), "Warning", "Refused", "x" * 5000), "2026-01-02T03:04:05Z", "pod")

    assert event["involvedObject"]["uid"] == "u1"
    assert event["involvedObject"]["kind"] == "TrainingRun"
    assert len(event["message"]) == NOTE_LENGTH
    assert event["type"] == "Warning"
