"""A model server that goes wrong on purpose, to see rollouts find it. Never to serve anybody.

It is the built-in server; the versions that the environment names are faulty once they have passed their self-test:

    FAULTS={"2": "errors", "3": "slow", "4": "wrong"}

| fault | what clients get |
|---|---|
| errors | every second request is answered with 500 |
| slow | every answer takes 0.4 s longer |
| wrong | the least probable class, at once and with status 200 (classifiers only) |
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlwright.process.threads import pin_pools

if TYPE_CHECKING:
    from mlwright.server.model import Model
    from mlwright.server.settings import Settings

SECONDS: Final = 0.4
FAILING: Final = 2
"""One request of so many fails."""

Arrays = dict[str, Any]


class Fault(StrEnum):
    """What a version does wrong."""

    ERRORS = "errors"
    SLOW = "slow"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class FaultyModel:
    """A model that is right, until it is asked through this one."""

    right: Callable[[Any], Arrays]
    invert: Callable[[Arrays], Arrays]
    fault: Fault
    asked: Iterator[int] = field(default_factory=itertools.count)

    def predict(self, inputs: Any) -> Arrays:
        """Answer all rows, with the fault."""
        if self.fault is Fault.ERRORS and next(self.asked) % FAILING == 0:
            raise RuntimeError("an injected error")
        if self.fault is Fault.SLOW:
            time.sleep(SECONDS)
        answers = self.right(inputs)
        return self.invert(answers) if self.fault is Fault.WRONG else answers


def spoiled(model: Model, faults: dict[str, str]) -> Model:
    """Give a loaded model the fault of its version, if it has one."""
    from mlwright.bundle.manifest import PROBABILITIES  # noqa: PLC0415 - after pools are pinned
    from mlwright.bundle.outputs import label_outputs  # noqa: PLC0415 - as above

    def invert(answers: Arrays) -> Arrays:
        return label_outputs(1 - answers[PROBABILITIES], model.signature)

    if fault := faults.get(model.identity.version):
        model.predictor = FaultyModel(model.predictor.predict, invert, Fault(fault))
        model.cheap_bytes = 0  # a sleep belongs on a thread, not on the loop that answers everybody
    return model


def main(environ: MutableMapping[str, str]) -> int:
    """Serve like the built-in server, with the faults of the environment; returns its exit code."""
    pin_pools(environ, 1)
    from mlwright.server import __main__ as server  # noqa: PLC0415 - as above
    from mlwright.server import loading  # noqa: PLC0415 - as above

    faults, load = json.loads(environ.get("FAULTS", "{}")), loading.load

    def load_spoiled(settings: Settings, mount_root: Path) -> Model:
        return spoiled(load(settings, mount_root), faults)

    loading.load = load_spoiled
    return server.main(environ)


if __name__ == "__main__":
    sys.exit(main(os.environ))
