"""Versions that are old go, and none that anything uses, whatever is told in whatever order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.api.models import ModelSpec
from mlwright.plan.models import ModelIntent, ModelSeen, RemoveVersion, Use
from mlwright.plan.plan import Decided
from mlwright.plan.resources import MODEL
from mlwright.plan.versions import VersionSeen
from mlwright.plan.writes import Witness
from mlwright.planners import model, retention
from tests.unit.planners.given import AWAITED, DENIED, NOW, SETTINGS, a_version, named


def a_model(*versions: VersionSeen, keep: int = 1, aliases: Mapping[str, int] | None = None, **known: Any) -> ModelSeen:
    """Return a model that keeps so many of its versions."""
    entries = [{"name": name, "version": number} for name, number in (aliases or {}).items()]
    spec = ModelSpec.model_validate({"aliases": entries, "retention": {"keepVersions": keep}})
    return ModelSeen("churn", spec, versions, **{"namespace": "demo", **known})


def decide(seen: ModelSeen) -> Decided[ModelIntent]:
    """Return what is decided."""
    return model.decide(seen, SETTINGS, NOW)


def removed(seen: ModelSeen) -> list[str]:
    """Return the names of the versions that go."""
    return [intent.name for intent in decide(seen).intents if isinstance(intent, RemoveVersion)]


def compared(champion: int) -> tuple[dict[str, Any], ...]:
    """Return the gates of a version that lost against a champion."""
    return ({"name": "no-worse", "outcome": "Failed", "champion": champion, "sentence": "it is worse"},)


DAY = timedelta(days=1)
FIVE = tuple(a_version(number) for number in range(1, 6))


def test_what_is_beyond_the_newest_goes() -> None:
    """And the sentence says so."""
    decision = decide(a_model(*FIVE, keep=3))

    assert removed(a_model(*FIVE, keep=3)) == ["churn-v1", "churn-v2"]
    assert decision.status.summary == (
        "5 versions, 5 of them may be served; removed churn-v1, churn-v2: not among the newest 3 and not in use"
    )


def test_versions_that_are_leaving_hold_up_no_other() -> None:
    """Somebody's finalizer keeps them, and to delete them again changes nothing."""
    stuck = tuple(replace(a_version(number), leaving=True) for number in range(1, 30))
    others = tuple(a_version(number) for number in range(30, 33))

    assert removed(a_model(*stuck, *others, keep=2)) == ["churn-v30"]


def test_without_retention_everything_stays() -> None:
    """Nobody asked for it."""
    assert not decide(ModelSeen("churn", ModelSpec(), FIVE)).intents


@pytest.mark.parametrize(
    "seen, kept",
    [
        (a_model(*FIVE, aliases={"blue": 2}), {"churn-v2": "alias blue names it"}),
        (
            a_model(*FIVE, uses=(Use("churn-v1", "ModelDeployment churn serves it"),)),
            {"churn-v1": "ModelDeployment churn serves it"},
        ),
        (
            a_model(*FIVE[:3], a_version(4, passed=False), a_version(5, approval=DENIED)),
            {"churn-v3": "it is the newest that may be served"},
        ),
        (a_model(a_version(1, approval=AWAITED), *FIVE[1:]), {"churn-v1": "it waits for approval"}),
        (a_model(*FIVE[:4], a_version(5, gates=compared(2))), {"churn-v2": "churn-v5 was compared with it"}),
        (
            a_model(a_version(1), a_version(2, passed=False, gates=compared(7)), *FIVE[2:], champion=7),
            {"churn-v2": "it was compared with the champion churn-v7, which counts"},
        ),
    ],
    ids=["aliased", "used", "newest good", "awaited", "compared with", "compared"],
)
def test_what_is_in_use_stays(seen: ModelSeen, kept: dict[str, str]) -> None:
    """With the reason, also in the status."""
    found = retention.retention(seen, NOW)

    assert found is not None
    assert dict(found.kept) == kept
    said = [f"{name} because {why}" for name, why in kept.items()]
    assert decide(seen).status.fields["retention"]["sentence"].endswith(f"kept beside the newest: {said[0]}")


def test_what_was_recorded_lately_stays_for_the_grace_period() -> None:
    """It was applied again or restored, and what is to use it may come after it; then it is looked at again."""
    known = [a_version(number, created=NOW - timedelta(hours=24 + number)) for number in (1, 2, 3)]
    again = a_version(1, created=NOW - timedelta(hours=23))
    decision = decide(a_model(again, *known[1:]))

    assert removed(a_model(again, *known[1:])) == ["churn-v2"]
    assert "kept beside the newest: churn-v1 because it was recorded less than 24h ago" in decision.status.summary
    assert decision.again == timedelta(hours=1)
    assert removed(a_model(*known)) == ["churn-v1", "churn-v2"]


def test_the_champion_of_a_version_that_nobody_uses_may_go() -> None:
    """Else each would hold the one before it for ever."""
    seen = a_model(a_version(1), a_version(2, gates=compared(1)), a_version(3), keep=1)

    assert removed(seen) == ["churn-v1", "churn-v2"]


def test_a_removal_is_bound_to_all_that_it_rests_on() -> None:
    """The Model, its deployments, and the version itself, which somebody may approve in that moment."""
    witness = Witness(MODEL, "demo", "churn", "7")
    old = replace(FIVE[0], uid="u1", resource_version="3")
    (intent,) = decide(a_model(old, FIVE[1], witnesses=(witness,))).intents
    assert isinstance(intent, RemoveVersion)

    assert intent.uid == "u1"
    assert [(w.name, w.resource_version) for w in intent.witnesses] == [("churn", "7"), ("churn-v1", "3")]


def test_a_thousand_go_in_several_looks() -> None:
    """Retention may be set late."""
    many = tuple(a_version(number) for number in range(1, 101))

    assert len(removed(a_model(*many))) == retention.AT_ONCE


def test_a_removal_is_told_by_a_condition_of_a_moment() -> None:
    """Which makes an Event of it, and an entry of the history; the next look has nothing to tell."""
    first, second = decide(a_model(*FIVE, keep=3)), decide(a_model(*FIVE[2:], keep=3, status={"highest": 5}))

    assert named(first.status.conditions) == {"Ready": "True Settled", "VersionsRemoved": "True VersionsRemoved"}
    assert named(second.status.conditions) == {"Ready": "True Settled"}
    assert second.status.fields["retention"] == {
        "sentence": "the newest 3 are kept, and there is nothing beyond",
        "gone": 2,
    }


STATES = st.sampled_from(["good", "rejected", "awaited", "denied"])


@st.composite
def models(draw: st.DrawFn) -> ModelSeen:
    """Draw a model with versions in all states, and uses of some."""
    numbers = draw(st.lists(st.integers(1, 30), unique=True, max_size=14))
    some = st.sets(st.sampled_from(numbers), max_size=3) if numbers else st.just(set())
    versions = []
    for number in sorted(numbers):
        state, against = draw(STATES), draw(st.none() | st.integers(1, 30))
        approval = {"awaited": AWAITED, "denied": DENIED}.get(state)
        known: dict[str, Any] = {"approval": approval} if approval else {}
        known["created"] = draw(st.none() | st.integers(-2, 50).map(lambda hours: NOW - timedelta(hours=hours)))
        gates = compared(against) if against else ()
        versions.append(a_version(number, passed=state != "rejected", gates=gates, **known))
    return a_model(
        *versions,
        keep=draw(st.integers(1, 6)),
        aliases={f"a{number}": number for number in draw(some)},
        uses=tuple(Use(f"churn-v{number}", "somebody needs it") for number in sorted(draw(some))),
        champion=draw(st.just(0) | st.integers(1, 30)),
    )


def in_use(seen: ModelSeen) -> set[str]:
    """Return the versions that must stay, told in another way than the planner does."""
    names = {f"churn-v{alias.version}" for alias in seen.spec.aliases} | {use.version for use in seen.uses}
    names |= {version.name for version in seen.versions if version.awaited}
    good = [version.name for version in seen.versions if version.approved]
    newest = [version.name for version in seen.versions]
    names |= {version.name for version in seen.versions if version.created and version.created > NOW - DAY}
    assert seen.spec.retention is not None
    return names | set(good[-1:]) | set(newest[-seen.spec.retention.keep_versions :])


@given(models())
def test_nothing_in_use_is_ever_removed(seen: ModelSeen) -> None:
    """The promise of retention."""
    assert not in_use(seen) & set(removed(seen))


@given(models(), st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_told_does_not_matter(seen: ModelSeen, chance: Any) -> None:
    """Caches and lists have no order of their own."""
    versions, uses, aliases = list(seen.versions), list(seen.uses), list(seen.spec.aliases)
    for things in (versions, uses, aliases):
        chance.shuffle(things)
    spec = seen.spec.model_copy(update={"aliases": tuple(aliases)})
    shuffled = replace(seen, versions=tuple(versions), uses=tuple(uses), spec=spec)

    assert retention.retention(shuffled, NOW) == retention.retention(seen, NOW)


@settings(max_examples=50)
@given(models())
def test_a_second_look_removes_nothing_more(seen: ModelSeen) -> None:
    """What stays, stays until something changes."""
    gone = set(removed(seen))
    left = replace(seen, versions=tuple(version for version in seen.versions if version.name not in gone))

    assert removed(left) == []


@given(models())
def test_the_highest_number_is_never_removed(seen: ModelSeen) -> None:
    """Else it would be given to another version, which an alias or a pin would then serve unasked."""
    highest = {version.name for version in seen.versions[-1:]}

    assert not highest & set(removed(seen))
