"""`learned` and `count`: what a version learned, and where stored rows fall in its bins, for a drift monitor.

Counts add up: shards count their own rows, whoever adds their counts gets what one pod would have counted. Nothing is
written; what was counted is so packed that it fits into what a pod may say at its end.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlwright.bundle.bin_names import bin_names
from mlwright.bundle.bins import BinCounter, Tally, feature_counter, most_important, output_counter, slot_counts
from mlwright.bundle.canonical import digest_of
from mlwright.bundle.manifest import LABEL, PROBABILITIES, Signature, Tensor
from mlwright.bundle.models import Model
from mlwright.bundle.packed import pack
from mlwright.bundle.profile import Distribution, Profile
from mlwright.bundle.profiling import confidence
from mlwright.bundle.tensors import Array, Arrays
from mlwright.trainer import sources
from mlwright.trainer.arrow_types import is_text, plain
from mlwright.trainer.batch import fit
from mlwright.trainer.batch.counting_task import CountingTask
from mlwright.trainer.batch.opening import Learned, open_profile, open_version
from mlwright.trainer.batch.rows import Piece, Wanted, pieces, shares
from mlwright.trainer.errors import CHANGED, SurroundingsError, UserError
from mlwright.trainer.sources import Source
from mlwright.trainer.wording import rows

ROOM: Final = 3_200
"""Characters that what was learned may take, of the 4,096 bytes that a pod may say."""
_FIELDS: Final = {
    "spec.dataset": "spec.target.batch.dataset",
    "spec.input": "spec.target.batch.dataset",
    "spec.source": "spec.target.batch.deploymentRef",
}
"""What is called otherwise in a DriftMonitor than where the same rows are read for something else."""


@dataclass(frozen=True, slots=True)
class Surface:
    """One feature or output, and how it is counted."""

    name: str
    """Such as `feature:age`."""
    distribution: Distribution
    counter: BinCounter


def learned(task: CountingTask, root: Path) -> tuple[str, dict[str, Any]]:
    """Tell what the version learned.

    Raises:
        UserError: Its bundle cannot be used.
        OSError: The store failed; another try may succeed.
    """
    with _words():
        found = open_profile(task.version, root)
    told = _told(found.profile)
    return f"{task.version.name} learned {len(told)} distributions", {"learned": pack(told)}


def _told(profile: Profile) -> list[list[Any]]:
    """Return what is told of each surface: its name, its slots, their counts, the names of its bins.

    Names of bins are left out, and then what matters least, where there is no room for all.
    """
    every = surfaces(profile)
    told = [
        [one.name, " ".join(one.counter.slots), [*slot_counts(one.distribution, one.counter.slots)], [*names]]
        for one in every
        for names in [bin_names(one.distribution)]
    ]
    for place in reversed(range(len(told))):
        if len(pack(told)) <= ROOM:
            break
        told[place][3] = []
    return told


def surfaces(profile: Profile) -> tuple[Surface, ...]:
    """Return what is counted: what a server counts, the outputs first, then the most important features.

    Features without which there is room for the rest are left out, the least important ones.
    """
    outputs = [Surface(f"output:{one.name}", one, output_counter(one)) for one in profile.outputs]
    features = [Surface(f"feature:{one.name}", one, feature_counter(one)) for one in most_important(profile)]
    found = [*outputs, *features]
    while len(found) > 1 and len(pack([_bare(one) for one in found])) > ROOM:
        found.pop()
    return tuple(found)


def _bare(one: Surface) -> list[Any]:
    return [one.name, " ".join(one.counter.slots), [*slot_counts(one.distribution, one.counter.slots)], []]


def count(task: CountingTask, shard: int, root: Path, env: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Count the rows of a shard.

    Args:
        task: What is counted.
        shard: Number of the shard, from 0.
        root: The mount root.
        env: The environment, which holds the keys of an object store and the number of threads.

    Returns:
        What was done, in words and for the report.

    Raises:
        UserError: The rows or the version are not as they should be; it names the field.
        SurroundingsError: The rows changed meanwhile, or a volume failed; another try may succeed.
    """
    with _words():
        source = sources.find(task.input.dataset(), root, env)
        data = _state(source)
        opened, model = _opened(task, root, env)
        counts = _Counts.of(task, opened, model)
        for piece in pieces(source, shares(source, task.shards)[shard], counts.wanted):
            counts.add(piece)
        if _state(sources.find(task.input.dataset(), root, env)) != data:
            raise SurroundingsError(CHANGED)
    told = {"shard": shard, "rows": counts.rows, "data": data, "counts": _fitting(counts.plain())}
    return f"shard {shard} of {task.shards} counted {rows(counts.rows)}", {"count": told}


def _fitting(counts: dict[str, Any]) -> str:
    """Pack counts; should they take more room than there is, without the features that matter least."""
    while len(packed := pack(counts)) > ROOM and len(counts) > 1:
        counts.popitem()
    return packed


def _opened(task: CountingTask, root: Path, env: Mapping[str, str]) -> tuple[Learned, Model | None]:
    """Open the version; its model is loaded only where it has to answer."""
    if not (task.outputs or task.label):
        return open_profile(task.version, root), None
    whole = open_version(task.version, root, int(env.get("OMP_NUM_THREADS") or 1))
    return Learned(whole.signature, whole.profile), whole.model


def _state(source: Source) -> str:
    """Return what changes with the rows."""
    return digest_of({"revision": source.revision, "format": str(source.format)})


@contextmanager
def _words() -> Iterator[None]:
    """Let errors name the fields of a DriftMonitor."""
    try:
        yield
    except UserError as problem:
        texts = [problem.field, problem.sentence, problem.remedy]
        for theirs, ours in _FIELDS.items():
            texts = [text.replace(theirs, ours) for text in texts]
        raise UserError(texts[0], texts[1], texts[2], reason=problem.reason) from problem


@dataclass(slots=True)
class _Counts:
    """Rows as they are counted, piece by piece."""

    signature: Signature
    """What is read."""
    wanted: Wanted
    surfaces: tuple[Surface, ...]
    model: Model | None
    label: Tensor | None
    rows: int = 0
    right: int = 0
    labelled: int = 0
    tallies: list[Tally] = field(default_factory=list)

    @classmethod
    def of(cls, task: CountingTask, opened: Learned, model: Model | None) -> "_Counts":
        """Make ready to count.

        Raises:
            UserError: There is a column of labels, and the version answers with no label.
        """
        told = surfaces(opened.profile)
        kept = tuple(one for one in told if task.outputs or one.name.startswith("feature:"))
        names = {one.distribution.name for one in kept if one.name.startswith("feature:")}
        inputs = tuple(one for one in opened.signature.inputs if model is not None or one.name in names)
        label = _label(task, opened.signature)
        needed = {one.name: one.datatype for one in (*inputs, *((label,) if label else ()))}
        counts = [np.zeros(len(one.counter.slots), dtype=np.int64) for one in kept]
        wanted = Wanted(needed, (), task.version.name)
        return cls(Signature(inputs, ()), wanted, kept, model, label, tallies=counts)

    def add(self, piece: Piece) -> None:
        """Count some rows."""
        if not piece.table.num_rows:
            return
        inputs = fit.arrays(piece, self.signature, self.wanted)
        outputs = fit.answered(self.model, inputs, piece, self.wanted) if self.model is not None else {}
        found = (one.counter.count(_values(one, inputs, outputs)) for one in self.surfaces)
        self.tallies = [tally + more for tally, more in zip(self.tallies, found, strict=True)]
        self.rows += piece.table.num_rows
        if self.label is not None:
            self._weigh(piece, self.label, outputs)

    def _weigh(self, piece: Piece, label: Tensor, outputs: Arrays) -> None:
        """Count the answers that were right, among the rows of which it is known."""
        column = plain(piece.table.column(label.name))
        known = pc.is_valid(column)
        if is_text(column.type):
            known = pc.and_(known, pc.not_equal(pc.fill_null(column, ""), ""))
        own = Piece(piece.file, piece.first, pa.table({label.name: column.filter(known)}))
        truth = fit.arrays(own, Signature((label,), ()), self.wanted)[label.name].ravel()
        answered = outputs[LABEL].ravel()[np.asarray(known.to_numpy(zero_copy_only=False), dtype=np.bool_)]
        self.labelled += len(truth)
        self.right += int(np.count_nonzero(truth == answered))

    def plain(self) -> dict[str, Any]:
        """Return the counts as JSON values: by surface, in the order of its slots."""
        found: dict[str, Any] = {"labels": [self.right, self.labelled]} if self.label is not None else {}
        return found | {one.name: tally.tolist() for one, tally in zip(self.surfaces, self.tallies, strict=True)}


def _label(task: CountingTask, signature: Signature) -> Tensor | None:
    if task.label is None:
        return None
    own = next((one for one in signature.outputs if one.name == LABEL), None)
    if own is None:
        sentence = f"{task.version.name} answers with numbers, not with labels"
        raise UserError("spec.target.batch.label", sentence, "remove label and the check of type Performance")
    return Tensor(task.label, own.datatype)


def _values(one: Surface, inputs: Arrays, outputs: Arrays) -> Array:
    if one.name.startswith("feature:"):
        return inputs[one.distribution.name]
    name = one.distribution.name
    return confidence(outputs[name]) if name == PROBABILITIES else outputs[name]
