"""The trials of a search as the step tune leaves them, for programs and for the steps behind it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlwright.trainer.errors import SurroundingsError
from mlwright.trainer.tuning.settings import Scalar

TRIALS: Final = "trials.json"
"""Every trial with its parameters and values."""
FINISHED: Final = "Complete"
PRUNED: Final = "Pruned"
FAILED: Final = "Fail"


@dataclass(frozen=True, slots=True)
class Ended:
    """One trial; `values` by the name of the objective, none unless all folds judged it."""

    number: int
    state: str
    parameters: Mapping[str, Scalar]
    values: Mapping[str, float]


def read_trials(folder: Path) -> tuple[Ended, ...]:
    """The trials in the folder of the step tune, by number.

    Raises:
        SurroundingsError: The file is not one that the step tune wrote.
    """
    try:
        told = json.loads((folder / TRIALS).read_bytes())
        return tuple(Ended(one["trial"], one["state"], one["parameters"], one["values"]) for one in told)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        raise SurroundingsError(f"{TRIALS} of the step tune is missing or damaged") from None
