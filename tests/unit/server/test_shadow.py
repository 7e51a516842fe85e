"""The shadow: which requests are copied, and to whom."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mlwright.server.recording import Context
from mlwright.server.shadow import MOST_ROWS, MOST_WAITING, Outcome, Shadow, Spare
from mlwright.server.shadow_target import Target, read_target
from tests.unit.server.conftest import IDENTITY

COLUMNS = {"distance": np.array([[1.5]])}
NOWHERE = ("nowhere", 1)
OUTPUTS = {"label": np.array([True]), "probabilities": np.array([[0.1, 0.9]])}


def a_shadow(chance: float = 0.5) -> Shadow:
    return Shadow(IDENTITY, 1.0, lambda: chance)


def counts(shadow: Shadow) -> dict[str, int]:
    """Counts by outcome; every series carries both revisions."""
    lines = [line for line in shadow.lines() if not line.startswith("#")]
    assert all('revision="a1b2c3d4",shadow_revision="e5f6"' in line for line in lines)
    return {line.split("_")[2]: int(line.split()[-1]) for line in lines}


def test_the_queue_is_short() -> None:
    """Memory stays bounded, however slow the other variant is."""
    shadow = a_shadow()
    shadow.aim(Target("e5f6", NOWHERE, share=1.0))

    for _ in range(MOST_WAITING + 3):
        shadow.offer(COLUMNS, OUTPUTS, Context())

    assert counts(shadow)["dropped"] == 3


def test_a_large_batch_is_not_copied() -> None:
    """To encode it again would hold up the answers of others."""
    shadow = a_shadow()
    shadow.aim(Target("e5f6", NOWHERE, share=1.0))

    shadow.offer(COLUMNS, {"prediction": np.zeros(MOST_ROWS + 1)}, Context())

    assert counts(shadow)["dropped"] == 1


@pytest.mark.parametrize("chance, dropped", [(0.24, 1), (0.25, 0)])
def test_a_share_of_the_requests_is_chosen(chance: float, dropped: int) -> None:
    """The others are not even counted."""
    shadow = a_shadow(chance)
    shadow.aim(Target("e5f6", NOWHERE, share=0.25))

    shadow.offer(COLUMNS, {"prediction": np.zeros(MOST_ROWS + 1)}, Context())

    assert counts(shadow)["dropped"] == dropped


def test_without_a_target_nothing_is_kept_or_counted() -> None:
    """No series, no queue."""
    shadow = a_shadow()

    shadow.offer(COLUMNS, OUTPUTS, Context())

    assert [line for line in shadow.lines() if not line.startswith("#")] == []


def test_series_exist_at_zero_before_the_first_copy() -> None:
    """A share of disagreements needs the first comparison as much as the last."""
    shadow = a_shadow()

    shadow.aim(Target("e5f6", NOWHERE, share=1.0))

    assert counts(shadow) == {"compared": 0, "disagreed": 0, "failed": 0, "dropped": 0}
    assert len(counts(shadow)) == len(Outcome)


RIGHT = {"revision": "e5f6", "percent": 25}
WRONG = {
    "not JSON": b"{",
    "a list": b"[]",
    "an address": {"host": "example.com"},
    "no revision": {"revision": None},
    "a revision that is none": {"revision": "e5f6.example.com"},
    "a percentage above a hundred": {"percent": 101},
    "a percentage that is a text": {"percent": "5"},
    "a negative tolerance": {"tolerance": -1},
}


def test_reads_who_is_asked() -> None:
    """The document says whom to ask, how often, and what counts as equal."""
    files = {"shadow.json": json.dumps({**RIGHT, "tolerance": 0.1}).encode(), "other": b""}

    assert read_target(files, IDENTITY) == Target("e5f6", ("flights-e5f6", 8080), 0.25, 0.1)


@pytest.mark.parametrize("files", [{}, {"shadow.json": b""}])
def test_no_document_means_no_shadow(files: dict[str, bytes]) -> None:
    """The ConfigMap need not exist."""
    assert read_target(files, IDENTITY) is None


@pytest.mark.parametrize("change", [{"revision": IDENTITY.revision}, {"percent": 0}])
def test_nobody_shadows_itself_or_for_nothing(change: dict[str, object]) -> None:
    """All variants read the same document, the one that is asked as well."""
    assert read_target({"shadow.json": json.dumps({**RIGHT, **change}).encode()}, IDENTITY) is None


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_refuses_what_names_nobody(change: object) -> None:
    """A wrong document is refused as a whole; one that names an address could lead users' data elsewhere."""
    content = change if isinstance(change, bytes) else json.dumps({**RIGHT, **change}).encode()  # type: ignore[dict-item]

    with pytest.raises(ValueError, match=r"."):
        read_target({"shadow.json": content}, IDENTITY)


def test_time_is_spare_until_most_of_the_cpu_is_used() -> None:
    """Judged over a tenth of a second at least, for as many CPUs as were granted."""
    wall, used = [0.0], [0.0]
    spare = Spare(2.0, lambda: wall[0], lambda: used[0])
    seen = []

    for at, cpu in [(0.05, 0.09), (0.1, 0.13), (0.2, 0.28), (0.25, 0.29), (0.4, 0.38)]:
        wall[0], used[0] = at, cpu
        seen.append(spare())

    assert seen == [True, True, False, False, True]
