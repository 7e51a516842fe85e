"""The step `evaluate`: score the bundle, as it will be served, on the held-out rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from mlwright.bundle.errors import BundleError
from mlwright.bundle.models import answer_all, load_model
from mlwright.bundle.profile import read_profile
from mlwright.bundle.verification import verify
from mlwright.trainer.answers import Answers, answers_of, score
from mlwright.trainer.errors import SurroundingsError
from mlwright.trainer.evidence import Bundle, Found, gather, sliced
from mlwright.trainer.gate_settings import ChampionGate
from mlwright.trainer.opponent import NoAnswerError, answers_of_champion
from mlwright.trainer.report.search import Searched
from mlwright.trainer.report.version_report import REPORT, Measured, version_report
from mlwright.trainer.scores import Places, check_metrics
from mlwright.trainer.slice_columns import read_slices
from mlwright.trainer.step import Step, StepName
from mlwright.trainer.tables import TEST, TEST_KEYS, Side, read_side
from mlwright.trainer.tuning.trials import read_trials
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
    check_metrics(step.metrics, step.training.task, target=step.dataset.target is not None)
    data = earlier_folder(step, StepName.VALIDATE, root)
    side = read_side(data / TEST, step.dataset.target)
    bundle = _load(earlier_folder(step, StepName.TRAIN, root))
    core, outputs = bundle.core, answer_all(bundle.model, side.arrays())
    answers = answers_of(core.task, core.signature, outputs, side.truth())
    results: dict[str, Any] = {"metrics": score(answers, step.metrics), "testRows": side.rows}
    columns, champion = read_slices(step.gates, data), _champion(step, side, bundle, root)
    found = Found(bundle, side, answers, columns, champion, step.training.seed, _groups(step, data))
    if evidence := gather(step.gates, found):
        results["evidence"] = evidence
    _report(step, root, results, found)
    if step.run_uri.startswith("s3://"):
        results["judged"] = _digest(earlier_folder(step, StepName.TRAIN, root))  # two pods may each have sent one
    return f"scored on {rows(side.rows)} held out", results


def _report(step: Step, root: Path, results: Mapping[str, Any], found: Found) -> None:
    """Leave a page for people beside the model; the digest of the bundle does not cover it."""
    folder = earlier_folder(step, StepName.TRAIN, root) / BUNDLE
    core = found.bundle.core
    page = version_report(
        Measured(
            title=f"Model {step.model}, run {step.run.name}",
            facts=(
                ("Estimator", step.training.estimator),
                ("Rows held out", f"{found.held_out.rows:,}"),
                ("Format", f"{core.format}, {found.bundle.bytes / 1e6:.3g} MB"),
            ),
            metrics=results["metrics"],
            answers=found.answers,
            classes=tuple(_name(label) for label in core.signature.classes),
            profile=read_profile(folder),
            slices=sliced(step.gates, found),
            evidence=results.get("evidence") or {},
            searched=_searched(step, root),
        )
    )
    draft = folder / f".{REPORT}-{step.run.attempt}"
    draft.write_text(page, encoding="utf-8")
    draft.replace(folder / REPORT)  # whole or not at all: another attempt may write the same
    step.copies.send(folder / REPORT)


def _searched(step: Step, root: Path) -> Searched | None:
    """What the step tune tried; None without one, also where it was skipped."""
    if step.training.tuning is None or StepName.TUNE not in step.inputs:
        return None
    return Searched(step.training.tuning.objectives, read_trials(earlier_folder(step, StepName.TUNE, root)))


def _name(label: object) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _groups(step: Step, data: Path) -> Places | None:
    """The groups of the rows held out, as the step validate left them."""
    if step.dataset.group_column is None:
        return None
    try:
        column = pa.parquet.read_table(data / TEST_KEYS, columns=["group"]).column(0)
    except (pa.ArrowException, FileNotFoundError):
        raise SurroundingsError(f"{TEST_KEYS} of the step validate is missing or damaged") from None
    return np.asarray(column.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False), np.int64)


def _champion(step: Step, side: Side, bundle: Bundle, root: Path) -> Answers | NoAnswerError | None:
    """The champion's answers, if a gate asks for them and there is a champion."""
    if step.champion is None or not any(isinstance(gate, ChampionGate) for gate in step.gates):
        return None
    try:
        return answers_of_champion(step.champion, side, bundle.core, root)
    except NoAnswerError as problem:
        return problem


def _load(folder: Path) -> Bundle:
    try:
        manifest = verify(folder / BUNDLE, _digest(folder))
        return Bundle(load_model(folder / BUNDLE, manifest.core), manifest.core, manifest.bytes)
    except (BundleError, KeyError, TypeError) as problem:
        raise SurroundingsError(f"the bundle of the step train cannot be used: {problem}") from problem


def _digest(folder: Path) -> str:
    """The digest of the bundle as the step train reported it."""
    return str((read_earlier(folder).results or {})["bundle"]["digest"])
