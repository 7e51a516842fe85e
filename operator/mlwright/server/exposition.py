"""Pieces of Prometheus' text format."""

from collections.abc import Mapping

_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def head(name: str, kind: str, meaning: str) -> tuple[str, str]:
    """The two lines before the series of a metric."""
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"


def labelled(name: str, labels: Mapping[str, str]) -> str:
    """A series without its value; what labels hold may be any text.

    >>> labelled("rows_total", {"feature": "age", "bin": "3"})
    'rows_total{feature="age",bin="3"}'
    """
    return f"{name}{{{pairs(labels)}}}"


def pairs(labels: Mapping[str, str]) -> str:
    """Labels between the braces."""
    return ",".join(f'{label}="{value.translate(_ESCAPED)}"' for label, value in labels.items())
