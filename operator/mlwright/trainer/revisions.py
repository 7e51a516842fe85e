"""A look at a dataset that takes nothing in: its revision, and how many rows it has."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mlwright.trainer import sources
from mlwright.trainer.files import DataFile
from mlwright.trainer.sources import Source
from mlwright.trainer.step import DataFormat, Dataset
from mlwright.trainer.wording import rows as in_words

_CHUNK: Final = 1 << 20


def look(dataset: Dataset, root: Path) -> tuple[str, dict[str, Any]]:
    """Return a sentence and the results: the revision of a dataset and the rows of its files.

    Args:
        dataset: Where it lies.
        root: The mount root.

    Raises:
        UserError: Nothing is there, or a file cannot be read.
    """
    source = sources.find(dataset, root)
    revision, files = source.revision, len(source.files)  # before the rows: what changes meanwhile is new afterwards
    count = rows(source)
    found = {"revision": revision, "rows": count, "bytes": source.bytes}
    return f"found {in_words(count)} in {files} file{'' if files == 1 else 's'}", {"dataset": found}


def rows(source: Source) -> int:
    """Return the number of rows of all files: told by the footers of Parquet and the log of Delta, else counted.

    Raises:
        UserError: A file is empty or cannot be read.
    """
    count = _ROWS[source.format]
    return sum(sources.attempt(file, source.format, count) for file in source.files)


def _parquet_rows(file: DataFile) -> int:
    return int(pyarrow.parquet.ParquetFile(file.open()).metadata.num_rows)


def _csv_rows(file: DataFile) -> int:
    """Count records, of which a line may hold a part only; one that does not fit is for the step that reads it."""
    lenient = sources.csv_parsing(lenient=True)
    with pyarrow.csv.open_csv(file.stream(), parse_options=lenient) as reader:
        first = reader.schema.names[0]
    text = pyarrow.csv.ConvertOptions(include_columns=[first], column_types={first: pa.string()})
    with pyarrow.csv.open_csv(file.stream(), parse_options=lenient, convert_options=text) as reader:
        return sum(batch.num_rows for batch in reader)


def _line_rows(file: DataFile) -> int:
    """Count the lines that hold something."""
    found, rest = 0, b""
    opened = file.stream()
    plain = pa.input_stream(str(opened), compression="detect") if isinstance(opened, Path) else opened
    with plain as stream:
        while chunk := stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            found += sum(1 for line in lines if line.strip())
    return found + bool(rest.strip())


_ROWS: Final[Mapping[DataFormat, Callable[[DataFile], int]]] = {
    DataFormat.PARQUET: _parquet_rows,
    DataFormat.CSV: _csv_rows,
    DataFormat.JSON_LINES: _line_rows,
    DataFormat.DELTA: lambda file: int(file.open().count_rows()),
}
