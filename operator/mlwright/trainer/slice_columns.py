"""The columns by which gates divide the held-out rows: they travel beside the split data and need not be features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet

from mlwright.trainer.arrow_types import is_number, is_text, kind_of, plain
from mlwright.trainer.errors import SurroundingsError, UserError
from mlwright.trainer.gate_settings import Dividing, Gate, columns_of, field_of
from mlwright.trainer.tables import write_table
from mlwright.trainer.wording import did_you_mean

SLICES: Final = "slices.parquet"
"""The rows of `test.parquet`, in its order."""


def check_exist(gates: tuple[Gate, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that gates name, all of which the data has.

    Raises:
        UserError: It has not; the error names the gate's field.
    """
    wanted = columns_of(gates)
    for name, gate in wanted.items():
        if name not in names:
            raise UserError(field_of(gate, "column"), f"the data has no column {name!r}", did_you_mean(name, names))
    return tuple(wanted)


def write_slices(gates: tuple[Gate, ...], table: Any, held_out: Any, folder: Path) -> None:
    """Write the columns of the rows held out; nothing where no gate names one.

    Args:
        gates: The gates.
        table: All rows, as read.
        held_out: Arrow booleans, true where a row is held out.
        folder: Where to write.

    Raises:
        UserError: A column holds what rows cannot be divided by.
        OSError: The volume cannot be written.
    """
    wanted = columns_of(gates)
    if not wanted:
        return
    kept = table.select(list(wanted)).filter(held_out)
    columns = {name: _divisible(name, gate, plain(kept.column(name))) for name, gate in wanted.items()}
    write_table(pa.table(columns), folder / SLICES)


def read_slices(gates: tuple[Gate, ...], folder: Path) -> Mapping[str, Any]:
    """The columns that the step validate left, by name.

    Raises:
        SurroundingsError: They are not there.
        OSError: The volume cannot be read.
    """
    wanted = columns_of(gates)
    if not wanted:
        return {}
    try:
        table = pa.parquet.read_table(folder / SLICES, columns=list(wanted))
        return {name: plain(table.column(name)) for name in wanted}
    except (pa.ArrowException, FileNotFoundError, KeyError):
        raise SurroundingsError(f"{SLICES} of the step validate is missing or damaged") from None


def _divisible(name: str, gate: Dividing, column: Any) -> Any:
    kind = column.type
    if pa.types.is_boolean(kind) or is_number(kind) or is_text(kind):
        return column
    raise UserError(
        field_of(gate, "column"),
        f"column {name!r} holds {kind_of(kind)}, and rows are divided by texts, booleans or numbers",
        "name another column, or write one with the hour, the weekday or the group into the data",
    )
