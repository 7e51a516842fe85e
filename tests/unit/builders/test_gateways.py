"""The HTTPRoute of a deployment, as a Gateway is told."""

from __future__ import annotations

from typing import Any

import pytest

from mlwright.api.gateways import GatewayRoute
from mlwright.builders import serving
from mlwright.plan.resources import Body
from mlwright.plan.serving import KeepHTTPRoute
from mlwright.plan.traffic import Share
from mlwright.plan.writes import Apply
from tests.unit.planners.given import SETTINGS, a_deployment

PUBLIC = {"name": "public", "namespace": "infra"}
STABLE, CANDIDATE = Share("stable", "0a1b2c3d", 95), Share("candidate", "4e5f6a7b", 5)


OWN = {"type": "Container", "container": {"image": "example/server:1"}}


def built(*shares: Share, override: str = "", runtime: dict[str, Any] | None = None, **asked: Any) -> Body:
    """Return the HTTPRoute of a deployment."""
    gateway = {"parentRefs": [PUBLIC], **asked}
    told = {"gateway": gateway, **({"headerOverride": override} if override else {})}
    seen = a_deployment().asking(traffic=told, **({"runtime": runtime} if runtime else {})).done()
    intent = KeepHTTPRoute(shares or (STABLE, CANDIDATE), GatewayRoute.model_validate(gateway))
    write = serving.renderer(seen, SETTINGS)(intent)
    assert isinstance(write, Apply)
    return write.body


def test_requests_are_divided_by_the_weights_of_one_rule() -> None:
    """Each revision by the Service of its pods, with all that the API would fill in."""
    spec = built(hostnames=["churn.example.com"])["spec"]

    ref = {"group": "", "kind": "Service", "port": 8080}
    assert spec == {
        "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", **PUBLIC}],
        "hostnames": ["churn.example.com"],
        "rules": [
            {
                "matches": [
                    {"path": {"type": "PathPrefix", "value": "/v2"}},
                    {"path": {"type": "Exact", "value": "/predict"}},
                    {"path": {"type": "Exact", "value": "/openapi.json"}},
                ],
                "backendRefs": [
                    {**ref, "name": "churn-0a1b2c3d", "weight": 95},
                    {**ref, "name": "churn-4e5f6a7b", "weight": 5},
                ],
            }
        ],
    }


def test_the_route_belongs_to_the_deployment() -> None:
    """It goes with it, and is found by its labels."""
    metadata = built()["metadata"]

    assert (metadata["name"], metadata["ownerReferences"][0]["name"]) == ("churn", "churn")
    assert metadata["labels"]["mlwright.dev/deployment"] == "churn"


def test_a_header_names_the_variant_and_the_rule_for_all_stays_the_first() -> None:
    """Gateways name what they build after the place of a rule, and in the first one only weights change."""
    alone = built(Share("stable", "0a1b2c3d", 100), override="X-Variant")["spec"]["rules"]
    both = built(override="X-Variant")["spec"]["rules"]

    def matched(rule: Body) -> list[tuple[str, str, str]]:
        return [(h["type"], h["name"], h["value"]) for h in rule["matches"][0].get("headers", ())]

    assert [matched(rule) for rule in alone] == [[], [("Exact", "X-Variant", "stable")]]
    assert [matched(rule) for rule in both] == [
        [],
        [("Exact", "X-Variant", "stable")],
        [("Exact", "X-Variant", "candidate")],
    ]
    led = [[(ref["name"], ref["weight"]) for ref in rule["backendRefs"]] for rule in both]
    assert led[1:] == [[("churn-0a1b2c3d", 1)], [("churn-4e5f6a7b", 1)]]
    assert all(rule["matches"][0]["path"] == both[0]["matches"][0]["path"] for rule in both)


USED = ["/v2", "/predict", "/openapi.json"]
HOST = ["churn.example.com"]


@pytest.mark.parametrize(
    "asked, compared, taken_off",
    [
        ({}, ["/v2/models/churn"], False),
        ({"hostnames": HOST}, USED, False),
        ({"path": "/"}, USED, False),
        ({"path": "/models/churn"}, ["/models/churn"], True),
        ({"path": "/churn", "hostnames": HOST}, ["/churn"], True),
        ({"hostnames": HOST, "runtime": OWN}, ["/"], False),
    ],
)
def test_which_paths_come_here(asked: dict[str, Any], compared: list[str], *, taken_off: bool) -> None:
    """Without a host of its own a deployment takes its model only; a prefix of yours is no business of the server."""
    rules = built(override="X-Variant", **asked)["spec"]["rules"][:3]

    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    filters = [{"type": "URLRewrite", "urlRewrite": rewrite}] if taken_off else []
    assert [[match["path"]["value"] for match in rule["matches"]] for rule in rules] == [compared] * 3
    assert all(rule.get("filters", []) == filters for rule in rules)


def test_below_a_path_of_its_own_the_metrics_of_a_deployment_are_not_told() -> None:
    """They hold distributions of requests, and nobody is asked for a token there; an own server says what it says."""
    *_, last = built(override="X-Variant", path="/churn")["spec"]["rules"]

    assert last["matches"] == [{"path": {"type": "PathPrefix", "value": "/churn/metrics"}}]
    assert last["filters"][0]["urlRewrite"]["path"]["replacePrefixMatch"] == "/v2/metrics"
    assert [ref["name"] for ref in last["backendRefs"]] == ["churn-0a1b2c3d"]
    assert len(built(path="/churn", runtime=OWN)["spec"]["rules"]) == 1


def test_a_listener_of_a_gateway_may_be_named() -> None:
    """And a Gateway of the deployment's own namespace needs none."""
    (parent,) = built(parentRefs=[{"name": "inner", "sectionName": "http"}])["spec"]["parentRefs"]

    assert parent == {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "inner", "sectionName": "http"}
