"""`data-report.html`: what the data looks like, what is wrong with it, and how it stands to the champion's."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

import numpy as np

from mlwright.bundle.manifest import Datatype
from mlwright.bundle.profiling import SMALLEST_GROUP
from mlwright.trainer.checks.expectations import CHECKS
from mlwright.trainer.checks.findings import Finding
from mlwright.trainer.checks.judging import Judgement
from mlwright.trainer.checks.summaries import Bins, Summary
from mlwright.trainer.checks.values import Kind
from mlwright.trainer.report import plots
from mlwright.trainer.report.style import STYLE
from mlwright.trainer.times import time_text

REPORT: Final = "data-report.html"
_BARS: Final = 20
_TOP: Final = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """What the head of the page says."""

    title: str
    uri: str
    format: str
    outcome: str  # Passed, Warned, Failed, or empty where nothing was asked
    span: str = ""


def data_report(facts: Facts, judged: Judgement) -> str:
    """The page as HTML."""
    wrong = {finding.column for finding in judged.findings}
    columns = "".join(_column(summary, judged, wrong=summary.name in wrong) for summary in judged.summaries)
    key = ""
    if judged.bins:
        version = escape(judged.comparison.version)
        key = f'<p><span class="key earlier"></span>{version} was trained on<span class="key now"></span>this data</p>'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Data of {escape(facts.title)}</title><style>{STYLE}</style></head><body>"
        f'<h1>Data of {escape(facts.title)}</h1><p class="lead">{escape(facts.uri)}</p>'
        f"{_verdict(facts, judged)}{_facts(facts, judged)}{_findings(judged.findings)}"
        f'<h2>Columns</h2>{key}<div class="columns">{columns}</div></body></html>\n'
    )


def _verdict(facts: Facts, judged: Judgement) -> str:
    count = len(judged.findings)
    failed = "1 data check failed" if count == 1 else f"{count} data checks failed"
    words = {
        "Failed": ("failed", f"<b>{failed}.</b> Nothing was trained."),
        "Warned": ("warned", f"<b>{failed}.</b> Training went on, because onFailure is Warn."),
        "Passed": ("passed", "<b>All data checks passed.</b>"),
    }
    if facts.outcome not in words:
        return ""
    role, text = words[facts.outcome]
    return f'<div class="verdict {role}">{text}</div>'


def _facts(facts: Facts, judged: Judgement) -> str:
    entries = [
        ("Rows", f"{judged.rows:,}"),
        ("Columns read", f"{len(judged.summaries):,}"),
        ("Format", facts.format),
        ("Files", _files(tuple(judged.files.items()))),
    ]
    if facts.span:
        entries.append(("Time range", facts.span))
    if judged.comparison.version:
        entries.append(("Champion", judged.comparison.sentence))
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(value)}</dd>' for name, value in entries)}</dl>"


def _files(files: Sequence[tuple[str, int]]) -> str:
    if len(files) == 1:
        return files[0][0]
    shown = ", ".join(f"{name} (from row {first:,})" for name, first in files[:20])
    return f"{shown} and {len(files) - 20:,} more" if len(files) > 20 else shown  # noqa: PLR2004  # a page's width


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    lines = "".join(
        f"<tr><td>{escape(finding.sentence)}</td>"
        f'<td class="number">{f"{finding.count:,}" if finding.count else ""}</td>'
        f"<td>{_places(finding)}</td>"
        f"<td><code>{_field(finding)}</code></td></tr>"
        for finding in findings
    )
    return (
        "<h2>What is wrong</h2><table><thead><tr><th>Finding</th><th class=number>Rows</th>"
        f"<th>First rows</th><th>Asked for by dataset.checks</th></tr></thead><tbody>{lines}</tbody></table>"
    )


def _field(finding: Finding) -> str:
    """The field as it stands below `spec.dataset.checks`, which may break at its dots."""
    return escape(finding.field.removeprefix(f"{CHECKS}.")).replace(".", ".<wbr>")


def _places(finding: Finding) -> str:
    return ", ".join(f"{row:,}" for row in finding.rows) + (", ..." if finding.count > len(finding.rows) else "")


def _column(summary: Summary, judged: Judgement, *, wrong: bool) -> str:
    gaps = f", {summary.missing:,} missing ({100 * summary.missing / summary.rows:.2g} %)" if summary.missing else ""
    bins = judged.bins.get(summary.name)
    moved = (judged.comparison.distances or {}).get(summary.name)
    far = f", distance {moved.estimate:.2g} from the champion's" if moved else ""
    plot = _beside(bins) if bins else _alone(summary)
    role = "column wrong" if wrong else "column"
    return (
        f'<div class="{role}"><h3>{escape(summary.name)}</h3>'
        f"<p>{summary.kind}{gaps}{_range(summary)}{far}</p>{plot}</div>"
    )


def _range(summary: Summary) -> str:
    if summary.minimum > summary.maximum:
        return ""
    return f", {_number(summary, summary.minimum)} to {_number(summary, summary.maximum)}"


def _number(summary: Summary, value: float) -> str:
    return time_text(int(value // 1e6) * 10**6) if summary.kind is Kind.TIMES else f"{value:.6g}"


def _alone(summary: Summary) -> str:
    if summary.kind is Kind.BOOLEANS:
        true = summary.true / max(1, summary.rows - summary.missing)
        titles = (f"false: {1 - true:.1%}", f"true: {true:.1%}")
        return plots.bars((1 - true, true), titles, ("false", "true"), "shares of false and true")
    if summary.kind is Kind.TEXTS:
        return _texts(summary)
    return _histogram(summary)


def _texts(summary: Summary) -> str:
    if summary.texts is None:
        return "<p>more than 10,000 different texts</p>"
    shown = [(text, count) for text, count in summary.texts.most_common(_TOP) if count >= SMALLEST_GROUP]
    if not shown:
        return f"<p>{len(summary.texts):,} different texts, each in fewer than {SMALLEST_GROUP} rows</p>"
    present = max(1, summary.rows - summary.missing)
    rest = 1 - sum(count for _, count in shown) / present
    named = [(text, count / present) for text, count in shown]
    if len(summary.texts) > len(shown):
        named.append((f"{len(summary.texts) - len(shown):,} more", rest))
    titles = [f"{text}: {share:.1%}" for text, share in named]
    return plots.bars([share for _, share in named], titles, (named[0][0][:24], named[-1][0][:24]), "shares of texts")


def _histogram(summary: Summary) -> str:
    sample = summary.numbers()
    if not sample.size:
        return ""
    values, counts = np.unique(sample, return_counts=True)
    if len(values) <= _BARS:
        names = [_number(summary, value) for value in values]
        shares = (counts / len(sample)).tolist()
        titles = [f"{name}: {share:.1%}" for name, share in zip(names, shares, strict=True)]
        return plots.bars(shares, titles, (names[0], names[-1]), "shares of values")
    low, high = np.quantile(sample, (0.005, 0.995))
    inside = sample[(sample >= low) & (sample <= high)]
    counts, edges = np.histogram(inside, bins=_BARS, range=(low, high if high > low else low + 1))
    shares = (counts / max(1, len(inside))).tolist()
    pairs = [(_number(summary, start), _number(summary, end)) for start, end in pairwise(edges)]
    titles = [f"{start} to {end}: {share:.1%}" for (start, end), share in zip(pairs, shares, strict=True)]
    return plots.bars(shares, titles, (pairs[0][0], pairs[-1][1]), "histogram without the outermost values")


def _beside(bins: Bins) -> str:
    """This data and the champion's in the bins of its profile, which hold about equal shares of what it learned."""
    names, pairs = _labels(bins), bins.pairs()
    shown = [(name, pair) for name, pair in zip(names, pairs, strict=True) if any(pair)]
    totals = [max(1, sum(side)) for side in zip(*pairs, strict=True)]
    shares = [(earlier / totals[0], now / totals[1]) for _, (earlier, now) in shown]
    titles = [f"{name}: {then:.1%} then, {now:.1%} now" for (name, _), (then, now) in zip(shown, shares, strict=True)]
    ends = (shown[0][0][:30], shown[-1][0][:30]) if shown else ("", "")
    return plots.paired_bars(shares, titles, ends, "shares then and now")


def _labels(bins: Bins) -> list[str]:
    reference = bins.reference
    if reference.edges:
        named = [f"up to {edge:.6g}" for edge in reference.edges[1:]]
    else:
        boolean = reference.datatype is Datatype.BOOL
        named = [str(category).lower() if boolean else str(category) for category in reference.categories]
        named += ["rare texts"] * (len(reference.counts.bins) - len(named))
    return [*named, "below all of then", "above all of then", "missing", "unseen then"]
