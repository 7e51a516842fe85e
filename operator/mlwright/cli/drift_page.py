"""`drift --report`: the distributions of the training and of the newest window side by side, as one page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from mlwright.api.conditions import written
from mlwright.cli.answers import Code, CommandError
from mlwright.cli.drift import Told, cut, estimate_of, learning, right
from mlwright.plan.drift_counts import Counts
from mlwright.planners.drift_past import Traced, TracedFlaw
from mlwright.planners.drift_quality import WORDS
from mlwright.stats.drift import Shift, State
from mlwright.stats.shares import percent
from mlwright.trainer.report import plots
from mlwright.trainer.report.style import STYLE

_LOOK: Final = (
    ".limit { stroke: var(--bad); stroke-dasharray: 4 3; } .far { fill: var(--bad); } h4 { margin: 12px 0 0; }"
    " details table { margin: 4px 0; } details td { padding: 1px 8px 1px 0; }"
)
_NAMES: Final = {
    "other": "all other classes",
    "below": "below all of the training",
    "above": "above all of the training",
    "missing": "missing",
    "unseen": "never seen in the training",
}
FEW: Final = 8
"""So many bins are listed at once; more when somebody asks."""
_WIDTH: Final = 320
_HEIGHT: Final = 64
_BASE: Final = 48
"""y of the axis."""


def write(found: Told, path: Path) -> None:
    """Write the page.

    Raises:
        CommandError: there is nothing to show yet, or the file cannot be written.
    """
    if not found.past.traced and not found.past.broken:
        said = found.status.get("summary") or "it was not looked at yet"
        raise CommandError(Code.NOT_SO, f"{found.name} has nothing to show yet: {said}")
    try:
        path.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise CommandError(Code.USAGE, f"--report: {path} cannot be written ({error.strerror})") from error


def page(found: Told) -> str:
    """Return the page as HTML; it loads nothing."""
    title = f"Drift of {found.status.get('version')}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{_LOOK}</style></head><body>"
        f'<h1>{escape(title)}</h1><p class="lead">DriftMonitor {escape(found.name)}</p>'
        f"{_verdicts(found)}{_facts(found)}{_done(found)}"
        f"{_table('Features and outputs', found.past.traced)}{_sudden(found)}{_broken(found)}{_truth(found)}"
        '<h2>Distributions</h2><p><span class="key earlier"></span>rows of the training'
        '<span class="key now"></span>rows of the newest window</p>'
        f'<div class="columns">{"".join(_column(found, one) for one in found.past.traced)}</div></body></html>\n'
    )


def _verdicts(found: Told) -> str:
    return "".join(
        f'<div class="verdict {_role(one["type"], one["status"])}">'
        f"<b>{escape(one['type'])}: {escape(one['status'])}.</b> {escape(one['message'])}</div>"
        for one in found.conditions
    )


def _role(kind: str, status: str) -> str:
    if status == "Unknown":
        return "warned"
    fine = {"EnoughData": "True", "MetricsAvailable": "True"}.get(kind, "False")
    return "passed" if status == fine else "warned" if kind in {"EnoughData", "MetricsAvailable"} else "failed"


def _facts(found: Told) -> str:
    newest = found.past.windows[-1]
    facts = [
        ("Revision", str(found.status.get("revision"))),
        ("Newest window", f"{written(newest.since)} to {written(newest.until)}"),
        ("Rows", f"{newest.rows:,}"),
        ("Windows", cut(found.spec)),
    ]
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(value)}</dd>' for name, value in facts)}</dl>"


def _done(found: Told) -> str:
    last = found.status.get("lastAction") or {}
    lines = [f"{time} {kind}: {sentence}" for time, kind, sentence in found.done]
    lines = lines or [str(last["sentence"]) if last else "nothing"]
    return f"<h2>What was done</h2>{''.join(f'<p>{escape(line)}</p>' for line in lines)}"


def _table(title: str, traced: Sequence[Traced]) -> str:
    head = ("name", "check", "verdict", "distance", "interval", "limit", "rows moved", "would be found")
    names = _cells("th", head)
    lines = "".join(f"<tr>{_cells('td', _line(one))}</tr>" for one in traced)
    return f"<h2>{escape(title)}</h2><table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"


def _sudden(found: Told) -> str:
    """Return what the newest minutes say beside what is usual at their hour, where somebody asks for these."""
    fast = found.past.fast
    if fast is None:
        return ""
    title = f"The newest {fast.settings.length} beside what is usual at this hour"
    young = learning(found)
    return _table(title, found.past.sudden) + (f"<p>{escape(young)}</p>" if young else "")


def _broken(found: Told) -> str:
    """Return the shares of broken values, what is broken most first."""
    if not found.past.broken:
        return ""
    head = ("values", "check", "verdict", "share", "interval", "limit", "in the training", "would be found")
    lines = "".join(f"<tr>{_cells('td', _broken_line(one))}</tr>" for one in found.past.broken)
    return f"<h2>Broken values</h2><table><thead><tr>{_cells('th', head)}</tr></thead><tbody>{lines}</tbody></table>"


def _broken_line(one: TracedFlaw) -> tuple[str, ...]:
    last, share = one.last, one.last.share
    named = (f"{last.name} {WORDS[last.values]}", last.check, last.verdict)
    limit, usual = percent(share.asked.usual + share.asked.more), percent(share.asked.usual)
    if share.state is State.NOT_ENOUGH_DATA:
        return (*named, "", "", limit, usual, "")
    span = f"{percent(share.low)} to {percent(share.high)}"
    return (*named, percent(share.share), span, limit, usual, percent(share.detectable))


def _truth(found: Told) -> str:
    """Return what late labels say, and what is estimated without, as the monitor told it."""
    told, estimate = found.status.get("performance"), estimate_of(found)
    beside = f"<h2>Right answers, estimated</h2><p>{escape(estimate)}</p>" if estimate else ""
    if not told:
        return beside
    facts = [
        ("Verdict", str(told["verdict"])),
        ("Labels of the newest window", f"{told.get('labels', 0):,}"),
        *((words, right(told[name])) for name, words in _OF_TRUTH.items() if told.get(name) is not None),
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<h2>Right answers ({escape(str(told['metric']))})</h2><dl>{listed}</dl>{beside}"


_OF_TRUTH: Final = {"observed": "Right of them", "evaluated": "On the held-out rows", "least": "The least allowed"}


def _line(one: Traced) -> tuple[str, ...]:
    last, shift = one.last, one.last.shift
    named = (last.name, last.check, last.verdict)
    if shift.state is State.NOT_ENOUGH_DATA:
        return (*named, "", "", f"{last.settings.max_distance:g}", "", "")
    span = f"{shift.low:.2g} to {shift.high:.2g}"
    figures = (f"{shift.estimate:.2g}", span, f"{last.settings.max_distance:g}", f"{shift.moved:.0%}")
    return (*named, *figures, f"{shift.detectable:.2g}")


def _cells(tag: str, texts: Sequence[str]) -> str:
    """Return the cells of a row: three texts, then figures."""
    roles = [""] * 3 + [" class=number"] * (len(texts) - 3)
    return "".join(f"<{tag}{role}>{escape(text)}</{tag}>" for role, text in zip(roles, texts, strict=True))


def _column(found: Told, one: Traced) -> str:
    last = one.last
    role = "column wrong" if last.verdict == "Drifted" else "column"
    return (
        f'<div class="{role}"><h3>{escape(last.name)}</h3><p>{escape(last.verdict)}: {escape(_words(one))}</p>'
        f"{_beside(found, one)}<h4>Over the windows</h4>{_trace(found, one)}</div>"
    )


def _words(one: Traced) -> str:
    shift, limit = one.last.shift, one.last.settings.max_distance
    if shift.state is State.NOT_ENOUGH_DATA:
        return shift.sentence
    told = f"distance {shift.estimate:.2g} [{shift.low:.2g}, {shift.high:.2g}], allowed {limit:g}"
    return f"{told}; {shift.moved:.0%} of the rows lie elsewhere; over in {one.last.votes.over} of {len(one.shifts)}"


def _beside(found: Told, one: Traced) -> str:
    """Draw the shares of each bin, in the order of the profile, what lies outside at its ends."""
    learned, newest = found.past.learned or {}, found.past.windows[-1].counts
    then, now = learned[one.surface], newest.get(one.surface, {})
    slots = [slot for slot in _ordered({**then, **now}) if then.get(slot) or now.get(slot)]
    pairs = [(_share(then, slot), _share(now, slot)) for slot in slots]
    names = [_named(slot, found.past.names.get(one.surface, ())) for slot in slots]
    titles = [f"{name}: {p:.1%} then, {q:.1%} now" for name, (p, q) in zip(names, pairs, strict=True)]
    ends = (names[0], names[-1]) if names else ("", "")
    drawn = plots.paired_bars(pairs, titles, ends, "shares of the bins in the training and now")
    return drawn + _bins(names, pairs)


def _bins(names: Sequence[str], pairs: Sequence[tuple[float, float]]) -> str:
    """List the bins with what they hold: at once where there are few, when somebody asks where there are many."""
    lines = "".join(
        f"<tr><td>{escape(name)}</td><td class=number>{then:.1%}</td><td class=number>{now:.1%}</td></tr>"
        for name, (then, now) in zip(names, pairs, strict=True)
    )
    shown = " open" if len(names) <= FEW else ""
    head = "<tr><th>bin</th><th class=number>training</th><th class=number>newest</th></tr>"
    return f"<details{shown}><summary>{len(names)} bins</summary><table>{head}{lines}</table></details>"


def _ordered(slots: Counts) -> list[str]:
    bins = sorted((slot for slot in slots if slot.isdigit()), key=int)
    return ["below", *bins, *(slot for slot in _NAMES if slot != "below")]


def _named(slot: str, names: Sequence[str]) -> str:
    own = names[int(slot)] if slot.isdigit() and int(slot) < len(names) else f"bin {slot}"
    return _NAMES.get(slot) or own


def _share(counts: Counts, slot: str) -> float:
    return counts.get(slot, 0) / max(1, sum(counts.values()))


def _trace(found: Told, one: Traced) -> str:
    """Draw the distance in each window, with the limit as a line."""
    limit = one.last.settings.max_distance
    known = [shift for shift in one.shifts if shift.state is not State.NOT_ENOUGH_DATA]
    highest = max([2 * limit, *(shift.estimate for shift in known)])
    step = _WIDTH / len(one.shifts)
    ends = [written(window.until) for window in found.past.windows]
    bars = "".join(
        _bar(place * step, step, shift, highest, end)
        for place, (shift, end) in enumerate(zip(one.shifts, ends, strict=True))
    )
    line = _BASE - (_BASE - 4) * limit / highest
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="distance in each window">{bars}'
        f'<line x1="0" y1="{line:.1f}" x2="{_WIDTH}" y2="{line:.1f}" class="limit"/>'
        f'<line x1="0" y1="{_BASE}" x2="{_WIDTH}" y2="{_BASE}" class="axis"/>'
        f'<text x="0" y="{_HEIGHT - 3}" font-size="9">{ends[0]}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 3}" font-size="9" text-anchor="end">{ends[-1]}</text></svg>'
    )


def _bar(left: float, step: float, shift: Shift, highest: float, end: str) -> str:
    few = shift.state is State.NOT_ENOUGH_DATA
    said = "too few rows" if few else f"{shift.estimate:.2g} [{shift.low:.2g}, {shift.high:.2g}]"
    height = 0.0 if few else max(1.0, (_BASE - 4) * shift.estimate / highest)
    role = "far" if shift.state is State.OVER else "now"
    return (
        f"<g><title>until {end}: {said}</title>"
        f'<rect x="{left + 2:.1f}" y="{_BASE - height:.1f}" width="{max(1.0, step - 4):.1f}" height="{height:.1f}"'
        f' class="{role}"/></g>'
    )
