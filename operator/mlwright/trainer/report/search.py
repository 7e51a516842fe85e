"""The search for parameters as a part of the page: how it went, and the best trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import Final

from mlwright.scoring import Goal
from mlwright.trainer.report.curves import table
from mlwright.trainer.tuning.settings import Objective
from mlwright.trainer.tuning.trials import FAILED, FINISHED, PRUNED, Ended

_SHOWN: Final = 20
_USUAL: Final = 0.9
"""Share of the trials whose values give the scale: one that went wrong would leave nothing to see of the others."""
_WIDTH: Final = 640
_HEIGHT: Final = 200
_LEFT: Final = 8
_TOP: Final = 24
_BASE: Final = 172  # y of the axis
_TEXT: Final = 11


@dataclass(frozen=True, slots=True)
class Searched:
    """What was looked for, and all that was tried."""

    objectives: tuple[Objective, ...]
    trials: tuple[Ended, ...]

    def ranked(self) -> list[Ended]:
        """The trials that finished, the best first: by the first objective, of equal ones by the next."""
        signs = [(one.name, -1.0 if one.goal is Goal.MAX else 1.0) for one in self.objectives]
        finished = [trial for trial in self.trials if trial.state == FINISHED]
        return sorted(finished, key=lambda trial: [sign * trial.values[name] for name, sign in signs])


def search(searched: Searched) -> str:
    """The part as HTML. At least one trial finished: without any there is no version."""
    best = searched.ranked()
    names = [f"{one.name} ({one.metric})" for one in searched.objectives]
    lines = [
        (
            ", ".join(f"{name} {_figure(value)}" for name, value in trial.parameters.items()),
            f"{trial.number}",
            *(_figure(trial.values[one.name]) for one in searched.objectives),
        )
        for trial in best[:_SHOWN]
    ]
    head = "The best trials" if len(best) > _SHOWN else "The trials that finished, the best first"
    return (
        f"<h2>Search for parameters</h2><p>{escape(_counts(searched.trials))} Values are means over folds of the rows"
        f" that were learned from, never of those held out.</p>{_plot(searched.objectives[0], best, searched.trials)}"
        f"<h3>{head}</h3>{table(('parameters', 'trial', *names), lines)}"
    )


def _counts(trials: Sequence[Ended]) -> str:
    states = [trial.state for trial in trials]
    told = [(FINISHED, "finished"), (PRUNED, "were ended early"), (FAILED, "failed")]
    found = [f"{states.count(state)} {words}" for state, words in told if states.count(state)]
    late = len(states) - sum(states.count(state) for state, _ in told)
    more = [f"{late} did not begin"] if late else []
    return f"Of {len(trials)} trials {', '.join([*found, *more])}."


def _plot(objective: Objective, best: Sequence[Ended], trials: Sequence[Ended]) -> str:
    """A point for each trial that finished, and a line for the best so far."""
    most = max(trial.number for trial in trials)
    values = [trial.values[objective.name] for trial in best]
    ends = values[0], values[int(_USUAL * (len(values) - 1))]
    low, high = min(ends), max(ends)
    order = sorted(best, key=lambda trial: trial.number)
    points = [(_x(trial.number, most), trial.values[objective.name], trial.number) for trial in order]
    better = max if objective.goal is Goal.MAX else min
    so_far = accumulate((value for _, value, _ in points), better)
    line = " ".join(f"{x:.1f},{_y(value, low, high):.1f}" for (x, _, _), value in zip(points, so_far, strict=True))
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{_y(value, low, high):.1f}" r="3" class="now">'
        f"<title>trial {number}: {value:.6g}</title></circle>"
        for x, value, number in points
    )
    label = f"{objective.metric} of each trial, and the best so far"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'<line x1="0" y1="{_BASE}" x2="{_WIDTH}" y2="{_BASE}" class="axis"/>'
        f'<polyline points="{line}" fill="none" class="curve"/>{dots}'
        f'<text x="0" y="{_TEXT + 1}" font-size="{_TEXT}">{escape(objective.metric)}, {low:.4g} to {high:.4g}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 8}" font-size="{_TEXT}" text-anchor="end">trial {most}</text></svg>'
    )


def _x(number: int, most: int) -> float:
    return _LEFT + (number - 1) / max(1, most - 1) * (_WIDTH - 2 * _LEFT)


def _y(value: float, low: float, high: float) -> float:
    """Within the scale; what lies beyond it stands at its edge."""
    share = (min(max(value, low), high) - low) / (high - low) if high > low else 0.5
    return _BASE - _LEFT - share * (_BASE - _LEFT - _TOP)


def _figure(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
