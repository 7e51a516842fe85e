"""Feedback: what was true of a prediction, or what it was worth, told later by its prediction id.

Nothing is kept of a prediction: the id holds what was answered, so any pod of the deployment can take the feedback.
Each row's label and each row's reward counts once on a pod; another pod does not know of it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import orjson

from mlwright.server.feedback_series import FeedbackSeries
from mlwright.server.phrases import json_name, nearest, quoted
from mlwright.server.prediction_ids import ForgedError, PredictionIds, Scalar, Sealed
from mlwright.server.problems import RefusedError, bad_request

MOST_REMEMBERED: Final = 30_000
"""Ids whose feedback a pod remembers, the newest: about 8 MB. An older one could be given again."""

MAX_FEEDBACK_BYTES: Final = 64 * 1024
"""An id, and an entry for each of its rows, have room in a tenth of it."""

ID: Final = "prediction_id"
_NUMBERS: Final = (int, float)


class Part(StrEnum):
    """What feedback can say of each row."""

    LABELS = "labels"
    REWARDS = "rewards"


class Reason(StrEnum):
    """Why feedback was refused."""

    INVALID = "invalid"
    FORGED = "forged"
    LATE = "late"
    REPLAYED = "replayed"


_REASONS: Final[Mapping[HTTPStatus, Reason]] = {
    HTTPStatus.BAD_REQUEST: Reason.INVALID,
    HTTPStatus.FORBIDDEN: Reason.FORGED,
    HTTPStatus.GONE: Reason.LATE,
    HTTPStatus.CONFLICT: Reason.REPLAYED,
}


@dataclass(frozen=True, slots=True)
class _Told:
    """Feedback whose form is right: for each row what is known, None where nothing is."""

    labels: Sequence[Scalar]
    rewards: Sequence[float | None]


class Feedback:
    """Takes the feedback of one deployment. Safe to use on several threads."""

    def __init__(self, ids: PredictionIds, series: FeedbackSeries, window_seconds: float) -> None:
        """Take who opens ids, where it is counted, and for how long after a prediction it is taken."""
        self.series = series
        self._ids = ids
        self._window = window_seconds
        self._lock = threading.Lock()
        self._given: dict[tuple[bytes, Part], int] = {}  # rows as bits, oldest id first

    def take(self, body: bytes, now: float) -> bytes:
        """Count feedback; `now` in seconds since 1970.

        Raises:
            RefusedError: It is not counted, and the sentence names the member that is wrong: 400 what is no feedback,
                403 what this deployment never answered, 410 what comes too late, 409 what was said before.
        """
        try:
            return self._take(body, now)
        except RefusedError as refusal:
            self.series.refuse(_REASONS[refusal.status])
            raise

    def _take(self, body: bytes, now: float) -> bytes:
        document = _document(body)
        sealed = self._opened(document, now)
        told = _told(document, sealed)
        with self._lock:
            self._remember(sealed.id, told)
        self.series.count(sealed.revision, sealed.answers, told.labels, told.rewards)
        accepted = {"labels": _known(told.labels), "rewards": _known(told.rewards)}
        return orjson.dumps({"revision": sealed.revision, "accepted": accepted})

    def _opened(self, document: Mapping[str, Any], now: float) -> Sealed:
        text = document.get(ID)
        if type(text) is not str:
            raise bad_request(f'"{ID}" must be the text that came with the prediction, got {json_name(text)}')
        try:
            sealed = self._ids.open(text)
        except ForgedError:
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                f"{ID}: no answer of this deployment, or its key is no longer in the Secret: send it as it came",
            ) from None
        if now - sealed.at > self._window:
            hours = self._window / 3600
            raise RefusedError(
                HTTPStatus.GONE, f"{ID}: feedback is taken for {hours:g} hours after the prediction, this one is older"
            )
        return sealed

    def _remember(self, identifier: bytes, told: _Told) -> None:
        rows = {Part.LABELS: _bits(told.labels), Part.REWARDS: _bits(told.rewards)}
        for part, bits in rows.items():
            again = self._given.get((identifier, part), 0) & bits
            if again:
                row = (again & -again).bit_length() - 1
                raise RefusedError(HTTPStatus.CONFLICT, f"{part}[{row}]: was given before, and counts once")
        for part, bits in rows.items():
            if bits:
                self._given[identifier, part] = self._given.get((identifier, part), 0) | bits
        while len(self._given) > MOST_REMEMBERED:
            del self._given[next(iter(self._given))]


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise bad_request(f"the body is not JSON: {problem}" if body else "the body is empty, expected JSON") from None
    if type(document) is not dict:
        raise bad_request(f'the body must be a JSON object with "{ID}", got {json_name(document)}')
    members = (ID, *Part)
    for name in document:
        if name not in members:
            raise bad_request(f"{quoted(name)} is unknown: {nearest(name, members, 'feedback has')}")
    return document


def _told(document: Mapping[str, Any], sealed: Sealed) -> _Told:
    rows = len(sealed.answers)
    told = _Told(
        _entries(document, Part.LABELS, rows, lambda row, label: _misfit(sealed.answers[row], label)),
        _entries(document, Part.REWARDS, rows, lambda _, reward: _no_reward(reward)),
    )
    if not _known(told.labels) and not _known(told.rewards):
        raise bad_request('there is nothing to count: send "labels" or "rewards", one entry for each row')
    return told


def _entries(document: Mapping[str, Any], part: Part, rows: int, wrong: Callable[[int, object], str]) -> Sequence[Any]:
    entries = document.get(part)
    if entries is None:
        return (None,) * rows
    if type(entries) is not list:
        raise bad_request(f'"{part}" must be a list with one entry for each row, got {json_name(entries)}')
    if len(entries) != rows:
        raise bad_request(f'"{part}" has {len(entries)} entries, and the prediction has {rows} rows')
    for row, entry in enumerate(entries):
        if entry is not None and (expected := wrong(row, entry)):
            raise bad_request(
                f"{part}[{row}]: expected {expected}, or null where it is not known; got {json_name(entry)}"
            )
    return entries


def _misfit(answer: Scalar, label: object) -> str:
    """What a label should be, empty when it is."""
    if type(answer) is bool:
        return "" if type(label) is bool else "true or false"
    if type(answer) is str:
        return "" if type(label) is str else "a text"
    if type(answer) is int:
        return "" if type(label) is int else "a whole number"
    return "" if type(label) in _NUMBERS else "a number"


def _no_reward(reward: object) -> str:
    """What a reward should be, empty when it is."""
    right = type(reward) in _NUMBERS and 0 <= reward <= 1  # type: ignore[operator] # the type is looked at first
    return "" if right else "a number from 0 to 1"


def _known(entries: Sequence[object]) -> int:
    return sum(entry is not None for entry in entries)


def _bits(entries: Sequence[object]) -> int:
    return sum(1 << row for row, entry in enumerate(entries) if entry is not None)
