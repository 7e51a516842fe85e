"""Data is judged before anything is learned from it: all that is wrong at once, in words, numbers and a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.support.browser import Browser
from tests.support.training import Ended, Json, Workshop, document, flights_table

PRIVATE = "Ada Lovelace"
ASKED = "2026-01-03T00:00:00Z"
ROWS = 300


def _table(**columns: Any) -> Any:
    """Flights with the time of each, 300 minutes of the first of January."""
    table = flights_table(ROWS)
    stamps = pa.array([1_767_225_600 + 60 * row for row in range(ROWS)], pa.timestamp("s"))
    for name, values in {"ts": stamps, **columns}.items():
        array = values if isinstance(values, pa.Array) else pa.array(values)
        place = table.schema.get_field_index(name)
        table = table.append_column(name, array) if place < 0 else table.set_column(place, name, array)
    return table


def _judge(
    shop: Workshop, table: Any, checks: Json, name: str = "data.parquet", run: str = "run-1", **dataset: Any
) -> Ended:
    """Validate a table, asked for two days after its first row."""
    wanted = document(shop.write(table, name), run=run, dataset={"timeColumn": "ts", "checks": checks, **dataset})
    wanted["run"]["triggeredAt"] = ASKED
    return shop.run("validate", wanted)


def _folder(shop: Workshop) -> Path:
    return shop.run_folder() / "validate-0"


FAILING = [
    pytest.param({"minRows": 301}, "minRows", "the data has 300 rows, at least 301 are needed", id="too few rows"),
    pytest.param(
        {"columns": [{"name": "hour", "max": 20}]},
        "columns[hour].max",
        "column 'hour' lies above 20 in 17 rows (rows 13, 30, 47, ...)",
        id="above",
    ),
    pytest.param(
        {"columns": [{"name": "hour", "min": 6.5}]},
        "columns[hour].min",
        "column 'hour' lies below 6.5 in 36 rows (rows 1, 6, 18, ...)",
        id="below",
    ),
    pytest.param(
        {"columns": [{"name": "carrier", "allowed": ["UA", "AA", "B6"]}]},
        "columns[carrier].allowed",
        "column 'carrier' holds none of the 3 allowed values in 73 rows (rows 2, 6, 10, ...)",
        id="not allowed",
    ),
    pytest.param(
        {"columns": [{"name": "distance", "maxMissing": 0.01}]},
        "columns[distance].maxMissing",
        "column 'distance' is missing in 3.7 % of the rows, at most 1 % may be (rows 1, 30, 59, ...)",
        id="gaps of a number",
    ),
    pytest.param(
        {"maxMissing": 0.034},
        "columns[distance].maxMissing",
        "column 'distance' is missing in 3.7 % of the rows, at most 3.4 % may be (rows 1, 30, 59, ...)",
        id="gaps of any column",
    ),
    pytest.param(
        {"columns": [{"name": "carrier", "type": "Number"}]},
        "columns[carrier].type",
        "column 'carrier' holds no number in 290 rows (rows 2, 3, 4, ...)",
        id="another type",
    ),
    pytest.param(
        {"columns": [{"name": "tail_number"}]},
        "columns[tail_number].name",
        "the data has no column 'tail_number'; known are distance, hour, weekend, carrier, late, ts",
        id="a missing column",
    ),
    pytest.param(
        {"freshness": {"column": "ts", "maxAge": "24h"}},
        "freshness.maxAge",
        "the newest time of column 'ts' lies 43h before the run was asked for, at most 24h may",
        id="old data",
    ),
    pytest.param(
        {"freshness": {"column": "hour", "maxAge": "24h"}},
        "freshness.column",
        "column 'hour' holds numbers, none of them a time",
        id="freshness of numbers",
    ),
    pytest.param(
        {"freshness": {"column": "seen", "maxAge": "24h"}},
        "freshness.column",
        "the data has no column 'seen'; known are distance, hour, weekend, carrier, late, ts",
        id="freshness of nothing",
    ),
]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("checks,field,sentence", FAILING)
def test_a_failed_check_ends_the_run_with_its_sentence(
    shop: Workshop, checks: Json, field: str, sentence: str, suffix: str
) -> None:
    """Exit code 64, the field of the check, how many rows and which are the first, and where to read more."""
    ended = _judge(shop, _table(), checks, f"data.{suffix}")

    assert ended.code == 64, ended.message
    assert ended.message["field"] == f"spec.dataset.checks.{field}"
    assert ended.message["sentence"] == f"a data check failed: {sentence}"
    assert (
        "validate-0/data-report.html shows all; with checks.onFailure: Warn training goes on" in ended.message["remedy"]
    )
    assert ended.results["checks"]["outcome"] == "Failed"


def test_times_that_people_write_for_never_are_no_mistake_of_ours(shop: Workshop) -> None:
    """The end of the calendar is a time, which no clock shows yet; what lies beyond it in UTC is none."""
    never = ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-05:00"]
    seen = ["9999-12-31T23:59:59.999999Z", *never, *["2026-01-01T00:00:00Z"] * (ROWS - 3)]
    checks = {"freshness": {"column": "seen", "maxAge": "24h"}, "columns": [{"name": "seen", "type": "Time"}]}

    ended = _judge(shop, _table(seen=seen), checks)

    found = {finding["field"]: finding["sentence"] for finding in ended.results["checks"]["findings"]}
    assert "holds no time in 2 rows" in found["spec.dataset.checks.columns[seen].type"]
    assert (
        "after the run was asked for: a clock or a time zone is wrong" in found["spec.dataset.checks.freshness.maxAge"]
    )


def test_everything_that_is_wrong_is_found_at_once(shop: Workshop) -> None:
    """The worst first; the results hold the list, the folder all of it and nothing else of the step."""
    table = _table(distance=[9.0 if row < 30 else None for row in range(ROWS)])
    checks = {
        "minRows": 10,
        "maxDuplicateRows": 0,
        "columns": [{"name": "hour", "max": 20}, {"name": "distance", "maxMissing": 0.5}, {"name": "x"}],
    }

    ended = _judge(shop, pa.concat_tables([table, table.slice(0, 3)]), checks)

    found = ended.results["checks"]["findings"]
    assert [(finding["field"].removeprefix("spec.dataset.checks."), finding.get("count", 0)) for finding in found] == [
        ("columns[x].name", 0),
        ("columns[distance].maxMissing", 270),
        ("columns[hour].max", 17),
        ("maxDuplicateRows", 3),
    ]
    assert found[3]["rows"] == [301, 302, 303]
    assert ended.message["sentence"].startswith("4 data checks failed, the worst: the data has no column 'x'")
    assert sorted(path.name for path in _folder(shop).iterdir()) == ["checks.json", "data-report.html", "result.json"]
    assert len(json.loads((_folder(shop) / "checks.json").read_text())["findings"]) == 4


def test_the_message_of_many_findings_fits_into_what_kubernetes_keeps(shop: Workshop) -> None:
    """Long addresses, long names of columns, forty findings: the list is cut, the rest is in the folder."""
    table = flights_table(ROWS)
    for place in range(40):
        table = table.append_column(f"{'ä' * 60}{place}", pa.array(range(ROWS)))
    names = [name for name in table.column_names if "ä" in name]
    folder = shop.lake / ("d" * 200) / ("e" * 200)
    folder.mkdir(parents=True)
    pa.parquet.write_table(table, folder / "data.parquet")
    checks = {"columns": [{"name": name, "max": -1} for name in names]}

    ended = shop.run(
        "validate", document(f"pvc://lake/{'d' * 200}/{'e' * 200}/data.parquet", dataset={"checks": checks})
    )

    assert (shop.root / "termination-log").stat().st_size <= 4096
    assert ended.results["checks"]["failed"] == 40
    assert 0 < len(ended.results["checks"]["findings"]) < 40
    assert len(json.loads((_folder(shop) / "checks.json").read_text())["findings"]) == 40


def test_a_warning_lets_training_go_on(shop: Workshop) -> None:
    """The step succeeds and says what is wrong."""
    ended = _judge(shop, _table(), {"minRows": 301, "onFailure": "Warn"})

    assert ended.code == 0
    assert ended.message["sentence"].endswith(
        "of them held out; a data check failed: the data has 300 rows, at least 301 are needed"
    )
    assert ended.results["checks"]["outcome"] == "Warned"
    assert (_folder(shop) / "train.parquet").is_file()


def test_good_data_passes(shop: Workshop) -> None:
    """Every kind of check, and none of them fails."""
    checks = {
        "minRows": 300,
        "maxMissing": 0.05,
        "maxDuplicateRows": 0.01,
        "freshness": {"column": "ts", "maxAge": "44h"},
        "columns": [
            {"name": "hour", "type": "Integer", "min": 5, "max": 21},
            {"name": "weekend", "type": "Boolean", "allowed": [True, False]},
            {"name": "carrier", "type": "Text", "allowed": ["UA", "AA", "B6", "DL"]},
            {"name": "ts", "type": "Time", "unique": True, "min": "2026-01-01T00:00:00Z"},
        ],
        "againstChampion": {"maxDrift": 0.1},
    }

    ended = _judge(shop, _table(), checks)

    assert ended.code == 0, ended.message
    assert ended.results["checks"] == {
        "outcome": "Passed",
        "failed": 0,
        "findings": [],
        "champion": "there is no champion to compare with",
    }


def test_data_from_the_future_is_not_fresh(shop: Workshop) -> None:
    """Five minutes ahead are the clocks' difference; three hours are a wrong time zone."""
    for ahead, code in ((240, 0), (10_800, 64)):
        stamps = pa.array([1_767_398_400 + ahead - row for row in range(ROWS)], pa.timestamp("s"))
        checks = {"freshness": {"column": "ts", "maxAge": "24h"}}

        ended = _judge(shop, _table(ts=stamps), checks, run=f"run-{ahead}")

        assert ended.code == code, ended.message
        if code:
            assert "lies 3h after the run was asked for: a clock or a time zone is wrong" in ended.message["sentence"]


def test_only_rows_of_the_time_range_are_judged(shop: Workshop) -> None:
    """What was wrong last month is no reason not to train today; rows keep the numbers that they have in the files."""
    table = _table(distance=[-1.0 if row in {3, 280, 290} else 5.0 for row in range(ROWS)])
    checks = {"columns": [{"name": "distance", "min": 0}]}
    span = {"column": "ts", "last": "1h", "until": {"type": "Newest"}}

    ended = _judge(shop, table, checks, timeRange=span)

    assert ended.results["checks"]["findings"][0]["rows"] == [281, 291]


def test_rows_are_counted_through_all_files(shop: Workshop) -> None:
    """The page says at which number each file begins."""
    table = _table(distance=[-1.0 if row in {3, 280} else 5.0 for row in range(ROWS)])
    shop.write(table.slice(0, 200), "part-1.parquet")
    shop.write(table.slice(200), "part-2.parquet")
    dataset = {"timeColumn": "ts", "checks": {"columns": [{"name": "distance", "min": 0}]}}

    ended = shop.run("validate", document("pvc://lake/part-*.parquet", dataset=dataset))

    assert ended.results["checks"]["findings"][0]["rows"] == [4, 281]
    assert "part-2.parquet (from row 201)" in (_folder(shop) / "data-report.html").read_text()


def test_no_value_of_a_row_leaves_the_data(shop: Workshop) -> None:
    """Names that fail a check are counted; messages, findings and the page show none of them."""
    table = _table(carrier=[f"{PRIVATE} {row}" if row % 2 else f"{PRIVATE}" for row in range(ROWS)])
    table = table.set_column(3, "carrier", pa.array([f"{PRIVATE} {row}" for row in range(ROWS)]))

    ended = _judge(shop, table, {"columns": [{"name": "carrier", "allowed": ["UA"], "unique": True}]})

    said = json.dumps(ended.message) + "".join(path.read_text() for path in _folder(shop).iterdir())
    assert ended.code == 64
    assert "Lovelace" not in said


class _Page(HTMLParser):
    """What a browser would load, and the text that it would show."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "data", "action"}]


def test_the_report_needs_nothing_from_anywhere(shop: Workshop) -> None:
    """A page of its own: no script, no address, a plot for each column, names of columns as text."""
    table = _table(**{"<b>x</b>": list(range(ROWS))})

    ended = _judge(shop, table, {"minRows": 1})
    page = (_folder(shop) / "data-report.html").read_text()
    seen = _Page()
    seen.feed(page)

    assert ended.results["dataset"]["report"].endswith("/runs/run-1/validate-0/data-report.html")
    assert seen.links == []
    assert "script" not in seen.tags
    assert "url(" not in page
    assert seen.tags.count("svg") == 7
    assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_a_real_browser_shows_the_report(shop: Workshop, browser: Browser, tmp_path: Path) -> None:
    """It understands the whole page and has nothing to complain of; what is wrong stands before the columns."""
    _judge(shop, _table(), {"minRows": 301, "columns": [{"name": "hour", "max": 20}]})
    page = _folder(shop) / "data-report.html"

    shown, complaints = browser.dump(page)
    browser.photograph(page, tmp_path / "page.png", height=1400)

    assert complaints == []
    assert shown.count("<svg") == page.read_text().count("<svg") == 6
    assert shown.index("column 'hour' lies above 20 in 17 rows") < shown.index("<h2>Columns</h2>")
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_the_report_is_there_without_any_checks(shop: Workshop) -> None:
    """Whoever trains wants to see the data."""
    ended = shop.run("validate", document(shop.write(flights_table())))

    assert "checks" not in ended.results
    assert "<svg" in (_folder(shop) / "data-report.html").read_text()
