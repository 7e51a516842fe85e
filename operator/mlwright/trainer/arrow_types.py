"""What Arrow's many types mean to us."""

from typing import Any

import pyarrow as pa


def is_text(kind: Any) -> bool:
    """Whether a type holds text, however Arrow stores it."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: Any) -> bool:
    """Whether a type holds numbers of any width."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def plain(column: Any) -> Any:
    """A column in one piece, without a dictionary, texts as Arrow's usual string."""
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string()) if is_text(column.type) else column


def kind_of(kind: Any) -> str:
    """A type in words that a person would use."""
    if pa.types.is_dictionary(kind):
        return kind_of(kind.value_type)
    for test, words in (
        (pa.types.is_null, "nothing"),
        (is_number, "numbers"),
        (is_text, "text"),
        (pa.types.is_boolean, "booleans"),
        (pa.types.is_temporal, "times"),
        (pa.types.is_binary, "bytes that are not UTF-8 text"),
        (pa.types.is_large_binary, "bytes that are not UTF-8 text"),
    ):
        if test(kind):
            return words
    return f"values of type {kind}"
