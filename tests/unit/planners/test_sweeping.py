"""Sweeps of the folders of runs: when they are made, what they are told, what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mlwright.api.conditions import StatusDraft
from mlwright.api.models import ModelSpec
from mlwright.plan.jobs import JobState
from mlwright.plan.models import ModelSeen, RemoveSweep, StartSweep, SweepSeen, TrainerSeen
from mlwright.planners.model import decide
from mlwright.planners.probing import slot_of
from mlwright.planners.sweeping import every
from mlwright.settings import Settings
from tests.unit.planners.given import NOW, SETTINGS, named

SLOT = slot_of(NOW, timedelta(hours=12))
HALF_DAY = 12 * 3600
COUNTS = {"folders": 3, "inUse": 1, "waiting": 1, "waitingBytes": 10, "removed": 1, "removedBytes": 20}
COUNTS |= {"unmarked": 0, "failed": 0}


def a_model(*sweeps: SweepSeen, **known: Any) -> ModelSeen:
    """Return a model whose folders are swept."""
    retention = {"keepVersions": 3, "artifacts": known.pop("artifacts", "Delete")}
    spec = ModelSpec.model_validate({"retention": retention, **known.pop("spec", {})})
    known = {"namespace": "demo", "uid": "u", "sweeps": sweeps, **known}
    return ModelSeen("churn", spec, (), **known)


def a_sweep(text: str = "", *, slot: int = SLOT, state: JobState = JobState.COMPLETE) -> SweepSeen:
    """Return a Job that swept."""
    return SweepSeen(f"churn-sweep-{slot}", f"uid-{slot}", slot, state, None if state == "Active" else NOW, text)


def said(sentence: str = "3 folders", outcome: str = "Succeeded", **more: Any) -> str:
    """Return what a sweep reports."""
    return json.dumps({"outcome": outcome, "sentence": sentence, "results": {"sweep": COUNTS}, **more})


def starts(seen: ModelSeen, settings: Settings = SETTINGS, now: datetime = NOW) -> list[StartSweep]:
    """Return the sweeps that start."""
    return [intent for intent in decide(seen, settings, now).intents if isinstance(intent, StartSweep)]


def removes(seen: ModelSeen) -> list[str]:
    """Return the sweeps whose Jobs are removed."""
    return [intent.name for intent in decide(seen, SETTINGS, NOW).intents if isinstance(intent, RemoveSweep)]


def status(seen: ModelSeen) -> StatusDraft:
    """Return the status."""
    return decide(seen, SETTINGS, NOW).status


KEYS = {"endpointURL": "https://store:9000", "secretRef": {"name": "keys"}}
STORED = TrainerSeen("churn", "s3://models/mlwright", "mine:1", {}, KEYS)


def test_a_sweep_of_a_store_is_told_how_to_reach_it() -> None:
    """Each place as the one says it who writes there."""
    (start,) = starts(a_model(trainers=(STORED, TrainerSeen("later", "pvc://other/a", "", {}))))

    assert start.document["places"] == ["pvc://other/a/demo/churn/runs", "s3://models/mlwright/demo/churn/runs"]
    assert start.document["stores"] == [{"uri": "s3://models/mlwright/demo/churn/runs", "storage": KEYS}]


def test_keys_of_a_store_are_for_the_image_of_the_installation_alone() -> None:
    """Without one nothing is swept: an image that somebody names could print what it is given."""
    seen = a_model(trainers=(STORED,))

    assert not starts(seen, replace(SETTINGS, trainer_image=""))


def test_a_sweep_is_told_all_that_it_may_rest_on() -> None:
    """Whose folders, where, since when it is known what is in use, and what that is."""
    trainer = TrainerSeen("churn", "pvc://other/a/", "own:1", {"nodeSelector": {"disk": "ssd"}})
    later = TrainerSeen("later", "", "", {})
    (start,) = starts(a_model(trainers=(trainer, later), folders=frozenset({"churn-2-b", "churn-1-a"})))

    assert (start.image, dict(start.pod), start.deadline) == ("trainer:1", {"nodeSelector": {"disk": "ssd"}}, 600)
    assert start.document == {
        "schemaVersion": 1,
        "name": f"churn-sweep-{SLOT}",
        "owner": {"namespace": "demo", "model": "churn", "uid": "u"},
        "slot": SLOT,
        "trustedSlot": SLOT - 2 * HALF_DAY,
        "listedAt": NOW.isoformat(),
        "graceSeconds": 86400,
        "places": ["pvc://artifacts/runs/demo/churn/runs", "pvc://other/a/demo/churn/runs"],
        "inUse": ["churn-1-a", "churn-2-b"],
    }


@pytest.mark.parametrize(
    "before, trusted",
    [
        (a_sweep(said(), slot=SLOT - HALF_DAY), SLOT - HALF_DAY),
        (a_sweep(said(outcome="UserError"), slot=SLOT - HALF_DAY, state=JobState.FAILED), SLOT - 2 * HALF_DAY),
        (a_sweep(said(), slot=SLOT - 9 * HALF_DAY), SLOT - 2 * HALF_DAY),
    ],
    ids=["done", "failed", "long ago"],
)
def test_marks_are_believed_that_the_last_sweeps_have_seen(before: SweepSeen, trusted: int) -> None:
    """An older one stands on what was put back, or was in use while nobody looked."""
    (start,) = starts(a_model(before))

    assert start.document["trustedSlot"] == trusted


def test_a_sweep_that_could_not_remove_everything_is_told() -> None:
    """With the sentence of the sweep, and a condition."""
    words = json.dumps({"outcome": "Succeeded", "sentence": "1 left", "results": {"sweep": {**COUNTS, "failed": 1}}})
    draft = status(a_model(a_sweep(words)))

    assert draft.fields["artifacts"]["failed"] == 1
    assert named(draft.conditions) == {"Ready": "True Settled", "SweepFailed": "True SweepFailed"}
    assert draft.conditions[1].message == "1 left"


@pytest.mark.parametrize(
    "grace, between",
    [(1, 0.5), (2, 1), (24, 12), (48, 24), (720, 24)],
    ids=["an hour", "two", "a day", "two days", "a month"],
)
def test_two_sweeps_fit_into_a_grace_period(grace: float, between: float) -> None:
    """The first marks, a later one removes: half a period more than was asked for at most, or a day."""
    assert every(timedelta(hours=grace)) == timedelta(hours=between)


@pytest.mark.parametrize(
    "sweeps, due",
    [
        ((), True),
        ((a_sweep(said()),), False),
        ((a_sweep(said(), slot=SLOT - HALF_DAY),), True),
        ((a_sweep(slot=SLOT - HALF_DAY, state=JobState.ACTIVE),), False),
        ((a_sweep(slot=SLOT - HALF_DAY),), False),
        ((a_sweep(said(), slot=SLOT + HALF_DAY),), True),
    ],
    ids=["none yet", "done", "the slot before", "at work", "not heard of yet", "of a wrong clock"],
)
def test_one_sweep_for_each_slot_and_one_at_a_time(sweeps: tuple[SweepSeen, ...], due: bool) -> None:  # noqa: FBT001
    """So nobody sweeps by a list that is out of date."""
    assert bool(starts(a_model(*sweeps))) is due


def test_only_the_newest_sweep_is_kept() -> None:
    """It says what was found."""
    old, new = a_sweep(said(), slot=SLOT - HALF_DAY), a_sweep(said())
    late = a_sweep(slot=SLOT - HALF_DAY, state=JobState.ACTIVE)

    assert removes(a_model(old, new)) == [old.name]
    assert removes(a_model(late, new)) == [late.name]  # of a leader that woke up late
    assert removes(a_model(old, replace(new, state=JobState.ACTIVE, ended=None, said=""))) == []
    assert removes(a_model(new, artifacts="Retain")) == [new.name]


def test_nobody_sweeps_where_nobody_asked() -> None:
    """The files of removed versions stay."""
    assert not starts(a_model(artifacts="Retain"))
    assert not decide(ModelSeen("churn", ModelSpec(), ()), SETTINGS, NOW).intents


def test_what_was_found_is_told() -> None:
    """In numbers, and in the words of the sweep."""
    draft = status(a_model(a_sweep(said("1 folder removed"))))

    assert draft.fields["artifacts"] == {**COUNTS, "sentence": "1 folder removed", "checkedAt": "2026-01-02T12:00:00Z"}
    assert draft.summary == "no version yet; 1 folder removed"
    assert named(draft.conditions) == {"Ready": "True Settled"}


def test_a_job_that_was_deleted_leaves_its_numbers() -> None:
    """By hand, or with the node; they are in the status."""
    before = {"artifacts": {**COUNTS, "sentence": "1 folder removed"}}

    assert status(a_model(status=before)).fields["artifacts"] == before["artifacts"]


@pytest.mark.parametrize(
    "sweep, says",
    [
        (
            a_sweep(said("it is shared", "UserError", remedy="use another"), state=JobState.FAILED),
            "it is shared; use another",
        ),
        (a_sweep("Job was active longer than specified deadline", state=JobState.FAILED), "Job was active longer"),
        (replace(a_sweep(), ended=NOW - timedelta(hours=1)), "it ended without a result"),
    ],
    ids=["refused", "given up", "silent"],
)
def test_a_sweep_that_failed_is_told_with_the_way_to_its_log(sweep: SweepSeen, says: str) -> None:
    """The model stays Ready: nothing depends on it."""
    draft = status(a_model(sweep))

    assert named(draft.conditions) == {"Ready": "True Settled", "SweepFailed": "True SweepFailed"}
    assert draft.conditions[1].message.startswith(f"spec.retention.artifacts: the last sweep failed: {says}")
    assert draft.conditions[1].message.endswith(f"(kubectl logs -n demo job/{sweep.name}); the next comes by itself")


@pytest.mark.parametrize(
    "seen, settings, says",
    [
        (a_model(), Settings(artifacts_uri="pvc://a/b"), "no image sweeps: set the chart's images.trainer"),
        (a_model(), Settings(trainer_image="t"), "nobody says where runs are written: set artifacts.uri here"),
        (a_model(trainers=(TrainerSeen("x", "pvc://../b", "", {}),)), SETTINGS, "artifacts.uri: "),
        (
            a_model(trainers=tuple(TrainerSeen(f"p{n}", f"pvc://a/{n}", "", {}) for n in range(9))),
            SETTINGS,
            "runs are written to 9 places, and at most 8 are swept: use fewer",
        ),
        (
            a_model(folders=frozenset(f"churn-{n:060d}" for n in range(2000))),
            SETTINGS,
            "the list of the 2,000 folders in use is longer than a pod can be told; keep fewer versions",
        ),
    ],
    ids=["no image", "no address", "bad address", "too many places", "too many folders"],
)
def test_why_no_sweep_can_be_made_is_told(seen: ModelSeen, settings: Settings, says: str) -> None:
    """And the rest of the model goes on."""
    decision = decide(seen, settings, NOW)
    (told,) = [verdict for verdict in decision.status.conditions if verdict.type == "SweepFailed"]

    assert not decision.intents
    assert told.message.startswith(f"spec.retention.artifacts: no folder is removed: {says}")
