"""The flights of one part of the year with the hourly weather at their origin: what the season changes.

A row holds no date, which moves by itself: only the hour, the weekday and the weather say when it was. Every second
flight, by chance, is one that a pipeline may learn from; about the others clients ask, so nobody is asked what it has
learned. They ask in a random order: the weather of one day hangs together, and a few days are no season.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from examples.flights.prepare import LATE_MINUTES, TEXTS, flights, package

WHOLE: Final = ("hour", "minute", "sched_dep_time", "sched_arr_time", "flight", "distance", "weekday")
MEASURED: Final = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
FEATURES: Final = (*WHOLE, *MEASURED, *TEXTS)
PLACE: Final = ["origin", "time_hour"]
SEED: Final = 2013
ROWS: Final = 25
"""Flights of one request."""


@dataclass(frozen=True, slots=True)
class Season:
    """The flights of some months that arrived: the features, `late`, and `scheduled`."""

    learned: Any
    """Table of the flights that a pipeline may learn from."""
    asked: Any
    """Table of the others, in a random order."""


def year() -> Any:
    """Every flight of the year that arrived, as a table of the features, `late`, `scheduled` and `month`."""
    known = flights().filter(pc.field("arr_delay").is_valid())
    joined = known.join(_weather(), PLACE, join_type="left outer", use_threads=False)
    moment = pc.cast(joined["time_hour"], pa.timestamp("s"))
    columns = {name: joined[name] for name in (*WHOLE[:-1], *TEXTS, "month")}
    columns |= {name: pc.cast(joined[name], pa.float64()) for name in MEASURED}
    columns |= {"weekday": pc.day_of_week(moment), "late": pc.greater(joined["arr_delay"], LATE_MINUTES)}
    order = [(name, "ascending") for name in ("scheduled", "carrier", "flight", "origin")]
    return pa.table({**columns, "scheduled": moment}).sort_by(order)


def season(table: Any, first: int, last: int) -> Season:
    """Return the flights of some months of the year.

    Args:
        table: As `year` returns it.
        first: The first month, from 1.
        last: The last month.
    """
    chance = np.random.default_rng(SEED)
    rows = table.filter((pc.field("month") >= first) & (pc.field("month") <= last)).drop_columns("month")
    shuffled = chance.permutation(rows.num_rows)
    half = rows.num_rows // 2
    return Season(rows.take(np.sort(shuffled[:half])), rows.take(shuffled[half:]))


def questions(asked: Any) -> Iterator[str]:
    """Return requests about flights, each with what came true, as lines of JSON for `load.py`."""
    for first in range(0, asked.num_rows - ROWS + 1, ROWS):
        rows = asked.slice(first, ROWS)
        inputs = [
            {"name": name, "datatype": _datatype(name), "shape": [ROWS, 1], "data": rows[name].to_pylist()}
            for name in FEATURES
        ]
        yield json.dumps({"request": {"inputs": inputs}, "truth": rows["late"].to_pylist()})


def _datatype(name: str) -> str:
    return "BYTES" if name in TEXTS else "FP64" if name in MEASURED else "INT64"


def _weather() -> Any:
    """One row for each hour at each origin; where the package holds an hour twice, the mean of both."""
    options = pyarrow.csv.ConvertOptions(null_values=["NA", ""])
    table = pyarrow.csv.read_csv(package() / "data" / "weather.csv", convert_options=options)
    found = table.group_by(PLACE).aggregate([(name, "mean") for name in MEASURED])
    return found.rename_columns({f"{name}_mean": name for name in MEASURED})
