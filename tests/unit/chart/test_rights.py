"""The operator may do what its code does: not less, and not more."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlwright.ports.cluster import Cluster
from tests.support import permissions

CHART = Path(__file__).parents[3] / "charts" / "mlwright"


def _rights(rules: Iterable[dict[str, Any]]) -> list[str]:
    return [
        f"{verb} {resource}.{group}".rstrip(".")
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


@pytest.fixture(scope="module")
def given() -> list[str]:
    """The rights of the operator's role."""
    return _rights(yaml.safe_load((CHART / "files" / "operator-rules.yaml").read_text(encoding="utf-8"))["rules"])


def test_no_right_is_missing(given: list[str]) -> None:
    """A call that the API server forbids would show only on a real cluster."""
    assert sorted(permissions.of_cluster() - set(given)) == []


def test_no_right_is_given_for_nothing(given: list[str]) -> None:
    """What nobody calls only helps who steals the operator's token."""
    assert sorted(set(given) - permissions.of_cluster()) == []


def test_no_right_is_given_twice(given: list[str]) -> None:
    """A right that is taken away must be gone."""
    assert sorted(right for right in set(given) if given.count(right) > 1) == []


def test_the_lease_needs_what_its_role_gives() -> None:
    """The Role of the Lease is a template, so its verbs are read as text."""
    text = (CHART / "templates" / "rbac.yaml").read_text(encoding="utf-8")
    rules = re.findall(r"resources: \[leases\]\n(?:    resourceNames: .*\n)?    verbs: \[(.*?)\]", text)
    verbs = [verb for found in rules for verb in found.split(", ")]

    assert sorted(f"{verb} leases.coordination.k8s.io" for verb in verbs) == sorted(permissions.of_lease())


def test_the_operator_never_sees_a_secret(given: list[str]) -> None:
    """Credentials are read by pods, with the rights of their namespace."""
    assert [right for right in given if "secrets" in right] == []


def test_the_table_of_calls_covers_the_whole_port() -> None:
    """A call that is new to the port needs its place in the table, and with it its right."""
    port = {name for name in vars(Cluster) if not name.startswith("_")}
    beside = {"pages", "probe", "write_status", "adopt", "relabel"}
    known = {call for calls in permissions.CALLS.values() for call in calls} | beside

    assert known == port == permissions.calls_of_the_cycle()
