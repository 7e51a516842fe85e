"""`simulate autoscaling`: what the policy of a deployment would have made of a load, beside HPA's defaults."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from mlwright.api.autoscaling import Autoscaling
from mlwright.api.conditions import written
from mlwright.cli.answers import Answer, Code, CommandError, table
from mlwright.cli.kubectl import Body
from mlwright.errors import InvalidSpecError
from mlwright.planners import floors
from mlwright.planners.simulating import Moved, Simulated, World, as_hpa, oracle, replayable, simulate

MANIFESTS: Final = (".yaml", ".yml", ".json")
"""How a name ends that is a file."""
COLUMNS: Final = ["time", "requests"]
LONGEST: Final = 14 * 24 * 3600
"""Seconds of a trace: two weeks take half a minute."""
WIDTH: Final = 72
"""Characters of a drawing."""
SHOWN: Final = 60
"""Moves in the table; all of them with `-o json`."""
_BARS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Trace:
    """A load that was, or could be."""

    begin: float
    """Seconds since 1970."""
    load: tuple[float, ...]
    """Requests per second, for each second."""
    unknown: float = 0.0
    """Share of the time of which nothing is known; nothing came then, as far as it is played."""


def read(path: Path) -> Trace:
    """Read a load from a file with the columns time and requests.

    `time` is a timestamp (RFC 3339) or seconds since 1970; `requests` counts for each second until the next row. The
    last row only says when it ends.

    Raises:
        CommandError: it cannot be read, or a row is none; it names the line.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(_rows(csv.reader(file)))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(Code.USAGE, f"--trace: {path} cannot be read ({error})") from error
    if len(rows) < 2:  # noqa: PLR2004  # a begin and an end
        raise CommandError(Code.USAGE, "--trace: a load has two rows or more, the last of which says when it ends")
    if rows[-1][0] - rows[0][0] > LONGEST:
        raise CommandError(Code.USAGE, f"--trace: it is longer than {LONGEST // 86400} days: cut it")
    return Trace(rows[0][0], tuple(_seconds(rows)))


def _rows(lines: Iterator[list[str]]) -> Iterator[tuple[float, float]]:
    if next(lines, []) != COLUMNS:
        raise CommandError(Code.USAGE, f"--trace: the first line must be {','.join(COLUMNS)}")
    before = -math.inf
    for number, line in enumerate(lines, 2):
        try:
            at, rate = _moment(line[0]), float(line[1])
        except (ValueError, IndexError) as error:
            told = "expected a time (RFC 3339, or seconds since 1970) and a number"
            raise CommandError(Code.USAGE, f"--trace: line {number}: {told}") from error
        if not (at > before and 0 <= rate < math.inf):
            told = "expected a later time than the line before, and requests per second of 0 or more"
            raise CommandError(Code.USAGE, f"--trace: line {number}: {told}")
        before = at
        yield at, rate


def _moment(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = datetime.fromisoformat(text).timestamp()
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def _seconds(rows: Sequence[tuple[float, float]]) -> Iterator[float]:
    """Return what each second brings; a row counts from the first whole second at or after its time."""
    begin, row = rows[0][0], 0
    for second in range(math.floor(rows[-1][0] - begin)):
        while rows[row + 1][0] <= begin + second:
            row += 1
        yield rows[row][1]


def answer(body: Body, trace: Trace, world: World) -> Answer:
    """Return what came of the policy, of HPA's defaults with the same metrics, and of who knows the load.

    Raises:
        CommandError: the deployment has no autoscaling, or none that follows from requests.
    """
    spec, first = _policy(body, trace), int(body["spec"].get("replicas", 1))
    routed = replace(world, routed=(body["spec"].get("traffic") or {}).get("provider") == "Router")
    own = simulate(spec, trace.load, routed, trace.begin, _between(spec, first))
    hpa = as_hpa(spec)
    beside = simulate(hpa, trace.load, world, trace.begin, _between(hpa, first))
    known = oracle(spec, trace.load, world)
    perfect = Simulated((), known, own.requests, 0.0)
    sides = {"this policy": own, "HPA's defaults": beside, "who knows the load": perfect}
    return Answer(_text(body, trace, own, sides), {**_data(sides), "unknownShare": trace.unknown})


def _policy(body: Body, trace: Trace) -> Autoscaling:
    name, asked = body["metadata"]["name"], body["spec"].get("autoscaling")
    if asked is None:
        raise CommandError(Code.NOT_SO, f"ModelDeployment {name} has no spec.autoscaling: there is nothing to simulate")
    try:
        spec = replayable(Autoscaling.model_validate(asked))
        floors.check(spec, datetime.fromtimestamp(trace.begin, UTC))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        told = f"spec.autoscaling.{where}: {error.errors()[0]['msg']}"
        raise CommandError(Code.NOT_SO, told) from error
    except InvalidSpecError as error:
        raise CommandError(Code.NOT_SO, str(error)) from error
    return spec


def _between(spec: Autoscaling, replicas: int) -> int:
    return min(max(replicas, spec.min_replicas, 1), spec.max_replicas)


def _text(body: Body, trace: Trace, own: Simulated, sides: dict[str, Simulated]) -> str:
    ends = (written(at) for at in (trace.begin, trace.begin + len(trace.load)))
    head = f"{body['metadata']['name']} from {' to '.join(ends)}, {own.requests:,.0f} requests{_unknown(trace)}"
    drawn = [
        ["load", drawing(trace.load), f"up to {max(trace.load):g} requests/s"],
        ["pods", drawing(own.pods), f"up to {max(own.pods)}"],
    ]
    told = [["", "late", "pod hours", "most pods"]]
    told += [[side, f"{s.late_share:.2%}", f"{s.pod_hours:.2f}", str(max(s.pods))] for side, s in sides.items()]
    return "\n\n".join((head, table(drawn), _moves(own.moves), table(told)))


def _unknown(trace: Trace) -> str:
    if not trace.unknown:
        return ""
    return f"\nof {trace.unknown:.1%} of the time nothing is known (no pods, or not scraped): played as no requests"


def _moves(moves: Sequence[Moved]) -> str:
    if not moves:
        return "  the number of pods never moves"
    rows = [["time", "requests/s", "pods", "why"]]
    rows += [[_time(m), f"{m.load:g}", str(m.replicas), m.sentence] for m in moves[:SHOWN]]
    more = f"\n  and {len(moves) - SHOWN} moves more: -o json tells all" if len(moves) > SHOWN else ""
    return table(rows) + more


def _time(move: Moved) -> str:
    return written(move.at)


def drawing(values: Sequence[float]) -> str:
    """Draw numbers as a row of bars, each the highest of its stretch.

    >>> drawing([0, 1, 2, 4])
    '▁▂▄█'
    """
    size = max(1, math.ceil(len(values) / WIDTH))
    peaks = [max(values[begin : begin + size]) for begin in range(0, len(values), size)]
    highest = max(peaks) or 1
    return "".join(_BARS[min(len(_BARS) - 1, int(peak / highest * len(_BARS)))] for peak in peaks)


def _data(sides: dict[str, Simulated]) -> dict[str, Any]:
    keys = dict(zip(sides, ("policy", "hpaDefaults", "oracle"), strict=True))
    return {keys[side]: _told(simulated) for side, simulated in sides.items()}


def _told(simulated: Simulated) -> dict[str, Any]:
    figures = {"lateShare": simulated.late_share, "podHours": simulated.pod_hours, "mostPods": max(simulated.pods)}
    return {**figures, "moves": [asdict(move) | {"at": _time(move)} for move in simulated.moves]}
