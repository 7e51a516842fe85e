"""When a status is worth a write, and what is said when things cannot go on. Pure."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

import mlwright
from mlwright.api.conditions import State, StatusDraft, Verdict, changed, ready, reconciling, stalled
from mlwright.api.reasons import Reason
from mlwright.plan.resources import Body
from mlwright.planners.runs import is_stuck
from mlwright.ports.events import Notice, Subject

NUMBERS_EVERY: Final = 30.0
"""Seconds between writes of a status of which only numbers changed, or the words of a failure that is repeated."""

ERROR_LENGTH: Final = 500
"""Characters of an unexpected error that are told on the object."""

EXACT: Final = 2.0**53
"""Below it every whole number is a float of its own."""
EXPONENT: Final = 1e21
"""From here on Go writes a float with an exponent, as Python does."""

_PACKAGE: Final = f"{Path(mlwright.__file__).parent}/"
_SENTENCES: Final = frozenset({"message", "summary", "sentence"})
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_COMMON: Final = frozenset({"conditions", "observedGeneration", "summary", "history"})
_READINESS: Final = frozenset({"Ready", "Reconciling", "Stalled"})


def compact(value: Any) -> Any:  # JSON
    """Return JSON as the API server will tell it.

    Without nulls, which it refuses: an absent field says the same. Large numbers without a fraction are whole ones,
    written with the shortest digits of the float and zeros: what is told again must not look like a change.

    >>> compact({"rows": 1.2345678901234568e20, "share": 0.5, "note": None})
    {'rows': 123456789012345680000, 'share': 0.5}
    """
    if isinstance(value, str | int):  # most of what there is
        return value
    if isinstance(value, Mapping):
        return {key: compact(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [compact(entry) for entry in value]
    if isinstance(value, float) and EXACT <= abs(value) < EXPONENT:
        return int(Decimal(repr(value)))
    return value


def pause(before: Any, after: Any, since_last: float, *, repeated: bool = False) -> float:  # JSON
    """Return the seconds to wait before a changed status is written; 0 for at once.

    Args:
        before: the stored status.
        after: the new one.
        since_last: seconds since this object's status was written last.
        repeated: it tells of a failure that is repeated by itself: other words for the same are no news.
    """
    alike = only_numbers_differ(before, after) or (repeated and _wordless(before) == _wordless(after))
    return max(0.0, NUMBERS_EVERY - since_last) if alike else 0.0


def _wordless(value: Any) -> Any:  # JSON
    if isinstance(value, Mapping):
        return {key: _wordless(entry) for key, entry in value.items() if key not in _SENTENCES}
    return [_wordless(entry) for entry in value] if isinstance(value, list) else value


def only_numbers_differ(before: Any, after: Any, key: str = "") -> bool:  # JSON
    """Tell whether the difference is numbers in sentences and measured (not counted) values.

    >>> only_numbers_differ({"summary": "41 of 100 requests"}, {"summary": "42 of 100 requests"})
    True
    >>> only_numbers_differ({"replicas": 1}, {"replicas": 2})
    False
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(only_numbers_differ(before[k], after[k], k) for k in after)
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        same = len(before) == len(after)
        return same and all(only_numbers_differ(*pair, key) for pair in zip(before, after, strict=True))
    if isinstance(before, str) and isinstance(after, str) and key in _SENTENCES:
        return _NUMBER.sub("#", before) == _NUMBER.sub("#", after)
    if isinstance(before, float) or isinstance(after, float):
        return isinstance(before, float | int) and isinstance(after, float | int)
    return bool(before == after)


def stuck(stored: Mapping[str, Any], reason: Reason, sentence: str, state: State = "False") -> StatusDraft:
    """Return the status of an object that cannot go on until a person acts, with that state of Ready.

    What else was known of it stays as it was: what a plan claims beyond that was not done.
    """
    fields, kept = _known(stored)
    return StatusDraft(sentence, (ready(reason, sentence, state), stalled(reason, sentence), *kept), fields)


def hindered(stored: Mapping[str, Any], words: str, generation: int) -> StatusDraft:
    """Return the status of an object whose changes Kubernetes has not taken for a while, in its words.

    It is tried again, so nobody has to act on the object. All that was known of it stays; also whether it is Ready,
    and with other words that it cannot go on by itself (of a run a pipeline asks that, to start one in its place),
    unless that was said of an older spec, or never.
    """
    fields, kept = _known(stored)
    sentence = f"what is to be done next cannot be written yet: {words}; it is tried again by itself"
    said = stored.get("conditions") or () if stored.get("observedGeneration") == generation else ()
    readiness = [_verdict(condition) for condition in said if condition["type"] == "Ready"]
    if not readiness or readiness[0].reason is Reason.UNAVAILABLE:
        readiness = [ready(Reason.UNAVAILABLE, sentence, "False")]
    held = [_verdict(condition) for condition in said if is_stuck({"conditions": [condition]})]
    onward = [replace(verdict, message=sentence) for verdict in held or [reconciling(Reason.UNAVAILABLE, sentence)]]
    return StatusDraft(sentence, (*readiness, *onward, *kept), fields)


def _known(stored: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Verdict, ...]]:
    """Return the fields of a status and its conditions, without those that say how far it is."""
    own = (_verdict(condition) for condition in stored.get("conditions") or ())
    kept = tuple(verdict for verdict in own if verdict.type not in _READINESS)
    return {key: value for key, value in stored.items() if key not in _COMMON}, kept


def undecided(stored: Mapping[str, Any], error: Exception) -> StatusDraft:
    """Return the status of an object at which mlwright itself failed: whether it is as its spec says is not known."""
    words = " ".join(f"{type(error).__name__}: {error}".split())[:ERROR_LENGTH]
    sentence = (
        f"mlwright itself failed at this object, which goes on as it is: {words} ({_place(error)}); it is looked at "
        "again by itself, the operator's log holds the traceback, and another version of mlwright may mend it"
    )
    return stuck(stored, Reason.INTERNAL_ERROR, sentence, "Unknown")


def _place(error: Exception) -> str:
    """Return the innermost line of ours that the error went through, as planners/expecting.py:41."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_PACKAGE)]
    return "".join(f"{frame.filename.removeprefix(_PACKAGE)}:{frame.lineno}" for frame in frames[-1:])


def _verdict(condition: Mapping[str, Any]) -> Verdict:
    reason = Reason.named(condition["reason"], Reason.SETTLED)
    return Verdict(condition["type"], condition["status"], reason, condition["message"])


def with_verdicts(draft: StatusDraft, verdicts: Iterable[Verdict]) -> StatusDraft:
    """Return the draft with further conditions."""
    return StatusDraft(draft.summary, (*draft.conditions, *verdicts), draft.fields)


def notices(body: Body, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Notice, ...]:
    """Return the Events that tell the transitions.

    The same sentence is told once, and so is good news for the same reason: by the condition that comes last, which
    says it most exactly ("run-7: validate is running" rather than "the first run is going on").
    """
    told: dict[str, Notice] = {}
    about = Subject.of(body)
    transitions = changed(before, after["conditions"])
    warned = {condition["message"] for condition in transitions if _bad(condition)}
    for condition in transitions:
        notice = partial(Notice, about, reason=condition["reason"], sentence=condition["message"])
        if _bad(condition):
            told[condition["message"]] = notice(type="Warning")
        elif condition["message"] not in warned:
            told[condition["reason"]] = notice(type="Normal")
    return tuple(told.values())


def _bad(condition: Mapping[str, Any]) -> bool:
    bad_when = "True" if condition["type"] in _TROUBLES else "False"
    return bool(condition["status"] == bad_when) and condition["type"] not in _NEUTRAL


_TROUBLES: Final = frozenset(
    {
        "Stalled",
        "Failed",
        "CandidateRejected",
        "LastVersionRejected",
        "AliasDangling",
        "AliasConflict",
        "ReplicasContested",
        "DataUnseen",
        "SweepFailed",
    }
)
_NEUTRAL: Final = frozenset({"Reconciling", "Paused", "Suspended", "RolloutProgressing", "ExperimentRunning"})
