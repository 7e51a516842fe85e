"""Why a step ends without its result. Messages name columns, row numbers and counts, never values of rows."""

from collections.abc import Mapping
from typing import Any

from mlwright.errors import MlwrightError

DATASET_MISSING = "DatasetMissing"
STORAGE_AWAY = "StorageAway"
"""Reasons of failures that may go away by themselves: the operator looks again later."""


class UserError(MlwrightError):
    """The pipeline or its data must change; trying again with the same would end the same."""

    def __init__(
        self,
        field: str,
        sentence: str,
        remedy: str,
        *,
        reason: str | None = None,
        results: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{field}: {sentence}; {remedy}")
        self.field = field  # path in the pipeline's spec
        self.sentence = sentence
        self.remedy = remedy
        self.reason = reason
        self.results = results  # what was found out before it ended


class SurroundingsError(MlwrightError):
    """A volume, the memory or an earlier step is not as it should be; another attempt may succeed."""


CHANGED = "the data changed while it was read; another attempt reads it as it is then"
