"""The step `validate`: read the data, judge it, and split it into `train.parquet` and `test.parquet`."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import has_fit_parameter

from mlwright.scoring import Task
from mlwright.trainer import columns, sources, splits, targets, times
from mlwright.trainer.checks.judging import Subject
from mlwright.trainer.data import Data, digest, gather, load, row_digests, select
from mlwright.trainer.errors import UserError
from mlwright.trainer.estimators import build_estimator
from mlwright.trainer.examining import examine
from mlwright.trainer.fairness import check_classes, check_labelled
from mlwright.trainer.gate_settings import metrics_named
from mlwright.trainer.scores import check_metrics
from mlwright.trainer.slice_columns import check_exist, write_slices
from mlwright.trainer.split_record import describe
from mlwright.trainer.step import Dataset, Split, SplitType, Step
from mlwright.trainer.tables import TEST, TEST_KEYS, TRAIN, TRAIN_KEYS, write_rows
from mlwright.trainer.wording import rows

logger = logging.getLogger(__name__)


def validate(step: Step, root: Path, folder: Path) -> tuple[str, dict[str, Any]]:
    """Run the step.

    Args:
        step: What to do.
        root: The mount root.
        folder: Where to write.

    Returns:
        The sentence and the results.

    Raises:
        UserError: The estimator, the metrics or the data cannot be used; nothing is wrong that another try would mend.
    """
    if not step.training.own:
        _check_weighing(build_estimator(step.training), step.dataset)
    if step.training.tuning:
        _check_tuning(step)
    check_metrics(
        (*step.metrics, *metrics_named(step.gates)), step.training.task, target=step.dataset.target is not None
    )
    check_labelled(step.gates, step.dataset.target)
    source = sources.find(step.dataset, root)
    revision = source.revision  # before the rows: what changes while they are read is new afterwards
    names = sources.column_names(source)
    roles = columns.choose(step.dataset, names)
    divided_by = check_exist(step.gates, names)
    kept, span = select(step, source)
    subject = Subject(source, names, roles, kept, step.run.triggered_at)
    examined = examine(step, subject, _words(span), folder, root)
    table = load(source, tuple(dict.fromkeys((*roles.used, *divided_by))), kept, examined.rows)
    logger.info("read the dataset", extra={"files": len(source.files), "rows": table.num_rows})
    data = gather(step, roles, table)
    if data.target is not None:
        check_classes(step.gates, roles.target, targets.classes_of(data.target))
    hashes = row_digests(data)
    test = _hold_out(step, data, hashes)
    train_rows, test_rows = _write(data, test, step, folder)
    write_slices(step.gates, table, pa.array(test), folder)
    dataset: dict[str, Any] = {
        "uri": step.dataset.uri,
        "format": str(source.format),
        "digest": digest(data, hashes),
        "bytes": source.bytes,
        "revision": revision,
        "sourceRows": data.rows if kept is None else len(kept),
        "rows": data.rows,
        "trainRows": train_rows,
        "testRows": test_rows,
        "features": len(roles.features),
        "report": examined.report,
        "split": describe(step.dataset, data, test),
    }
    if span:
        dataset["range"] = span.to_document()
    checks = {"checks": examined.verdict} if examined.verdict else {}
    warning = f"; {examined.warning}" if examined.warning else ""
    return f"read {rows(data.rows)}, {test_rows:,} of them held out{warning}", {"dataset": dataset, **checks}


def _check_weighing(estimator: BaseEstimator, dataset: Dataset) -> None:
    """Refuse weights of rows that the estimator would not look at."""
    if dataset.weight_column is not None and not has_fit_parameter(estimator, "sample_weight"):
        raise UserError(
            columns.WEIGHT,
            f"is set, but {type(estimator).__name__} learns from all rows alike",
            "use another estimator, or remove the field",
        )


def _check_tuning(step: Step) -> None:
    """Look at the space. Optuna is imported by who tunes alone: starting is most of the time of a small run."""
    from mlwright.trainer.tuning.space import check_tuning  # noqa: PLC0415

    if step.training.tuning:
        check_tuning(step.training, step.training.tuning, target=step.dataset.target is not None)


def _words(span: times.Range | None) -> str:
    if span is None:
        return ""
    found = span.to_document()
    return f"after {found['from']}, up to {found['until']}"


def _hold_out(step: Step, data: Data, hashes: NDArray[Any]) -> splits.Mask:
    split = step.dataset.split
    if split.type is SplitType.TEMPORAL:
        return splits.temporal_split(_order(step.dataset, data), test=split.test)
    if split.type is SplitType.STRATIFIED:
        if data.target is None:
            raise UserError(
                columns.TARGET, "is not set, and the Stratified split needs it", "use the split Hash or Random"
            )
        strata = splits.strata_of(data.target, quantity=step.training.task is Task.REGRESSION)
        order = (splits.row_order(data.identity, split.seed), hashes[:, 0])
        return splits.stratified_split(strata, order, test=split.test)
    if split.type is SplitType.GROUP:
        return _whole_groups(split, data)
    draw = splits.drawn_split if split.type is SplitType.RANDOM else splits.hash_split
    return draw(data.identity, test=split.test, seed=split.seed)


def _whole_groups(split: Split, data: Data) -> splits.Mask:
    field = "spec.dataset.groupColumn"
    if data.group is None:
        raise UserError(field, "is not set, and the Group split needs it", "name the column that holds the group")
    held_out = splits.drawn_split((data.group,), test=split.test, seed=split.seed)
    if not held_out.any():
        raise UserError(
            field,
            f"column {data.roles.group_column!r} holds one group only, in {rows(data.rows)}",
            "name a column with several groups, or use another split",
        )
    return held_out


def _order(dataset: Dataset, data: Data) -> Any:
    field = "spec.dataset.timeColumn"
    name = dataset.time_column
    if name is None:
        raise UserError(field, "is not set, and the Temporal split needs it", "name the column that holds the time")
    return times.order_of(name, data.times[data.roles.time_columns.index(name)], field)


def _write(data: Data, test: splits.Mask, step: Step, folder: Path) -> tuple[int, int]:
    held_out = int(np.count_nonzero(test))
    targets.check_sides(data.rows - held_out, held_out)
    held = dict(zip(data.roles.features, data.features, strict=True))
    if data.target is not None:
        targets.check_classes_left(data.roles.target, data.target.filter(pa.array(~test)), step.training.task)
        held[str(data.roles.target)] = data.target
    table = pa.table(held)
    keys = _keys(data, step.dataset)
    for mask, path, beside in ((~test, TRAIN, TRAIN_KEYS), (test, TEST, TEST_KEYS)):
        write_rows(table, mask, folder / path)
        if keys.num_columns:
            write_rows(keys, mask, folder / beside)
    return data.rows - held_out, held_out


def _keys(data: Data, dataset: Dataset) -> Any:
    """What later steps must know of rows to keep them apart and weigh them, beside what the model may see of them."""
    keys = {}
    if data.group is not None:
        keys["group"] = data.group
    if dataset.time_column:
        keys["time"] = pa.array(_order(dataset, data))
    if data.weight is not None:
        keys["weight"] = data.weight
    return pa.table(keys)
