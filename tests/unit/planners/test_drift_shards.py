"""Shards count what one pod would count, and nothing is believed that has not the form of a count."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle.packed import pack
from mlwright.plan.drift import LookSeen
from mlwright.plan.jobs import JobState
from mlwright.plan.pods import PodSeen
from mlwright.planners.drift_shards import Merged, merged

AT = datetime(2026, 1, 5, 3, tzinfo=UTC)
LEARNED = [["output:label", "0 1", [70, 30], ["no", "yes"]], ["feature:age", "below 0 above", [0, 100, 0], []]]
ROWS = st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from([0, 1, 2]), st.booleans()), min_size=1)
"""Of each row: the slot of its label, the slot of its age, whether the answer was right."""


def said(**results: Any) -> str:
    """Return what a pod says."""
    return json.dumps({"outcome": "Succeeded", "sentence": "counted", "results": results})


def part(shard: int, rows: list[tuple[int, int, bool]], data: str = "d", without: Sequence[str] = ()) -> str:
    """Return what a shard says that counted rows, and had no room for some of what it counted."""
    counts = {
        "labels": [sum(right for *_, right in rows), len(rows)],
        "output:label": [sum(slot == label for label, *_ in rows) for slot in range(2)],
        "feature:age": [sum(slot == age for _, age, _ in rows) for slot in range(3)],
    }
    told = {name: counts[name] for name in counts if name not in without}
    return said(count={"shard": shard, "rows": len(rows), "data": data, "counts": pack(told)})


def look(*messages: str, shards: int | None = None, learned: str | None = None) -> LookSeen:
    """Return a look whose pods said so."""
    pods = tuple(
        PodSeen(f"pod-{place}", "Succeeded", ready=False, deleting=False, labels={}, created=AT, exit_message=text)
        for place, text in enumerate(messages)
    )
    return LookSeen(
        name="look",
        uid="u",
        revision="r",
        slot=AT,
        since=AT,
        token="schedule/1",  # noqa: S106  # of no lock
        created=AT,
        shards=len(messages) if shards is None else shards,
        state=JobState.COMPLETE,
        message="",
        started=AT,
        ended=AT,
        pods=pods,
        learned=said(learned=pack(LEARNED)) if learned is None else learned,
    )


@given(ROWS, st.integers(1, 9), st.randoms())
def test_any_number_of_shards_gives_the_identical_count(
    rows: list[tuple[int, int, bool]], shards: int, chance: Any
) -> None:
    """Whoever counted which row, in whatever order pods are found."""
    shares = [rows[place::shards] for place in range(shards)]
    messages = [part(shard, share) for shard, share in enumerate(shares)]
    chance.shuffle(messages)

    whole = merged(look(part(0, rows)))

    assert merged(look(*messages)) == whole
    assert isinstance(whole, Merged)
    assert whole.rows == len(rows)
    assert whole.reference["output:label"] == {"0": 70, "1": 30}
    assert sum(whole.counts["feature:age"].values()) == len(rows)
    assert sum(whole.counts["feedback:accuracy"].values()) == len(rows)


def test_a_shard_that_ran_twice_counts_once() -> None:
    """The node of its first pod went away after it had counted."""
    rows = [(0, 1, True)] * 5
    once, twice = look(part(0, rows), part(1, rows)), look(part(0, rows), part(1, rows), part(1, rows), shards=2)

    assert merged(once) == merged(twice)


@pytest.mark.parametrize(
    "bad",
    [
        "Traceback ...",
        said(count={"shard": 1, "rows": 1, "data": "d", "counts": "rubbish"}),
        said(count={"shard": 1, "rows": 1, "data": "d", "counts": pack({"feature:age": [1, -1, 0]})}),
        said(count={"shard": "1", "rows": 1, "data": "d", "counts": pack({})}),
        said(count={"shard": 1, "rows": -1, "data": "d", "counts": pack({})}),
        said(count={"shard": 1, "rows": 10**400, "data": "d", "counts": pack({})}),
        said(count={"shard": 1, "rows": 1, "data": "d", "counts": pack({"feature:age": [10**400, 0, 0]})}),
        said(count={"shard": 1, "rows": 1, "data": "d", "counts": pack({"labels": [2, 1]})}),
        said(count={"shard": 1, "rows": 1, "data": "", "counts": pack({})}),
        said(count=[]),
        said(count=[1]),
        said(count="all"),
    ],
    ids=[
        *("crash", "not packed", "negative", "no number", "fewer rows than none", "endless rows", "endless"),
        *("more right than labelled", "of nothing", "nothing", "no object", "a text"),
    ],
)
def test_what_is_no_count_is_none(bad: str) -> None:
    """The look then names the shard that said nothing."""
    found = merged(look(part(0, [(0, 1, True)]), bad))

    assert isinstance(found, str)
    assert found.startswith("what shard 1 counted was lost")


@pytest.mark.parametrize("missing, names", [("feature:age", {"output:label"}), ("labels", {"output:label"})])
def test_what_one_shard_had_no_room_for_is_not_told_of_the_others(missing: str, names: set[str]) -> None:
    """Their rows are not all rows: the sum would hide what moved in that shard."""
    steady, moved = [(0, 1, True)] * 500, [(0, 0, False)] * 500

    found = merged(look(part(0, steady), part(1, moved, without=[missing])))

    assert isinstance(found, Merged)
    told = {"labels": "feedback:accuracy"}.get(missing, missing)
    assert told not in found.counts
    assert names <= set(found.counts)
    assert found.rows == 1_000


@pytest.mark.parametrize("learned", ["", "Traceback", said(learned=pack([["feature:age", "0 1", [1], []]]))])
def test_without_what_was_learned_nothing_is_compared(learned: str) -> None:
    """A pod that says rubbish of it is not believed either."""
    assert isinstance(merged(look(part(0, [(0, 1, True)]), learned=learned)), str)


def test_shards_that_read_different_rows_do_not_fit_together() -> None:
    """The file was written again between them."""
    found = merged(look(part(0, [(0, 1, True)], "d"), part(1, [(0, 1, True)], "e")))

    assert found == (
        "the rows changed while shards read them, so their counts do not fit together; the next look reads anew"
    )
