"""Names and digests follow from what they name, and fit where Kubernetes wants them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mlwright.plan.digests import child_name, digest, short

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
WORDS = st.lists(st.text("ab0", min_size=1, max_size=24), min_size=1, max_size=3)
PARTS = st.lists(WORDS.map("-".join), min_size=1, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
)


@given(PARTS)
def test_a_name_of_a_child_is_a_dns_label(parts: list[str]) -> None:
    """At most 63 characters, whatever the parts."""
    assert LABEL.fullmatch(child_name(*parts))


@given(PARTS)
def test_a_name_that_fits_is_kept_as_it_is(parts: list[str]) -> None:
    """People recognise it."""
    joined = "-".join(parts)

    assert child_name(*parts) == joined or len(joined) > 63


@given(st.text("ab", min_size=80, max_size=90), st.text("ab", min_size=80, max_size=90))
def test_two_long_names_stay_two(one: str, other: str) -> None:
    """What is cut off still tells them apart."""
    assert (child_name(one) == child_name(other)) == (one == other)


def test_a_cut_name_does_not_end_in_a_dash_before_its_hash() -> None:
    """A double dash would read as if a part were missing."""
    assert "--" not in child_name("a" * 53, "b" * 20)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_the_order_of_keys_is_no_content(value: dict[str, object]) -> None:
    """A mapping says the same in every order."""
    turned = dict(reversed(value.items()))

    assert (digest(value), short(value)) == (digest(turned), short(turned))


@given(st.integers(1, 64))
def test_a_short_digest_has_the_length_that_is_asked_for(length: int) -> None:
    """And is the beginning of the long one."""
    assert digest({"a": 1}) == "sha256:" + short({"a": 1}, 64)
    assert short({"a": 1}, 64).startswith(short({"a": 1}, length))
    assert len(short({"a": 1}, length)) == length
