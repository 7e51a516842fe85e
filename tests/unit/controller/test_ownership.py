"""Whose an object is."""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.constants import FIELD_MANAGER
from mlwright.controller.ownership import as_applied, editor, is_child, lost, name_conflict
from mlwright.plan.resources import Body
from tests.support.toys import run, service

OWNER: Body = {**run(), "metadata": {"namespace": "demo", "name": "flights-1", "uid": "u1"}}


def child(**reference: Any) -> Body:
    body = service(OWNER)
    body["metadata"]["ownerReferences"] = [body["metadata"]["ownerReferences"][0] | reference]
    return body


def unowned() -> Body:
    body = service(OWNER)
    del body["metadata"]["ownerReferences"]
    return body


CHILDREN: dict[str, tuple[Body, bool, bool]] = {
    "referring to the owner": (child(), True, False),
    "stripped of its reference": (unowned(), True, True),
    "of the owner's earlier life": (child(uid="u0"), True, True),
    "of another name": (child(name="other", uid="u0"), False, False),
    "of another kind": (child(kind="Model", uid="u0"), False, False),
    "of another group": (child(apiVersion="other.dev/v1", uid="u0"), False, False),
    "that is owned, not controlled": (child(controller=False), True, True),
}


@pytest.mark.parametrize("row", CHILDREN.values(), ids=CHILDREN.keys())
def test_a_labelled_object_is_a_child_unless_somebody_else_controls_it(row: tuple[Body, bool, bool]) -> None:
    """And it is lost when nobody, or nobody alive, controls it."""
    body, expected_child, expected_lost = row

    assert is_child(body, OWNER) is expected_child
    assert lost(body, OWNER) is expected_lost


def test_an_object_without_our_labels_is_nobodys_child() -> None:
    """An owner reference alone can be set by anybody."""
    body = child()
    body["metadata"]["labels"] = {}

    assert not is_child(body, OWNER)


def test_a_name_conflict_names_the_object_its_owner_and_the_remedy() -> None:
    """The sentence can be acted upon without looking anything up."""
    sentence = str(name_conflict(child(kind="Release", name="web")))

    assert sentence == (
        "Service flights-1 is controlled by Release web and is left alone; delete or rename it"
        " (kubectl get service -n demo flights-1), the rest happens by itself"
    )


def entry(manager: str = FIELD_MANAGER, operation: str = "Update", **more: Any) -> Body:
    return {"manager": manager, "operation": operation, "fieldsV1": {}, **more}


def managed(*entries: Body) -> Body:
    return {"metadata": {"managedFields": list(entries)}}


def test_the_last_other_writer_is_the_editor() -> None:
    """The operator itself, and controllers that write a status, edit nothing."""
    live = managed(
        entry(time="2026-01-05"),
        entry("helm", time="2026-01-01"),
        entry("kubectl-edit", time="2026-01-03"),
        entry("kube-controller-manager", time="2026-01-04", subresource="status"),
    )

    assert editor(live) == "kubectl-edit"
    assert editor(managed()) == "somebody"


def test_what_the_post_set_becomes_what_we_applied() -> None:
    """Only then may a later apply take a field away."""
    fields: Body = {"f:metadata": {}, "f:spec": {"f:a": {}}}

    assert as_applied(managed(entry(fieldsV1=fields), entry("other"))) == [
        entry(operation="Apply", fieldsV1=fields),
        entry("other"),
    ]


def test_the_number_of_pods_stays_with_the_post() -> None:
    """It is never applied; given up by its only applier it would fall back to 1."""
    fields: Body = {"f:spec": {"f:a": {}, "f:replicas": {}}}

    assert as_applied(managed(entry(fieldsV1=fields))) == [
        entry(operation="Apply", fieldsV1={"f:spec": {"f:a": {}}}),
        entry(fieldsV1={"f:spec": {"f:replicas": {}}}),
    ]


@pytest.mark.parametrize(
    "live",
    [managed(), managed(entry("other")), managed(entry(), entry(operation="Apply")), managed(entry(subresource="x"))],
    ids=["unmanaged", "only others", "applied already", "only a subresource"],
)
def test_there_may_be_nothing_to_hand_over(live: Body) -> None:
    """It is done at most once per child."""
    assert as_applied(live) is None
