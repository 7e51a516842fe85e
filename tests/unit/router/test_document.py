"""What the operator writes about a route is what the router reads, and nothing else is taken for a route."""

from __future__ import annotations

import json

import pytest

from mlwright.plan.digests import text_digest
from mlwright.plan.traffic import Assignment, Share, Sticky
from mlwright.planners import traffic
from mlwright.router.document import DocumentError, digest, parse
from tests.support.routing import document
from tests.unit.planners.given import a_deployment

RATE = {"name": "load", "type": "RequestRate", "requestRate": {"target": 10}}


def test_the_router_reads_what_the_operator_writes() -> None:
    """Both sides of the seam, without a fixture in between that could hide a difference."""
    asked = {"provider": "Router", "headerOverride": "X-Variant"}
    seen = a_deployment().asking(traffic=asked, replicas=0, server={"timeout": "5s", "maxBodyMegabytes": 2}).done()
    shares = (Share("stable", "aaa", 90), Share("candidate", "bbb", 10))
    route = traffic.route_of(seen, shares, Assignment(Sticky.HEADER, "X-User-Id"))

    text = traffic.document(seen, route)
    read = parse(text)

    assert read.digest == digest(text) == text_digest(text)
    assert (read.model, read.override, read.sticky) == ("churn", "x-variant", "header:x-user-id")
    assert (read.wakes, read.timeout_ms, read.body_bytes) == (True, 5000, 2 * 1024 * 1024)
    assert not read.suspended
    assert [(s.variant, s.service, s.ranges) for s in read.shares] == [
        ("stable", "churn-aaa", ((0, 8999),)),
        ("candidate", "churn-bbb", ((9000, 9999),)),
    ]
    assert traffic.read_table(json.loads(text)) == route.table


def test_the_router_reads_that_a_model_is_suspended() -> None:
    """Then nobody is woken, and nobody waits."""
    seen = a_deployment().asking(traffic={"provider": "Router"}, replicas=0, suspend=True).done()
    route = traffic.route_of(seen, (Share("stable", "aaa", 100),), Assignment())

    read = parse(traffic.document(seen, route))

    assert (read.suspended, read.wakes) == (True, False)


def test_the_router_learns_which_sleep_a_request_ends() -> None:
    """Only where autoscaling put the deployment to sleep; otherwise its scale is set."""
    scaled = {"minReplicas": 0, "maxReplicas": 3, "metrics": [RATE]}
    seen = a_deployment().stable(1, ready=0, of=0, generation=4).asking(autoscaling=scaled, replicas=0)

    asleep = traffic.route_of(seen.done(), (Share("stable", "aaa", 100),), Assignment())
    at_zero = traffic.route_of(seen.asking(autoscaling=None).done(), (Share("stable", "aaa", 100),), Assignment())

    assert parse(traffic.document(seen.done(), asleep)).sleep == f"{seen.revision(1)}.4"
    assert parse(traffic.document(seen.done(), at_zero)).sleep == ""


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("{", "no JSON"),
        ("[]", "of version None"),
        (document({"a": [(0, 9999)]}, schemaVersion=2), "of version 2, this router reads 1"),
        (document({"a": [(0, 9998)]}), "no division of 10000 buckets"),
        (document({"a": [(0, 5000)], "b": [(5000, 9999)]}), "no division of 10000 buckets"),
        (document({"a": [(0, 9999)]}, assignment={"type": "Header"}), "lacks a member"),
        (document({"a": [(0, 9999)]}, timeoutSeconds="soon"), "has one of another form"),
        (document({"a": [(0, 9999)]}, timeoutSeconds=float("inf")), "has one of another form"),
        (document({"a": [(0, 9999)]}).replace("[0, 9999]", "[0]"), "has one of another form"),
        (document({"a": [(0, 9999)]}).replace("[0, 9999]", '["x", 9999]'), "has one of another form"),
        ("[" * 100_000, "no JSON"),
        (document({"a": [(0, 9999)], "b": [(10_000, 9999)]}), "no division of 10000 buckets"),
        (document({"a": [(0, 4), (5, 9999)], "b": [(5, 4)]}), "no division of 10000 buckets"),
        (document({"a": [(0, 9999)]}, timeoutSeconds=-1), "timeoutSeconds of the route must be from 1 to 2000000"),
        (
            document({"a": [(0, 9999)]}, maxBodyBytes=10**30),
            "maxBodyBytes of the route must be from 1 to .*, not 1e.30",
        ),
        (document({f"v{n}": [] for n in range(64)} | {"a": [(0, 9999)]}), "has 65 shares, at most 64 are taken"),
    ],
)
def test_other_documents_are_refused_with_what_is_wrong(text: str, sentence: str) -> None:
    """A route that is not understood must not divide requests by chance."""
    with pytest.raises(DocumentError, match=sentence):
        parse(text)


@pytest.mark.parametrize("text", ["", "x-user\n", "x}\n  http-request deny", "x;disable server v0/p1", "x y", "ü", 7])
@pytest.mark.parametrize("member", ["model", "variant", "revision", "service", "header", "override"])
def test_no_text_of_a_route_ends_a_word_of_haproxy(member: str, text: object) -> None:
    """Names are written into its configuration, its maps and its commands: a space, newline or semicolon is refused."""
    found = json.loads(document({"a": [(0, 9999)]}, assignment={"type": "Header", "header": "x-user"}))
    held = {"model": found, "override": found, "header": found["assignment"]}.get(member, found["shares"][0])
    held[member] = text

    if (member, text) == ("override", ""):
        assert parse(json.dumps(found)).override == ""
    else:
        with pytest.raises(DocumentError, match=f"{member} of the route must be"):
            parse(json.dumps(found))
