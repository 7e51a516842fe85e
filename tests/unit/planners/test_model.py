"""Models: what versions there are, which numbers are used up, and aliases that lead nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.api.conditions import StatusDraft
from mlwright.api.models import ModelSpec
from mlwright.plan.models import ModelSeen
from mlwright.plan.versions import VersionSeen
from mlwright.planners.model import decide, last_number
from tests.unit.planners.given import NOW, SETTINGS, a_version, named


def a_model(*versions: VersionSeen, aliases: dict[str, int] | None = None, **known: Any) -> ModelSeen:
    """Return a model."""
    entries = [{"name": name, "version": number} for name, number in (aliases or {}).items()]
    return ModelSeen("churn", ModelSpec.model_validate({"aliases": entries}), versions, **known)


def decided(seen: ModelSeen) -> StatusDraft:
    """Return the status that is decided."""
    return decide(seen, SETTINGS, NOW).status


@pytest.mark.parametrize(
    "model, says",
    [
        (a_model(), "no version yet"),
        (a_model(a_version(1)), "1 version, 1 of them may be served"),
        (a_model(a_version(1), a_version(2, passed=False)), "2 versions, 1 of them may be served"),
        (
            a_model(a_version(1), misnamed=("mine", "yours")),
            (
                "1 version, 1 of them may be served; not counted: mine, yours, a version must be named churn-vN"
                " by its number"
            ),
        ),
    ],
)
def test_versions_are_counted(model: ModelSeen, says: str) -> None:
    """Those that passed apart."""
    draft = decided(model)

    assert (draft.summary, named(draft.conditions)) == (says, {"Ready": "True Settled"})


def test_the_newest_and_the_newest_good_version_are_named() -> None:
    """They differ when the newest was rejected."""
    fields = decided(a_model(a_version(1), a_version(2), a_version(4, passed=False))).fields

    assert fields == {
        "versions": 3,
        "highest": 4,
        "latest": "churn-v4",
        "latestPassed": "churn-v2",
        "retention": None,
        "artifacts": None,
    }


@pytest.mark.parametrize("number", [2, 3, 9], ids=["rejected", "never made", "far away"])
def test_an_alias_that_leads_nowhere_is_told(number: int) -> None:
    """It does no harm by itself: the model stays Ready."""
    draft = decided(a_model(a_version(1), a_version(2, passed=False), aliases={"blue": 1, "champion": number}))

    assert named(draft.conditions) == {"Ready": "True Settled", "AliasDangling": "True AliasDangling"}
    assert draft.conditions[1].message == (
        f"spec.aliases: champion names version {number}, which does not exist or may not be served;"
        " name a version that may"
    )


@pytest.mark.parametrize(
    "remembered, versions, last", [(0, (), 0), (0, (3,), 3), (7, (3,), 7), (2, (1, 2, 5), 5), (None, (1,), 1)]
)
def test_a_number_that_was_used_is_used_up(remembered: int | None, versions: tuple[int, ...], last: int) -> None:
    """Even if its version was deleted: an alias may still name it."""
    assert last_number({"highest": remembered}, tuple(map(a_version, versions))) == last


def test_an_alias_remembers_a_number_that_a_lost_status_does_not() -> None:
    """The next version must not be served under it."""
    assert last_number({}, (a_version(3),), [11, 2]) == 11
