"""`python -m mlwright.trainer predict`: answer the rows of one shard."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet

from mlwright.bundle.counting import RowCounter, Tallies
from mlwright.bundle.manifest import PROFILE
from mlwright.trainer.batch import answers, fit, records
from mlwright.trainer.batch.finding import find, in_words_of_batch, place_of, plan_of
from mlwright.trainer.batch.opening import Opened, open_version
from mlwright.trainer.batch.place import Place, Sink, done, record
from mlwright.trainer.batch.rows import Piece, Wanted, pieces, shares
from mlwright.trainer.batch.task import Task
from mlwright.trainer.errors import CHANGED, SurroundingsError, UserError
from mlwright.trainer.sources import Source
from mlwright.trainer.wording import rows

SCHEMA_VERSION: Final = 1


def predict(task: Task, shard: int, root: Path, env: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Answer the rows of a shard; one that is done already does nothing again.

    Args:
        task: The run.
        shard: Number of the shard, from 0.
        root: The mount root.
        env: The environment, which holds the keys of an object store and the number of threads.

    Returns:
        What was done, in words and for the report.

    Raises:
        UserError: The input, the output or the version is not as it should be; it names the field.
        SurroundingsError: The input changed meanwhile, or a volume failed; another try may succeed.
    """
    place = place_of(task, root, env)
    if place.published() is not None:
        return f"shard {shard} is done, and the answers are complete", {}
    place.begin()
    source = find(task, root, env)
    plan = plan_of(task, source)
    earlier = done(place, shard)
    if earlier is not None and earlier["plan"] == plan:
        return f"shard {shard} was done before: {rows(earlier['rows'])}", _results(shard, earlier["rows"])
    told = _answered(task, shard, source, place, open_version(task.version, root, _threads(env)))
    if plan_of(task, find(task, root, env)) != plan:
        raise SurroundingsError(CHANGED)
    record(place, shard, {"schemaVersion": SCHEMA_VERSION, "shard": shard, "plan": plan, **told})
    return f"shard {shard} of {task.shards} answered {rows(told['rows'])}", _results(shard, told["rows"])


def _threads(env: Mapping[str, str]) -> int:
    return int(env.get("OMP_NUM_THREADS") or 1)


def _results(shard: int, count: int) -> dict[str, Any]:
    return {"batch": {"shard": shard, "rows": count}}


def _answered(task: Task, shard: int, source: Source, place: Place, opened: Opened) -> dict[str, Any]:
    """Write the part of a shard, and return what is to be told of it."""
    signature = opened.signature
    answers.check_columns(task.output.columns, signature)
    wanted = Wanted({t.name: t.datatype for t in signature.inputs}, task.output.columns, task.version.name)
    with in_words_of_batch():
        parts = shares(source, task.shards)[shard]
    name = f"part-{shard:05}-of-{task.shards:05}.parquet"
    wrote = _Part(task, opened, RowCounter.of(opened.profile))

    def fill(sink: Sink) -> None:
        with ExitStack() as open_files, in_words_of_batch():
            for piece in pieces(source, parts, wanted):
                wrote.add(piece, wanted, sink, open_files)

    if parts:
        place.write(PROFILE, lambda sink: sink.write(opened.profile.to_json()))  # its bins, for the end
        whole = place.write(name, fill)
        own = {"path": name, "rows": wrote.rows, "bytes": whole.bytes, "sha256": whole.sha256}
        if wrote.rows:
            counts = records.to_document(wrote.counts)
            return {"rows": wrote.rows, "counts": counts, "part": own, "kept": whole.kept}
    return {"rows": 0, "counts": None}


@dataclass(slots=True)
class _Part:
    """The file that a shard writes, piece by piece."""

    task: Task
    opened: Opened
    counter: RowCounter
    rows: int = 0
    counts: Tallies | None = None
    _writer: Any = field(default=None, init=False)

    def add(self, piece: Piece, wanted: Wanted, sink: Sink, open_files: ExitStack) -> None:
        """Answer some rows and write the answers."""
        if not piece.table.num_rows:
            return
        inputs = fit.arrays(piece, self.opened.signature, wanted)
        fit.check_size(piece, inputs, wanted)
        outputs = fit.answered(self.opened.model, inputs, piece, wanted)
        self.counts = records.added(self.counts, self.counter.count(inputs, outputs))
        self.rows += piece.table.num_rows
        self._write(answers.table(self.task, self.opened.signature, piece, outputs), piece, sink, open_files)

    def _write(self, table: Any, piece: Piece, sink: Sink, open_files: ExitStack) -> None:
        if self._writer is None:
            self._writer = open_files.enter_context(pyarrow.parquet.ParquetWriter(sink, table.schema))
        try:
            self._writer.write_table(table.cast(self._writer.schema))
        except (pa.ArrowException, ValueError):
            sentence = f"a column that is to be copied is of another type in {piece.file} than before"
            raise UserError("spec.output.columns", sentence, "give all files the same types") from None
