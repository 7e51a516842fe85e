"""Requests whose answers are known or recorded, asked of the pods of a candidate, and what their answers must be.

An answer must come, in time and without an error, with the outputs of the signature in their shapes, and numbers must
be finite. To a golden row it must be the one of the bundle. To a recorded request it may be another one than before:
that is counted and told, since another version is there to answer otherwise. Values never appear in a sentence.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import numpy as np
import orjson

from mlwright.bundle.golden import GoldenRow
from mlwright.bundle.manifest import PROBABILITIES, Datatype, Signature, Tensor
from mlwright.bundle.parity import compare_golden
from mlwright.bundle.tensors import DTYPES, Array, Arrays
from mlwright.server.agreement import agree, golden_question
from mlwright.server.fellowship import Fellowship
from mlwright.server.replay import newest
from mlwright.server.settings import Settings
from mlwright.server.shadow_client import CopyError, ShadowConnection

TRIES: Final = 3
"""An answer is too slow when it is so this often in a row: a machine has other things to do now and then."""
TOLERANCE: Final = 0.05
"""Within which numbers count as the same as before, as between stable and shadow."""


class OtherwiseError(Exception):
    """A pod did not answer as it must; the message names the request and what was expected."""

    def __init__(self, words: str) -> None:
        """Take the message; what was counted up to then is added by who counts."""
        super().__init__(words)
        self.counted: Mapping[str, Any] = {}


class AwayError(Exception):
    """A pod could not be asked; another try may find it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request."""

    name: str
    body: bytes
    rows: int
    golden: GoldenRow | None = None
    """With the answer that it must get."""
    line: bytes = b""
    """With the answer that it got before, as it was recorded."""


def golden(rows: Sequence[GoldenRow], signature: Signature) -> Iterator[Question]:
    """Yield the golden rows of a bundle, each as a request of its own."""
    for number, row in enumerate(rows, start=1):
        yield Question(f"golden row {number} of {len(rows)}", golden_question(row, signature), 1, golden=row)


def recorded(settings: Settings, most: int, by: str) -> Iterator[Question]:
    """Yield the newest requests that a revision of the deployment recorded.

    What was sent as bytes may be longer as JSON: what is too long for a server is left out, as is what cannot be read.
    """
    if settings.payload_log is None or not most:
        return
    folder = settings.payload_log / settings.identity.deployment
    lines = list(newest(folder / by, most) if settings.payload_sent else newest(folder, most, f"{by}-*.jsonl"))
    for number, line in enumerate(lines, start=1):
        told = orjson.loads(line)
        at = datetime.fromtimestamp(told["at"], UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        body = orjson.dumps({"inputs": told.get("inputs")})
        with contextlib.suppress(LookupError, TypeError, ValueError):
            rows = int(told["inputs"][0]["shape"][0])
            if len(body) <= settings.max_body_bytes:
                yield Question(f"recorded request {number} of {len(lines)} (of {at})", body, rows, line=line)


def read(question: Question, answer: bytes, signature: Signature) -> dict[str, Array]:
    """Return the outputs of an answer as arrays.

    Raises:
        OtherwiseError: An output lacks, has another shape or datatype, or holds what is not finite.
    """
    try:
        outputs = {output["name"]: output for output in orjson.loads(answer)["outputs"]}
    except (KeyError, TypeError, ValueError):
        raise OtherwiseError(f"{question.name} got no answer of the protocol: expected JSON with outputs") from None
    return {tensor.name: _output(question, tensor, outputs.get(tensor.name), signature) for tensor in signature.outputs}


def _output(question: Question, tensor: Tensor, output: Mapping[str, Any] | None, signature: Signature) -> Array:
    name, columns = tensor.name, [len(signature.classes)] if tensor.name == PROBABILITIES else []
    shape = [question.rows, *columns]
    if output is None:
        raise OtherwiseError(f"{question.name} got an answer without the output {name}: expected shape {shape}")
    if output.get("shape") != shape or output.get("datatype") != tensor.datatype:
        found = f"{output.get('datatype')} {output.get('shape')}"
        raise OtherwiseError(f"{question.name} got {name} as {found}: expected {tensor.datatype} {shape}")
    try:
        values = np.array(output["data"], dtype=DTYPES[tensor.datatype]).reshape(shape)
    except (KeyError, TypeError, ValueError):
        raise OtherwiseError(f"{question.name} got {name} with other data than its shape: expected {shape}") from None
    if tensor.datatype is Datatype.FP64 and not np.isfinite(values).all() and not _had_gaps(question, name):
        raise OtherwiseError(f"{question.name} got {name} with what is no number: expected finite numbers")
    return values


def _had_gaps(question: Question, name: str) -> bool:
    """Whether the recorded answer lacked numbers as well: what no version can answer, all leave out."""
    if not question.line:
        return False
    outputs = orjson.loads(question.line).get("outputs") or ()
    before = {output.get("name"): output.get("data") or [] for output in outputs}
    return None in before.get(name, [])


class Rehearsal:
    """Asks, and counts what came of it."""

    def __init__(self, settings: Settings, signature: Signature, bound: float | None) -> None:
        """Take who is asked, how it answers, and the seconds that an answer may take."""
        self._settings = settings
        self._signature = signature
        self._bound = bound
        self._path = f"/v2/models/{settings.identity.deployment}/infer"
        self._pods = self._golden = self._recorded = self._same = 0
        self._slowest = 0.0

    @property
    def counted(self) -> dict[str, Any]:
        """What was asked, for machines."""
        return {
            "pods": self._pods,
            "golden": self._golden,
            "recorded": self._recorded,
            "same": self._same,
            "slowestSeconds": round(self._slowest, 4),
        }

    @property
    def sentence(self) -> str:
        """What was asked, for people."""
        asked = f"{self._golden} golden rows were answered as expected by {self._pods} pods"
        asked = asked.replace(" 1 pods", " 1 pod")
        before = f", {self._recorded} recorded requests without error, {self._same} of them as before"
        return f"{asked}{before if self._recorded else ''}; the slowest took {self._slowest * 1000:.1f} ms"

    async def ask_all(
        self, pods: Sequence[tuple[str, int]], known: Sequence[Question], before: Sequence[Question]
    ) -> None:
        """Ask every pod what is known, and one after the other what was recorded.

        Raises:
            OtherwiseError: A pod did not answer as it must.
            AwayError: There is no pod, or one could not be asked.
        """
        if not pods:
            raise AwayError("no pod is ready to be asked")
        connections = [ShadowConnection(pod, Fellowship.of(self._settings)) for pod in pods]
        try:
            for connection in connections:
                for question in known:
                    await self._ask(connection, question)
                self._pods += 1
                self._golden = len(known)
            for number, question in enumerate(before):
                await self._ask(connections[number % len(connections)], question)
                self._recorded += 1
        except OtherwiseError as found:
            found.counted = self.counted
            raise
        finally:
            for connection in connections:
                connection.close()

    async def _ask(self, connection: ShadowConnection, question: Question) -> None:
        answer, seconds = await self._answered(connection, question)
        outputs = read(question, answer, self._signature)
        if question.golden is not None:
            found = compare_golden([question.golden], outputs, self._signature)
            if not found.holds:
                words = f"{question.name} was answered otherwise than the bundle expects"
                raise OtherwiseError(f"{words}: {found.sentence}")
        elif _same(outputs, question.line):
            self._same += 1
        self._slowest = max(self._slowest, seconds)

    async def _answered(self, connection: ShadowConnection, question: Question) -> tuple[bytes, float]:
        """The answer, and how long the quickest try took: one is enough where no bound is broken."""
        quickest = float("inf")
        for _ in range(TRIES):
            began = time.perf_counter()
            answer = await self._post(connection, question)
            quickest = min(quickest, time.perf_counter() - began)
            if self._bound is None or quickest <= self._bound:
                return answer, quickest
        raise OtherwiseError(
            f"{question.name} took {quickest * 1000:.0f} ms, the quickest of {TRIES} tries: expected at most"
            f" {(self._bound or 0) * 1000:g} ms (rollout.preflight.replay.latencyBound)"
        )

    async def _post(self, connection: ShadowConnection, question: Question) -> bytes:
        try:
            return await connection.post(self._path, question.body, {}, self._settings.timeout_seconds)
        except CopyError as problem:
            if problem.status and problem.status != HTTPStatus.SERVICE_UNAVAILABLE:
                words = f"{question.name} was answered with status {problem.status}"
                raise OtherwiseError(f"{words}: expected an answer, with status 200") from problem
            if isinstance(problem.__cause__, TimeoutError):
                seconds = f"{self._settings.timeout_seconds:g} s (server.timeout)"
                raise OtherwiseError(f"{question.name} was not answered: expected an answer in {seconds}") from problem
            raise AwayError(f"pod {connection.address[0]} could not be asked: {problem}") from problem


def _same(outputs: Arrays, line: bytes) -> bool:
    """Whether an answer is as before; one of another task is not."""
    try:
        return agree(outputs, line, TOLERANCE)
    except ValueError:
        return False
