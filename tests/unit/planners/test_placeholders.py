"""The time of a run in the address of its data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mlwright.api.runs import TrainingRunSpec
from mlwright.errors import InvalidSpecError
from mlwright.plan.training import Freeze
from mlwright.planners import pipeline, run
from mlwright.planners.placeholders import resolved
from tests.unit.planners.given import NOW, SETTINGS, a_pipeline, a_run

AT = datetime.fromisoformat("2026-01-02T03:30:00+01:00")
DAILY = "pvc://lake/day=${scheduledTime:%Y-%m-%d}/*.csv"


def told(uri: str) -> dict[str, str]:
    """Return a dataset."""
    return {"uri": uri, "target": "churned"}


@pytest.mark.parametrize(
    "uri, is_",
    [
        ("pvc://lake/a.csv", "pvc://lake/a.csv"),
        ("pvc://lake/${scheduledTime}.csv", "pvc://lake/2026-01-02T03-30-00.csv"),
        (DAILY, "pvc://lake/day=2026-01-02/*.csv"),
        ("s3://lake/${scheduledTime:%Y/%m/%d/%H}/${scheduledTime:%j}.csv", "s3://lake/2026/01/02/03/002.csv"),
    ],
)
def test_the_time_is_written_as_wanted(uri: str, is_: str) -> None:
    """On the clock of the schedule's zone."""
    assert resolved(uri, AT, "f") == is_


@pytest.mark.parametrize(
    "uri, says",
    [
        ("pvc://lake/${today}.csv", "${today} stands for nothing; write ${scheduledTime} or"),
        ("pvc://lake/${scheduledTime:%c}.csv", "${scheduledTime:%c} stands for nothing; write"),
        ("pvc://lake/${scheduledTime:}.csv", "${scheduledTime:} stands for nothing; write"),
        ("pvc://lake/${scheduledTime.csv", "a placeholder is not closed; write"),
        ("pvc://lake/${scheduledTime:../%Y}.csv", "the path holds an empty, '.' or '..' segment"),
    ],
)
def test_what_stands_for_nothing_is_refused(uri: str, says: str) -> None:
    """With the field, before any run starts; what comes out must be an address as well."""
    with pytest.raises(InvalidSpecError) as refused:
        pipeline.decide(a_pipeline().asking(dataset=told(uri)).done(), SETTINGS, NOW)

    assert str(refused.value).startswith("spec.dataset.uri: ")
    assert says in str(refused.value)


def test_a_run_freezes_the_address_of_its_slot() -> None:
    """However late it starts, and whatever the clock says then."""
    seen = replace(a_run().done(), pipeline=a_pipeline().asking(dataset=told(DAILY)).done())
    trigger = {"type": "Schedule", "scheduledTime": "2026-01-02T00:00:00+05:30"}
    spec = TrainingRunSpec.model_validate({"pipelineRef": {"name": "churn"}, "trigger": trigger})
    frozen = [
        record.frozen.dataset["uri"]
        for known in (seen, replace(seen, spec=spec, created=datetime(2026, 3, 4, tzinfo=UTC)))
        for record in run.decide(known, SETTINGS, NOW).records
        if isinstance(record, Freeze)
    ]

    assert frozen == ["pvc://lake/day=2026-01-02/*.csv"] * 2


def test_another_time_is_no_change_of_the_spec() -> None:
    """The template is what was written."""
    given = a_pipeline().asking(dataset=told(DAILY)).with_run(1, "Succeeded")

    assert pipeline.decide(given.done(), SETTINGS, NOW).records == ()


def test_an_address_that_moves_cannot_be_watched() -> None:
    """There would be new data at every look."""
    given = a_pipeline().asking(dataset=told(DAILY), triggers={"dataChange": {}})
    with pytest.raises(InvalidSpecError, match=r"spec\.triggers\.dataChange: spec\.dataset\.uri is another address"):
        pipeline.decide(given.done(), SETTINGS, NOW)
