"""What a bundle needs of a model that was fitted, by an estimator of ours or by a container of somebody's own."""

from collections.abc import Sequence
from typing import Any, Protocol

from mlwright.bundle.manifest import Signature
from mlwright.bundle.tensors import Array
from mlwright.scoring import Task
from mlwright.trainer.encoding import Feature
from mlwright.trainer.tables import Side


class Encoded(Protocol):
    """How rows become the table that the model answers."""

    @property
    def columns(self) -> Sequence[Feature]:
        """The features in the order of the table."""
        ...

    def matrix(self, side: Side) -> Any:
        """The table of some rows, `[n, features]`."""
        ...


class Answering(Protocol):
    """A model with its signature."""

    @property
    def task(self) -> Task:
        """What was learned."""
        ...

    @property
    def signature(self) -> Signature:
        """Its inputs and outputs."""
        ...

    @property
    def encoding(self) -> Encoded:
        """How rows become what it answers."""
        ...

    def answer(self, matrix: Any) -> dict[str, Array]:
        """The outputs of the signature for such a table."""
        ...
