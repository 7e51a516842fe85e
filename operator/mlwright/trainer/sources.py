"""Find and read the files of a dataset as Arrow tables.

Readers complain with pieces of the data in their messages; none of that is repeated. What a person needs is the file,
the row number if the reader names one, and what to do.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from mlwright.bundle import addresses
from mlwright.bundle.addresses import Address, Scheme
from mlwright.bundle.canonical import DIGEST_PREFIX, canonical_json
from mlwright.bundle.errors import AddressError
from mlwright.trainer.arrow_types import kind_of, plain
from mlwright.trainer.errors import DATASET_MISSING, UserError
from mlwright.trainer.files import DataFile, Store, Volume, matching
from mlwright.trainer.step import DataFormat, Dataset

T = TypeVar("T")

URI: Final = "spec.dataset.uri"
FORMAT: Final = "spec.dataset.format"

SUFFIXES: Final[Mapping[str, DataFormat]] = {
    ".csv": DataFormat.CSV,
    ".parquet": DataFormat.PARQUET,
    ".jsonl": DataFormat.JSON_LINES,
    ".ndjson": DataFormat.JSON_LINES,
    ".json": DataFormat.JSON_LINES,
}
_COMPRESSED: Final = frozenset({".gz", ".bz2", ".zst"})
PIECE: Final = 65_536
"""Rows that are looked at at a time: few enough to be cheap, many enough to be fast."""
_JSON_BLOCK: Final = 16 << 20  # bytes; the reader cannot take a line that is longer than its block


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a dataset, sorted by name, and their format."""

    uri: str
    format: DataFormat
    files: tuple[DataFile, ...]

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.size for file in self.files)

    @property
    def revision(self) -> str:
        """What changes whenever a file comes, goes or is written again; of an object store its own revisions."""
        if self.format is DataFormat.DELTA:
            return f"version {self.files[0].revision()}"
        found = hashlib.sha256(canonical_json({file.name: file.revision() for file in self.files}))
        return DIGEST_PREFIX + found.hexdigest()


def find(dataset: Dataset, root: Path, env: Mapping[str, str] = os.environ) -> Source:
    """Find the files that an address names: one file, those matching a pattern, or the files of a folder.

    Args:
        dataset: Address and format (without one it is guessed from the suffix of the first file), and how to get there.
        root: The mount root.
        env: The environment, which holds the keys of an object store.

    Raises:
        UserError: The address is refused, nothing is there (reason DatasetMissing), the store does not answer (reason
            StorageAway) or refuses, or the format is unclear.
    """
    try:
        address = addresses.parse(dataset.uri, field=URI, schemes=addresses.DATA)
    except AddressError as problem:
        raise UserError(problem.field, problem.sentence, problem.remedy) from problem
    given = dataset.format
    if given is DataFormat.DELTA:
        # The library of Delta tables takes long to load, and few need it.
        from mlwright.trainer.delta import table_at  # noqa: PLC0415

        return Source(dataset.uri, given, (table_at(dataset, address, root, env),))
    store = _store(dataset, address, root, env)
    if store.has_folder("_delta_log"):
        raise UserError(
            FORMAT,
            f"{address} is a Delta table, whose files also hold rows that were deleted",
            "set it to Delta",
        )
    files = matching(store, address.name, lambda name: bool(given or _format_of(name)))
    if not files:
        raise UserError(
            URI,
            f"there is no file at {address}",
            "put the data there or correct the address",
            reason=DATASET_MISSING,
        )
    return Source(dataset.uri, given or _guess(files[0].name), files)


def _store(dataset: Dataset, address: Address, root: Path, env: Mapping[str, str]) -> Store:
    if address.is_mounted:
        return Volume(addresses.locate(address, root), by_content=address.scheme is Scheme.CONFIGMAP)
    # Arrow's client of object stores takes long to load, and few need it.
    from mlwright.trainer.s3 import Bucket  # noqa: PLC0415

    return Bucket.at(address, dataset.storage, env, root)


def column_names(source: Source) -> tuple[str, ...]:
    """Names of the columns of the first file, in the order of the file.

    Raises:
        UserError: The file is empty or unreadable, or two columns have the same name.
    """
    names = attempt(source.files[0], source.format, _NAMES[source.format])
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(URI, f"{source.files[0].name} has two columns called {twice[0]!r}", "rename one of them")
    if "" in names:
        place = names.index("") + 1
        raise UserError(URI, f"column {place} of {source.files[0].name} has no name", "name it, or leave it out")
    return tuple(names)


def read(source: Source, columns: Sequence[str]) -> Any:
    """Read these columns of all files, one file after the other, as one Arrow table in the order given.

    A column that is a whole number in one file and a fraction in another is read as a fraction.

    Raises:
        UserError: A file is empty, unreadable, lacks a column, or holds another type in it than the others.
    """
    tables = [_read_file(path, source.format, columns) for path in source.files]
    for path, table in zip(source.files, tables, strict=True):
        _check_types(source.files[0], tables[0].schema, path, table.schema)
    try:
        return pa.concat_tables(tables, promote_options="permissive").select(list(columns))
    except pa.ArrowException:
        raise UserError(
            URI,
            "the same column has types in different files that do not fit together",
            "give all files the same types",
        ) from None


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file; `first` is the number of the first one, from 1 over all files."""

    file: str
    first: int
    table: Any


def stream(source: Source, columns: Sequence[str]) -> Iterator[Piece]:
    """Read these columns piece by piece.

    Parquet never stands in memory as a whole; other formats do, one file at a time.

    Raises:
        UserError: As `read`.
    """
    first = 1
    known = None
    for path in source.files:
        for table in _pieces(path, source.format, columns):
            known = known or table.schema
            _check_types(source.files[0], known, path, table.schema)
            yield Piece(path.name, first, table)
            first += table.num_rows


def plain_column(table: Any, name: str) -> Any:
    """A column of a table in one piece, without a dictionary."""
    return plain(table.column(name))


def _pieces(path: DataFile, data_format: DataFormat, columns: Sequence[str]) -> Iterator[Any]:
    if data_format not in _PIECES:
        table = _read_file(path, data_format, columns)
        for start in range(0, max(1, table.num_rows), PIECE):
            yield table.slice(start, PIECE)
        return
    _check_columns(path, data_format, columns)
    pieces = attempt(path, data_format, lambda file: _PIECES[data_format](file, columns))
    while (piece := attempt(path, data_format, lambda _: next(pieces, None))) is not None:
        yield pa.table(piece)


def parquet_file(file: DataFile) -> Any:
    """A Parquet file that is read in small pieces."""
    # Small buffers: else a compressed row group of a million rows is in memory beside what becomes of it.
    return pyarrow.parquet.ParquetFile(file.open(), buffer_size=PIECE, pre_buffer=False)


def _parquet_pieces(file: DataFile, columns: Sequence[str]) -> Iterator[Any]:
    return iter(parquet_file(file).iter_batches(PIECE, columns=list(columns)))


def _guess(name: str) -> DataFormat:
    guessed = _format_of(name)
    if guessed is None:
        raise UserError(
            FORMAT, f"the format of {name} cannot be told from its name", f"set it to {', '.join(DataFormat)}"
        )
    return guessed


def _format_of(name: str) -> DataFormat | None:
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def _read_file(path: DataFile, data_format: DataFormat, columns: Sequence[str]) -> Any:
    _check_columns(path, data_format, columns)
    return attempt(path, data_format, lambda file: _READERS[data_format](file, list(columns)))


def _check_columns(path: DataFile, data_format: DataFormat, columns: Sequence[str]) -> None:
    names = attempt(path, data_format, _NAMES[data_format])
    missing = [column for column in columns if column not in names]
    if missing:
        raise UserError(
            URI, f"{path.name} has no column {missing[0]!r}, which other files have", "give all files the same columns"
        )


def _check_types(first: DataFile, expected: Any, path: DataFile, found: Any) -> None:
    for name in expected.names:
        kinds = {kind_of(expected.field(name).type), kind_of(found.field(name).type)} - {"nothing"}
        if len(kinds) > 1:
            raise UserError(
                URI,
                f"column {name!r} holds {kind_of(expected.field(name).type)} in {first.name}"
                f" and {kind_of(found.field(name).type)} in {path.name}",
                "give all files the same types",
            )


def attempt(file: DataFile, data_format: DataFormat, action: Callable[[DataFile], T]) -> T:
    """Return what an action makes of a file.

    Raises:
        UserError: The file is empty or cannot be read.
    """
    try:
        if file.size == 0:
            raise UserError(URI, f"{file.name} is empty", "write the data again")
        return action(file)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        raise _unreadable(file, data_format, problem) from None


def _unreadable(file: DataFile, data_format: DataFormat, problem: Exception) -> Exception:
    explained = file.explain(problem)
    if explained is not None:
        return explained
    return UserError(
        URI,
        f"{file.name} cannot be read as {data_format}{_detail(str(problem))}",
        "write the file again, or correct spec.dataset.format",
    )


def _detail(message: str) -> str:
    """What a reader's message may tell without showing data: row number and counts of columns."""
    row = re.search(r"Row #(\d+)", message)
    counts = re.search(r"Expected (\d+) columns, got (\d+)", message)
    place = f" (row {row.group(1)})" if row else ""
    return f"{place}: {counts.group(2)} columns where {counts.group(1)} are expected" if counts else place


def csv_parsing(*, lenient: bool = False) -> Any:
    """How CSV is taken apart: a value in quotes may hold line breaks, however large the file is.

    `lenient` passes over rows that do not fit.
    """
    # Without being told, Arrow cuts a file that is larger than its block at any line break, also inside of a value.
    handler = {"invalid_row_handler": lambda _: "skip"} if lenient else {}
    return pyarrow.csv.ParseOptions(newlines_in_values=True, **handler)


def _csv_names(file: DataFile) -> list[str]:
    # A row that does not fit is no reason not to know the names; reading the rows will tell where it stands.
    with pyarrow.csv.open_csv(file.stream(), parse_options=csv_parsing(lenient=True)) as reader:
        return list(reader.schema.names)


def _csv_table(file: DataFile, columns: list[str]) -> Any:
    options = {"convert_options": pyarrow.csv.ConvertOptions(include_columns=columns), "parse_options": csv_parsing()}
    try:
        return pyarrow.csv.read_csv(file.stream(), **options)
    except pa.ArrowInvalid:
        # Read again by one thread, which knows the number of the row at which it fails.
        serial = pyarrow.csv.ReadOptions(use_threads=False)
        return pyarrow.csv.read_csv(file.stream(), **options, read_options=serial)


def _parquet_names(file: DataFile) -> list[str]:
    return list(pyarrow.parquet.read_schema(file.open()).names)


def _parquet_table(file: DataFile, columns: list[str]) -> Any:
    # The file alone: a folder called key=value above it is no column here.
    return parquet_file(file).read(columns=columns)


def _delta_names(file: DataFile) -> list[str]:
    return list(file.open().schema.names)


def _delta_table(file: DataFile, columns: list[str]) -> Any:
    return file.open().to_table(columns=columns)


def _delta_pieces(file: DataFile, columns: Sequence[str]) -> Iterator[Any]:
    # One file after the other, little ahead: else many are in memory at once.
    wanted = {"batch_readahead": 1, "fragment_readahead": 1, "use_threads": False}
    return iter(file.open().to_batches(columns=list(columns), batch_size=PIECE, **wanted))


def _json_all(file: DataFile) -> Any:
    return pyarrow.json.read_json(file.stream(), read_options=pyarrow.json.ReadOptions(block_size=_JSON_BLOCK))


def _json_names(file: DataFile) -> list[str]:
    return list(_json_all(file).schema.names)


def _json_table(file: DataFile, columns: list[str]) -> Any:
    return _json_all(file).select(columns)


_NAMES: Final[Mapping[DataFormat, Callable[[DataFile], list[str]]]] = {
    DataFormat.CSV: _csv_names,
    DataFormat.PARQUET: _parquet_names,
    DataFormat.JSON_LINES: _json_names,
    DataFormat.DELTA: _delta_names,
}
_READERS: Final[Mapping[DataFormat, Callable[[DataFile, list[str]], Any]]] = {
    DataFormat.CSV: _csv_table,
    DataFormat.PARQUET: _parquet_table,
    DataFormat.JSON_LINES: _json_table,
    DataFormat.DELTA: _delta_table,
}
_PIECES: Final[Mapping[DataFormat, Callable[[DataFile, Sequence[str]], Iterator[Any]]]] = {
    DataFormat.PARQUET: _parquet_pieces,
    DataFormat.DELTA: _delta_pieces,
}
