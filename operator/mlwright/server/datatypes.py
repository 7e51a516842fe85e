"""The protocol's datatypes: what a JSON tensor of each may hold, and which fit an input of the model.

A request may declare a narrower datatype than the model takes (INT32 for an INT64 input, INT64 for an FP64 one), since
no value is lost. The other way round is refused: guessing would hide a mistake.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, NoneType

from mlwright.bundle.manifest import Datatype


@dataclass(frozen=True, slots=True)
class Declared:
    """A datatype as a request declares it."""

    name: str
    elements: frozenset[type]  # what JSON may hold for it
    expects: str  # the same in words
    low: int = 0  # bounds of the integers; equal bounds mean none
    high: int = 0


def _integer(name: str, low: int, high: int) -> Declared:
    return Declared(name, frozenset({int}), "whole numbers without a decimal point", low, high)


def _real(name: str) -> Declared:
    return Declared(name, frozenset({int, float, NoneType}), "numbers, null where one is missing")


_SIGNED = tuple(_integer(f"INT{bits}", -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (64, 32, 16, 8))
_UNSIGNED = tuple(_integer(f"UINT{bits}", 0, 2**bits - 1) for bits in (64, 32, 16, 8))
_UINT64_AS_INT64 = _integer("UINT64", 0, 2**63 - 1)
_REAL = tuple(_real(f"FP{bits}") for bits in (64, 32, 16))
_BOOL = Declared("BOOL", frozenset({bool}), "true or false")
_BYTES = Declared("BYTES", frozenset({str, NoneType}), "text, null where one is missing")


def _by_name(*datatypes: Declared) -> Mapping[str, Declared]:
    return MappingProxyType({datatype.name: datatype for datatype in datatypes})


# For each datatype of a model's input: what a request may declare for it, its own first.
ACCEPTED: Mapping[Datatype, Mapping[str, Declared]] = MappingProxyType(
    {
        Datatype.FP64: _by_name(*_REAL, *_SIGNED, *_UNSIGNED),
        Datatype.INT64: _by_name(*_SIGNED, _UINT64_AS_INT64, *_UNSIGNED[1:]),
        Datatype.BOOL: _by_name(_BOOL),
        Datatype.BYTES: _by_name(_BYTES),
    }
)

# What each input holds when a request declares the very datatype of the model.
OWN: Mapping[Datatype, Declared] = MappingProxyType({datatype: ACCEPTED[datatype][datatype] for datatype in Datatype})
