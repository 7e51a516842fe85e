"""The step `evaluate`: score the bundle, as it will be served, on the held-out rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlwright.bundle.errors import BundleError
from mlwright.bundle.manifest import LABEL, PREDICTION, PROBABILITIES, Core, Label
from mlwright.bundle.models import Model, answer_all, load_model
from mlwright.bundle.tensors import Array, Arrays
from mlwright.bundle.verification import verify
from mlwright.scoring import Task
from mlwright.trainer.errors import SurroundingsError
from mlwright.trainer.scores import Judged, check_metrics, score_classes, score_numbers
from mlwright.trainer.step import Step, StepName
from mlwright.trainer.tables import TEST, Side, read_side, to_array
from mlwright.trainer.targets import class_places
from mlwright.trainer.wording import rows
from mlwright.trainer.workspace import BUNDLE, earlier_folder, read_earlier


def evaluate(step: Step, root: Path, _folder: Path) -> tuple[str, dict[str, Any]]:
    """Run the step.

    Args:
        step: What to do.
        root: The mount root.

    Returns:
        The sentence and the results.

    Raises:
        UserError: A metric does not exist, does not fit the task, or is undefined on the held-out rows.
        SurroundingsError: An earlier step left nothing, or its bundle is damaged.
    """
    check_metrics(step.metrics, step.training.task)
    side = read_side(earlier_folder(step, StepName.VALIDATE, root) / TEST, step.dataset.target)
    model, core = _load(earlier_folder(step, StepName.TRAIN, root))
    values = _score(core, side, answer_all(model, side.arrays()), step.metrics)
    return f"scored on {rows(side.rows)} held out", {"metrics": values, "testRows": side.rows}


def judge(outputs: Arrays, target: Array, classes: tuple[Label, ...]) -> Judged:
    """Put a classifier's answers beside the truth; each class that it does not know gets the probability 0."""
    unknown = tuple(sorted(set(target.tolist()) - set(classes)))
    known = outputs[PROBABILITIES]
    probabilities = np.hstack([known, np.zeros((len(known), len(unknown)))])
    every = (*classes, *unknown)
    return Judged(class_places(target, every), class_places(outputs[LABEL], every), probabilities)


def _load(folder: Path) -> tuple[Model, Core]:
    try:
        digest = (read_earlier(folder).results or {})["bundle"]["digest"]
        core = verify(folder / BUNDLE, digest).core
        return load_model(folder / BUNDLE, core), core
    except (BundleError, KeyError, TypeError) as problem:
        raise SurroundingsError(f"the bundle of the step train cannot be used: {problem}") from problem


def _score(core: Core, side: Side, outputs: Arrays, metrics: Sequence[str]) -> dict[str, float]:
    target = to_array(side.target)
    if core.task is Task.REGRESSION:
        return score_numbers(target, outputs[PREDICTION], metrics)
    return score_classes(judge(outputs, target, core.signature.classes), metrics)
