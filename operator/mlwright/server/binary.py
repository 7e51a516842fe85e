"""Tensors as bytes, as the binary data extension of the protocol and gRPC's raw contents have them.

Numbers are little-endian, row by row; BOOL is a byte each; BYTES is for each value its length in four bytes, then the
value, which is UTF-8 here.
"""

import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mlwright.server.problems import bad_request

NUMPY: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{f"INT{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
        **{f"UINT{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
        **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
        "BOOL": "|u1",
    }
)
"""How numbers of each datatype are laid out."""

_LENGTH: Final = struct.Struct("<I")


def read_numbers(name: str, datatype: str, rows: int, data: memoryview) -> npt.NDArray[Any]:
    """Read numbers or truth values of `rows` rows; raises RefusedError (400) when there are more or fewer bytes."""
    layout = np.dtype(NUMPY[datatype])
    if len(data) != rows * layout.itemsize:
        raise bad_request(
            f"input {name}: {rows} rows of {datatype} are {rows * layout.itemsize} bytes, got {len(data)}"
        )
    values = np.frombuffer(data, layout)
    return values != 0 if datatype == "BOOL" else values


def read_texts(name: str, rows: int, data: memoryview) -> list[str]:
    """Read texts of `rows` rows; raises RefusedError (400) for lengths that do not fit and for what is not UTF-8."""
    texts = [*_texts(name, data)]
    if len(texts) != rows:
        raise bad_request(f"input {name}: the shape says {rows} rows, the data holds {len(texts)} values")
    return texts


def _texts(name: str, data: memoryview) -> Iterator[str]:
    place = 0
    while place < len(data):
        end = place + _LENGTH.size
        end += _LENGTH.unpack_from(data, place)[0] if end <= len(data) else 0
        if not place + _LENGTH.size <= end <= len(data):
            raise bad_request(f"input {name}: a value is cut off; each is its length in four bytes and the value")
        yield _text(name, bytes(data[place + _LENGTH.size : end]))
        place = end


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise bad_request(f"input {name}: a value is not UTF-8") from None


def write(datatype: str, values: npt.NDArray[Any]) -> bytes:
    """The bytes of an output."""
    if datatype != "BYTES":
        return values.astype(NUMPY[datatype], copy=False).tobytes()
    texts = [str(value).encode() for value in values.ravel()]
    return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))
