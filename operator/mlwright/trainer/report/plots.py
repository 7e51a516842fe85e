"""Small plots as inline SVG."""

from collections.abc import Sequence
from html import escape
from typing import Final

_WIDTH: Final = 320
_HEIGHT: Final = 84
_BASE: Final = 70  # y of the axis
_TEXT: Final = 9


def bars(shares: Sequence[float], titles: Sequence[str], ends: tuple[str, str], label: str) -> str:
    """A bar for each share.

    Args:
        shares: Heights, 0 to 1; the highest fills the plot.
        titles: What is shown when the pointer rests on a bar.
        ends: What stands below the first and the last bar.
        label: What the plot shows, for people who do not see it.
    """
    return _plot([[share] for share in shares], titles, ends, label)


def paired_bars(pairs: Sequence[tuple[float, float]], titles: Sequence[str], ends: tuple[str, str], label: str) -> str:
    """Two bars beside each other for each pair: the earlier share, and the one of now."""
    return _plot([list(pair) for pair in pairs], titles, ends, label)


def _plot(groups: Sequence[Sequence[float]], titles: Sequence[str], ends: tuple[str, str], label: str) -> str:
    highest = max((share for group in groups for share in group), default=0) or 1
    step = _WIDTH / max(1, len(groups))
    drawn = "".join(
        _group(group, title, place * step, step, highest)
        for place, (group, title) in enumerate(zip(groups, titles, strict=True))
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">{drawn}'
        f'<line x1="0" y1="{_BASE}" x2="{_WIDTH}" y2="{_BASE}" class="axis"/>'
        f'<text x="0" y="{_HEIGHT - 3}" font-size="{_TEXT}">{escape(ends[0])}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 3}" font-size="{_TEXT}" text-anchor="end">{escape(ends[1])}</text></svg>'
    )


def _group(shares: Sequence[float], title: str, left: float, width: float, highest: float) -> str:
    gap = min(2.0, width / 5)
    each = (width - gap) / len(shares)
    rects = "".join(
        _bar(left + place * each, each, share / highest, "earlier" if place < len(shares) - 1 else "now")
        for place, share in enumerate(shares)
    )
    return f"<g><title>{escape(title)}</title>{rects}</g>"


def _bar(left: float, width: float, share: float, role: str) -> str:
    height = share * (_BASE - 4)
    # What is there but tiny is seen; what is not there is not.
    height = max(height, 1.0) if share > 0 else 0.0
    return f'<rect x="{left:.1f}" y="{_BASE - height:.1f}" width="{width:.1f}" height="{height:.1f}" class="{role}"/>'
