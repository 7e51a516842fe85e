"""What a step reports: `result.json`, the termination message, and an exit code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from mlwright.constants import EXIT_OUR_ERROR, EXIT_USER_ERROR
from mlwright.process.last_words import KEPT_BYTES

SCHEMA_VERSION: Final = 1
RESULT: Final = "result.json"
_TEXT_KEPT: Final = (1000, 500, 100)  # bytes of a sentence; the less are tried the more the rest of a message needs


class Outcome(StrEnum):
    """How a step ended."""

    SUCCEEDED = "Succeeded"
    USER_ERROR = "UserError"
    FAILED = "Failed"


EXIT_CODES: Final[Mapping[Outcome, int]] = {
    Outcome.SUCCEEDED: 0,
    Outcome.USER_ERROR: EXIT_USER_ERROR,
    Outcome.FAILED: EXIT_OUR_ERROR,
}


@dataclass(frozen=True, slots=True)
class Result:
    """The report of a step. `field`, `remedy` and `reason` belong to a failure, `results` to a success."""

    step: str
    run: str
    attempt: int
    outcome: Outcome
    sentence: str
    results: Mapping[str, Any] | None = None
    field: str | None = None
    remedy: str | None = None
    reason: str | None = None

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return EXIT_CODES[self.outcome]

    def to_json(self) -> bytes:
        """The document, compact; absent fields are left out."""
        document: dict[str, Any] = {
            "schemaVersion": SCHEMA_VERSION,
            "step": self.step,
            "run": self.run,
            "attempt": self.attempt,
            "outcome": str(self.outcome),
            "sentence": self.sentence,
            "results": {} if self.results is None else dict(self.results),
        }
        document |= {
            key: value
            for key, value in (("field", self.field), ("remedy", self.remedy), ("reason", self.reason))
            if value is not None
        }
        return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Result":
        """Read a report that a step wrote.

        Raises:
            ValueError: It is not such a report.
        """
        try:
            document = json.loads(text)
            return cls(
                step=document["step"],
                run=document["run"],
                attempt=document["attempt"],
                outcome=Outcome(document["outcome"]),
                sentence=document["sentence"],
                results=document["results"],
                field=document.get("field"),
                remedy=document.get("remedy"),
                reason=document.get("reason"),
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise ValueError("this is not the result of a step") from problem

    def termination_message(self) -> bytes:
        """The document for the termination message: whole if the kubelet keeps it, else with shortened texts."""
        message = self.to_json()
        for kept in _TEXT_KEPT:
            if len(message) <= KEPT_BYTES:
                break
            shorter = replace(
                self, sentence=_short(self.sentence, kept), remedy=self.remedy and _short(self.remedy, kept)
            )
            message = shorter.to_json()
        return message


def _short(text: str, kept: int) -> str:
    # Cut by bytes: a text of wide characters is longer than it looks.
    whole = text.encode()
    return text if len(whole) <= kept else whole[:kept].decode(errors="ignore") + "..."
