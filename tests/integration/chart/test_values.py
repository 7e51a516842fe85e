"""What the values do, and how wrong ones are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlwright.settings import Settings, load
from tests.support.apiserver import Json, definitions
from tests.support.chart import CHART, IMAGES, helm, one, render


def _operator(**values: Any) -> Json:
    """Return the pod spec of the operator."""
    return dict(one(render(values), "Deployment")["spec"]["template"]["spec"])


def _environment(**values: Any) -> dict[str, str]:
    """Return the variables that the pod gets; what the node fills in shows as the field's path."""
    (container,) = _operator(**values)["containers"]
    return {
        v["name"]: v["value"] if "value" in v else v["valueFrom"]["fieldRef"]["fieldPath"] for v in container["env"]
    }


def test_the_linter_has_nothing_to_say() -> None:
    """Helm's own rules, warnings included."""
    helm("lint", "--strict", str(CHART), values={"images": IMAGES})


def test_every_setting_of_the_operator_is_set() -> None:
    """A variable that the operator does not read is a value without effect, a missing one a setting without value."""
    names = {name.removeprefix("MLWRIGHT_").lower() for name in _environment()}

    assert names == set(Settings.__dataclass_fields__)


def test_the_defaults_are_the_operators_own() -> None:
    """The chart repeats defaults only to document them."""
    untouched = {
        "workers",
        "resync_seconds",
        "step_attempts",
        "log_format",
        "log_level",
        "image_pull_policy",
        "namespace",
        "traffic_provider",
        "network_policy",
        "network_policy_from",
        "network_policy_gateways",
    }
    found, own = load(_environment()), Settings()

    assert {name: getattr(found, name) for name in untouched} == {name: getattr(own, name) for name in untouched}


def test_values_arrive_in_the_settings() -> None:
    """Each value changes the setting of its name."""
    variables = _environment(
        imagePullPolicy="Always",
        traffic={"provider": "Router"},
        networkPolicy={
            "enabled": True,
            "from": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
            "gateways": [{"namespaceSelector": {"matchLabels": {"team": "edge"}}}],
        },
        artifacts={"uri": "pvc://store/models"},
        watchNamespace="team-a",
        workers=3,
        resyncSeconds=60,
        stepAttempts=5,
        training={"resources": [{"group": "a.io", "version": "v1", "plural": "as", "kind": "A"}]},
        outside={"hosts": ["https://*.example.com", "http://mlflow.mlops:5000"], "allowUnsafeFormats": True},
        prometheus={"url": "https://metrics.example.com/prometheus", "secretName": "metrics"},
        log={"format": "text", "level": "DEBUG"},
    )

    assert load(variables) == Settings(
        trainer_image=IMAGES["trainer"],
        server_image=IMAGES["server"],
        router_image=IMAGES["router"],
        router_role="mlwright-router",
        traffic_provider="Router",
        network_policy=True,
        network_policy_from='[{"podSelector":{"matchLabels":{"app":"prometheus"}}}]',
        network_policy_gateways='[{"namespaceSelector":{"matchLabels":{"team":"edge"}}}]',
        image_pull_policy="Always",
        artifacts_uri="pvc://store/models",
        namespace="team-a",
        workers=3,
        resync_seconds=60,
        step_attempts=5,
        training_resources="a.io/v1/as/A",
        outside_hosts="https://*.example.com,http://mlflow.mlops:5000",
        prometheus_url="https://metrics.example.com/prometheus",
        prometheus_folder="/mlwright/prometheus",
        unsafe_formats=True,
        log_format="text",
        log_level="DEBUG",
        lease_name="mlwright",
        lease_namespace="metadata.namespace",
        identity="metadata.name",
    )


def test_the_secret_of_prometheus_is_mounted_where_it_is_looked_for() -> None:
    """Read-only, and only where one is named."""
    spec, plain = _operator(prometheus={"secretName": "metrics"}), _operator()

    assert {"name": "prometheus", "secret": {"secretName": "metrics"}} in spec["volumes"]
    mount = {"name": "prometheus", "mountPath": "/mlwright/prometheus", "readOnly": True}
    assert mount in spec["containers"][0]["volumeMounts"]
    assert [volume["name"] for volume in plain["volumes"]] == ["tmp"]


def test_the_embedded_prometheus_may_reach_guarded_pods() -> None:
    """Who turns both on need not know the labels of its pods."""
    values: Json = {"images": IMAGES | {"prometheus": "a:1"}, "prometheus": {"embedded": {"enabled": True}}}
    things = render(values)
    operator = one(things, "Deployment", "wright")["spec"]["template"]["spec"]["containers"][0]
    told = {variable["name"]: variable.get("value", "") for variable in operator["env"]}
    (peer,) = json.loads(told["MLWRIGHT_NETWORK_POLICY_FROM"])
    labels = one(things, "Deployment", "prometheus")["spec"]["template"]["metadata"]["labels"]

    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "mlwright-system"}
    assert peer["podSelector"]["matchLabels"].items() <= labels.items()


def test_what_steps_may_make_is_a_right_of_the_operator() -> None:
    """Nothing more is given than what the administrator lists, and nothing by default."""
    allowed = [{"group": "a.io", "version": "v1", "plural": "as", "kind": "A"}]
    plain, more = (
        one(render(values), "ClusterRole", ".mlwright-system")["rules"]
        for values in ({}, {"training": {"resources": allowed}})
    )

    assert [rule for rule in more if rule not in plain] == [
        {"apiGroups": ["a.io"], "resources": ["as"], "verbs": ["get", "list", "watch", "create", "patch", "delete"]}
    ]


def test_the_pod_takes_what_pods_take() -> None:
    """Scheduling and resources are the administrator's choice."""
    chosen: Json = {
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    }
    resources: Json = {"requests": {"cpu": 1}, "limits": {"memory": "1Gi"}}
    spec = _operator(**chosen, resources=resources)

    assert {name: spec[name] for name in chosen} == chosen
    assert spec["containers"][0]["resources"] == {
        "requests": {"cpu": 1, "memory": "128Mi"},
        "limits": {"memory": "1Gi"},
    }


def test_labels_and_annotations_are_added_to_the_pods() -> None:
    """Meshes and collectors are steered by them."""
    things = render({"podLabels": {"team": "ml"}, "podAnnotations": {"note": "x"}})
    metadata = one(things, "Deployment")["spec"]["template"]["metadata"]

    assert metadata["labels"]["team"] == "ml"
    assert metadata["annotations"]["note"] == "x"


def test_two_replicas_lose_one_at_a_time() -> None:
    """A drained node takes one; a budget for a single replica would block the drain."""
    assert one(render(), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert "PodDisruptionBudget" not in {thing["kind"] for thing in render({"replicas": 1})}


def test_crds_are_the_repositorys_and_stay() -> None:
    """Uninstalling the operator must not take the models with it."""
    found = {thing["metadata"]["name"]: thing for thing in render() if thing["kind"] == "CustomResourceDefinition"}
    policies = {name: thing["metadata"].pop("annotations") for name, thing in found.items()}

    assert found == {definition["metadata"]["name"]: definition for definition in definitions()}
    assert policies == {name: {"helm.sh/resource-policy": "keep"} for name in found}


@pytest.mark.parametrize(
    "values, gone",
    [
        ({"crds": {"install": False}}, ["CustomResourceDefinition"]),
        (
            {"policies": {"enabled": False}},
            ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
        ),
        ({"serviceAccount": {"create": False, "name": "mine"}}, ["ServiceAccount"]),
        ({"metrics": {"service": False}}, ["Service"]),
    ],
    ids=str,
)
def test_parts_can_be_left_out(values: Json, gone: list[str]) -> None:
    """Each switch takes away its own objects and no others."""
    kinds = {thing["kind"] for thing in render()}

    assert kinds - {thing["kind"] for thing in render(values)} == set(gone)


def test_the_users_roles_can_be_left_out() -> None:
    """A second release must not take over the first one's."""
    assert not [t for t in render({"userRoles": {"create": False}}) if t["metadata"]["name"].startswith("mlwright-e")]


def test_one_namespace_needs_no_rights_in_others() -> None:
    """A team can run its own operator with rights in its own namespace only."""
    things = render({"watchNamespace": "team-a", "userRoles": {"create": False}})
    bindings = [thing for thing in things if thing["kind"].endswith("Binding") and "roleRef" in thing]

    assert {(b["kind"], b["metadata"]["namespace"], b["roleRef"]["name"]) for b in bindings} == {
        ("RoleBinding", "team-a", "mlwright"),
        ("RoleBinding", "mlwright-system", "mlwright-lease"),
    }
    assert "ClusterRole" not in {thing["kind"] for thing in things}


def test_one_namespace_needs_the_same_rules() -> None:
    """The operator does the same work, only in one place; what it binds for routers is a role there."""
    everywhere = one(render(), "ClusterRole", "mlwright.mlwright-system")
    here = one(render({"watchNamespace": "team-a"}), "Role", "mlwright")

    assert [binding(rule) for rule in here["rules"]] == [binding(rule) for rule in everywhere["rules"]]


def binding(rule: Json) -> Json:
    """Return a rule as it is everywhere: with the cluster's role of routers in place of one namespace's."""
    if rule["verbs"] != ["bind"]:
        return rule
    assert rule["resources"] in (["clusterroles"], ["roles"])
    return {**rule, "resources": ["clusterroles"], "resourceNames": ["mlwright.mlwright-system-router"]}


def test_policies_of_one_namespace_concern_no_other() -> None:
    """A team's operator does not rule over other teams' pipelines."""
    things = render({"watchNamespace": "team-a"})
    policies = [t for t in things if t["kind"] == "ValidatingAdmissionPolicy"]
    bindings = [t for t in things if t["kind"] == "ValidatingAdmissionPolicyBinding"]
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "team-a"}}

    assert [b["spec"]["matchResources"] for b in bindings] == [{"namespaceSelector": selector}] * len(policies)


def test_releases_of_one_name_do_not_meet() -> None:
    """Objects without a namespace carry that of their release."""
    names = [
        {f"{t['kind']} {t['metadata']['name']}" for t in render(release="ml", namespace=namespace) if _unplaced(t)}
        for namespace in ("one", "two")
    ]
    shared = {"ClusterRole mlwright-view", "ClusterRole mlwright-edit", "ClusterRole mlwright-approve"}

    assert names[0] & names[1] == shared | {
        f"CustomResourceDefinition {definition['metadata']['name']}" for definition in definitions()
    }


def _unplaced(thing: Json) -> bool:
    return "namespace" not in thing["metadata"]


def test_releases_in_one_namespace_have_leases_of_their_own() -> None:
    """Two operators for two namespaces must not wait for each other."""
    environment = [
        {
            v["name"]: v.get("value")
            for v in one(render(release=r), "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
        }
        for r in ("a", "b")
    ]

    assert [variables["MLWRIGHT_LEASE_NAME"] for variables in environment] == ["a-mlwright", "b-mlwright"]
