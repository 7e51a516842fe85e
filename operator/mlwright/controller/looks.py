"""The last looks at deployments: what was seen and what came of it, to be written out and decided again elsewhere.

A look is pure, so what it saw and when is all of it. Only looks that brought something new are kept: another sentence,
or a record. They are kept as the lines to be written: a snapshot is as large as what was measured for it, a megabyte
in a long rollout, and would live on with it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import CoreConfig, SchemaSerializer

from mlwright.controller.kinds import deployments
from mlwright.controller.reconciler import Reconciler
from mlwright.errors import MlwrightError
from mlwright.plan.digests import canonical, short
from mlwright.plan.loads import Answer, Pod, Question
from mlwright.plan.plan import Plan
from mlwright.plan.serving import DeploymentSeen
from mlwright.plan.writes import Delete, Scale, Write
from mlwright.settings import Settings

logger = logging.getLogger(__name__)

FILE: Final = "mlwright-looks.jsonl"
"""Name of the file; it goes into the folder for temporary files, the one that the operator's pod can write."""
FORM: Final = 1
"""Changes when looks that were written before can no longer be read."""
KEPT: Final = 200
"""Looks that are remembered, of all deployments together."""
LARGEST: Final = 8_000_000
"""Bytes that are held and written, the newest looks: the operator's folder has twice as many."""


class UnreadableError(MlwrightError):
    """A line that is no look, or of a form that this version does not know."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that could not be decided again."""

    sentence: str
    """Which line, and why."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """What was asked about the load and answered; in JSON a key is a text, so these are pairs."""

    question: Question
    answer: Answer
    pods: tuple[tuple[Pod, float], ...]


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a deployment."""

    __pydantic_config__: ClassVar = ConfigDict(ser_json_inf_nan="strings")
    """As null, what a query answered that is no number could not be read again."""

    form: int
    at: datetime
    settings: Settings
    seen: DeploymentSeen
    answers: tuple[_Answered, ...]
    """Those of `seen`, which has none here."""
    sentence: str
    deeds: tuple[str, ...]
    """Records and writes, in their order."""


@dataclass(frozen=True, slots=True)
class Played:
    """A look that was decided again."""

    look: Look
    sentence: str
    deeds: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the same came of it."""
        return (self.sentence, self.deeds) == (self.look.sentence, self.look.deeds)


_JSON: Final = TypeAdapter(Look)
_WRITER: Final = SchemaSerializer(_JSON.core_schema, CoreConfig(ser_json_inf_nan="strings"))
"""Writes looks. That of `_JSON` knows the word about numbers in fields of one type only, for it has it of the class:
what may be one of several classes is written as the writer as a whole is told."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A look as it is remembered."""

    uid: str
    sentence: str
    line: bytes


class Looks:
    """Remembers looks; forgets the oldest."""

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque()
        self._size = 0
        self._last: dict[str, _Kept] = {}
        """The newest of each deployment, by its uid, as long as that is kept."""

    def over(self, reconciler: Reconciler[Any]) -> Reconciler[Any]:
        """Return a reconciler that decides as the one given, and whose looks are remembered."""

        def plan(seen: object, settings: Settings, now: datetime) -> Plan:
            found = reconciler.plan(seen, settings, now)
            self.keep(seen, settings, now, found)
            return found

        return replace(reconciler, plan=plan)

    def keep(self, seen: object, settings: Settings, at: datetime, plan: Plan) -> None:
        """Remember a look at a deployment that brought something new."""
        if not isinstance(seen, DeploymentSeen):
            return
        before = self._last.get(seen.uid)
        if before is not None and before.sentence == plan.sentence and not plan.records:
            return
        try:
            line = _WRITER.to_json(_look(seen, settings, at, plan)) + b"\n"
        except ValueError as error:  # what is decided must not hang on it
            logger.warning("a look cannot be remembered", extra={"deployment": seen.uid, "error": str(error)})
            return
        self._last[seen.uid] = look = _Kept(seen.uid, plan.sentence, line)
        self._kept.append(look)
        self._size += len(line)
        while len(self._kept) > KEPT or self._size > LARGEST:
            self._forget(self._kept.popleft())

    def _forget(self, oldest: _Kept) -> None:
        self._size -= len(oldest.line)
        if self._last.get(oldest.uid) is oldest:
            del self._last[oldest.uid]

    def write(self, file: Path) -> None:
        """Write them, one JSON object a line, the oldest first; a failure is logged."""
        lines = [look.line for look in tuple(self._kept)]
        try:
            file.write_bytes(b"".join(lines))
        except OSError as error:
            logger.warning("looks cannot be written", extra={"file": str(file), "error": str(error)})
            return
        logger.info("looks are written", extra={"file": str(file), "looks": len(lines)})


def played(lines: Iterable[str]) -> Iterator[Played | Unreadable]:
    """Decide again what was seen in each look; a line that is none says so, and the others are decided all the same."""
    for number, line in enumerate(lines, 1):
        try:
            look = _read(line, number)
        except UnreadableError as error:
            yield Unreadable(str(error))
            continue
        answers = {one.question: replace(one.answer, pods=dict(one.pods)) for one in look.answers}
        plan = deployments.plan(replace(look.seen, answers=answers), look.settings, look.at)
        yield Played(look, plan.sentence, _deeds(plan))


def _read(line: str, number: int) -> Look:
    """Return the look of a line.

    Raises:
        UnreadableError: it is none, or of another form; the sentence names the line by its number.
    """
    try:
        look = _JSON.validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise UnreadableError(f"line {number} is no look of a deployment: {where}: {first['msg']}") from error
    if look.form != FORM:
        raise UnreadableError(f"line {number} is of form {look.form}, this version knows form {FORM}")
    return look


def _look(seen: DeploymentSeen, settings: Settings, at: datetime, plan: Plan) -> Look:
    answers = tuple(
        _Answered(question, replace(answer, pods={}), tuple(answer.pods.items()))
        for question, answer in seen.answers.items()
    )
    return Look(FORM, at, settings, replace(seen, answers={}), answers, plan.sentence, _deeds(plan))


def _deeds(plan: Plan) -> tuple[str, ...]:
    return tuple(_deed(write) for write in (*plan.records, *plan.writes))


def _deed(write: Write) -> str:
    """Return what is written, with a digest of how: any other byte is another deed."""
    if isinstance(write, Scale):
        return f"scale {write.kind.name} {write.name} to {write.replicas}"
    if isinstance(write, Delete):
        return f"delete {write.kind.name} {write.name} {write.uid}"
    name = write.body["metadata"]["name"]
    return f"{type(write).__name__.lower()} {write.body['kind']} {name} {short(canonical(write.body))}"
