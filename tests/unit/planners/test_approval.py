"""Approval: who may be served follows from the version alone, and what a gate refused nobody approves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.controller.kinds.parsing import version_seen
from mlwright.plan.versions import VersionSeen
from tests.support.replay import people
from tests.support.replay.actors import Actors, Surroundings
from tests.support.replay.operator import Operator
from tests.support.replay.world import World

HELD = {
    "outcome": "Held",
    "gates": [
        {"name": "good", "outcome": "Passed", "sentence": "gate good passed"},
        {"name": "no-worse", "outcome": "Held", "sentence": "gate no-worse is held: nobody knows"},
    ],
}
PASSED = {"outcome": "Passed"}
REJECTED = {"outcome": "Rejected", "gates": [{"name": "good", "outcome": "Failed", "sentence": "gate good failed"}]}
COMMAND = "approve it with: kubectl annotate modelversion flights-v8 mlwright.dev/approve=8"


def seen(annotation: str = "", **spec: Any) -> VersionSeen:
    """Return version 8 as planners see it."""
    body = people.version(8, **spec)
    body["metadata"]["annotations"] = {"mlwright.dev/approve": annotation} if annotation else {}
    return version_seen(body)


@pytest.mark.parametrize(
    "version, approved, standing",
    [
        (seen(), True, "passed its gates"),
        (seen(verdict=REJECTED), False, "is rejected: gate good failed"),
        (seen("8", verdict=REJECTED), False, "is rejected: gate good failed"),
        (seen(verdict=REJECTED, approval={"decision": "Approved"}), False, "is rejected: gate good failed"),
        (
            seen(approvalPolicy="Manual"),
            False,
            f"waits for approval: evaluation.approvalPolicy was Manual; {COMMAND}",
        ),
        (seen(verdict=HELD), False, f"waits for approval: gate no-worse is held: nobody knows; {COMMAND}"),
        (seen("8", verdict=HELD), True, "was approved with mlwright.dev/approve"),
        (seen("7", verdict=HELD), False, f"waits for approval: gate no-worse is held: nobody knows; {COMMAND}"),
        (seen(verdict=HELD, approval={"decision": "Approved", "by": "anna"}), True, "was approved by anna"),
        (
            seen("8", verdict=HELD, approval={"decision": "Denied", "reason": "it forgets the islands"}),
            False,
            "was denied: it forgets the islands",
        ),
        (seen(approval={"decision": "Denied", "by": "anna"}), False, "was denied by anna"),
    ],
)
def test_what_a_person_said_counts_where_the_gates_leave_it_open(
    version: VersionSeen,
    approved: bool,  # noqa: FBT001 - a column of the table
    standing: str,
) -> None:
    """A denial always counts, an approval never against a gate."""
    assert (version.approved, version.standing) == (approved, standing)


@given(
    st.sampled_from([PASSED, HELD, REJECTED]),
    st.sampled_from(["Automatic", "Manual"]),
    st.sampled_from([None, "Approved", "Denied"]),
    st.sampled_from(["", "8", "9"]),
)
def test_a_rejected_or_denied_version_is_never_served(
    verdict: dict[str, Any], policy: str, decision: str | None, annotation: str
) -> None:
    """Whatever else is said; and one that needs approval is served only with it."""
    told = {"approval": {"decision": decision}} if decision else {}
    version = seen(annotation, verdict=verdict, approvalPolicy=policy, **told)

    refused = verdict is REJECTED or decision == "Denied"
    needed = verdict is HELD or policy == "Manual"
    assert version.approved == (not refused and (not needed or decision == "Approved" or annotation == "8"))


def trained_with_approval(ahead: str = "") -> World:
    """Play a pipeline whose versions need approval, and a deployment that follows it."""
    operator = Operator(World(), Actors(Surroundings()))
    operator.world.add(people.pipeline(evaluation={"metrics": ["roc_auc"], "approvalPolicy": "Manual"}))
    operator.world.add(people.deployment())
    if ahead:
        people.annotate(operator.world, "TrainingPipeline", "flights", approve=ahead)
    operator.settle()
    return operator.world


def test_an_approval_ahead_is_remembered_when_the_version_comes() -> None:
    """It stands in the record, so the annotation may go on to the next number."""
    world = trained_with_approval(ahead="1")

    assert world.one("ModelVersion", "flights-v1")["spec"]["approval"] == {
        "decision": "Approved",
        "reason": "approved ahead, with mlwright.dev/approve=1 on TrainingPipeline flights",
    }
    assert people.conditions(world, "ModelDeployment")["Ready"] == "True"


def test_nothing_is_served_until_somebody_approves() -> None:
    """And then at once, without anything else being touched."""
    world = trained_with_approval()
    before = people.summary(world, "ModelDeployment")
    people.annotate(world, "ModelVersion", "flights-v1", approve="1")
    Operator(world, Actors(Surroundings())).settle()

    assert before.startswith("flights-v1 waits for approval: evaluation.approvalPolicy was Manual; approve it with:")
    assert people.summary(world, "ModelDeployment") == "flights-v1 serves with 2 of 2 pods ready"
    assert people.summary(world, "TrainingPipeline").endswith("which was approved with mlwright.dev/approve")


def test_a_version_that_is_denied_while_it_serves_makes_room_for_the_one_before() -> None:
    """A person's word takes back what a person's word gave."""
    operator = Operator(World(), Actors(Surroundings()))
    for number in (1, 2):
        operator.world.add(people.version(number))
    operator.world.add(people.deployment())
    operator.settle()
    denial = {"decision": "Denied", "by": "anna"}
    people.edit(operator.world, "ModelVersion", "flights-v2", lambda spec: spec.update(approval=denial))
    operator.settle()

    assert people.summary(operator.world, "ModelDeployment") == "flights-v1 serves with 2 of 2 pods ready"
