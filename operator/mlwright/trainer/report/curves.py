"""Curves and tables of a model as inline SVG and HTML."""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_SIDE: Final = 240
_MARGIN: Final = 30
_POINTS: Final = 200
"""Points of a curve: more cannot be seen."""


def curve(across: Numbers, up: Numbers, names: tuple[str, str], *, diagonal: bool, label: str) -> str:
    """A line in the unit square.

    Args:
        across: x of its points, 0 to 1, in order.
        up: y of its points.
        names: Of the axes, x first.
        diagonal: Whether to draw what chance alone would give.
        label: What the plot shows, for people who do not see it.
    """
    places = np.unique(np.linspace(0, len(across) - 1, min(len(across), _POINTS)).astype(int))
    points = " ".join(f"{_x(across[place]):.1f},{_y(up[place]):.1f}" for place in places)
    chance = f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" class="axis"/>' if diagonal else ""
    size = _SIDE + _MARGIN
    return (
        f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="{escape(label)}">{chance}'
        f'<polyline points="{_x(0)},{_y(1)} {_x(0)},{_y(0)} {_x(1)},{_y(0)}" fill="none" class="axis"/>'
        f'<polyline points="{points}" fill="none" class="curve"/>'
        f'<text x="{_x(1)}" y="{size - 8}" font-size="11" text-anchor="end">{escape(names[0])}</text>'
        f'<text x="{_x(0)}" y="14" font-size="11">{escape(names[1])}</text></svg>'
    )


def _x(share: float) -> float:
    return _MARGIN - 10 + share * (_SIDE - 10)


def _y(share: float) -> float:
    return _SIDE - share * (_SIDE - 24)  # above it stands the name of the axis


def matrix(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    """A confusion matrix: a row for each true class, shaded by its share of that row."""
    head = "".join(f"<th class=number>{escape(name)}</th>" for name in names)
    rows = "".join(_row(name, line) for name, line in zip(names, counts.tolist(), strict=True))
    return f"<table class=matrix><thead><tr><th>true \\ called</th>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(name: str, line: Sequence[int]) -> str:
    total = max(1, sum(line))
    cells = "".join(
        f'<td class=number style="background: color-mix(in srgb, var(--now) {round(60 * count / total)}%, #0000)">'
        f"{count:,}<br><small>{count / total:.1%}</small></td>"
        for count in line
    )
    return f"<tr><th>{escape(name)}</th>{cells}</tr>"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose other columns are figures."""
    names = _cells("th", head)
    body = "".join(f"<tr>{_cells('td', line)}</tr>" for line in lines)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _cells(tag: str, texts: Sequence[str]) -> str:
    """Cells of a row: text first, figures behind."""
    roles = ["", *[" class=number"] * (len(texts) - 1)]
    return "".join(f"<{tag}{role}>{escape(text)}</{tag}>" for role, text in zip(roles, texts, strict=True))
