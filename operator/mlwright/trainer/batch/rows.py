"""Read the rows of a shard piece by piece, in the types that the model learned; no file is in memory as a whole."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from mlwright.bundle.manifest import Datatype
from mlwright.trainer.batch.parts import Part, by_files, by_rows
from mlwright.trainer.columns import ARROW_TYPES
from mlwright.trainer.errors import UserError
from mlwright.trainer.files import DataFile
from mlwright.trainer.sources import Source, attempt, csv_parsing, parquet_file
from mlwright.trainer.step import DataFormat
from mlwright.trainer.wording import did_you_mean

INPUT: Final = "spec.input.uri"
AT_A_TIME: Final = 32_768
"""Rows of Parquet that are read at a time. Twice as many need 30 MB more with 20 columns, and no less time: Arrow keeps
what it has unpacked beside what becomes of it."""
_CSV_BLOCK: Final = 8 << 20
_JSON_BLOCK: Final = 16 << 20
"""Bytes that are parsed at a time; no line may be longer."""
_LOOKED_AT: Final = 1000
"""Lines that tell which members the objects of a JSON Lines file have."""
_COLUMN: Final = re.compile(r"In CSV column #(\d+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns that are read: those that the model needs, with their datatypes, and those that are copied."""

    needed: Mapping[str, Datatype]
    copied: tuple[str, ...]
    who: str
    """Name of the version, for sentences."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, each once."""
        return tuple(dict.fromkeys((*self.needed, *self.copied)))


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file; `first` is the number of the first one in the file, from 0."""

    file: str
    first: int
    table: Any


def shares(source: Source, shards: int) -> tuple[tuple[Part, ...], ...]:
    """Return which rows each shard reads.

    Raises:
        UserError: A file is empty or unreadable.
    """
    if source.format is DataFormat.PARQUET:
        return by_rows([attempt(file, source.format, _count) for file in source.files], shards)
    return by_files([file.size for file in source.files], shards)


def _count(file: DataFile) -> int:
    return int(parquet_file(file).metadata.num_rows)


def pieces(source: Source, parts: Sequence[Part], wanted: Wanted) -> Iterator[Piece]:
    """Read the rows of a shard.

    Raises:
        UserError: A file is empty, unreadable or lacks a column; the sentence names file and column, never a value.
    """
    for part in parts:
        file = source.files[part.file]
        _check_names(file, attempt(file, source.format, _NAMES[source.format]), wanted)
        tables = attempt(file, source.format, partial(_READERS[source.format], part=part, wanted=wanted))
        first = part.start
        while (table := _next(file, source.format, tables, wanted)) is not None:
            yield Piece(file.name, first, table)
            first += table.num_rows


def _next(file: DataFile, data_format: DataFormat, tables: Iterator[Any], wanted: Wanted) -> Any:
    def step(_: DataFile) -> Any:
        try:
            return next(tables, None)
        except pa.ArrowInvalid as problem:
            raise _misfit(file, str(problem), wanted) or problem from None

    return attempt(file, data_format, step)


def _misfit(file: DataFile, said: str, wanted: Wanted) -> UserError | None:
    """Return what is wrong with a column of text that does not hold what was learned; the value stays unsaid."""
    found = _COLUMN.search(said)
    if found is None:
        return None
    name = _csv_names(file)[int(found.group(1))]
    if name not in wanted.needed:
        return None
    learned = f"{wanted.who} learned {wanted.needed[name]} there"
    return UserError(INPUT, f"column {name!r} of {file.name} holds values of another kind: {learned}", "correct them")


def _check_names(file: DataFile, names: Sequence[str], wanted: Wanted) -> None:
    for name in wanted.names:
        if name in names:
            continue
        if name in wanted.needed:
            sentence = f"{file.name} has no column {name!r}, which {wanted.who} needs"
            raise UserError(INPUT, sentence, did_you_mean(name, names))
        sentence = f"{file.name} has no column {name!r}, which is to be copied"
        raise UserError("spec.output.columns", sentence, did_you_mean(name, names))


def _parquet_names(file: DataFile) -> list[str]:
    return list(parquet_file(file).schema_arrow.names)


def _csv_names(file: DataFile) -> list[str]:
    with pyarrow.csv.open_csv(file.stream(), parse_options=csv_parsing(lenient=True)) as reader:
        return list(reader.schema.names)


def _json_names(file: DataFile) -> list[str]:
    with pa.input_stream(file.stream()) as stream:
        lines = [json.loads(line) for line in islice(_lines(stream), _LOOKED_AT) if line.strip()]
    return list(dict.fromkeys(name for line in lines for name in line))


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(1 << 16):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest


def _parquet(file: DataFile, part: Part, wanted: Wanted) -> Iterator[Any]:
    """Only the row groups are read in which rows of the part lie; what lies before and behind it is cut off."""
    stop = part.stop if part.stop is not None else _count(file)
    found = parquet_file(file)
    groups, before = [], None
    row = 0
    for group in range(found.metadata.num_row_groups):
        count = found.metadata.row_group(group).num_rows
        if row < stop and row + count > part.start:
            groups.append(group)
            before = row if before is None else before
        row += count
    batches = found.iter_batches(AT_A_TIME, row_groups=groups, columns=list(wanted.names))
    return _cut(batches, before or 0, part.start, stop)


def _cut(batches: Iterator[Any], row: int, start: int, stop: int) -> Iterator[Any]:
    """Return the rows from `start` to `stop` of batches of which the first begins at `row`."""
    for batch in batches:
        begin, end = max(start - row, 0), min(stop - row, batch.num_rows)
        if begin < end:
            yield pa.table(batch.slice(begin, end - begin))
        row += batch.num_rows


def _csv(file: DataFile, part: Part, wanted: Wanted) -> Iterator[Any]:
    """Columns have the types that were learned, whatever the first lines look like; what is copied stays text."""
    del part  # a file of text is read as a whole
    types = {name: pa.string() for name in wanted.copied}
    types |= {name: ARROW_TYPES[datatype] for name, datatype in wanted.needed.items()}
    options = pyarrow.csv.ConvertOptions(include_columns=list(wanted.names), column_types=types)
    blocks = pyarrow.csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK)
    reader = pyarrow.csv.open_csv(
        file.stream(), read_options=blocks, parse_options=csv_parsing(), convert_options=options
    )
    yield from (pa.table(batch) for batch in reader)


def _json(file: DataFile, part: Part, wanted: Wanted) -> Iterator[Any]:
    del part  # as above
    schema = pa.schema([(name, ARROW_TYPES[datatype]) for name, datatype in wanted.needed.items()])
    parse = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer")
    blocks = pyarrow.json.ReadOptions(use_threads=False, block_size=_JSON_BLOCK)
    reader = pyarrow.json.open_json(file.stream(), read_options=blocks, parse_options=parse)
    yield from (pa.table(batch).select(list(wanted.names)) for batch in reader)


_NAMES: Final = {DataFormat.PARQUET: _parquet_names, DataFormat.CSV: _csv_names, DataFormat.JSON_LINES: _json_names}
_READERS: Final = {DataFormat.PARQUET: _parquet, DataFormat.CSV: _csv, DataFormat.JSON_LINES: _json}
