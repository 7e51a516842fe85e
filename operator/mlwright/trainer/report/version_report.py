"""`report.html` in the bundle's folder: what a version can do, measured on the rows held out. It judges nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any, Final

import numpy as np

from mlwright.bundle.profile import Profile
from mlwright.scoring import METRICS, Goal
from mlwright.trainer.answers import Answers, Estimated
from mlwright.trainer.detections import Detected
from mlwright.trainer.report import plots
from mlwright.trainer.report.curves import curve, matrix, table
from mlwright.trainer.report.search import Searched, search
from mlwright.trainer.report.style import STYLE
from mlwright.trainer.scores import Judged, Mask, Numbers
from mlwright.trainer.slices import Slice

REPORT: Final = "report.html"
_MOST_CLASSES: Final = 20
"""A matrix of more cannot be read."""
_MOST_RANKED: Final = 6
"""Curves of more classes are too many to be looked at."""
_FEATURES: Final = 30
_BARS: Final = 24
_CURVE: Final = (
    ".curve { stroke: var(--now); stroke-width: 2; } .matrix { width: auto; } .number { white-space: nowrap; }"
)
_BETTER: Final = {Goal.MAX: "higher", Goal.MIN: "lower", Goal.NEITHER: "neither"}
_USUAL, _ANOMALOUS = "0 (usual)", "1 (anomalous)"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the page shows."""

    title: str
    facts: Sequence[tuple[str, str]]
    metrics: Mapping[str, float]
    answers: Answers
    classes: tuple[str, ...]  # of a classification
    profile: Profile
    slices: Mapping[str, Sequence[Slice]]  # by the gate's name
    evidence: Mapping[str, Mapping[str, Any]]  # by the gate's name
    searched: Searched | None = None  # where parameters were looked for


def version_report(measured: Measured) -> str:
    """The page as HTML."""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in measured.facts)
    parts = (
        _metrics(measured),
        _answers(measured),
        _importance(measured),
        _slices(measured),
        _evidence(measured),
        search(measured.searched) if measured.searched else "",
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(measured.title)}</title><style>{STYLE}{_CURVE}</style></head><body>"
        f'<h1>{escape(measured.title)}</h1><p class="lead">Figures on the rows held out. The gates are judged by the'
        " operator afterwards: the verdict stands in the ModelVersion (spec.verdict) and in the run's status.</p>"
        f"<dl>{facts}</dl>{''.join(parts)}</body></html>\n"
    )


def _metrics(measured: Measured) -> str:
    lines = [
        (f"{name}: {METRICS[name].documentation}", _BETTER[METRICS[name].goal], f"{found:.4f}")
        for name, found in measured.metrics.items()
    ]
    return f"<h2>Metrics</h2>{table(('metric', 'better', 'value'), lines)}"


def _answers(measured: Measured) -> str:
    if isinstance(measured.answers, Estimated):
        return _residuals(measured.answers)
    if isinstance(measured.answers, Detected):
        return _detections(measured.answers)
    names = [*measured.classes, *["unknown"] * (measured.answers.classes - len(measured.classes))]
    return _judged(measured.answers, names)


def _judged(judged: Judged, names: Sequence[str]) -> str:
    curves = _all_curves(judged, names)
    if len(names) > _MOST_CLASSES:
        return curves
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (judged.truth, judged.called), 1)
    return f"<h2>Confusion</h2>{matrix(counts, names)}{curves}"


def _detections(detected: Detected) -> str:
    """How scores lie, and beside labels, where there are some, how right they are."""
    plot = _histogram(detected.scores, "histogram of the scores")
    lines = [
        (f"{share:.0%} of the scores are at most", f"{np.quantile(detected.scores, share):.4g}") for share in _SHARES
    ]
    called = int(detected.called.sum())
    judged = "" if detected.truth is None else _judged(detected.judged(), (_USUAL, _ANOMALOUS))
    return (
        f"<h2>Scores</h2><p>A higher score is more anomalous; above 0 a row is called so: {called:,} of"
        f" {len(detected.scores):,}. Shown without the outermost 1 %.</p>"
        f'<div class="columns"><div class="column">{plot}</div></div>{table(("share", "score"), lines)}{judged}'
    )


def _all_curves(judged: Judged, names: Sequence[str]) -> str:
    """Of two classes the positive one is ranked; of a few each against all others."""
    if len(names) == 2:  # noqa: PLR2004 - a positive and a negative class
        return _curves(judged, names, 1)
    if len(names) > _MOST_RANKED:
        return ""
    return "".join(_curves(judged, names, place) for place in range(len(names)))


def _curves(judged: Judged, names: Sequence[str], place: int) -> str:
    truth, given = judged.truth == place, judged.probabilities[:, place]
    if not truth.any() or truth.all():
        return ""
    hits, alarms, precision = roc_and_precision(truth, given)
    roc = curve(alarms, hits, ("false alarms", "found"), diagonal=True, label="ROC curve")
    recall = curve(hits, precision, ("found", "precision"), diagonal=False, label="precision-recall curve")
    return (
        f"<h2>Ranking of {escape(names[place])}</h2>"
        f'<div class="columns"><div class="column"><h3>ROC curve</h3>{roc}</div>'
        f'<div class="column"><h3>Precision and recall</h3>{recall}</div></div>'
    )


def roc_and_precision(truth: Mask, given: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Share found, share of false alarms and precision at each threshold, from none called to all called.

    Args:
        truth: `[n]`, true for positive rows, of which there are some and not only.
        given: `[n]`, the probability of the positive class, or a score that ranks alike.
    """
    order = np.argsort(-given, kind="stable")
    last = np.flatnonzero(np.append(np.diff(given[order]) != 0, np.True_))  # equal scores share a threshold
    hits, called = np.cumsum(truth[order])[last], last + 1
    found, alarms = hits / truth.sum(), (called - hits) / (~truth).sum()
    return np.append(0.0, found), np.append(0.0, alarms), np.append(1.0, hits / called)


def _residuals(estimated: Estimated) -> str:
    errors = estimated.answers - estimated.truth
    plot = _histogram(errors, "histogram of the errors")
    lines = [(f"{share:.0%} of the errors are at most", f"{np.quantile(errors, share):.4g}") for share in _SHARES]
    return (
        "<h2>Errors</h2><p>Answer minus truth, without the outermost 1 %.</p>"
        f'<div class="columns"><div class="column">{plot}</div></div>{table(("share", "error"), lines)}'
    )


def _histogram(values: Numbers, label: str) -> str:
    """Bars of numbers, without the outermost 1 % of them."""
    low, high = np.quantile(values, (0.005, 0.995))
    inside = values[(values >= low) & (values <= high)]
    counts, edges = np.histogram(inside, bins=_BARS, range=(low, high if high > low else low + 1))
    shares = (counts / max(1, len(inside))).tolist()
    titles = [f"{a:.4g} to {b:.4g}: {share:.1%}" for (a, b), share in zip(pairwise(edges), shares, strict=True)]
    return plots.bars(shares, titles, (f"{edges[0]:.4g}", f"{edges[-1]:.4g}"), label)


_SHARES: Final = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def _importance(measured: Measured) -> str:
    ranked = sorted(measured.profile.features, key=lambda feature: feature.rank or len(measured.profile.features))
    lines = [(f"{place}. {feature.name}", str(feature.datatype)) for place, feature in enumerate(ranked[:_FEATURES], 1)]
    how = escape(str(ranked[0].ranked_by)) if ranked else ""
    return f"<h2>Features by importance</h2><p>Ranked by {how}.</p>{table(('feature', 'datatype'), lines)}"


def _slices(measured: Measured) -> str:
    return "".join(
        f"<h2>Slices: {escape(name)}</h2>"
        + table(("slice", "value", "rows"), [(part.label, f"{part.value:.4f}", f"{part.rows:,}") for part in parts])
        for name, parts in measured.slices.items()
    )


def _evidence(measured: Measured) -> str:
    lines = [
        (name, ", ".join(f"{key} {_figure(value)}" for key, value in found.items()))
        for name, found in measured.evidence.items()
    ]
    return f"<h2>Figures for gates</h2>{table(('gate', 'measured'), lines)}" if lines else ""


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
