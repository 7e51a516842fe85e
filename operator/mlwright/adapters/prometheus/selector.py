"""Selectors of raw samples in Prometheus' language. Whatever a value holds, it stays a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from mlwright.plan.measuring import Selection

_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
_META: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")


def range_selector(selection: Selection, now: float) -> str:
    """Return the selector of all samples from the beginning of a selection up to now.

    >>> range_selector(Selection("m_total", {"revision": ("a1", "b2"), "code": ("200",)}, since=100), 160)
    'm_total{code="200",revision=~"a1|b2"}[60s]'
    """
    matchers = ",".join(_matcher(name, values) for name, values in sorted(selection.labels.items()))
    return f"{selection.metric}{{{matchers}}}[{max(1, round(now - selection.since))}s]"


def _matcher(name: str, values: Sequence[str]) -> str:
    if len(values) == 1:
        return f'{name}="{_quoted(values[0])}"'
    return f'{name}=~"{_quoted("|".join(_META.sub(_backslash, value) for value in values))}"'


def _backslash(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _quoted(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)
