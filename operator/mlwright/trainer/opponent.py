"""The champion in the step evaluate: its bundle answers the rows that were held out of this run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlwright.bundle import addresses
from mlwright.bundle.errors import AddressError, BundleError, GapsError
from mlwright.bundle.manifest import Core, Datatype, Tensor
from mlwright.bundle.models import answer_all, load_model
from mlwright.bundle.tensors import Array
from mlwright.bundle.verification import verify
from mlwright.trainer.answers import Answers, answers_of
from mlwright.trainer.step import Champion
from mlwright.trainer.tables import Side, to_array


class NoAnswerError(Exception):
    """The champion cannot answer these rows; the text says why."""


def answers_of_champion(champion: Champion, held_out: Side, core: Core, root: Path) -> Answers:
    """Let the champion answer the rows that were held out.

    Args:
        champion: Which version.
        held_out: The rows, with the features of the new model.
        core: The manifest of the new model: both must answer the same question.
        root: The mount root.

    Raises:
        NoAnswerError: Its bundle cannot be loaded, it learned another task or other classes, needs other columns, or
            takes no missing numbers and there are some.
    """
    try:
        folder = addresses.locate(addresses.parse(champion.uri, field="champion.uri", schemes=addresses.DATA), root)
        theirs = verify(folder, champion.digest).core
        model = load_model(folder, theirs)
    except (AddressError, BundleError, OSError) as problem:
        raise NoAnswerError(f"the bundle of {champion.version} cannot be used: {problem}") from problem
    _check_question(champion, core, theirs)
    inputs = _inputs(champion, theirs, held_out)
    try:
        outputs = answer_all(model, inputs)
    except GapsError as gaps:
        names = ", ".join(map(repr, gaps.inputs))
        raise NoAnswerError(f"{champion.version} takes no missing numbers, and some of {names} are missing") from gaps
    return answers_of(theirs.task, theirs.signature, outputs, held_out.truth())


def _check_question(champion: Champion, ours: Core, theirs: Core) -> None:
    if ours.task is not theirs.task:
        raise NoAnswerError(f"{champion.version} learned {theirs.task.named}, this version {ours.task.named}")
    if ours.signature.classes != theirs.signature.classes:
        raise NoAnswerError(f"{champion.version} tells other classes apart than this version")


def _inputs(champion: Champion, core: Core, held_out: Side) -> Mapping[str, Array]:
    columns = {tensor.name: (tensor, column) for tensor, column in zip(held_out.inputs, held_out.features, strict=True)}
    missing = [tensor.name for tensor in core.signature.inputs if tensor.name not in columns]
    if missing:
        raise NoAnswerError(f"{champion.version} needs column {missing[0]!r}, which is no feature of this version")
    return {tensor.name: _fit(champion, tensor, *columns[tensor.name]) for tensor in core.signature.inputs}


def _fit(champion: Champion, wanted: Tensor, given: Tensor, column: Any) -> Array:
    """A column in the datatype that the champion learned, if every value of it has one."""
    values = to_array(column).reshape(-1, 1)
    if given.datatype is wanted.datatype:
        return values
    if wanted.datatype is Datatype.FP64 and given.datatype is not Datatype.BYTES:
        return values.astype(np.float64)
    whole = given.datatype is Datatype.FP64 and bool(np.all(np.mod(values, 1) == 0))
    if wanted.datatype is Datatype.INT64 and (whole or given.datatype is Datatype.BOOL):
        return values.astype(np.int64)
    raise NoAnswerError(
        f"column {wanted.name!r} holds {given.datatype} now, and {champion.version} learned {wanted.datatype}"
    )
