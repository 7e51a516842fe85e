"""The step `train`: fit the estimator on the training rows and write the bundle."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlwright.bundle import addresses, golden
from mlwright.bundle.golden import GoldenRow
from mlwright.bundle.manifest import LABEL, PROBABILITIES, Manifest
from mlwright.bundle.profile import Profile
from mlwright.bundle.tensors import expected_outputs, plain_outputs, to_inputs
from mlwright.trainer.answering import Answering
from mlwright.trainer.bundling import Parts, write_bundle
from mlwright.trainer.environment import environment
from mlwright.trainer.fitting import Fitted, answer_soundly, fit
from mlwright.trainer.own_model import FILE, OwnModel, load_own
from mlwright.trainer.preparation import check_prepared
from mlwright.trainer.profiles import build_profile
from mlwright.trainer.signing import sign
from mlwright.trainer.step import Preprocessing, Step, StepName, Training
from mlwright.trainer.storing import Trial, store
from mlwright.trainer.tables import TEST, Side, read_learned, read_side, side_of
from mlwright.trainer.targets import check_classes_left, check_sides
from mlwright.trainer.wording import rows
from mlwright.trainer.workspace import BUNDLE, Workspace, earlier_folder, read_earlier

TRIAL_ROWS: Final = 20_000
"""Held-out rows on which outputs are profiled and a converted model must answer like the original."""
GOLDEN_DECIMALS: Final = 9
"""Answers in golden rows are rounded to this: far below the tolerance, and blind to the last bits of a processor."""


def train(step: Step, root: Path, folder: Path) -> tuple[str, dict[str, Any]]:
    """Run the step.

    Args:
        step: What to do.
        root: The mount root.
        folder: Where to write.

    Returns:
        The sentence and the results.

    Raises:
        UserError: The estimator cannot learn from these rows, or cannot be stored.
        SurroundingsError: The step validate left nothing.
    """
    data = earlier_folder(step, StepName.VALIDATE, root)
    step = with_best(step, root)
    target = step.dataset.target
    learned = read_learned(data, target, weighted=step.dataset.weight_column is not None)
    held_out = read_side(data / TEST, target)
    check_sides(learned.rows, held_out.rows)
    check_classes_left(target, learned.target, step.training.task)
    dataset = (read_earlier(data).results or {}).get("dataset")
    if step.training.own:
        return _take_in(step, root, folder, (learned, held_out), dataset)
    parts = build_parts(step, learned, held_out, dataset)
    manifest = write_bundle(folder / BUNDLE, parts)
    signer = _signed(step, folder)
    name = step.training.estimator.rpartition(".")[2]
    sentence = f"trained {name} on {rows(learned.rows)}, stored as {manifest.core.format}"
    return sentence, _results(step, manifest, signer)


def _signed(step: Step, folder: Path) -> str:
    """Sign the bundle if that is asked for; the fingerprint of the key, empty without one."""
    return sign(folder / BUNDLE, step.signing_key) if step.signed else ""


def _take_in(
    step: Step, root: Path, folder: Path, sides: tuple[Side, Side], dataset: object
) -> tuple[str, dict[str, Any]]:
    """Make the bundle of a model that a container of somebody's own has fitted before this."""
    draft = Workspace.of(step, root).before
    learned, held_out = sides
    fitted = load_own(draft / FILE, step.training, learned)
    manifest = write_bundle(folder / BUNDLE, own_parts(step, fitted, learned, held_out, dataset))
    signer = _signed(step, folder)
    shutil.rmtree(draft)
    sentence = f"took in the model that the container learned from {rows(learned.rows)}, stored as ONNX"
    return sentence, _results(step, manifest, signer)


def own_parts(step: Step, fitted: OwnModel, learned: Side, held_out: Side, dataset: object) -> Parts:
    """Everything that goes into the bundle of a model that is fitted already.

    Raises:
        UserError: The model cannot answer rows.
    """
    matrix = fitted.encoding.matrix(held_out.spread(TRIAL_ROWS))
    answers = answer_soundly(fitted, matrix, "the model of the container")
    profile = build_profile(learned, matrix, answers, fitted, step.training.seed)
    record = {"step": dict(step.document), "dataset": dataset, "environment": environment(), "seconds": {}}
    return Parts(fitted, fitted.stored, profile, invent_golden(profile, fitted, step.training), record)


def with_best(step: Step, root: Path) -> Step:
    """The step with the parameters that the step tune has found; as it is without one, also where that was skipped.

    Raises:
        SurroundingsError: The step tune left nothing.
    """
    if StepName.TUNE not in step.inputs:
        return step
    found = (read_earlier(earlier_folder(step, StepName.TUNE, root)).results or {})["tuning"]["best"]["parameters"]
    return replace(step, training=replace(step.training, parameters={**step.training.parameters, **found}))


def build_parts(step: Step, learned: Side, held_out: Side, dataset: object) -> Parts:
    """Everything that goes into the bundle.

    Args:
        step: What to do.
        learned: The rows to learn from.
        held_out: The others.
        dataset: What the step validate reported about the data, for the record.

    Raises:
        UserError: The estimator cannot learn from these rows, or cannot be stored.
    """
    began = time.monotonic()
    fitted = fit(step.training, learned)
    seconds = {"fit": round(time.monotonic() - began, 3)}
    side = held_out.spread(TRIAL_ROWS)
    matrix = fitted.encoding.matrix(side)
    if step.training.preprocessing is Preprocessing.NONE:
        check_prepared(fitted.pipeline.steps[-1][1], fitted.encoding, matrix)
    trial = Trial(side.arrays(), answer_soundly(fitted, matrix, step.training.estimator))
    profile = build_profile(learned, matrix, trial.expected, fitted, step.training.seed)
    invented = invent_golden(profile, fitted, step.training)
    stored = store(fitted, (trial, _golden_trial(fitted, invented)))
    seconds["total"] = round(time.monotonic() - began, 3)
    record = {
        "step": dict(step.document),
        "parameters": dict(step.training.parameters),
        "dataset": dataset,
        "environment": environment(),
        "seconds": seconds,
    }
    return Parts(fitted, stored, profile, invented, record)


def invent_golden(profile: Profile, fitted: Answering, training: Training) -> tuple[GoldenRow, ...]:
    """Golden rows drawn from the profile, with the fitted pipeline's answers."""
    inputs = golden.synthesise(profile, seed=training.seed)
    arrays = to_inputs(inputs, fitted.signature)
    matrix = fitted.encoding.matrix(side_of(arrays, fitted.signature.inputs))
    answers = answer_soundly(fitted, matrix, training.estimator)
    rounded = {name: values if name == LABEL else _rounded(name, values) for name, values in answers.items()}
    return tuple(GoldenRow(row, plain_outputs(rounded, place)) for place, row in enumerate(inputs))


def _rounded(name: str, values: Any) -> Any:
    if name == PROBABILITIES:
        return np.round(values, GOLDEN_DECIMALS)
    return np.array([float(f"{value:.{GOLDEN_DECIMALS}g}") for value in values])


def _golden_trial(fitted: Fitted, invented: tuple[GoldenRow, ...]) -> Trial:
    signature = fitted.signature
    return Trial(to_inputs([row.inputs for row in invented], signature), expected_outputs(invented, signature))


def _results(step: Step, manifest: Manifest, signer: str) -> dict[str, Any]:
    run = addresses.parse(step.run_uri, field="runUri", schemes=addresses.DATA)
    bundle = {
        "uri": str(run.join(f"{step.name}-{step.run.attempt}", BUNDLE)),
        "digest": manifest.digest,
        "format": str(manifest.core.format),
        "bytes": manifest.bytes,
        **({"signedBy": signer} if signer else {}),
    }
    results: dict[str, Any] = {"bundle": bundle, "environment": environment()}
    if manifest.format_reason:
        results["formatReason"] = manifest.format_reason
    return results
