"""When a status is written, and what is said when things cannot go on."""

from __future__ import annotations

import json
import re
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

import pytest

from mlwright.api.conditions import StatusDraft, Verdict, merge, ready, reconciling, stalled
from mlwright.api.reasons import Reason
from mlwright.controller import status
from mlwright.planners.runs import is_stuck

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BODY = {
    "apiVersion": "mlwright.dev/v1alpha1",
    "kind": "Model",
    "metadata": {"name": "m", "namespace": "demo", "uid": "u", "resourceVersion": "7"},
}

NUMBERS: dict[str, tuple[Any, Any]] = {
    "a count in a sentence": ({"summary": "41 of 100 requests"}, {"summary": "42 of 100 requests"}),
    "a share in a condition": ({"conditions": [{"message": "at 1.5 %"}]}, {"conditions": [{"message": "at 12 %"}]}),
    "a measured value": ({"distance": 0.25}, {"distance": 0.5}),
    "a measured value that becomes whole": ({"distance": 0.25}, {"distance": 1}),
}
MORE: dict[str, tuple[Any, Any]] = {
    "a number of pods": ({"replicas": 1}, {"replicas": 2}),
    "a name with a number": ({"latest": "flights-v1"}, {"latest": "flights-v2"}),
    "other words": ({"summary": "1 is ready"}, {"summary": "1 is lost"}),
    "another state": ({"conditions": [{"status": "True"}]}, {"conditions": [{"status": "False"}]}),
    "a new field": ({}, {"url": "u"}),
    "a new entry": ({"history": []}, {"history": [{"sentence": "s"}]}),
}


@pytest.mark.parametrize("pair", NUMBERS.values(), ids=NUMBERS.keys())
def test_mere_numbers_are_written_every_half_minute(pair: tuple[Any, Any]) -> None:
    """They wait for what is left of thirty seconds."""
    assert status.pause(*pair, since_last=12.0) == 18.0
    assert status.pause(*pair, since_last=31.0) == 0.0


@pytest.mark.parametrize("pair", MORE.values(), ids=MORE.keys())
def test_everything_else_is_written_at_once(pair: tuple[Any, Any]) -> None:
    """People and programs wait for it."""
    assert status.pause(*pair, since_last=0.0) == 0.0


def test_other_words_for_a_failure_that_is_repeated_wait_as_numbers_do() -> None:
    """But not another failure, nor the same of a newer spec."""
    told = {"summary": "a", "conditions": [{"type": "Stalled", "reason": "Refused", "message": "a"}]}
    words = {"summary": "b", "conditions": [{"type": "Stalled", "reason": "Refused", "message": "b"}]}
    other = {"summary": "b", "conditions": [{"type": "Stalled", "reason": "NameConflict", "message": "b"}]}

    assert status.pause(told, words, since_last=12.0, repeated=True) == 18.0
    assert status.pause(told, words, since_last=12.0) == 0.0
    assert status.pause(told, other, since_last=12.0, repeated=True) == 0.0
    assert status.pause(told, {**words, "observedGeneration": 2}, since_last=12.0, repeated=True) == 0.0


def test_what_is_ready_stays_so_while_changes_do_not_get_through() -> None:
    """It goes on serving; but a newer spec, or one of which nothing was ever said, is not what is there."""
    serving = [{"type": "Ready", "status": "True", "reason": "Serving", "message": "2 of 2 pods ready"}]
    stored = {"replicas": 2, "observedGeneration": 1, "conditions": serving}

    def told(stored: dict[str, Any], generation: int) -> list[tuple[str, str, str]]:
        draft = status.hindered(stored, "webhook is away", generation)
        return [(verdict.type, verdict.status, verdict.reason) for verdict in draft.conditions]

    going = ("Reconciling", "True", "Unavailable")
    assert told(stored, 1) == [("Ready", "True", "Serving"), going]
    assert told(stored, 2) == told({}, 1) == [("Ready", "False", "Unavailable"), going]
    assert status.hindered(stored, "webhook is away", 1).fields == {"replicas": 2}


@pytest.mark.parametrize(
    "state",
    [
        reconciling(Reason.WAITING, "claim data is not there"),
        reconciling(Reason.PODS_UNHEALTHY, "the image is not there"),
        stalled(Reason.REFUSED, "no quota"),
    ],
    ids=lambda state: state.reason,
)
def test_what_cannot_go_on_by_itself_still_says_so_while_changes_do_not_get_through(state: Verdict) -> None:
    """A pipeline starts another run in the place of one that is stuck, and asks the status for that."""
    held = stored(ready(state.reason, state.message, "False"), state)

    told = merge(held, status.hindered(held, "webhook is away", 1), 1, NOW)

    assert [c["type"] for c in told["conditions"]] == ["Ready", state.type]
    assert {c["reason"] for c in told["conditions"]} == {state.reason}
    assert is_stuck(told)
    assert [c["message"] for c in told["conditions"]] == [state.message, told["summary"]]
    assert "webhook is away" in told["summary"]


def test_that_an_older_spec_could_not_go_on_is_not_said_of_a_newer_one() -> None:
    """It may be what mends it."""
    held = stored(ready(Reason.REFUSED, "no quota", "False"), stalled(Reason.REFUSED, "no quota"))

    draft = status.hindered(held, "webhook is away", 2)

    assert [(verdict.type, verdict.reason) for verdict in draft.conditions] == [
        ("Ready", "Unavailable"),
        ("Reconciling", "Unavailable"),
    ]


def test_nulls_are_left_out() -> None:
    """The API server refuses them."""
    assert status.compact({"a": None, "b": [{"c": None, "d": 0}]}) == {"b": [{"d": 0}]}


@pytest.mark.parametrize(
    "ours, told",
    [
        (9007199254740994.0, "9007199254740994"),
        (1e15, "1000000000000000"),
        (1.2345678901234568e20, "123456789012345680000"),
        (-1.2345678901234568e20, "-123456789012345680000"),
        (1.5e21, "1.5e+21"),
        (0.1, "0.1"),
    ],
)
def test_a_large_number_is_what_the_api_server_tells_of_it(ours: float, told: str) -> None:
    """Else it would be written anew at every look."""
    assert status.compact({"loss": ours}) == {"loss": json.loads(told)}


def stored(*verdicts: Verdict, **fields: Any) -> dict[str, Any]:
    return merge({}, StatusDraft("before", verdicts, fields), 1, NOW)


def test_an_object_that_cannot_go_on_keeps_what_is_known_of_it() -> None:
    """What runs keeps running, so its status goes on telling of it."""
    failed = Verdict("Failed", "True", Reason.STEP_FAILED, "train failed")
    before = stored(ready(Reason.SETTLED, "fine"), failed, progress="1/3")

    draft = status.stuck(before, Reason.INVALID_SPEC, "spec.x: wrong; mend it")

    assert [(v.type, v.status, v.reason) for v in draft.conditions] == [
        ("Ready", "False", Reason.INVALID_SPEC),
        ("Stalled", "True", Reason.INVALID_SPEC),
        ("Failed", "True", Reason.STEP_FAILED),
    ]
    assert draft.fields == {"progress": "1/3"}
    assert draft.summary == "spec.x: wrong; mend it"


def test_an_error_of_our_own_names_its_place_in_our_code() -> None:
    """Who reports it quotes the sentence, and who mends it knows where to look."""
    with pytest.raises(KeyError) as caught:
        status.stuck({"conditions": [{}]}, Reason.REFUSED, "no quota")

    draft = status.undecided(stored(ready(Reason.SETTLED, "fine"), progress="1/3"), caught.value)

    assert re.search(r": KeyError: 'reason' \(controller/status\.py:\d+\); it is looked at again", draft.summary)
    assert draft.fields == {"progress": "1/3"}


def told(before: dict[str, Any], *verdicts: Verdict) -> list[tuple[str, str, str]]:
    after = merge(before, StatusDraft("s", verdicts, {}), 1, NOW)
    return [(n.type, n.reason, n.sentence) for n in status.notices(BODY, before, after)]


def test_a_transition_is_told_as_an_event() -> None:
    """The Event has the condition's reason and sentence."""
    assert told({}, ready(Reason.SETTLED, "fine")) == [("Normal", "Settled", "fine")]


def test_an_event_that_waits_holds_only_what_names_its_object() -> None:
    """A thousand may wait in a burst, and whole objects would be all of the operator's growth."""
    large = {**BODY, "spec": {"much": "x" * 1000}}

    [notice] = status.notices(large, {}, merge({}, StatusDraft("s", (ready(Reason.SETTLED, "fine"),), {}), 1, NOW))

    assert astuple(notice.about) == ("mlwright.dev/v1alpha1", "Model", "demo", "m", "u", "7")


def test_the_same_sentence_is_told_once_and_as_a_warning_if_it_is_one() -> None:
    """Ready and Stalled usually say the same."""
    trouble = status.stuck({}, Reason.REFUSED, "no quota").conditions

    assert told({}, *trouble) == [("Warning", "Refused", "no quota")]


def test_good_news_for_one_reason_is_told_once_and_as_exactly_as_known() -> None:
    """Of a pipeline whose first run begins two conditions tell, and one Event."""
    begun = Verdict("Reconciling", "True", Reason.RUN_IN_PROGRESS, "run-7: validate is running")

    assert told({}, ready(Reason.RUN_IN_PROGRESS, "the first run is going on", "Unknown"), begun) == [
        ("Normal", "RunInProgress", "run-7: validate is running")
    ]


def test_without_a_transition_nothing_is_told() -> None:
    """A changed sentence alone is no Event."""
    before = merge({}, StatusDraft("s", (ready(Reason.SETTLED, "1 pod"),), {}), 1, NOW)

    assert told(before, ready(Reason.SETTLED, "2 pods")) == []
