"""The timeline of the demo: what objects tell, in the order in which it happened."""

from __future__ import annotations

from typing import Any

from examples.flights.timeline import Entry, shown, timeline


def made(kind: str, name: str, at: str, spec: dict[str, Any], *conditions: dict[str, str]) -> dict[str, Any]:
    """Return an object of ours."""
    metadata = {"name": name, "creationTimestamp": at}
    return {"kind": kind, "metadata": metadata, "spec": spec, "status": {"conditions": list(conditions)}}


def condition(kind: str, state: str, at: str, message: str) -> dict[str, str]:
    """Return a condition."""
    return {"type": kind, "status": state, "lastTransitionTime": at, "message": message}


RETRAIN = made("Decision", "w-1", "2026-01-01T00:01:00Z", {"type": "Retrain", "sentence": "w-v1 has drifted"})
RUN = made(
    "TrainingRun",
    "w-2",
    "2026-01-01T00:01:01Z",
    {"trigger": {"type": "Drift", "reason": "w-v1 has drifted"}},
    condition("Complete", "True", "2026-01-01T00:02:00Z", "made w-v2"),
    condition("Ready", "True", "2026-01-01T00:02:00Z", "nobody asks"),
)


def watched(at: str, message: str) -> dict[str, Any]:
    """Return a monitor that has found nothing since some moment."""
    return made("DriftMonitor", "w", "2026-01-01T00:00:00Z", {}, condition("Drifted", "False", at, message))


QUIET = watched("2026-01-01T00:00:30Z", "quiet")
AGAIN = watched("2026-01-01T00:03:00Z", "quiet again")


def test_what_happened_is_told_in_its_order() -> None:
    """A monitor is given as it was at several moments: its conditions keep the last change only."""
    told = timeline([AGAIN, RUN, QUIET, RETRAIN, QUIET])

    assert told == (
        Entry("2026-01-01T00:00:30Z", "DriftMonitor w Drifted=False", "quiet"),
        Entry("2026-01-01T00:01:00Z", "Decision Retrain", "w-v1 has drifted"),
        Entry("2026-01-01T00:01:01Z", "TrainingRun w-2", "starts, by Drift: w-v1 has drifted"),
        Entry("2026-01-01T00:02:00Z", "TrainingRun w-2 Complete=True", "made w-v2"),
        Entry("2026-01-01T00:03:00Z", "DriftMonitor w Drifted=False", "quiet again"),
    )


def test_only_shares_are_told_of_events() -> None:
    """What else a deployment says would drown them."""
    about = {"kind": "ModelDeployment", "name": "w"}
    events = [
        {
            "kind": "Event",
            "reason": reason,
            "message": reason,
            "involvedObject": about,
            "firstTimestamp": "2026-01-01T00:00:00Z",
        }
        for reason in ("Holding", "Serving")
    ]

    assert [entry.sentence for entry in timeline(events)] == ["Holding"]


def test_times_are_shown_since_the_first_one() -> None:
    """Nobody has to subtract."""
    lines = shown(timeline([QUIET, AGAIN])).splitlines()

    assert [line.split()[0] for line in lines] == ["0:00", "2:30"]
