"""Runs that start by themselves on the real cluster: at every minute, and when the data changes."""

from __future__ import annotations

from datetime import datetime

from tests.support.apiserver import Json
from tests.support.customers import csv, customers
from tests.support.live import Live
from tests.support.manifests import claim, config_map, pipeline

TABLE = "configmap://customers/customers.csv"
ARTIFACTS = {"uri": "pvc://store/models"}
MINUTELY = {"name": "minutely", "cron": "* * * * *", "timeZone": "Europe/Berlin"}


def triggers(live: Live, name: str, type_: str) -> list[Json]:
    """Return why the runs of a pipeline started that started for a reason, oldest first."""
    runs = sorted(live.all("TrainingRun", pipeline=name), key=lambda run: run["metadata"]["creationTimestamp"])
    return [run["spec"]["trigger"] for run in runs if run["spec"]["trigger"]["type"] == type_]


def ended(live: Live, name: str) -> list[str]:
    """Return the runs of a pipeline that made a version."""
    runs = live.all("TrainingRun", pipeline=name)
    return [run["metadata"]["name"] for run in runs if (run.get("status") or {}).get("modelVersionRef")]


def test_a_schedule_of_every_minute(live: Live) -> None:
    """Two slots have a run each, at once after they came, and none has two."""
    live.apply(config_map("customers", {"customers.csv": csv(customers())}), claim("store"))
    spec = {"specChange": False, "schedules": [MINUTELY]}
    live.apply(pipeline("clock", TABLE, artifacts=ARTIFACTS, triggers=spec))

    live.until("two slots have their runs", lambda: len(ended(live, "clock")) >= 2, seconds=420)
    live.kubectl("patch", "trainingpipeline/clock", "--type=merge", "--patch", '{"spec": {"paused": true}}')
    found = triggers(live, "clock", "Schedule")
    times = [datetime.fromisoformat(trigger["scheduledTime"]) for trigger in found]
    births = [run["metadata"]["creationTimestamp"] for run in live.all("TrainingRun", pipeline="clock")]
    late = (datetime.fromisoformat(min(births)) - min(times)).total_seconds()

    assert sorted(set(times)) == sorted(times)
    assert {moment.second for moment in times} == {0}
    assert {trigger["scheduledTime"][-6:] for trigger in found} <= {"+01:00", "+02:00"}
    assert [trigger["token"].partition("/")[0] for trigger in found] == ["minutely"] * len(found)
    assert 0 <= late < 10
    assert live.status("TrainingPipeline", "clock")["nextRun"].endswith(":00Z")


def test_data_that_changes_trains(live: Live) -> None:
    """A small Job notices, a run starts by itself, and reads what is there now."""
    table = customers()
    live.apply(config_map("customers", {"customers.csv": csv(table.slice(0, 1000))}), claim("store"))
    spec = {"dataChange": {"checkEvery": "1m", "minNewRows": 500}}
    live.apply(pipeline("watched", TABLE, artifacts=ARTIFACTS, triggers=spec))
    live.until("the first run made a version", lambda: ended(live, "watched") == ["watched-1"], seconds=420)
    live.until("the data was looked at", lambda: "as watched-1 read it" in told(live), seconds=180)

    live.apply(config_map("customers", {"customers.csv": csv(table.slice(0, 1100))}))
    live.until("too few rows are new", lambda: "400 more have come" in told(live), seconds=240)
    live.apply(config_map("customers", {"customers.csv": csv(table)}))
    live.until("the second run made a version", lambda: "watched-2" in ended(live, "watched"), seconds=420)

    [trigger] = triggers(live, "watched", "DataChange")
    assert trigger["reason"] == "the data changed: 2,000 rows, 1,000 more than watched-1 found"
    assert live.status("TrainingRun", "watched-2")["dataset"]["sourceRows"] == 2000
    assert len(live.all("TrainingRun")) == 2


def told(live: Live) -> str:
    """Return what the pipeline says of its data."""
    return str((live.status("TrainingPipeline", "watched").get("data") or {}).get("sentence", ""))
