"""What a monitor says where there is nothing to judge, or something odd: each time a sentence, never a wrong alarm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mlwright.api.conditions import StatusDraft, Verdict
from mlwright.api.drift import DriftMonitorSpec
from mlwright.plan.drift import MonitorSeen, ServedSeen
from mlwright.plan.drift_counts import Block, Reference, Surfaces, Tallied
from mlwright.planners.drift import decide
from mlwright.settings import Settings

HOUR = 3600
BEGIN = 1_780_002_000
SPEC: Mapping[str, Any] = {
    "target": {"type": "Live", "live": {"deploymentRef": {"name": "churn"}}},
    "windows": {"slow": {"length": "1h", "every": "1h"}},
    "checks": [{"name": "data", "type": "DataDrift"}, {"name": "whole", "type": "Quality"}],
    "independentRows": True,
}
YOUNG = {"0": 10_000, "1": 10_000, "missing": 0}
USUAL = {"0": 1000, "1": 1000, "missing": 0}
OLDER = {"0": 100, "1": 1900, "missing": 0}
NOBODY: Surfaces = {}


def told(learned: Surfaces, hours: Sequence[Surfaces]) -> StatusDraft:
    """Return what a monitor says after hours that were counted."""
    blocks = tuple(
        Block("r", BEGIN + place * HOUR, BEGIN + (place + 1) * HOUR, counts, f"b{place}", f"b{place}")
        for place, counts in enumerate(hours)
    )
    return decided(blocks, (Reference("r", learned, "l", "l"),), BEGIN + len(hours) * HOUR)


def decided(
    blocks: tuple[Block, ...], references: tuple[Reference, ...], now: int, *, empty: bool = False
) -> StatusDraft:
    """Return the status, after a span was counted of pods that tell no profile if asked for."""
    served = ServedSeen("r", "churn-v1", datetime.fromtimestamp(BEGIN, UTC))
    seen = MonitorSeen(
        *("shop", "churn", "uid", DriftMonitorSpec.model_validate(SPEC), {}),
        served=served,
        blocks=blocks,
        references=references,
    )
    moment = datetime.fromtimestamp(now, UTC) + timedelta(seconds=20)
    if empty:
        wanted = decide(seen, Settings(), moment).wanted
        assert wanted is not None
        seen = MonitorSeen(*("shop", "churn", "uid", seen.spec, {}), served=served, tallied=Tallied(wanted))
    return decide(seen, Settings(), moment).status


def condition(status: StatusDraft, type_: str) -> Verdict:
    """Return a condition."""
    return next(one for one in status.conditions if one.type == type_)


def verdicts(status: StatusDraft) -> dict[str, str]:
    """Return the verdict of each feature."""
    return {one["name"]: one["verdict"] for one in status.fields["features"]}


def test_a_version_without_a_profile_has_nothing_to_be_compared_with() -> None:
    """The sentence names the series that is missing, and why it may be."""
    found = condition(decided((), (), BEGIN + HOUR, empty=True), "EnoughData")

    assert (found.status, found.reason) == ("False", "NoReference")
    assert "Prometheus has no mlwright_profile_info of churn-v1" in found.message
    assert "without distributions" in found.message


def test_a_feature_that_disappears_is_named_and_the_others_are_judged() -> None:
    """It is not called drifted: nothing is known of it any more."""
    learned = {"feature:age": YOUNG, "feature:calls": YOUNG}

    status = told(learned, [{"feature:age": USUAL, "feature:calls": USUAL}] * 3 + [{"feature:calls": USUAL}] * 5)

    assert verdicts(status) == {"age": "NotEnoughData", "calls": "Stable"}
    assert "(age): age: the window has 0 rows, 200 are needed" in condition(status, "EnoughData").message


def test_a_constant_column_that_stays_constant_is_quiet() -> None:
    """One bin holds all; there is nothing to compare but whether that remains so."""
    learned = {"feature:age": {"0": 20_000, "below": 0, "above": 0, "missing": 0}}

    assert verdicts(told(learned, [{"feature:age": {"0": 2000}}] * 5)) == {"age": "Stable"}


def test_a_constant_column_that_begins_to_vary_has_drifted() -> None:
    """What it never was is in bins that were empty."""
    learned = {"feature:age": {"0": 20_000, "below": 0, "above": 0, "missing": 0}}

    assert verdicts(told(learned, [{"feature:age": {"0": 1800, "above": 200}}] * 5)) == {"age": "Drifted"}


def test_a_feature_of_which_all_is_missing_is_broken_and_far_away() -> None:
    """A model must not learn it; both conditions say so."""
    status = told({"feature:age": YOUNG}, [{"feature:age": {"missing": 2000}}] * 5)

    assert verdicts(status) == {"age": "Drifted"}
    assert "age: 100 % [" in condition(status, "QualityDegraded").message


def test_a_feature_that_was_always_missing_is_no_drift() -> None:
    """It is as the training was."""
    assert verdicts(told({"feature:age": {"0": 0, "missing": 20_000}}, [{"feature:age": {"missing": 2000}}] * 5)) == {
        "age": "Stable"
    }


def test_a_deployment_without_traffic_is_neither_drifted_nor_called_good() -> None:
    """The reason may be silence, or windows too short for the scrapes; the sentence names both."""
    status = told({"feature:age": YOUNG}, [NOBODY] * 5)

    assert condition(status, "Drifted").status == "Unknown"
    enough = condition(status, "EnoughData")
    assert (enough.status, enough.reason) == ("False", "NotEnoughData")
    assert "nobody asks it, or the window is shorter than the time between two scrapes" in enough.message


def test_windows_shorter_than_the_time_between_scrapes_hide_no_drift() -> None:
    """Every other window holds the rows of two; those without rows vote neither way."""
    status = told({"feature:age": YOUNG}, [{"feature:age": OLDER}, NOBODY] * 2 + [{"feature:age": OLDER}])

    assert verdicts(status) == {"age": "Drifted"}
    assert "in 3 of the last 5 windows" in condition(status, "Drifted").message
