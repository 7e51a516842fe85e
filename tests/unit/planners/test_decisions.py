"""Promotions are a chain: its end serves, whatever timestamps say and whatever was forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from mlwright.plan.serving import DeploymentSeen, Forget
from mlwright.planners.decisions import chain, promotion, rejection
from mlwright.planners.upkeep import DECISION_LIMIT, forget
from tests.unit.planners.given import NOW, Deployment, a_deployment

SHUFFLED = st.integers(1, 6).flatmap(
    lambda n: st.tuples(st.just(n), st.permutations(range(n)), st.permutations(range(n)))
)


def promoted(number: int) -> Deployment:
    """Return a deployment with so many promotions, in turns of v1 and v2."""
    told = a_deployment().with_version(1).with_version(2)
    for turn in range(number):
        told.promoted(1 + turn % 2, created=NOW + timedelta(seconds=turn))
    return told


@given(SHUFFLED)
def test_the_end_of_the_chain_is_found_in_any_order_and_at_any_times(told: tuple[int, list[int], list[int]]) -> None:
    """As after a restore from a backup, which makes all objects anew."""
    number, order, seconds = told
    seen = promoted(number).done()
    last = seen.decisions[-1].name
    aged = [replace(d, created=NOW + timedelta(seconds=s)) for d, s in zip(seen.decisions, seconds, strict=True)]
    shuffled = replace(seen, decisions=tuple(aged[i] for i in order))

    assert [d.name for d in chain(shuffled.decisions)] == [d.name for d in seen.decisions]
    assert getattr(promotion(shuffled), "name", "") == last


@given(st.integers(2, 6), st.data())
def test_the_first_promotions_may_be_forgotten(number: int, data: st.DataObject) -> None:
    """What is left still ends in the last one."""
    seen = promoted(number).done()
    gone = data.draw(st.integers(0, number - 1))

    assert promotion(replace(seen, decisions=seen.decisions[gone:])) == seen.decisions[-1]


@given(st.integers(3, 6), st.data())
def test_one_in_the_middle_that_was_deleted_by_hand_changes_nothing(number: int, data: st.DataObject) -> None:
    """The chain that begins with a first promotion is the older one."""
    seen = promoted(number).done()
    gone = data.draw(st.integers(1, number - 2))
    left = tuple(replace(d, created=NOW) for i, d in enumerate(seen.decisions) if i != gone)

    assert promotion(replace(seen, decisions=left)) == left[-1]


def test_without_promotions_there_is_no_last_one() -> None:
    """Rejections are none."""
    told = a_deployment().with_version(1).rejected(1)

    assert promotion(told.done()) is None


def test_a_rejection_counts_until_somebody_asks_to_try_again() -> None:
    """The value of the annotation tells."""
    told = a_deployment().with_version(1).with_version(2).rejected(1).rejected(2, epoch="1")

    def counts(epoch: str) -> list[bool]:
        seen = told.knowing(epoch=epoch).done()
        return [rejection(seen, told.revision(number)) is not None for number in (1, 2)]

    assert (counts(""), counts("1"), counts("2")) == ([True, False], [False, True], [False, False])


def many(number: int) -> DeploymentSeen:
    """Return a deployment with so many promotions of versions that were never frozen, and as many rejections."""
    told = a_deployment().stable(1, ready=2)
    for turn in range(2, number + 2):
        told.with_version(turn)
        told.promoted(turn, created=NOW + timedelta(seconds=turn)).rejected(turn, created=NOW + timedelta(seconds=turn))
    return told.promoted(1).done()


def test_old_decisions_are_forgotten_and_the_chain_holds() -> None:
    """Only the beginning of the chain goes, and v1 stays what serves."""
    seen = many(60)
    gone = {i.name for i in forget(seen, {seen.revisions[0].name}) if isinstance(i, Forget) and i.kind == "Decision"}
    left = replace(seen, decisions=tuple(d for d in seen.decisions if d.name not in gone))
    promotions = [d.name for d in seen.decisions if d.type == "Promote"]
    kept = [name for name in promotions if name not in gone]

    assert promotion(left) == promotion(seen)
    assert kept == promotions[-len(kept) :]
    assert forget(left, {seen.revisions[0].name}) == ()


def test_few_decisions_are_all_kept() -> None:
    """They are the audit trail."""
    assert forget(many(DECISION_LIMIT // 2), {"x"}) == ()
