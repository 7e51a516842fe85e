"""Looks at the data: when they are made, what they say, and that each revision starts at most one run."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from mlwright.errors import InvalidSpecError
from mlwright.plan.jobs import JobState
from mlwright.plan.pipelines import ProbeSeen
from mlwright.plan.training import RemoveJob, StartProbe, StartRun
from mlwright.plan.versions import DataRead
from mlwright.planners.pipeline import decide
from mlwright.planners.probing import looked_at, slot_of
from tests.unit.planners.given import LONG_AGO, NOW, SETTINGS, Pipeline, a_pipeline, named

URI = "pvc://lake/churn.csv"
EVERY = timedelta(minutes=10)
SLOT = slot_of(NOW, EVERY)


def watching(**data_change: Any) -> Pipeline:
    """Return a pipeline that was trained on 1,000 rows of revision r1, an hour ago."""
    told = a_pipeline().asking(triggers={"dataChange": {"checkEvery": "10m", **data_change}})
    return told.with_run(1, "Succeeded", "made churn-v1", data=DataRead(URI, "r1", 1000))


def said(revision: str = "r2", rows: Any = 1200) -> str:
    """Return what a look reports."""
    found = {"dataset": {"revision": revision, "rows": rows}}
    return json.dumps({"step": "revision", "outcome": "Succeeded", "sentence": "found rows", "results": found})


def about(uri: str = URI) -> str:
    """Return how a look names the data at an address."""
    return looked_at(a_pipeline().asking(dataset={"uri": uri, "target": "churned"}).done())


def probe(
    text: str, *, slot: int = SLOT, state: JobState = JobState.COMPLETE, at: datetime = NOW, of: str = URI
) -> ProbeSeen:
    """Return a Job that looked."""
    ended = None if state is JobState.ACTIVE else at
    return ProbeSeen(f"churn-probe-{slot}", f"uid-{slot}", slot, state, at, ended, text, about(of))


def looked(told: Pipeline, *probes: ProbeSeen) -> Pipeline:
    """Let Jobs have looked."""
    return told.knowing(probes=probes)


def starts(told: Pipeline) -> str:
    """Say why a run starts, "" if none does."""
    records = decide(told.done(), SETTINGS, NOW).records
    return records[-1].trigger.reason if records and isinstance(records[-1], StartRun) else ""


def sentence(told: Pipeline) -> str:
    """Return what the status says of the data."""
    return str((decide(told.done(), SETTINGS, NOW).status.fields["data"] or {}).get("sentence", ""))


def test_one_look_for_each_slot() -> None:
    """The next one ten minutes later."""
    first = decide(watching().done(), SETTINGS, NOW + timedelta(minutes=3))
    done = decide(looked(watching(), probe(said("r1"))).done(), SETTINGS, NOW + timedelta(minutes=3))

    assert first.intents == (StartProbe(SLOT, "trainer:1", "IfNotPresent", 600, about()),)
    assert (done.intents, done.again) == ((), timedelta(minutes=7))


@pytest.mark.parametrize("spec", [{"paused": True}, {"suspend": True}])
def test_nobody_looks_while_no_run_may_start(spec: dict[str, bool]) -> None:
    """A pod less."""
    assert decide(watching().asking(**spec).done(), SETTINGS, NOW).intents == ()


def test_nobody_looks_while_a_run_goes_on() -> None:
    """What changes meanwhile is seen afterwards."""
    assert decide(watching().with_run(2, "Running", "train is running").done(), SETTINGS, NOW).intents == ()


def test_a_run_whose_deletion_hangs_keeps_nobody_from_looking() -> None:
    """It goes on no more."""
    told = watching().with_run(2, "Running", "train is running", deleting=True)
    looks = decide(told.done(), SETTINGS, NOW).intents

    assert looks == (StartProbe(SLOT, "trainer:1", "IfNotPresent", 600, about()),)


def test_nobody_looks_while_somebody_does() -> None:
    """A look that does not get on is given up by its Job."""
    old = probe("", slot=SLOT - 600, state=JobState.ACTIVE)

    assert decide(looked(watching(), old).done(), SETTINGS, NOW).intents == ()


def test_only_the_newest_look_that_ended_is_kept() -> None:
    """And none that a wrong clock made, nor any when nobody wants to look."""
    old, new, ahead = probe(said("r1"), slot=SLOT - 600), probe(said("r1")), probe(said("r1"), slot=SLOT + 6000)
    unwanted = looked(watching().asking(triggers={}), new)

    assert decide(looked(watching(), old, new, ahead).done(), SETTINGS, NOW).intents == (
        RemoveJob(old.name, old.uid),
        RemoveJob(ahead.name, ahead.uid),
    )
    assert decide(unwanted.done(), SETTINGS, NOW).intents == (RemoveJob(new.name, new.uid),)


@pytest.mark.parametrize(
    "rows, says",
    [
        (1200, "the data changed: 1,200 rows, 200 more than churn-1 found"),
        (900, "the data changed: 900 rows, 100 fewer than churn-1 found"),
        (1000, "the data changed: 1,000 rows, as many as churn-1 found"),
    ],
)
def test_another_revision_starts_a_run(rows: int, says: str) -> None:
    """And says by how much it differs."""
    assert starts(looked(watching(), probe(said(rows=rows)))) == says


def test_the_same_revision_starts_none() -> None:
    """However often it is looked at."""
    told = looked(watching(), probe(said("r1", 1000)))

    assert (starts(told), sentence(told)) == ("", "the data is as churn-1 read it")


def test_too_few_new_rows_wait_for_more() -> None:
    """And the status says for how many."""
    few, enough = (looked(watching(minNewRows=500), probe(said(rows=rows))) for rows in (1200, 1500))

    assert starts(few) == ""
    assert sentence(few) == (
        "the data changed: 1,200 rows, 200 more than churn-1 found; a run starts when 300 more have come"
    )
    assert starts(enough) != ""


def test_a_look_from_before_the_newest_run_says_nothing() -> None:
    """That run may have read what was found."""
    told = watching().with_run(2, "Succeeded", "", created=NOW, data=DataRead(URI, "r3", 1300))

    assert starts(looked(told, probe(said("r2")))) == ""


@pytest.mark.parametrize("forgets", ["nothing", "the run", "the status"])
def test_a_revision_starts_one_run_even_if_that_run_fails(forgets: str) -> None:
    """A run that ended before it read anything is known by its trigger, and when it is deleted by the status."""
    told = watching().with_run(2, "Failed", "it broke", answering="data/r2")
    fields = decide(told.done(), SETTINGS, NOW).status.fields
    if forgets != "the status":
        told.knowing(status=fields)
    if forgets == "the run":
        told.runs.clear()

    assert starts(looked(told, probe(said("r2")))) == ""
    assert starts(looked(told, probe(said("r3")))) == "the data changed: 1,200 rows, 200 more than churn-1 found"


def test_what_versions_read_is_known_when_all_else_is_lost() -> None:
    """Neither runs nor a status are left: no reason to train."""
    told = watching()
    told.runs.clear()
    told.with_version(1, pipeline="churn", data=DataRead(URI, "r1", 1000), template_digest="")
    told.asking(triggers={"specChange": False, "dataChange": {}})

    assert starts(looked(told, probe(said("r1")))) == ""
    assert starts(looked(told, probe(said("r2")))).endswith("200 more than the newest run found")


def test_data_that_nobody_read_yet_starts_the_first_run() -> None:
    """A pipeline that waits for its data."""
    told = a_pipeline().asking(triggers={"specChange": False, "dataChange": {"minNewRows": 5000}})

    assert starts(looked(told, probe(said("r1", 10)))) == "the data is there, with 10 rows"


def test_another_address_is_other_data() -> None:
    """Revisions of the old one mean nothing."""
    told = watching().asking(dataset={"uri": "pvc://lake/new.csv", "target": "churned"})
    told.asking(triggers={"specChange": False, "dataChange": {}})

    assert starts(looked(told, probe(said("r1"), of="pvc://lake/new.csv"))) == "the data is there, with 1,200 rows"


@pytest.mark.parametrize("state", [JobState.COMPLETE, JobState.ACTIVE])
def test_a_look_at_the_old_address_says_nothing_of_the_new(state: JobState) -> None:
    """It makes room for one that looks there, at once."""
    told = watching().asking(dataset={"uri": "pvc://lake/new.csv", "target": "churned"})
    told.asking(triggers={"specChange": False, "dataChange": {}})
    old = probe(said("r2"), state=state)
    first = decide(looked(told, old).done(), SETTINGS, NOW)
    then = decide(looked(told).done(), SETTINGS, NOW)

    assert (starts(looked(told, old)), first.intents) == ("", (RemoveJob(old.name, old.uid),))
    assert first.status.fields["data"] == {"uri": "pvc://lake/new.csv"}
    assert [type(intent) for intent in then.intents] == [StartProbe]


def test_what_a_look_is_about_is_where_the_data_lies() -> None:
    """Another target, split or check is read from the same files."""
    more = {"uri": URI, "target": "left", "split": {"type": "Random"}, "checks": {"minRows": 5}}
    elsewhere = {"uri": URI, "target": "churned", "format": "CSV"}

    assert looked_at(a_pipeline().asking(dataset=more).done()) == about()
    assert looked_at(a_pipeline().asking(dataset=elsewhere).done()) != about()


def test_a_look_that_does_not_begin_is_told() -> None:
    """A queue that takes all Jobs of the namespace may hold it for days, and no event tells."""
    waits = looked(watching(), probe(said("r1"), slot=SLOT - 1200), probe("", state=JobState.ACTIVE, slot=SLOT - 600))
    in_time = decide(waits.done(), SETTINGS, NOW + timedelta(minutes=10))
    late = decide(waits.done(), SETTINGS, NOW + timedelta(minutes=11))

    assert "DataUnseen" not in named(in_time.status.conditions)
    assert named(late.status.conditions)["DataUnseen"] == "True DataUnseen"
    assert late.status.fields["data"]["sentence"] == (
        "the look at the data of 2026-01-02T12:00:00Z has not begun: its Job is suspended or gets no pod (kubectl"
        f" describe -n demo job/churn-probe-{SLOT - 600} says why); no other is taken until it ends or is deleted"
    )


def test_a_suspended_pipeline_has_no_look_at_work() -> None:
    """Suspended means: no pods."""
    active = probe("", state=JobState.ACTIVE, at=NOW - timedelta(hours=1))
    decision = decide(looked(watching().asking(suspend=True), active).done(), SETTINGS, NOW)

    assert decision.intents == (RemoveJob(active.name, active.uid),)
    assert "DataUnseen" not in named(decision.status.conditions)


FAILED = json.dumps({"outcome": "UserError", "sentence": "there is no file", "remedy": "put the data there"})


@pytest.mark.parametrize(
    "text, why",
    [
        (FAILED, "there is no file; put the data there"),
        ("Job was active longer than specified deadline", "Job was active longer than specified deadline"),
        ("", "it ended without a result"),
        (said("", 3), "it told no revision"),
        (said("r2", "many"), "it told no revision"),
    ],
)
def test_a_look_that_failed_is_told_and_starts_nothing(text: str, why: str) -> None:
    """The next one comes by itself."""
    told = looked(watching(), probe(text, state=JobState.FAILED, at=NOW - EVERY / 2))
    decision = decide(told.done(), SETTINGS, NOW)
    log = f"(kubectl logs -n demo job/churn-probe-{SLOT})"

    assert sentence(told) == f"the last look at the data failed: {why} {log}; the next comes by itself"
    assert named(decision.status.conditions)["DataUnseen"] == "True DataUnseen"
    assert starts(told) == ""


def test_the_end_of_a_look_may_be_known_before_what_it_said() -> None:
    """Two watches tell them."""
    decision = decide(looked(watching(), probe("")).done(), SETTINGS, NOW)

    assert "DataUnseen" not in named(decision.status.conditions)


def test_what_a_run_starts_for_is_its_token() -> None:
    """So each revision is answered once."""
    [start] = decide(looked(watching(), probe(said("r2"))).done(), SETTINGS, NOW).records

    assert isinstance(start, StartRun)
    assert (start.trigger.type, start.trigger.token) == ("DataChange", "data/r2")


def test_the_data_of_another_step_cannot_be_watched() -> None:
    """Nobody knows what that step read."""
    features = {"name": "features", "type": "Container", "container": {"image": "x"}}
    made = {"name": "validate", "type": "BuiltIn", "builtIn": {"uses": "Validate"}}
    steps = [
        features | {"outputs": [{"name": "data", "type": "Dataset"}]},
        made | {"inputs": [{"name": "data", "from": "features.data"}]},
    ]
    told = a_pipeline().asking(steps=steps, triggers={"dataChange": {}}).knowing(created=LONG_AGO)
    with pytest.raises(InvalidSpecError, match=r"spec\.triggers\.dataChange: validate reads what another step makes"):
        decide(told.done(), SETTINGS, NOW)


def test_pinned_data_cannot_be_watched() -> None:
    """Nothing new would ever be read."""
    pinned = {"uri": "pvc://lake/churn", "target": "churned", "format": "Delta", "revision": "3"}
    told = a_pipeline().asking(dataset=pinned, triggers={"dataChange": {}})
    with pytest.raises(InvalidSpecError, match=r"spec\.triggers\.dataChange: spec\.dataset\.revision pins the data"):
        decide(told.done(), SETTINGS, NOW)
