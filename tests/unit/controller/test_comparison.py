"""Whether a child already is as it is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.controller.comparison import as_wanted, covers, fingerprint, same_intent, stamped
from mlwright.plan import quantities

COVERED: dict[str, tuple[Any, Any]] = {
    "the same": ({"a": 1}, {"a": 1}),
    "defaults beside": ({"a": 1, "protocol": "TCP"}, {"a": 1}),
    "another way to write a share of a core": ({"limits": {"cpu": "500m"}}, {"limits": {"cpu": "0.5"}}),
    "another way to write memory": ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "1024Mi"}}),
    "a whole number of cores": ({"limits": {"cpu": "2"}}, {"limits": {"cpu": 2}}),
    "an empty object that is left out": ({}, {"securityContext": {}}),
    "an empty text that is left out": ({"env": [{"name": "A"}]}, {"env": [{"name": "A", "value": ""}]}),
    "a false that is left out": ({}, {"hostNetwork": False}),
    "an empty list that is left out": ({}, {"volumes": []}),
    "a container that somebody injected": ({"c": [{"name": "x"}, {"name": "a", "i": 1}]}, {"c": [{"name": "a"}]}),
    "a volume called emptyDir": ({"v": [{"name": "t", "emptyDir": {}}]}, {"v": [{"name": "t", "emptyDir": {}}]}),
}
NOT_COVERED: dict[str, tuple[Any, Any]] = {
    "another value": ({"a": 1}, {"a": 2}),
    "a missing field": ({}, {"a": 1}),
    "a missing entry": ({"c": [{"name": "b"}]}, {"c": [{"name": "a"}]}),
    "another order of arguments": ({"args": ["a", "b"]}, {"args": ["b", "a"]}),
    "one argument more": ({"args": ["a", "b"]}, {"args": ["a"]}),
    "another amount": ({"limits": {"cpu": "600m"}}, {"limits": {"cpu": "0.5"}}),
    "a text that only looks like an amount": ({"labels": {"n": "500m"}}, {"labels": {"n": "0.5"}}),
    "a scalar instead of an object": ({"a": 1}, {"a": {"b": 1}}),
    "entries that share a name, moved": (
        {"m": [{"name": "t", "p": "/b"}, {"name": "t", "p": "/a"}]},
        {"m": [{"name": "t", "p": "/a"}, {"name": "t", "p": "/b"}]},
    ),
}


@pytest.mark.parametrize("pair", COVERED.values(), ids=COVERED.keys())
def test_a_live_object_covers_what_is_wanted(pair: tuple[Any, Any]) -> None:
    """The API server's own spelling, defaults and additions of others are no difference."""
    assert covers(*pair)


@pytest.mark.parametrize("pair", NOT_COVERED.values(), ids=NOT_COVERED.keys())
def test_an_edit_is_noticed(pair: tuple[Any, Any]) -> None:
    """Whatever differs from what is wanted is repaired."""
    assert not covers(*pair)


def body(**spec: Any) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"name": "s", "labels": {"a": "b"}}, "spec": spec}


def test_a_field_that_is_wanted_no_longer_is_noticed() -> None:
    """The comparison alone would miss it: the live object still covers the smaller body."""
    live = stamped(body(a=1, b=2))

    assert covers(live["spec"], body(a=1)["spec"])
    assert not as_wanted(live, body(a=1))


def test_an_edit_by_hand_is_noticed_though_the_hash_is_the_same() -> None:
    """The hash alone would miss it: it tells what was applied, not what is."""
    live = stamped(body(a=1)) | {"spec": {"a": 2}}

    assert same_intent(live, body(a=1))
    assert not as_wanted(live, body(a=1))


def test_the_number_of_pods_is_no_part_of_the_intent() -> None:
    """A Deployment is created with it and applied without it."""
    assert fingerprint(body(replicas=3, a=1)) == fingerprint(body(a=1))


def test_the_owner_is_no_part_of_the_intent() -> None:
    """After a restore the owner has another uid; adoption mends that, and nothing is applied again."""
    other = body(a=1)
    other["metadata"]["ownerReferences"] = [{"uid": "new"}]

    assert fingerprint(other) == fingerprint(body(a=1))


def test_the_order_of_fields_is_no_part_of_the_intent() -> None:
    """Two builders that say the same thing in another order agree."""
    assert fingerprint(body(a=1, b=2)) == fingerprint(body(b=2, a=1))


def test_stamping_leaves_the_original_alone() -> None:
    """Plans are values."""
    original = body(a=1)
    stamped(original)

    assert "annotations" not in original["metadata"]


def test_a_stamped_body_is_as_wanted() -> None:
    """What was just applied is not applied again."""
    assert as_wanted(stamped(body(a=1, b={"c": [1, 2]})), body(a=1, b={"c": [1, 2]}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("abc", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b"]), inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
def test_everything_covers_itself(value: Any) -> None:
    """A fixed point: what is live is never sent again."""
    assert covers(value, value)


AMOUNTS = {
    ("500m", "0.5"),
    ("1Gi", "1024Mi"),
    ("1G", "1000M"),
    ("1e3", "1k"),
    ("1E", "1000P"),
    ("100n", "0.1u"),
    (".5", "500m"),
    ("2", "2.0"),
}


@pytest.mark.parametrize("pair", sorted(AMOUNTS))
def test_equal_amounts_are_equal_however_they_are_written(pair: tuple[str, str]) -> None:
    """Binary and decimal suffixes and exponents."""
    assert quantities.parse(pair[0]) == quantities.parse(pair[1]) is not None


@pytest.mark.parametrize("text", ["", "m", "1GiB", "1 Gi", "1e", "one"])
def test_what_is_no_amount_is_none(text: str) -> None:
    """Nothing is guessed."""
    assert quantities.parse(text) is None
