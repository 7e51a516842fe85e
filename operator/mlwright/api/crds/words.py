"""Words that YAML 1.1 reads as something else than text: `on: 1` is {True: 1} and `- no` is [False]."""

from __future__ import annotations

from mlwright.api.crds.refusal import RefusedModelError

_NOT_TEXT = frozenset({"", "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"})

# The states of a condition are True, False and Unknown in all of Kubernetes. Programs write them, and quote them.
_STATES = frozenset({"True", "False", "Unknown"})


def refuse_misread(word: str, path: str) -> None:
    """Raise when a field name or an enum value would not be read as text.

    Raises:
        RefusedModelError: naming the word.
    """
    if word.lower() in _NOT_TEXT:
        raise RefusedModelError(path, f"YAML 1.1 does not read {word!r} as text: choose another word")


def refuse_misread_enum(values: tuple[str, ...], path: str) -> None:
    """Raise when a value of an enum would not be read as text; the states of a condition are let through.

    Raises:
        RefusedModelError: naming the word.
    """
    if frozenset(values) == _STATES:
        return
    for value in values:
        refuse_misread(value, path)
