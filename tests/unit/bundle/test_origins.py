"""Which hosts outside may be asked."""

from __future__ import annotations

import doctest

import pytest

from mlwright.bundle import origins
from mlwright.bundle.origins import Origin, entries, is_allowed

BELOW = "https://*.example.com"


@pytest.mark.parametrize(
    "url,entry,allowed",
    [
        ("https://a.example.com/x", "https://a.example.com", True),
        ("https://a.example.com:443/x", "https://a.example.com", True),
        ("https://A.Example.com/x", "https://a.example.com", True),
        ("https://a.example.com:8443/x", "https://a.example.com", False),
        ("http://a.example.com/x", "https://a.example.com", False),
        ("https://b.a.example.com/x", BELOW, True),
        ("https://example.com/x", BELOW, False),
        ("https://badexample.com/x", BELOW, False),
        ("https://a.example.com.evil.org/x", BELOW, False),
        ("http://mlflow.mlops:5000/api", "http://mlflow.mlops:5000", True),
        ("http://[::1]:5000/", "http://[::1]:5000", True),
    ],
)
def test_an_entry_covers_scheme_host_and_port(url: str, entry: str, *, allowed: bool) -> None:
    """Nothing that only looks like it."""
    assert is_allowed(Origin.of(url), [entry]) is allowed


@pytest.mark.parametrize(
    "url",
    ["ftp://a/x", "https:///x", "https://me:secret@a/x", "file:///etc/passwd", "https://a b/x", "models:/churn/3"],
)
def test_what_is_no_plain_address_has_no_origin(url: str) -> None:
    """Neither another scheme nor an address with a user."""
    with pytest.raises(ValueError, match=r"address|host"):
        Origin.of(url)


@pytest.mark.parametrize(
    "text", ["models.example.com", "https://a.example.com/x", "https://a@b", "https://A.example.com"]
)
def test_a_wrong_entry_is_named(text: str) -> None:
    """The operator does not start with one."""
    with pytest.raises(ValueError, match=r"outside\.hosts: .* is no https://HOST"):
        entries(f"https://good.example.com, {text}")


def test_the_examples_are_true() -> None:
    """Those in the docstrings."""
    assert doctest.testmod(origins).failed == 0
