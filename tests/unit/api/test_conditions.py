"""Statuses: transition times that mean something, a bounded history, and nothing written twice."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mlwright.api.conditions import (
    HISTORY_LENGTH,
    MESSAGE_LENGTH,
    StatusDraft,
    Verdict,
    changed,
    find,
    merge,
    ready,
    timestamp,
)
from mlwright.api.reasons import Reason

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STATES: tuple[Any, ...] = ("True", "False", "Unknown")
VERDICTS = [
    Verdict("Ready", state, reason, message)
    for state, reason, message in itertools.product(STATES, (Reason.SERVING, Reason.SCALING), ("a", "b"))
]
OTHERS = [(), (Verdict("Stalled", "True", Reason.INVALID_SPEC, "a"),), (Verdict("Paused", "True", Reason.PAUSED, "c"),)]
PRESET = [
    StatusDraft(verdict.message, (verdict, *others), {"runs": number, "url": None})
    for number, (verdict, others) in enumerate(itertools.product(VERDICTS, OTHERS))
]
DRAFTS = st.sampled_from(PRESET)
STORIES = st.lists(st.tuples(DRAFTS, st.sampled_from([-60, 0, 1, 60])), min_size=1, max_size=30)


def told(story: list[tuple[StatusDraft, int]]) -> list[tuple[dict[str, Any], dict[str, Any], datetime]]:
    """Merge drafts one after the other; return what was before, what is after, and when."""
    steps, status, now = [], dict[str, Any](), NOW
    for draft, seconds in story:
        now += timedelta(seconds=seconds)
        after = merge(status, draft, 1, now)
        steps.append((status, after, now))
        status = after
    return steps


@given(STORIES)
def test_a_transition_time_moves_only_with_the_status(story: list[tuple[StatusDraft, int]]) -> None:
    """Not with a reason, nor with a message."""
    for before, after, now in told(story):
        for condition in after["conditions"]:
            earlier = find(before, condition["type"])
            kept = earlier is not None and earlier["status"] == condition["status"]
            wanted = earlier["lastTransitionTime"] if earlier and kept else timestamp(now)
            assert condition["lastTransitionTime"] == wanted


@given(STORIES)
def test_the_history_is_bounded_and_grows_at_its_end(story: list[tuple[StatusDraft, int]]) -> None:
    """What was told stays told until it is the oldest of too many."""
    for before, after, _ in told(story):
        old, new = before.get("history", []), after["history"]
        assert len(new) <= HISTORY_LENGTH
        assert any(new[: len(new) - added] == old[len(old) - len(new) + added :] for added in range(4))


@given(DRAFTS, st.integers(0, 9999))
def test_to_merge_the_same_again_changes_nothing(draft: StatusDraft, seconds: int) -> None:
    """Whatever the time is by then: an equal status is not written."""
    once = merge({}, draft, 1, NOW)

    assert merge(once, draft, 1, NOW + timedelta(seconds=seconds)) == once


@given(STORIES)
def test_only_changes_of_status_or_reason_are_told(story: list[tuple[StatusDraft, int]]) -> None:
    """Numbers in a message are no news."""
    for before, after, _ in told(story):
        news = {c["type"] for c in changed(before, after["conditions"])}
        for condition in after["conditions"]:
            earlier = find(before, condition["type"]) or {}
            same = (earlier.get("status"), earlier.get("reason")) == (condition["status"], condition["reason"])
            assert (condition["type"] in news) == (not same)


@given(DRAFTS, DRAFTS)
def test_what_is_not_said_any_more_is_gone(first: StatusDraft, second: StatusDraft) -> None:
    """A status is derived anew each time."""
    after = merge(merge({}, first, 1, NOW), second, 2, NOW)

    assert {c["type"] for c in after["conditions"]} == {v.type for v in second.conditions}
    assert {k for k, v in second.fields.items() if v is not None} == after.keys() - {
        "observedGeneration",
        "conditions",
        "summary",
        "history",
    }


def test_the_same_sentence_of_two_conditions_is_told_once() -> None:
    """Ready and Reconciling often say the same."""
    verdicts = (ready(Reason.SCALING, "two of three"), Verdict("Reconciling", "True", Reason.SCALING, "two of three"))

    assert merge({}, StatusDraft("s", verdicts), 1, NOW)["history"] == [
        {"time": "2026-01-02T03:04:05Z", "reason": "Scaling", "sentence": "two of three"}
    ]


def test_long_words_are_cut() -> None:
    """The API server would refuse the whole status."""
    status = merge({}, StatusDraft("x" * 9999, (ready(Reason.SERVING, "y" * 9999),)), 7, NOW)

    assert len(status["summary"]) == MESSAGE_LENGTH
    assert len(status["conditions"][0]["message"]) == MESSAGE_LENGTH
    assert len(status["history"][0]["sentence"]) == MESSAGE_LENGTH
    assert (status["observedGeneration"], status["conditions"][0]["observedGeneration"]) == (7, 7)
