"""`drift`: how far each feature is from what the model learned, window by window, from the monitor's records alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from mlwright.api.conditions import written
from mlwright.api.drift import DriftMonitorSpec
from mlwright.builders.drift import blocks, references, usuals
from mlwright.cli.answers import Answer, Code, CommandError, table
from mlwright.cli.kubectl import Body
from mlwright.cli.reports import brief, in_order
from mlwright.planners.drift_past import Past, Traced, TracedFlaw, past
from mlwright.planners.drift_quality import WORDS
from mlwright.planners.drift_verdicts import compared
from mlwright.stats.drift import Shift, State
from mlwright.stats.shares import Share, percent

HEAD: Final = (
    *("CHECK", "NAME", "VERDICT", "DISTANCE", "INTERVAL", "LIMIT"),
    *("WINDOWS", "", "MOVED", "WOULD FIND", "ROWS"),
)
LEGEND: Final = (
    "WINDOWS, the newest last: distances or shares, of which ▅ and higher are above the limit; ! proven to be above it,"
    " - not, ? too few rows. WOULD FIND: the smallest distance or share that four of five such windows show"
)
SHOWN: Final = 20
"""Shares of broken values that the table shows, what is broken most first."""
_BARS: Final = "▁▂▃▄▅▆▇█"
_GAP: Final = "·"
_MARKS: Final = {State.OVER: "!", State.NOT_ENOUGH_DATA: "?"}
_OWN: Final = frozenset({"Ready", "Reconciling", "Stalled"})
"""Conditions that say nothing of what was found."""


@dataclass(frozen=True, slots=True)
class Told:
    """A monitor, what its records say, and what was decided because of it."""

    body: Body
    spec: DriftMonitorSpec
    past: Past
    decisions: tuple[Body, ...]

    @property
    def status(self) -> Body:
        """What it told."""
        found: Body = self.body.get("status") or {}
        return found

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    @property
    def conditions(self) -> list[Body]:
        """What was found, and what stands in the way."""
        return [one for one in self.status.get("conditions") or () if one["type"] not in _OWN]

    @property
    def done(self) -> list[tuple[str, str, str]]:
        """When what was done because of the revision that is watched."""
        return [
            (one["metadata"].get("creationTimestamp", ""), one["spec"]["type"], one["spec"]["sentence"])
            for one in self.decisions
        ]


def told(body: Body, records: Sequence[Body], decisions: Iterable[Body]) -> Told:
    """Return what is known of a monitor.

    Args:
        body: The monitor.
        records: Its ControllerRevisions.
        decisions: All of the namespace.

    Raises:
        CommandError: its spec is of another release than this command.
    """
    try:
        spec = DriftMonitorSpec.model_validate(body["spec"])
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        sentence = f"spec.{where}: {error.errors()[0]['msg']}: use the kubectl mlwright of the release that runs there"
        raise CommandError(Code.NOT_SO, sentence) from error
    status = body.get("status") or {}
    own = [one for one in decisions if _is_own(body, one)]
    return Told(
        body, spec, past(spec, status, blocks(records), references(records), usuals(records)), tuple(in_order(own))
    )


def _is_own(body: Body, decision: Body) -> bool:
    """Tell whether a decision is by a monitor, or by another one that asked the same before it."""
    status, spec = body.get("status") or {}, decision["spec"]
    if decision["metadata"]["name"] == (status.get("lastAction") or {}).get("decision"):
        return True
    by = f"DriftMonitor {body['metadata']['name']}"
    return bool(spec.get("by") == by and spec.get("revision") == status.get("revision"))


def answer(found: Told) -> Answer:
    """Return the verdicts as a table."""
    conditions = [(one["type"], one["status"], one["message"]) for one in found.conditions]
    few = [one.last.shift.sentence for one in found.past.traced if one.last.shift.state is State.NOT_ENOUGH_DATA]
    lines = [f"DriftMonitor {found.name}: {found.status.get('summary', 'nothing yet')}", *_watched(found)]
    rows = [
        *map(_row, found.past.traced),
        *map(_row, strange(found)),
        *map(_broken_row, found.past.broken[:SHOWN]),
        *_truth_row(found),
    ]
    lines += [table([HEAD, *rows]), f"  {LEGEND}"] if rows else []
    calm = len(found.past.broken) - SHOWN
    lines += [f"  {fast}"] if (fast := learning(found)) else []
    lines += [f"  {calm} more shares of broken values are no worse; -o json tells them"] if calm > 0 else []
    lines += ["not enough data:", *(f"  {sentence}" for sentence in few)] if few else []
    lines += [f"estimate: {estimate}"] if (estimate := estimate_of(found)) else []
    lines += ["what was found:", table(conditions)] if conditions else []
    lines += ["what was done:", *_done(found)]
    return Answer("\n".join(lines), _data(found))


def strange(found: Told) -> Sequence[Traced]:
    """Return what the newest minutes find strange; where that is nothing, what is farthest from what is usual."""
    return [one for one in found.past.sudden if one.last.votes.over or one.last.lasting] or found.past.sudden[:1]


def learning(found: Told) -> str:
    """Return how much is learnt of what is usual at each hour; empty where nothing is, or all of it."""
    fast = found.past.fast
    learned = hours_learned(found)
    if fast is None or learned >= fast.needed:
        return ""
    return f"the newest {fast.settings.length}: {learned} of {fast.needed} hours of what is usual are learnt"


def hours_learned(found: Told) -> int:
    """Return how many hours of what is usual are learnt of all that is compared."""
    fast = found.past.fast
    return fast.learned(compared(found.spec, found.past.learned or {})) if fast else 0


def _watched(found: Told) -> list[str]:
    if not found.past.windows:
        return ["  no window was counted yet"]
    newest = found.past.windows[-1]
    span = f"{written(newest.since)} to {written(newest.until)}"
    version = f"{found.status.get('version')} (revision {found.status.get('revision')})"
    rows = f"{newest.rows:,} rows"
    return [f"  {version}, {span}, {rows}; {cut(found.spec)}"]


def cut(spec: DriftMonitorSpec) -> str:
    """Return in words what a window is."""
    if spec.target.batch is not None:
        return f"stored rows, a window for each look ({spec.target.batch.schedule.cron})"
    fast = f", and one of {spec.windows.fast.length}" if spec.windows.fast else ""
    return f"a window of {spec.windows.slow.length} ends every {spec.windows.slow.every}{fast}"


def _done(found: Told) -> list[str]:
    if found.done:
        return [table(found.done)]
    last = found.status.get("lastAction") or {}
    return [f"  {last['sentence']}" if last else "  nothing"]


def _row(one: Traced) -> tuple[str, ...]:
    last, shift = one.last, one.last.shift
    limit = last.settings.max_distance
    known = shift.state is not State.NOT_ENOUGH_DATA
    figures = (f"{shift.estimate:.2g}", f"[{shift.low:.2g}, {shift.high:.2g}]") if known else ("", "")
    moved = f"{100 * shift.moved:.0f} %" if known else ""
    finds = f"{shift.detectable:.2g}" if known else ""
    marks = "".join(_MARKS.get(window.state, "-") for window in one.shifts)
    drawn = sparkline(one.shifts, limit)
    check = f"{last.check} {last.minutes}".rstrip()
    return (check, last.name, last.verdict, *figures, f"{limit:g}", drawn, marks, moved, finds, f"{shift.rows:,}")


def _broken_row(one: TracedFlaw) -> tuple[str, ...]:
    """Return the row of one kind of broken values: shares of the rows take the place of distances."""
    last, share = one.last, one.last.share
    allowed, known = share.asked.usual + share.asked.more, share.state is not State.NOT_ENOUGH_DATA
    figures = (percent(share.share), f"[{percent(share.low)}, {percent(share.high)}]") if known else ("", "")
    marks = "".join(_MARKS.get(window.state, "-") for window in one.shares)
    drawn = "".join(
        _GAP if window.state is State.NOT_ENOUGH_DATA else _height(window.share, allowed) for window in one.shares
    )
    named = (last.check, f"{last.name} {WORDS[last.values]}", last.verdict)
    finds = percent(share.detectable) if known else ""
    return (*named, *figures, percent(allowed), drawn, marks, "", finds, f"{share.rows:,}")


def _truth_row(found: Told) -> list[tuple[str, ...]]:
    """Return the row of late labels, as the monitor told it: what it was evaluated with is in no record."""
    told_of = found.status.get("performance")
    if not told_of:
        return []
    observed, least = told_of.get("observed"), told_of.get("least")
    figures = ("" if observed is None else right(observed), "", "" if least is None else f">= {right(least)}")
    named = (told_of["check"], told_of["metric"], told_of["verdict"])
    return [(*named, *figures, "", "", "", "", f"{told_of.get('labels', 0):,}")]


def estimate_of(found: Told) -> str:
    """Return what is estimated without labels, as the monitor told it; empty where nothing is."""
    return str((found.status.get("estimate") or {}).get("sentence", ""))


def sparkline(shifts: Iterable[Shift], limit: float) -> str:
    """Draw distances as a row of bars, higher than half where they are above the limit; a dot where there are none."""
    return "".join(_GAP if one.state is State.NOT_ENOUGH_DATA else _height(one.estimate, limit) for one in shifts)


def right(share: float) -> str:
    """Return a share of right answers in words: a tenth of a percent may matter.

    >>> right(0.865)
    '86.5 %'
    """
    return f"{100 * share:.1f} %"


def _height(value: float, limit: float) -> str:
    return _BARS[min(len(_BARS) - 1, int(4 * value / max(limit, 1e-9)))]


def _data(found: Told) -> dict[str, Any]:
    status = found.status
    spans = [{"since": written(one.since), "until": written(one.until), "rows": one.rows} for one in found.past.windows]
    done = [dict(zip(("time", "type", "sentence"), one, strict=True)) for one in found.done]
    return brief(found.body) | {
        "version": status.get("version", ""),
        "revision": status.get("revision", ""),
        "conditions": status.get("conditions", []),
        "windows": spans,
        "features": [_feature(one, spans) for one in found.past.traced],
        "fast": _fast(found),
        "quality": [_flaw(one, spans) for one in found.past.broken],
        "performance": status.get("performance"),
        "estimate": status.get("estimate"),
        "decisions": done,
        "lastAction": status.get("lastAction"),
    }


def _fast(found: Told) -> dict[str, Any] | None:
    """Return what the newest minutes say; None where nobody asks for these."""
    fast = found.past.fast
    if fast is None:
        return None
    spans = [{"until": written(one.until)} for one in fast.blocks]
    learned = hours_learned(found)
    each = [_feature(one, spans[-len(one.shifts) :]) for one in found.past.sudden]
    return {"length": fast.settings.length, "learned": learned, "needed": fast.needed, "features": each}


def _feature(one: Traced, spans: Sequence[dict[str, Any]]) -> dict[str, Any]:
    last = one.last
    named = {"check": last.check, "name": last.name, "verdict": last.verdict, "limit": last.settings.max_distance}
    each = [{"until": span["until"], **_figures(shift)} for span, shift in zip(spans, one.shifts, strict=True)]
    return named | _figures(last.shift) | {"windows": each}


def _flaw(one: TracedFlaw, spans: Sequence[dict[str, Any]]) -> dict[str, Any]:
    last, asked = one.last, one.last.share.asked
    named = {"check": last.check, "name": last.name, "values": last.values, "verdict": last.verdict}
    beside = {"usual": round(asked.usual, 4), "limit": round(asked.usual + asked.more, 4)}
    each = [{"until": span["until"], **_shares(share)} for span, share in zip(spans, one.shares, strict=True)]
    return named | beside | _shares(last.share) | {"windows": each}


def _shares(share: Share) -> dict[str, Any]:
    if share.state is State.NOT_ENOUGH_DATA:
        return {"state": share.state, "rows": share.rows, "sentence": share.sentence}
    figures = {"share": share.share, "lower": share.low, "upper": share.high, "detectable": share.detectable}
    return {"state": share.state, "rows": share.rows} | {name: round(value, 4) for name, value in figures.items()}


def _figures(shift: Shift) -> dict[str, Any]:
    if shift.state is State.NOT_ENOUGH_DATA:
        return {"state": shift.state, "rows": shift.rows, "sentence": shift.sentence}
    return {
        "state": shift.state,
        "rows": shift.rows,
        "distance": round(shift.estimate, 4),
        "lower": round(shift.low, 4),
        "upper": round(shift.high, 4),
        "moved": round(shift.moved, 4),
        "detectable": round(shift.detectable, 4),
    }
