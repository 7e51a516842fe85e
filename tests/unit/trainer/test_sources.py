"""Finding and reading data files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from mlwright.trainer import sources
from mlwright.trainer.errors import DATASET_MISSING, UserError
from mlwright.trainer.step import DataFormat
from tests.support.training import Workshop, dataset, flights_table

PRIVATE = "Ada Lovelace"


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def _text(shop: Workshop, name: str, text: str | bytes) -> None:
    (shop.lake / name).parent.mkdir(parents=True, exist_ok=True)
    (shop.lake / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def _find(shop: Workshop, path: str, given: DataFormat | None = None) -> sources.Source:
    return sources.find(dataset(f"pvc://lake/{path}", given), shop.root)


def _refused(shop: Workshop, path: str, columns: tuple[str, ...] = ("a",)) -> UserError:
    with pytest.raises(UserError) as caught:
        _read(shop, path, columns)
    assert PRIVATE not in str(caught.value)
    return caught.value


def _read(shop: Workshop, path: str, columns: tuple[str, ...]) -> None:
    source = _find(shop, path)
    sources.column_names(source)
    sources.read(source, columns)


@pytest.mark.parametrize("name", ["data.csv", "data.parquet", "data.jsonl"])
def test_each_format_is_read_alike(shop: Workshop, name: str) -> None:
    """Names, order of columns and values are the same from every format."""
    table = flights_table(20).select(["hour", "carrier", "late"])
    shop.write(table, name)
    source = _find(shop, name)

    assert sources.column_names(source) == ("hour", "carrier", "late")
    assert sources.read(source, ("late", "hour")).to_pylist() == table.select(["late", "hour"]).to_pylist()


def test_a_text_with_line_breaks_is_read_from_a_file_of_any_size(shop: Workshop) -> None:
    """Arrow looks at a mebibyte at a time, and must not cut inside of a value."""
    text = "one\ntwo\n" + "three" * 50
    _text(shop, "data.csv", "a,b\n" + f'1,"{text}"\n' * 5_000)
    source = _find(shop, "data.csv")

    table = sources.read(source, ("a", "b"))

    assert source.bytes > 1 << 20
    assert (table.num_rows, set(table["b"].to_pylist())) == (5_000, {text})


@pytest.mark.parametrize("address", ["folder", "folder/*.csv"])
def test_a_name_that_is_not_utf_8_is_told(shop: Workshop, address: str) -> None:
    """It could stand in no result; files that are not read may have any name."""
    _text(shop, "folder/Basel.csv", "a\n1\n")
    _text(shop, "folder/Z\udcfcrich.txt", "a\n2\n")
    assert len(_find(shop, address).files) == 1
    _text(shop, "folder/Z\udcfcrich.csv", "a\n2\n")

    refused = _refused(shop, address)

    assert (refused.field, refused.sentence, refused.remedy) == (
        "spec.dataset.uri",
        "a file has a name that is not UTF-8: Z\\xfcrich.csv",
        "rename it",
    )


def test_a_compressed_file_is_read(shop: Workshop) -> None:
    """The suffix before the one of the compression names the format."""
    _text(shop, "data.csv.gz", gzip.compress(b"a,b\n1,2\n"))

    assert sources.read(_find(shop, "data.csv.gz"), ("a", "b")).to_pylist() == [{"a": 1, "b": 2}]


def test_a_pattern_reads_all_matching_files_in_order(shop: Workshop) -> None:
    """Files come in the order of their names; hidden and other files are left alone."""
    for name, value in (("b-2.csv", 2), ("a-1.csv", 1), (".c-3.csv", 3), ("_SUCCESS", 4), ("a-[1].csv", 9)):
        _text(shop, name, f"a\n{value}\n")

    assert sources.read(_find(shop, "*-*.csv"), ("a",)).to_pydict() == {"a": [1, 9, 2]}
    assert sources.read(_find(shop, "a-[1]*"), ("a",)).to_pydict() == {"a": [9]}


def test_a_folder_reads_the_data_files_in_it(shop: Workshop) -> None:
    """A note beside the data is no data."""
    (shop.lake / "2026").mkdir(parents=True)
    for name in ("2.csv", "1.csv"):
        _text(shop, f"2026/{name}", "a\n1\n")
    _text(shop, "2026/README.md", "about this data")

    assert [path.name for path in _find(shop, "2026").files] == ["1.csv", "2.csv"]


def test_whole_numbers_and_fractions_fit_together(shop: Workshop) -> None:
    """A column that is whole in one file becomes a fraction with the others."""
    _text(shop, "1.csv", "a\n1\n")
    _text(shop, "2.csv", "a\n2.5\n")

    assert sources.read(_find(shop, "*.csv"), ("a",)).to_pydict() == {"a": [1.0, 2.5]}


def test_the_size_is_that_of_all_files(shop: Workshop) -> None:
    """Bytes are reported as they lie on the volume."""
    _text(shop, "1.csv", "a\n1\n")
    _text(shop, "2.csv", "a\n12\n")

    assert _find(shop, "*.csv").bytes == 9


@pytest.mark.parametrize("path", ["nothing.csv", "*.csv", "no/such/folder/x.parquet"])
def test_data_that_is_not_there_yet_has_a_reason_of_its_own(shop: Workshop, path: str) -> None:
    """The operator may look again later."""
    problem = _refused(shop, path)

    assert problem.reason == DATASET_MISSING
    assert problem.sentence == f"there is no file at pvc://lake/{path}"


def test_a_format_that_cannot_be_guessed_is_asked_for(shop: Workshop) -> None:
    """The field to set is named."""
    _text(shop, "data.dat", "a\n1\n")

    assert str(_refused(shop, "data.dat")) == (
        "spec.dataset.format: the format of data.dat cannot be told from its name;"
        " set it to CSV, Parquet, JSONLines, Delta"
    )
    assert sources.column_names(_find(shop, "data.dat", DataFormat.CSV)) == ("a",)


@pytest.mark.parametrize(
    "name,content,sentence",
    [
        pytest.param("x.csv", "", "x.csv is empty", id="an empty file"),
        pytest.param(
            "x.csv",
            f"a,b\n1,2\n{PRIVATE},2,3\n",
            "x.csv cannot be read as CSV (row 3): 3 columns where 2 are expected",
            id="a long row",
        ),
        pytest.param("x.csv", "a,a\n1,2\n", "x.csv has two columns called 'a'", id="a name twice"),
        pytest.param("x.csv", ",a\n1,2\n", "column 1 of x.csv has no name", id="a column without a name"),
        pytest.param("x.parquet", f"{PRIVATE} is no parquet", "x.parquet cannot be read as Parquet", id="not Parquet"),
        pytest.param(
            "x.jsonl", f'{{"a": 1}}\n{{"a": "{PRIVATE}', "x.jsonl cannot be read as JSONLines", id="half a line"
        ),
        pytest.param(
            "x.jsonl", f'{{"a": 1}}\n{{"a": "{PRIVATE}"}}\n', "x.jsonl cannot be read as JSONLines", id="two types"
        ),
    ],
)
def test_an_unreadable_file_is_named_without_its_content(
    shop: Workshop, name: str, content: str, sentence: str
) -> None:
    """Which file, which row, what is wrong: never what stands in it."""
    _text(shop, name, content)

    assert _refused(shop, name).sentence == sentence


def test_files_of_different_types_are_refused(shop: Workshop) -> None:
    """Both files and what they hold are named."""
    _text(shop, "1.csv", "a\n1\n")
    _text(shop, "2.csv", f"a\n{PRIVATE}\n")

    assert _refused(shop, "*.csv").sentence == "column 'a' holds numbers in 1.csv and text in 2.csv"


def test_a_file_that_lacks_a_column_is_named(shop: Workshop) -> None:
    """All files of a data set have the same columns."""
    _text(shop, "1.csv", "a,b\n1,2\n")
    _text(shop, "2.csv", "a\n1\n")

    assert _refused(shop, "*.csv", ("a", "b")).sentence == "2.csv has no column 'b', which other files have"


def test_a_refused_address_is_the_users_error(shop: Workshop) -> None:
    """The sentence of the address, at the field of the data set."""
    with pytest.raises(UserError) as caught:
        sources.find(dataset("gs://lake/x.csv"), shop.root)

    assert (caught.value.field, caught.value.sentence) == ("spec.dataset.uri", "the scheme 'gs' is not read")


def test_types_are_inferred_over_the_whole_file(shop: Workshop) -> None:
    """A fraction after a million bytes of whole numbers makes the column one of fractions."""
    _text(shop, "x.csv", "a\n" + "1\n" * 700_000 + "0.5\n")

    assert sources.read(_find(shop, "x.csv"), ("a",)).schema.field("a").type == pa.float64()


@pytest.mark.timeout(20)
def test_parquet_is_looked_at_in_pieces_and_rows_are_numbered_through_all_files(shop: Workshop) -> None:
    """A file of any size needs little memory; the second file goes on counting."""
    rows = sources.PIECE + 10
    for name in ("1.parquet", "2.parquet"):
        shop.write(pa.table({"a": range(rows)}), name)

    pieces = list(sources.stream(_find(shop, "*.parquet"), ("a",)))

    assert [(piece.file, piece.first, piece.table.num_rows) for piece in pieces] == [
        ("1.parquet", 1, sources.PIECE),
        ("1.parquet", sources.PIECE + 1, 10),
        ("2.parquet", rows + 1, sources.PIECE),
        ("2.parquet", rows + sources.PIECE + 1, 10),
    ]


def test_a_column_of_another_type_in_a_later_file_is_found_on_the_way(shop: Workshop) -> None:
    """Before anything is counted as what it is not."""
    shop.write(pa.table({"a": [1]}), "1.parquet")
    shop.write(pa.table({"a": ["x"]}), "2.parquet")

    with pytest.raises(UserError, match=r"'a' holds numbers in 1[.]parquet and text"):
        list(sources.stream(_find(shop, "*.parquet"), ("a",)))
