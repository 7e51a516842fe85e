"""Work that is done is kept although the object store is away for a while."""

from __future__ import annotations

import pytest

from mlwright.trainer.artifacts import patiently
from mlwright.trainer.errors import STORAGE_AWAY, UserError

AWAY = UserError("spec.artifacts.storage.endpointURL", "it does not answer", "start it", reason=STORAGE_AWAY)
REFUSED = UserError("spec.artifacts.storage.secretRef", "it refuses the keys", "correct them")


class Store:
    """A store that fails some times and then answers."""

    def __init__(self, *problems: UserError) -> None:
        self.problems = list(problems)

    def send(self) -> str:
        """Send something."""
        if self.problems:
            raise self.problems.pop(0)
        return "sent"


def test_what_is_done_waits_for_a_store_that_is_away() -> None:
    """Hours of training are not done again for seconds without a network."""
    assert patiently(Store(AWAY, AWAY).send, patience=10, pause=0.001) == "sent"


def test_a_store_that_stays_away_is_told() -> None:
    """Somebody has to know at last."""
    with pytest.raises(UserError, match="it does not answer"):
        patiently(Store(AWAY, AWAY).send, patience=0, pause=0.001)


def test_a_refusal_is_told_at_once() -> None:
    """Waiting changes no keys."""
    store = Store(REFUSED, REFUSED)

    with pytest.raises(UserError, match="it refuses the keys"):
        patiently(store.send, patience=10, pause=0.001)
    assert len(store.problems) == 1
