"""The input of a batch prediction: its files, and what tells that all shards read the same."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlwright.bundle import addresses
from mlwright.bundle.addresses import Scheme
from mlwright.bundle.canonical import digest_of
from mlwright.trainer import sources
from mlwright.trainer.batch.place import OUTPUT, Place
from mlwright.trainer.batch.task import Task
from mlwright.trainer.batch.volume import Volume
from mlwright.trainer.errors import UserError
from mlwright.trainer.sources import Source

_THEIRS = "spec.dataset"


@contextmanager
def in_words_of_batch(ours: str = "spec.input") -> Iterator[None]:
    """Let errors about data name the fields of a BatchPrediction rather than those of a pipeline."""
    try:
        yield
    except UserError as problem:
        field, sentence, remedy = (
            text.replace(_THEIRS, ours) for text in (problem.field, problem.sentence, problem.remedy)
        )
        raise UserError(field, sentence, remedy, reason=problem.reason) from problem


def find(task: Task, root: Path, env: Mapping[str, str]) -> Source:
    """Find the files of the input.

    Raises:
        UserError: There is nothing (reason DatasetMissing), or it cannot be reached or told what it is.
    """
    with in_words_of_batch():
        return sources.find(task.input.dataset(), root, env)


def plan_of(task: Task, source: Source) -> str:
    """Return what changes when a shard would read other rows: the files as they are, and the number of shards."""
    with in_words_of_batch():
        return digest_of({"revision": source.revision, "format": str(source.format), "shards": task.shards})


def place_of(task: Task, root: Path, env: Mapping[str, str]) -> Place:
    """Return where the answers of a run go.

    Raises:
        AddressError: The address is refused.
        UserError: A key of the store is not given.
    """
    output = task.output
    address = addresses.parse(output.uri, field=OUTPUT, schemes=(Scheme.PVC, Scheme.S3))
    if address.is_mounted:
        return Volume(addresses.locate(address, root) / output.folder, task.run)
    # Arrow's client of object stores takes long to load, and few need it.
    from mlwright.trainer.batch.bucket import Bucket  # noqa: PLC0415

    with in_words_of_batch("spec.output"):
        return Bucket.of(task, address, env, root)
