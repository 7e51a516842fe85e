"""Hashes of rows: the same for the same content, whatever file format it came from and whatever rows stand around it.

Each value becomes a fixed number of bytes in a canonical, typed form; the bytes of a row are hashed with BLAKE2b.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

DIGEST_BYTES: Final = 16
_CHUNK_ROWS: Final = 65_536  # keeps memory flat
EXACT: Final = 2**53  # whole numbers up to this size are doubles without loss

# Tags keep values of different types apart, and a missing number apart from every number.
_NUMBER, _BIG, _TEXT, _BOOL, _MISSING = range(5)


def hash_rows(columns: Sequence[Any], *, person: bytes, seed: int = 0) -> NDArray[np.uint64]:
    """Hash each row over columns in canonical form.

    Whole numbers and fractions of equal value are equal; so are a missing and an empty text.

    Args:
        columns: Arrow arrays of equal length, `n` rows, as `columns.canonical` gives them.
        person: What the hash is for, at most 16 bytes; hashes for different purposes have nothing in common.
        seed: Another seed gives other hashes.

    Returns:
        `[n, 2]` unsigned 64-bit numbers.
    """
    rows, salt = len(columns[0]), seed.to_bytes(8, "big")
    hashes = np.empty((rows, 2), dtype=np.uint64)
    for start in range(0, rows, _CHUNK_ROWS):
        piece = [column[start : start + _CHUNK_ROWS] for column in columns]
        digests = b"".join(_digests(piece, person, salt))
        hashes[start : start + _CHUNK_ROWS] = np.frombuffer(digests, dtype=">u8").reshape(-1, 2)
    return hashes


def _digests(columns: Sequence[Any], person: bytes, salt: bytes) -> Iterator[bytes]:
    table = np.hstack([_encode(column) for column in columns])
    content, width = table.tobytes(), table.shape[1]
    for start in range(0, len(content), width):
        row = content[start : start + width]
        yield hashlib.blake2b(row, digest_size=DIGEST_BYTES, salt=salt, person=person).digest()


def _encode(column: Any) -> Bytes:
    """Canonical bytes of a column, `[n, width]`: a tag and the value."""
    if pa.types.is_string(column.type):
        return _texts(column)
    values = column.to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(column.type):
        return _tagged(np.full(len(values), _BOOL), values.astype(">i8"))
    if pa.types.is_integer(column.type):
        return _whole_numbers(values)
    return _numbers(values)


def _numbers(values: NDArray[np.float64]) -> Bytes:
    missing = np.isnan(values)
    plain = np.where(missing, 0.0, values) + 0.0  # adding zero turns -0.0 into 0.0
    return _tagged(np.where(missing, _MISSING, _NUMBER), plain.astype(">f8"))


def _whole_numbers(values: NDArray[np.int64]) -> Bytes:
    big = (values > EXACT) | (values < -EXACT)
    as_double = _tagged(np.full(len(values), _NUMBER), values.astype(">f8"))
    as_whole = _tagged(np.full(len(values), _BIG), values.astype(">i8"))
    return np.where(big[:, None], as_whole, as_double)


def _texts(column: Any) -> Bytes:
    """Each distinct text is hashed once; its digest stands for it."""
    coded = pc.dictionary_encode(column)
    distinct = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in coded.dictionary.to_pylist()]
    digests = np.frombuffer(b"".join(distinct), dtype=">u8")
    return _tagged(np.full(len(column), _TEXT), digests[coded.indices.to_numpy()])


def _tagged(tags: NDArray[Any], values: NDArray[Any]) -> Bytes:
    """One tag byte and the eight bytes of each value, `[n, 9]`."""
    body = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8)
    return np.hstack([tags.astype(np.uint8)[:, None], body])
